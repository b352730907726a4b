"""A page in the browser that shows a device at work, and turns its knobs.

The page knows panels and controls, and nothing of devices (:mod:`pixeltree.view.panels`). A *feed* fills a
:class:`~pixeltree.view.board.Board` with them: from a device, a kernel, a tree, a recording. The server sends
what is on the board to whoever looks, and never waits for them.
"""
