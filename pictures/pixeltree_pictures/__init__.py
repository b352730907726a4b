"""Pictures as the sensor sees them: one reader for host and emulator.

What is shown over time is in :mod:`pixeltree_pictures.sources`, which has threads, for cameras.

It imports neither of the two, nor the protocol. ``docs/reference/pictures.md`` has a table of what happens
to each kind of file. A picture that would be read otherwise than a person expects is refused in a sentence
that names it.
"""

from pixeltree_pictures.errors import PictureError, SizeError
from pixeltree_pictures.fitting import Fitting
from pixeltree_pictures.kinds import ARRAY_SUFFIXES, PICTURE_SUFFIXES
from pixeltree_pictures.reading import read_picture, read_pictures
from pixeltree_pictures.size import Size, to_size

__all__ = [
    "ARRAY_SUFFIXES",
    "PICTURE_SUFFIXES",
    "Fitting",
    "PictureError",
    "Size",
    "SizeError",
    "read_picture",
    "read_pictures",
    "to_size",
]
