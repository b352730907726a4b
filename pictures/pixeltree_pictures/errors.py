"""What goes wrong with pictures."""

from __future__ import annotations


class PictureError(Exception):
    """A picture cannot be read, or not as a person expects; the message names the file."""
