"""Pictures between files and NumPy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pixeltree.errors import DataError
from pixeltree.files import AnyPath, as_path
from pixeltree_protocol.registers import ARRAY_SIZE

_EIGHT_BIT = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB")


def read_picture(path: AnyPath, fit: bool = False) -> npt.NDArray[np.uint8]:
    """Read a picture for the sensor; colours become grey.

    Args:
        path: a file that Pillow reads.
        fit: crop to a square about the centre and scale to the sensor's size.

    Returns:
        uint8 (256, 256), the right way round.

    Raises:
        DataError: the file cannot be read, has more than 8 bits per channel, or is not 256 x 256.
    """
    return read_grey(path, (ARRAY_SIZE, ARRAY_SIZE), fit, "the sensor has")


def read_grey(
    path: AnyPath, size: tuple[int, int], fit: bool = False, needed_by: str = "needed are"
) -> npt.NDArray[np.uint8]:
    """Read a picture of a given size; colours become grey.

    Args:
        path: a file that Pillow reads.
        size: rows and columns that it must have, in pixels.
        fit: crop to the size's proportions about the centre, and scale.
        needed_by: what the message about another size says before the right one.

    Returns:
        uint8 (rows, columns), the right way round.

    Raises:
        DataError: the file cannot be read, has more than 8 bits per channel, or has another size.
    """
    rows, columns = size
    try:
        with Image.open(as_path(path)) as image:
            image.load()
            if image.mode not in _EIGHT_BIT:
                raise DataError(f"{path} has pixels of type {image.mode}; save it with 8 bits per channel")
            grey = image.convert("L")
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:  # the last two are how Pillow reports damage
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if fit:
        grey = ImageOps.fit(grey, (columns, rows))
    if grey.size != (columns, rows):
        raise DataError(
            f"{path} is {grey.width} x {grey.height} pixels; {needed_by} {columns} x {rows} "
            f"(--fit crops and scales)"
        )
    return np.asarray(grey, np.uint8)


def write_plane(path: AnyPath, plane: npt.NDArray[np.generic]) -> None:
    """Write a register plane as a grey PNG.

    Args:
        path: the file.
        plane: bool (rows, columns), written as black and white, or int8, written as ADC codes (level + 128).

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
