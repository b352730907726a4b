"""Planes as pictures for people: contrast stretched, the scale shown. Needs Pillow only."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

_BAR, _GAP, _TEXT = 10, 4, 34
"""Pixels: width of the scale, what is between, and room for its numbers."""

_INK = 96
_ENLARGED = 2
_BEYOND = 0.1
"""Percent of the pixels at each end that are drawn as black or white: one hot pixel darkens nothing."""


def legible_png(plane: npt.NDArray[np.generic]) -> bytes:
    """A plane (rows, columns) as PNG, twice as large.

    Args:
        plane: bool, drawn black and white; uint8, drawn as brightness; any other numbers, stretched from
            their least to their greatest, with a scale beside them.
    """
    if plane.dtype in (np.bool_, np.uint8):
        white = 255 if plane.dtype == np.bool_ else 1
        picture = Image.fromarray(_large(plane.astype(np.uint8) * np.uint8(white)))
    else:
        picture = _with_scale(plane)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _with_scale(plane: npt.NDArray[np.generic]) -> Image.Image:
    least, most = (float(end) for end in np.percentile(plane.astype(float), (_BEYOND, 100 - _BEYOND)))
    span = most - least or 1.0
    grey = _large(np.clip((plane.astype(float) - least) / span * 255, 0, 255).astype(np.uint8))
    rows, columns = grey.shape
    picture = Image.new("L", (columns + 2 * _GAP + _BAR + _TEXT, rows), 255)
    picture.paste(Image.fromarray(grey), (0, 0))
    bar = np.linspace(255, 0, rows).astype(np.uint8)[:, np.newaxis].repeat(_BAR, axis=1)
    picture.paste(Image.fromarray(bar), (columns + _GAP, 0))
    draw = ImageDraw.Draw(picture)
    left = columns + 2 * _GAP + _BAR
    draw.text((left, 0), f"{most:g}", fill=_INK, anchor="lt")
    draw.text((left, rows - 1), f"{least:g}", fill=_INK, anchor="lb")
    return picture


def _large(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return grey.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)


class ShownPlane(np.ndarray[tuple[int, ...], np.dtype[np.generic]]):
    """A NumPy array that a notebook shows as a picture, as long as it has rows and columns."""

    def _repr_png_(self) -> bytes | None:
        return legible_png(np.asarray(self)) if self.ndim == 2 and self.size else None
