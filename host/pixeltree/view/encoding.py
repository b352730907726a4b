"""Updates as bytes for the page.

An update is one binary message: the length of a JSON head (4 bytes, little endian), the head, and the planes,
one after the other, row-major. The head has what is no plane, and of each plane name, rows, columns, scale
and bytes. A plane of ``bits`` has 8 pixels a byte, the first in the lowest bit; all others have one byte a
pixel, signed for ``levels`` and ``difference``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree.view.board import Update
from pixeltree.view.panels import BITS, DIFFERENCE, GREY, LEVELS

Plane = npt.NDArray[np.generic]


def encode_update(update: Update, scales: Mapping[str, str]) -> bytes:
    """The message of an update.

    Args:
        update: the values.
        scales: how the numbers of a plane are meant, by panel, where its type does not say so.
    """
    planes: list[dict[str, Any]] = []
    parts: list[bytes] = []
    values: dict[str, Any] = {}
    for name, value in update.values.items():
        if not isinstance(value, np.ndarray):
            values[name] = value
            continue
        scale = _scale(value, scales.get(name, ""))
        data = _data(value, scale)
        rows, columns = value.shape
        planes.append({"panel": name, "rows": rows, "columns": columns, "scale": scale, "bytes": len(data)})
        parts.append(data)
    head = {
        "number": update.number,
        "time": update.time,
        "planes": planes,
        "values": values,
        "series": {name: [list(point) for point in points] for name, points in update.series.items()},
    }
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((len(text).to_bytes(4, "little"), text, *parts))


def _scale(plane: Plane, meant: str) -> str:
    if plane.dtype == np.bool_:
        return BITS
    return GREY if plane.dtype == np.uint8 else meant or LEVELS


def _data(plane: Plane, scale: str) -> bytes:
    if scale == BITS:
        return np.packbits(plane.astype(np.bool_), bitorder="little").tobytes()
    if scale in (LEVELS, DIFFERENCE):
        return np.clip(plane, -128, 127).astype(np.int8).tobytes()
    return plane.astype(np.uint8).tobytes()
