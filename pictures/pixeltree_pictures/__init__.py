"""Pictures and sources as the sensor sees them: one reader for host and emulator.

It imports neither of the two, nor the protocol. ``docs/reference/pictures.md`` has a table of what happens
to each kind of file. A picture that would be read otherwise than a person expects is refused in a sentence
that names it.
"""

from pixeltree_pictures.errors import PictureError
from pixeltree_pictures.fitting import Fitting
from pixeltree_pictures.kinds import ARRAY_SUFFIXES, PICTURE_SUFFIXES
from pixeltree_pictures.reading import read_picture, read_pictures
from pixeltree_pictures.size import Size, to_size
from pixeltree_pictures.sources import SOURCE_RATE, ArraySource, FileSource, MovingScene, Source, open_source

__all__ = [
    "ARRAY_SUFFIXES",
    "PICTURE_SUFFIXES",
    "SOURCE_RATE",
    "ArraySource",
    "FileSource",
    "Fitting",
    "MovingScene",
    "PictureError",
    "Size",
    "Source",
    "open_source",
    "read_picture",
    "read_pictures",
    "to_size",
]
