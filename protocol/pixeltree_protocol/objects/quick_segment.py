"""Reading well-formed segments with the standard library, some ten times as fast as by their constructs.

A segment has up to 64 KB, and whoever uploads a zoo waits for each to be read. The layouts are declared in
:mod:`pixeltree_protocol.objects.segment`; tests hold both ways of reading equal.
"""

from __future__ import annotations

import struct

from pixeltree_protocol.objects.layout import LAYOUT_VERSION, ObjectKind
from pixeltree_protocol.objects.segment import (
    LAYOUT_NUMBERS,
    BlockPlanes,
    FullyConnected,
    PackedBits,
    Segment,
    TernaryWeights,
    row_bytes,
)
from pixeltree_protocol.objects.ternary import ternary_bytes

_COMMON = struct.Struct("<BBB")
"""Kind, version, layout."""

_PLANES = struct.Struct("<BBB")
"""Rows and columns of the grid, planes."""

_CONNECTED = struct.Struct("<HBB32s")
"""Inputs, outputs, planes, columns."""


def quick_segment(data: bytes) -> Segment | None:
    """Read a segment in its canonical form.

    Returns:
        None for other bytes, about which :func:`pixeltree_protocol.objects.segment.decode_segment` says more.

    Raises:
        ObjectError: the bytes have the form of a segment that cannot be.
    """
    if len(data) < _COMMON.size:
        return None
    kind, version, layout = _COMMON.unpack_from(data)
    read = _READERS.get(layout)
    if read is None or kind != ObjectKind.SEGMENT or version != LAYOUT_VERSION:
        return None
    try:
        return read(data, _COMMON.size)
    except struct.error:
        return None  # too few bytes


def _block_planes(data: bytes, at: int) -> Segment | None:
    rows, columns, count = _PLANES.unpack_from(data, at)
    size = (rows * columns + 7) // 8
    begin = at + _PLANES.size
    if len(data) != begin + count * size:
        return None
    planes = [int.from_bytes(data[begin + i * size : begin + (i + 1) * size], "little") for i in range(count)]
    return BlockPlanes(rows, columns, tuple(planes))


def _fully_connected(data: bytes, at: int) -> Segment | None:
    inputs, outputs, planes, columns = _CONNECTED.unpack_from(data, at)
    row = row_bytes(inputs, planes)
    biases = at + _CONNECTED.size
    begin = biases + 4 * outputs
    if len(data) != begin + outputs * row:
        return None
    numbers = struct.unpack_from(f"<{outputs}i", data, biases)
    return FullyConnected(inputs, numbers, data[begin:], planes, int.from_bytes(columns, "little"))


def _packed(data: bytes, at: int) -> Segment | None:
    (size,) = struct.unpack_from("<B", data, at)
    begin = at + 1
    if size >= 0x80:
        (more,) = struct.unpack_from("<B", data, begin)
        if not 0 < more < 0x80:
            return None  # longer than there are bytes, or longer than it had to be
        size, begin = size & 0x7F | more << 7, begin + 1
    return PackedBits(data[begin:]) if len(data) == begin + size else None


def _ternary(data: bytes, at: int) -> Segment | None:
    (count,) = struct.unpack_from("<H", data, at)
    begin = at + 2
    return TernaryWeights(count, data[begin:]) if len(data) == begin + ternary_bytes(count) else None


_READERS = {
    LAYOUT_NUMBERS["block_planes"]: _block_planes,
    LAYOUT_NUMBERS["packed"]: _packed,
    LAYOUT_NUMBERS["fully_connected"]: _fully_connected,
    LAYOUT_NUMBERS["ternary"]: _ternary,
}
