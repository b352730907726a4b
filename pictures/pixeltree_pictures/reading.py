"""Files to grey pictures, the right way round."""

from __future__ import annotations

import contextlib
import struct
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pixeltree_pictures.errors import PictureError
from pixeltree_pictures.grey import grey_of
from pixeltree_pictures.kinds import ARRAY_SUFFIXES, FIRST_OF_SEVERAL, FORMATS
from pixeltree_pictures.levels import Grey, grey_levels
from pixeltree_pictures.size import Size, to_size

MOST_PIXELS = 89_478_485
"""Greatest picture, in pixels: 256 MiB of colours, as Pillow has it. 9,459 x 9,459 is the greatest square."""

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    NotImplementedError,
    AssertionError,
    struct.error,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
)
"""How Pillow and NumPy report files that are damaged, each decoder in its own way."""


def read_picture(path: Path, size: Size | None = None, fit: bool = False) -> Grey:
    """Read a picture, or an array of brightness from a ``.npy`` file.

    Args:
        path: the file.
        size: what it must have; None takes any.
        fit: crop and scale to ``size``, see :func:`to_size`.

    Returns:
        uint8 (rows, columns), the right way round. Colours become grey, transparency becomes white.

    Raises:
        PictureError: the file cannot be read, is no picture, is damaged, too large, holds several pictures,
            would not be seen, or has another size.
    """
    if path.suffix.lower() in ARRAY_SUFFIXES:
        values = _load_array(path)
        if values.ndim != 2:
            raise PictureError(f"{path} has the shape {values.shape}; a picture is (rows, columns)")
        grey = grey_levels(values, str(path))
    else:
        grey = _read_file(path)
    return grey if size is None else to_size(grey, size, fit, str(path))


def read_pictures(path: Path) -> npt.NDArray[np.uint8]:
    """Read the pictures of a ``.npy`` file.

    Args:
        path: the file; its array is (count, rows, columns), or (rows, columns) of one picture.

    Returns:
        uint8 (count, rows, columns).

    Raises:
        PictureError: see :func:`read_picture`.
    """
    values = _load_array(path)
    frames = values[np.newaxis] if values.ndim == 2 else values
    if frames.ndim != 3:
        raise PictureError(f"{path} has the shape {values.shape}; needed is (count, rows, columns)")
    return grey_levels(frames, str(path))


def _load_array(path: Path) -> npt.NDArray[np.generic]:
    """An array that is not empty. It is mapped first: a header that promises too much takes no memory."""
    with _sentences(path):
        mapped = np.lib.format.open_memmap(path, "r")
        if not mapped.size:
            raise PictureError(f"{path} has no pixels: its shape is {mapped.shape}")
        return np.array(mapped)


def _read_file(path: Path) -> Grey:
    # What Pillow warns of is either refused here or concerns no pixel. It gets an open file, since it maps
    # files that it opens itself, and then scrambles TIFF that is to be turned by a quarter.
    with _sentences(path), path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PictureError(
                    f"{path} is {image.width:,} x {image.height:,} pixels, which is too large: "
                    f"a picture has at most {MOST_PIXELS:,}"
                )
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format not in FIRST_OF_SEVERAL:
                raise PictureError(
                    f"{path} holds {frames} pictures; save the one that is meant in a file of its own"
                )
            ImageOps.exif_transpose(image, in_place=True)
            return grey_of(image, str(path))


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is said in a sentence.

    Raises:
        PictureError: something went wrong.
    """
    try:
        yield
    except UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise PictureError(
            f"{path} is not an image of a known kind ({kinds}), or its first bytes are damaged"
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path} is too large: a picture has at most {MOST_PIXELS:,} pixels") from error
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PictureError(f"cannot read {path}: {reason}") from error
