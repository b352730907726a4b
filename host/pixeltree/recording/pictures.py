"""Planes as PNG and back, without loss: levels are ADC codes (level + 128), bits are black and white."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.generic]

BITS, GREY, LEVELS = "bits", "grey", "levels"
"""How the codes of a picture are meant: 0 and 255 for two bits, brightness, or a level and 128."""

_QUICK = 1
"""PNG's level of compression: higher ones take longer, and make planes hardly smaller."""


def meaning(plane: Plane) -> str:
    """How the codes of a plane's picture are meant."""
    if plane.dtype == np.bool_:
        return BITS
    return GREY if plane.dtype == np.uint8 else LEVELS


def to_png(plane: Plane) -> bytes:
    """A plane, bool, uint8 or levels from -128 to 127, as an 8-bit grey PNG."""
    if plane.dtype == np.bool_:
        codes = np.where(plane, np.uint8(255), np.uint8(0))
    elif plane.dtype == np.uint8:
        codes = plane.astype(np.uint8)
    else:
        codes = (np.clip(plane, -128, 127).astype(np.int16) + 128).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(codes)).save(file, "PNG", compress_level=_QUICK)
    return file.getvalue()


def from_png(data: bytes, meant: str) -> Plane:
    """The plane of a picture that :func:`to_png` made.

    Raises:
        OSError: it is no picture.
        ValueError: it says that it is larger than any picture of ours.
    """
    try:
        codes = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    if meant == BITS:
        return codes > 127
    return codes if meant == GREY else codes.astype(np.int16) - 128


def image_message(plane: Plane, nanoseconds: int, frame: str) -> dict[str, Any]:
    """A plane as ``foxglove.CompressedImage``.

    Args:
        plane: the plane.
        nanoseconds: since 1970.
        frame: what it is of.
    """
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return {
        "timestamp": {"sec": seconds, "nsec": rest},
        "frame_id": frame,
        "data": base64.b64encode(to_png(plane)).decode(),
        "format": "png",
    }


def plane_of_message(message: dict[str, Any], meant: str) -> Plane:
    """The plane of a message that :func:`image_message` made."""
    return from_png(base64.b64decode(message["data"]), meant)
