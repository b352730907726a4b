"""The one rule about sizes: a picture has the size that is needed, or it is cropped and scaled on request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pixeltree_pictures.errors import SizeError
from pixeltree_pictures.levels import Grey


@dataclass(frozen=True)
class Size:
    """A size that pictures must have.

    Attributes:
        rows: pixels from top to bottom.
        columns: pixels from left to right.
        needed_by: what a message about another size says before the right one, as in "the sensor has".
        advice: what crops and scales, as in "--fit crops and scales"; nothing if empty.
    """

    rows: int
    columns: int
    needed_by: str = "needed are"
    advice: str = ""


def to_size(grey: Grey, size: Size, fit: bool, name: str) -> Grey:
    """A picture of the size that is needed.

    Args:
        grey: uint8 (rows, columns).
        size: what is needed.
        fit: crop to the size's proportions about the centre, by whole pixels (of an odd number, the one more
            at the right or the bottom); then scale by Pillow's bicubic filter, which averages over what it
            shrinks. Every value is rounded to the nearest, first along rows, then along columns.
        name: the picture's, for messages.

    Returns:
        uint8 (size.rows, size.columns). A picture that has the size already stays as it is.

    Raises:
        SizeError: another size, and ``fit`` is not set.
    """
    if grey.shape == (size.rows, size.columns):
        return grey
    if not fit:
        advice = f" ({size.advice})" if size.advice else ""
        raise SizeError(
            f"{name} is {grey.shape[1]} x {grey.shape[0]} pixels; "
            f"{size.needed_by} {size.columns} x {size.rows}{advice}"
        )
    middle = Image.fromarray(np.ascontiguousarray(_middle(grey, size)))
    return np.array(middle.resize((size.columns, size.rows), Image.Resampling.BICUBIC), np.uint8)


def _middle(grey: Grey, size: Size) -> Grey:
    """The greatest part about the centre that has the proportions of a size."""
    rows, columns = grey.shape
    high = min(rows, max(1, round(columns * size.rows / size.columns)))
    wide = min(columns, max(1, round(rows * size.columns / size.rows)))
    top, left = (rows - high) // 2, (columns - wide) // 2
    return grey[top : top + high, left : left + wide]
