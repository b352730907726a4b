"""What goes wrong with pictures.

Host and emulator say the same in an error of their own: ``DataError`` and ``SourceError``.
"""

from __future__ import annotations

from pixeltree_protocol.errors import PixeltreeError


class PictureError(PixeltreeError):
    """A picture cannot be read, or not as a person expects; the message names the file."""


class SizeError(PictureError):
    """A picture has another size than is needed. Nothing is wrong with it: its user can have it fitted."""
