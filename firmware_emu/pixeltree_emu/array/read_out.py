"""What can be read out of planes, in NumPy: for the reference engine, and for code that has only planes.

The fast engine has the same in compiled code, see ``fast/read_out.py``. Both give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.selection import pattern_lines
from pixeltree_protocol.chip.registers import ARRAY_SIZE

Levels = npt.NDArray[np.signedinteger[Any]]
"""An analog plane, int8 or int16 (256, 256)."""

PackedRows = npt.NDArray[np.uint64]
"""A digital plane, uint64 (256, 4), or one row of it: as bytes, bit i of byte j is column 8 j + i."""

RowNumbers = npt.NDArray[np.int64]
"""Numbers of rows, int64, one axis."""

Box = tuple[int, int, int, int]
"""Top row, right column, bottom row, left column."""


@lru_cache(maxsize=1024)
def row_numbers(address: int, mask: int) -> RowNumbers:
    """The rows of a pattern."""
    lines = pattern_lines(address, mask)
    return np.ascontiguousarray(np.arange(ARRAY_SIZE)[lines], np.int64)


@lru_cache(maxsize=1024)
def packed_columns(address: int, mask: int) -> PackedRows:
    """The columns of a pattern as a packed row."""
    wanted = np.zeros(ARRAY_SIZE, np.uint8)
    wanted[pattern_lines(address, mask)] = 1
    return np.packbits(wanted, bitorder="little").view(np.uint64)


def column_sums(plane: Levels, rows: RowNumbers, bands: int) -> npt.NDArray[np.int16]:
    """Sums of each column over bands of rows: int16 (bands, 256). 256 levels fit in 16 bits.

    Args:
        plane: levels.
        rows: which rows are added; the first part of them is the first band, and so on, all alike.
        bands: how many there are.
    """
    chosen = plane[rows].reshape(bands, -1, ARRAY_SIZE)
    sums: npt.NDArray[np.int16] = np.add.reduce(chosen, axis=1, dtype=np.int16)
    return sums


def any_one(packed: PackedRows, rows: RowNumbers, columns: PackedRows) -> bool:
    """Whether there is a 1 where rows and columns cross."""
    return bool((packed[rows] & columns).any())


def box_of(packed: PackedRows) -> Box | None:
    """The box around the 1s; None where there are none."""
    rows = np.flatnonzero(np.bitwise_or.reduce(packed, axis=1))
    if not len(rows):
        return None
    met = np.bitwise_or.reduce(packed, axis=0).view(np.uint8)
    columns = np.flatnonzero(np.unpackbits(met, bitorder="little"))
    return int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])


def events(packed: PackedRows, most: int, row_first: bool, h_dir: bool, v_dir: bool) -> bytes:
    """Coordinates of the first ``most`` 1s, column by column; unused pairs are (0, 0)."""
    found: list[npt.NDArray[np.intp]] = []
    missing = most
    last = ARRAY_SIZE - 1
    eights: Sequence[int] = np.flatnonzero(np.bitwise_or.reduce(packed, axis=0).view(np.uint8)).tolist()
    octets = packed.view(np.uint8)
    for eight in eights[::-1] if h_dir else eights:
        if missing <= 0:
            break
        bits = np.unpackbits(octets[:, eight], bitorder="little").reshape(ARRAY_SIZE, 8)
        columns, rows = np.nonzero(bits[:: -1 if v_dir else 1, :: -1 if h_dir else 1].T)
        columns = 8 * eight + (7 - columns if h_dir else columns)
        rows = last - rows if v_dir else rows
        pairs = (rows, columns) if row_first else (columns, rows)
        found.append(np.array(pairs).T[:missing])
        missing -= len(found[-1])
    data = np.concatenate(found).astype(np.uint8).tobytes() if found else b""
    return data + bytes(2 * most - len(data))
