"""What data packets hold (SCAMP-5 fact sheet, section 5.3): planes, boxes, events, arrays, texts.

Planes are NumPy arrays in the array's own coordinates: row 0 is the top edge, column 0 the RIGHT edge.
Makers give a :class:`~pixeltree_protocol.vendor.packets.Data`; readers take one and raise
:class:`~pixeltree_protocol.errors.MessageError` where its size and its dimensions do not go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import construct as c
import numpy as np
import numpy.typing as npt

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor.packets import Data, DataType

NUMBERS: dict[int, np.dtype[Any]] = {
    DataType.INT8: np.dtype("<i1"),
    DataType.INT16: np.dtype("<i2"),
    DataType.INT32: np.dtype("<i4"),
    DataType.FLOAT: np.dtype("<f4"),
}
"""Types whose data are numbers, row by row."""

VERSIONS = {
    DataType.AOUT: 0,
    DataType.DOUT: 0,
    DataType.AABB: 0,
    DataType.EVENTS: 2,
    DataType.BITSTACK: 0,
    DataType.TEXT: 1,
    DataType.INT8: 2,
    DataType.INT16: 2,
    DataType.INT32: 2,
    DataType.FLOAT: 2,
    DataType.STYLE: 40,
    DataType.DISPLAY_TEXT: 1,
    DataType.FILEPATH: 2,
    DataType.DISPLAY_IMAGE: 0,
    DataType.IMAGE_PATCH: 0,
}
"""Version byte by type. That of DOUT and BITSTACK is OPEN (A.16); hosts ignore it."""

_STYLE_NAME_BYTES = 40
_LONGEST_TEXT = 4000

DISPLAY_TEXT = c.Struct(
    "column" / c.Int16sl,
    "row" / c.Int16sl,
    "colour" / c.Int8ul[4],
    "length" / c.Int32ul,
    "rest" / c.GreedyBytes,
)


@dataclass(frozen=True)
class DisplayText:
    """Text on a display.

    Attributes:
        column, row: where, in the array's coordinates.
        colour: red, green, blue, opacity; 0 to 255.
        text: what is written there.
    """

    column: int
    row: int
    colour: tuple[int, int, int, int]
    text: str


def levels(samples: bytes, rows: int, channel: int, loop: int = 0) -> Data:
    """An analog plane, or a grid of it, as ADC codes: as it is scanned, column by column."""
    dims = (len(samples) // rows if rows else 0, rows, 0)
    return Data(DataType.AOUT, VERSIONS[DataType.AOUT], dims, channel, samples, loop)


def read_levels(data: Data) -> npt.NDArray[np.uint8]:
    """Of AOUT and IMAGE_PATCH: uint8 (rows, columns)."""
    columns, rows, _ = data.dims
    _expect(data, columns * rows)
    return np.frombuffer(data.data, np.uint8)[: columns * rows].reshape(columns, rows).T


def patch(samples: bytes, rows: int, at: tuple[int, int], channel: int, loop: int = 0) -> Data:
    """Part of an analog plane, column by column; ``at`` is its row and column in the array."""
    dims = (len(samples) // rows if rows else 0, rows, at[0] << 8 | at[1])
    return Data(DataType.IMAGE_PATCH, VERSIONS[DataType.IMAGE_PATCH], dims, channel, samples, loop)


def read_patch(data: Data) -> tuple[int, int, npt.NDArray[np.uint8]]:
    """Row and column in the array, and uint8 (rows, columns)."""
    place = data.dims[2]
    return place >> 8, place & 0xFF, read_levels(data)


def image(pixels: npt.NDArray[np.uint8], channel: int, loop: int = 0) -> Data:
    """A picture: uint8 (rows, columns), or (rows, columns, 3) for red, green and blue; as one sees it."""
    rows, columns = pixels.shape[:2]
    dims = (columns, rows, pixels.shape[2] if pixels.ndim == 3 else 1)
    data = np.ascontiguousarray(pixels, np.uint8).tobytes()
    return Data(DataType.DISPLAY_IMAGE, VERSIONS[DataType.DISPLAY_IMAGE], dims, channel, data, loop)


_UPWARDS, _LEFTWARDS, _BY_COLUMN, _BY_CHANNEL = 16, 32, 64, 128
"""Bits of a picture's format; the lowest four are the bytes of a pixel."""


def read_image(data: Data) -> npt.NDArray[np.uint8]:
    """Of DISPLAY_IMAGE: uint8 (rows, columns), or (rows, columns, 3) in colour; as one sees it.

    Pixels have 1 byte of grey, or 3 of colour with or without a fourth, which is left out.
    """
    columns, rows, form = data.dims
    depth = form & 15
    if depth not in (1, 3, 4):
        raise MessageError(f"a picture with {depth} bytes a pixel; 1, 3 and 4 are known")
    _expect(data, columns * rows * depth)
    flat = np.frombuffer(data.data, np.uint8, columns * rows * depth)
    pixels: npt.NDArray[np.uint8]
    pixels = flat.reshape(depth, -1).T if form & _BY_CHANNEL else flat.reshape(-1, depth)
    if form & _BY_COLUMN:
        pixels = pixels.reshape(columns, rows, depth).transpose(1, 0, 2)
    else:
        pixels = pixels.reshape(rows, columns, depth)
    pixels = pixels[:: -1 if form & _UPWARDS else 1, :: -1 if form & _LEFTWARDS else 1]
    return pixels[:, :, 0] if depth == 1 else pixels[:, :, :3]


def bits(rows: bytes, columns: int, channel: int, loop: int = 0) -> Data:
    """A digital plane from packed rows: byte j bit i of a row is column 8 j + i."""
    dims = (columns, len(rows) * 8 // columns, 0)
    return Data(DataType.DOUT, VERSIONS[DataType.DOUT], dims, channel, rows, loop)


def read_bits(data: Data) -> npt.NDArray[np.bool_]:
    """Of DOUT and DOTMAT: bool (rows, columns)."""
    columns, rows, _ = data.dims
    return _plane(data, 0, columns, rows)


def bitstack(planes: Sequence[bytes], columns: int, channel: int, loop: int = 0) -> Data:
    """Grey levels from packed digital planes, the most significant first."""
    rows = len(planes[0]) * 8 // columns if planes else 0
    dims = (columns, rows, len(planes))
    return Data(DataType.BITSTACK, VERSIONS[DataType.BITSTACK], dims, channel, b"".join(planes), loop)


def read_bitstack(data: Data) -> npt.NDArray[np.uint8]:
    """Grey levels, 0 to 2 ** planes - 1: uint8 (rows, columns)."""
    columns, rows, count = data.dims
    count = min(count, 8)
    _expect(data, count * rows * (columns // 8))
    if not count:
        raise MessageError("the bitstack has no planes")
    grey = np.zeros((rows, columns // 8 * 8), np.uint8)
    for number in range(count):
        grey = grey * 2 + _plane(data, number * rows * (columns // 8), columns, rows).astype(np.uint8)
    return grey


def box(corners: bytes, channel: int, loop: int = 0) -> Data:
    """A bounding box: r0, c0, r1, c1."""
    return Data(DataType.AABB, VERSIONS[DataType.AABB], (2, 2, 1), channel, corners, loop)


def read_boxes(data: Data) -> list[tuple[int, ...]]:
    """Boxes, each r0, c0, r1, c1."""
    whole = data.data[: len(data.data) // 4 * 4]
    return [tuple(whole[at : at + 4]) for at in range(0, len(whole), 4)]


def events(pairs: bytes, channel: int, loop: int = 0) -> Data:
    """Events: two bytes each, in the order in which they were scanned."""
    dims = (2, len(pairs) // 2, 1)
    return Data(DataType.EVENTS, VERSIONS[DataType.EVENTS], dims, channel, pairs, loop)


def read_events(data: Data) -> list[tuple[int, int]]:
    """Events as pairs of numbers."""
    return [(data.data[at], data.data[at + 1]) for at in range(0, len(data.data) - 1, 2)]


def text(words: str, channel: int = 0, loop: int = 0) -> Data:
    """A text for the host's console."""
    written = words.encode("utf-8", "replace")[:_LONGEST_TEXT] + b"\0"
    return Data(DataType.TEXT, VERSIONS[DataType.TEXT], (len(written), 0, 0), channel, written, loop)


def read_text(data: Data) -> str:
    """Of TEXT, FILEPATH and REQUEST."""
    return data.data.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def numbers(kind: DataType, values: npt.NDArray[Any], channel: int, loop: int = 0) -> Data:
    """An array of numbers: (rows, columns), or (columns,) for one row."""
    table = np.atleast_2d(values).astype(NUMBERS[kind])
    rows, columns = table.shape
    return Data(kind, VERSIONS[kind], (columns, rows, 0), channel, table.tobytes(), loop)


def read_numbers(data: Data) -> npt.NDArray[Any]:
    """An array of numbers: (rows, columns)."""
    columns, rows, _ = data.dims
    kind = NUMBERS[data.type]
    _expect(data, columns * rows * kind.itemsize)
    return np.frombuffer(data.data, kind, columns * rows).reshape(rows, columns)


def read_style(data: Data) -> tuple[str, str]:
    """Name and text of a style."""
    name = data.data[:_STYLE_NAME_BYTES].partition(b"\0")[0].decode("utf-8", "backslashreplace")
    return name, data.data[_STYLE_NAME_BYTES:].partition(b"\0")[0].decode("utf-8", "backslashreplace")


def read_display_text(data: Data) -> DisplayText:
    """Text on a display."""
    try:
        row = DISPLAY_TEXT.parse(data.data)
    except c.ConstructError as error:
        raise MessageError(f"a text of {len(data.data)} bytes on a display: {error}") from error
    words = bytes(row.rest[: row.length]).partition(b"\0")[0].decode("utf-8", "backslashreplace")
    return DisplayText(row.column, row.row, tuple(row.colour), words)


def _plane(data: Data, offset: int, columns: int, rows: int) -> npt.NDArray[np.bool_]:
    size = rows * (columns // 8)
    _expect(data, offset + size)
    packed = np.frombuffer(data.data, np.uint8, size, offset)
    return np.unpackbits(packed, bitorder="little").reshape(rows, columns // 8 * 8).astype(np.bool_)


def _expect(data: Data, size: int) -> None:
    if len(data.data) < size:
        raise MessageError(
            f"{len(data.data)} bytes of data type {data.type} with dimensions {data.dims}; {size} are needed"
        )
