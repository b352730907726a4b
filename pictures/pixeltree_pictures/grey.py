"""A picture that Pillow has read as 8-bit grey, whatever its pixels are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from pixeltree_pictures.errors import PictureError
from pixeltree_pictures.levels import DEEP_WHITE, WHITE, Grey, deep_levels, grey_levels

_EIGHT_BIT = frozenset("1 L LA P PA RGB RGBA RGBa RGBX CMYK YCbCr HSV".split())
_SIXTEEN_BIT = frozenset("I;16 I;16B I;16L I;16N".split())
_SIXTEEN_BIT_AS_INTEGERS = frozenset({"PNG", "PPM"})
"""Formats whose 16-bit pictures Pillow gives as 32-bit integers, in some of its versions."""

_BITS_PER_SAMPLE = 258
_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0


def grey_of(image: Image.Image, name: str) -> Grey:
    """The grey levels of a picture: luma of ITU-R BT.601 of the values as stored, rounded to the nearest.

    Colour profiles are not applied. Transparent parts are put on white.

    Args:
        image: as read by Pillow.
        name: its file, for messages.

    Returns:
        uint8 (rows, columns).

    Raises:
        PictureError: pixels of a kind that has no agreed white, or a picture that is not seen on white.
    """
    if image.mode in _SIXTEEN_BIT or (image.mode == "I" and image.format in _SIXTEEN_BIT_AS_INTEGERS):
        return _sixteen_bit(image, name)
    if image.mode == "F":
        return grey_levels(np.asarray(image), name)
    if image.mode not in _EIGHT_BIT:
        raise PictureError(
            f"{name} has pixels of kind {image.mode}; save it with 8 bits per channel, or 16 bits grey"
        )
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"), name)
    if image.mode not in ("1", "L"):
        image = image.convert("RGB")  # so that every kind of colour is rounded alike
    return np.array(image.convert("L"), np.uint8)


def _on_white(image: Image.Image, name: str) -> Grey:
    white = Image.new("RGBA", image.size, "white")
    grey = np.array(Image.alpha_composite(white, image).convert("L"), np.uint8)
    if grey.min() == WHITE and np.asarray(image.getchannel("A")).min() < WHITE:
        raise PictureError(
            f"{name} would be all white: its transparent parts are put on white, and the rest is white too "
            "or there is none; save it on the background that it is to have"
        )
    return grey


def _sixteen_bit(image: Image.Image, name: str) -> Grey:
    values: npt.NDArray[np.uint16] = np.asarray(image).astype(np.uint16)
    white = DEEP_WHITE
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        white = (1 << int(image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0])) - 1
        if image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            values = white - np.minimum(values, np.uint16(white))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        values = np.where(values == transparent, np.uint16(white), values)
    return deep_levels(values, white, name)
