"""Pictures between files and NumPy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError
from pixeltree_pictures import PictureError, Size
from pixeltree_pictures import read_picture as read_any
from pixeltree_protocol.chip.registers import ARRAY_SIZE

SENSOR = Size(ARRAY_SIZE, ARRAY_SIZE, "the sensor has", "--fit crops and scales")
"""What the whole sensor sees."""


def read_picture(path: AnyPath, fit: bool = False) -> npt.NDArray[np.uint8]:
    """Read a picture for the sensor; colours become grey.

    Args:
        path: a picture, or a ``.npy`` array; see :func:`pixeltree_pictures.read_picture`.
        fit: crop to a square about the centre and scale to the sensor's size.

    Returns:
        uint8 (256, 256), the right way round.

    Raises:
        DataError: the file cannot be read as a picture, or is not 256 x 256.
    """
    return read_grey(path, SENSOR, fit)


def read_grey(path: AnyPath, size: Size, fit: bool = False) -> npt.NDArray[np.uint8]:
    """Read a picture of a given size; colours become grey.

    Args:
        path: a picture, or a ``.npy`` array; see :func:`pixeltree_pictures.read_picture`.
        size: what it must have.
        fit: crop to the size's proportions about the centre, and scale.

    Returns:
        uint8 (rows, columns), the right way round.

    Raises:
        DataError: the file cannot be read as a picture, or has another size.
    """
    try:
        return read_any(as_path(path), size, fit)
    except PictureError as error:
        raise DataError(str(error)) from error


def write_plane(path: AnyPath, plane: npt.NDArray[np.generic]) -> None:
    """Write a register plane as a grey PNG.

    Args:
        path: the file.
        plane: bool (rows, columns), written as black and white, or levels from -128 to 127, written as ADC
            codes (level + 128).

    Raises:
        DataError: the file cannot be written.
    """
    if plane.dtype == np.bool_:
        grey = np.where(plane, np.uint8(255), np.uint8(0))
    else:
        grey = (plane.astype(np.int16) + 128).astype(np.uint8)
    try:
        Image.fromarray(np.ascontiguousarray(grey)).save(as_path(path), "PNG")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
