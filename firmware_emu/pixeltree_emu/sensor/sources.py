"""What a command line says about what is before the emulated sensor.

The sources themselves are in :mod:`pixeltree_pictures.sources`, which the host has too.
"""

from __future__ import annotations

from pathlib import Path

from pixeltree_emu.array.planes import SHAPE
from pixeltree_emu.errors import SourceError
from pixeltree_emu.machine.defaults import SOURCE_RATE
from pixeltree_emu.machine.paths import TEXT, user_path
from pixeltree_pictures import Fitting, PictureError, Size
from pixeltree_pictures.sources import Source
from pixeltree_pictures.sources import open_source as open_any

_SENSOR = Size(*SHAPE, "the sensor has", "--fit crops and scales")


def open_source(name: str, rate: float = SOURCE_RATE, fit: bool = False) -> Source:
    """The source that a command line names; see :func:`pixeltree_pictures.open_source`.

    Args:
        name: ``moving``, ``camera:0``, or the path of a picture, a folder, a ``.npy`` array, or a video.
        rate: frames per second; a video has its own.
        fit: crop pictures to a square about their centre and scale them to the sensor's size, as is always
            done with videos and cameras.

    Raises:
        SourceError: it cannot be opened, or is none of these.
    """
    try:
        return open_any(name, user_path(name), Fitting(_SENSOR, fit), rate)
    except PictureError as error:
        raise SourceError(str(error)) from error


def read_order(path: Path) -> list[int]:
    """Which frame each exposure sees: a number from 0 on per line.

    Raises:
        SourceError: the file cannot be read, or has something else in it.
    """
    try:
        order = [int(line) for line in path.read_text(TEXT).split()]
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path} as a number per line: {error}") from error
    if not order or min(order) < 0:
        raise SourceError(f"{path} must have at least one number, and none below 0")
    return order
