"""Numbers as 8-bit grey levels: 0 is black, 255 is white."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from pixeltree_pictures.errors import PictureError

Grey = npt.NDArray[np.uint8]

WHITE = 255
DEEP_WHITE = 65_535
"""White of a picture with 16 bits."""

_log = logging.getLogger(__name__)


def grey_levels(values: npt.NDArray[np.generic], name: str) -> Grey:
    """8-bit levels of an array of brightness; the type says what is white, never the values.

    Args:
        values: bool (True is white); uint8; uint16 (65,535 is white); or floats from 0 to 1. Any shape.
        name: where they come from, for messages.

    Returns:
        uint8, of the same shape. Scaled values are rounded to the nearest level, halves up.

    Raises:
        PictureError: another type; floats that are not numbers, or below 0 or above 1.
    """
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(WHITE), np.uint8(0))
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return deep_levels(values.astype(np.uint16), DEEP_WHITE, name)
    if values.dtype.kind == "f":
        return _float_levels(values.astype(np.float64), name)
    raise PictureError(
        f"{name} has values of type {values.dtype}, for which nothing says what is white; "
        "save it as uint8, uint16, bool, or floats from 0 to 1"
    )


def deep_levels(values: npt.NDArray[np.uint16], white: int, name: str) -> Grey:
    """8-bit levels of values with more bits: rounded to the nearest.

    Args:
        values: 0 to ``white``, any shape.
        white: the value of white, 256 to 65,535.
        name: where they come from, for messages.

    Raises:
        PictureError: a value above white.
    """
    greatest = int(values.max(initial=0))
    if greatest > white:
        raise PictureError(
            f"{name} has values up to {greatest:,}, but white is {white:,}; the file is damaged"
        )
    if 0 < greatest <= WHITE:
        _log.warning(
            "%s is almost black: it has more than 8 bits a pixel, white is %d, and its greatest value is %d; "
            "if 255 is to be white, save it with 8 bits",
            name,
            white,
            greatest,
        )
    return ((values.astype(np.uint32) * WHITE + white // 2) // white).astype(np.uint8)


def _float_levels(values: npt.NDArray[np.float64], name: str) -> Grey:
    if np.isnan(values).any():
        raise PictureError(f"{name} has values that are not numbers (nan); floats must be 0 to 1")
    least, greatest = values.min(initial=0), values.max(initial=0)
    if least < 0 or greatest > 1:
        raise PictureError(
            f"{name} has values from {least:g} to {greatest:g}; floats must be 0 (black) to 1 (white)"
        )
    return np.floor(values * WHITE + 0.5).astype(np.uint8)
