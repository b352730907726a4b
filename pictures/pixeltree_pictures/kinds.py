"""The kinds of files that are read as pictures."""

from __future__ import annotations

_KINDS = {
    "PNG": ".png .apng",
    "JPEG": ".jpg .jpeg .mpo",
    "BMP": ".bmp",
    "GIF": ".gif",
    "PPM": ".pbm .pgm .ppm .pnm .pfm",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
}
"""Pillow's names of the formats, and how files of them are named.

Others that Pillow knows are left out: for some it starts another program (EPS), others hold parts of one.
"""

FORMATS = tuple(_KINDS)
"""Formats that are tried, whatever a file is called."""

PICTURE_SUFFIXES = tuple(suffix for suffixes in _KINDS.values() for suffix in suffixes.split())
"""Names by which pictures are found in folders, in lower case."""

ARRAY_SUFFIXES = (".npy",)
"""Names of files that are read as NumPy arrays."""

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
"""Names of files that are read as videos."""

FIRST_OF_SEVERAL = frozenset({"MPO"})
"""Formats of which the first picture is the one that is meant; other files must hold one picture.

MPO is what Pillow calls a JPEG of a camera that adds smaller copies of the photo.
"""
