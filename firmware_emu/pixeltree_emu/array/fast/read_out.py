"""Sums, boxes and events of packed planes, in compiled code: a read-out takes microseconds.

They give what ``array/read_out.py`` does, which says what it means.
"""

from __future__ import annotations

from pixeltree_emu.array.fast.compiled import Planes, Row, entry
from pixeltree_emu.array.fast.lanes import add16, load, load_word, splat16, store16, widen
from pixeltree_emu.array.fast.layout import DIGITAL_BYTES, FIRST_PE, FIRST_ROW, ROW_BITS_BYTES, ROW_BYTES
from pixeltree_protocol.chip.registers import ARRAY_SIZE

_STEPS, _WORDS = 4, 4
"""Of a row: 4 times 64 PEs of an analog plane, 4 words of a digital one."""


@entry
def add_rows(analog: Planes, plane: int, rows: Row, bands: int, sums: Row) -> None:
    """Add rows up, column by column.

    Args:
        analog: int8 (analog planes, bytes of a plane).
        plane: number of the plane.
        rows: numbers of rows, band after band.
        bands: how many bands.
        sums: int64 (64 * bands,), memory for int16 (bands, 256).
    """
    size = rows.shape[0] // bands
    first = analog.ctypes.data + plane * analog.shape[1] + FIRST_PE
    for band in range(bands):
        for step in range(_STEPS):
            total = splat16(0)
            for index in range(band * size, (band + 1) * size):
                total = add16(total, widen(load(first + rows[index] * ROW_BYTES + 64 * step)))
            store16(sums.ctypes.data + 512 * band + 128 * step, total)


@entry
def meets(digital: Planes, plane: int, rows: Row, columns: Row) -> bool:
    """Whether a 1 of a digital plane lies in one of the rows and, of int64 (4,) bits, the columns."""
    first = digital.ctypes.data + plane * DIGITAL_BYTES + FIRST_ROW
    for row in rows:
        for word in range(_WORDS):
            if int(load_word(first + row * ROW_BITS_BYTES + 8 * word)) & columns[word]:
                return True
    return False


@entry
def box(digital: Planes, plane: int, corners: Row) -> bool:
    """Write r0, c0, r1, c1 of the box around the 1s to int64 (4,); returns whether there is a 1."""
    first = digital.ctypes.data + plane * DIGITAL_BYTES + FIRST_ROW
    top, bottom, right, left = -1, -1, ARRAY_SIZE, -1
    for word in range(_WORDS):
        met = 0
        for row in range(ARRAY_SIZE):
            value = int(load_word(first + row * ROW_BITS_BYTES + 8 * word))
            met |= value
            if value:
                if top < 0 or row < top:
                    top = row
                bottom = max(bottom, row)
        for bit in range(64):
            if met >> bit & 1:
                right, left = min(right, 64 * word + bit), 64 * word + bit
    corners[0], corners[1], corners[2], corners[3] = top, right, bottom, left
    return top >= 0


@entry
def list_ones(digital: Planes, plane: int, most: int, order: int, pairs: Row) -> None:
    """Write the first 1s as pairs of bytes, column by column.

    Args:
        digital: int8 (digital planes, bytes of a plane).
        plane: number of the plane.
        most: how many at most.
        order: bit 0: from the highest column on; bit 1: from the lowest row on; bit 2: the row comes first.
        pairs: int64, zeroed memory for the pairs, four in a number.
    """
    first = digital.ctypes.data + plane * DIGITAL_BYTES + FIRST_ROW
    last, count = ARRAY_SIZE - 1, 0
    for step in range(ARRAY_SIZE):
        if count >= most:
            return
        column = last - step if order & 1 else step
        at, bit = first + column // 64 * 8, column % 64
        for turn in range(ARRAY_SIZE):
            row = last - turn if order & 2 else turn
            if int(load_word(at + row * ROW_BITS_BYTES)) >> bit & 1:
                pair = row | column << 8 if order & 4 else column | row << 8
                pairs[count // 4] |= pair << 16 * (count % 4)
                count += 1
                if count >= most:
                    return
