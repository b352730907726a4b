"""Conformance suite: holds any device, real or emulated, to the protocol.

``pytest --pyargs pixeltree_conformance --ppa URL``. It knows nothing of the device but what the protocol
says: every frame is made and read by hand (:mod:`~pixeltree_conformance.wire`,
:mod:`~pixeltree_conformance.conversation`), so that it can misbehave where a proper host could not.
Needs pytest, which the ``test`` extra brings.
"""
