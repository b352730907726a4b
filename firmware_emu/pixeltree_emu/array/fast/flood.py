"""Asynchronous propagation: R12 floods inside R0, row by row until nothing changes."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.compiled import tailored
from pixeltree_emu.array.fast.lanes import Word, load_word, store_word
from pixeltree_emu.array.fast.layout import ROW_BITS_BYTES

_ROWS = 256
_WORDS = 4
_ONE = np.uint64(1)
_TOP = np.uint64(63)
_ZERO = np.uint64(0)


@tailored
def run_flood(target: int, mask: int, enables: int, plane_bytes: int, edge: int) -> None:
    """Flood as far as it goes. Equals ReferenceEngine._propagate.

    Args:
        target: address of row 0 of R12.
        mask: of R0.
        enables: of R1.
        plane_bytes: from one of R1-R4 to the next.
        edge: 0 or 1, what lies beyond the array.
    """
    changed = True
    while changed:
        changed = False
        for row in range(_ROWS):
            changed |= grow_row(target, mask, enables, plane_bytes, edge, row)
        for back in range(_ROWS):
            changed |= grow_row(target, mask, enables, plane_bytes, edge, _ROWS - 1 - back)


@tailored
def grow_row(target: int, mask: int, enables: int, plane_bytes: int, edge: int, row: int) -> bool:
    """Let a row take from the rows beside it, then spread along itself both ways; whether it grew."""
    beyond = ~_ZERO if edge else _ZERO
    grew = False
    carry = beyond >> _TOP
    for word in range(_WORDS):  # toward higher columns: reading the east neighbour
        at = row * ROW_BITS_BYTES + word * 8
        before, inside = load_word(target + at), load_word(mask + at)
        north = load_word(target + at - ROW_BITS_BYTES) if row > 0 else beyond
        south = load_word(target + at + ROW_BITS_BYTES) if row < _ROWS - 1 else beyond
        value = before | (inside & south & load_word(enables + at))
        value |= inside & north & load_word(enables + 2 * plane_bytes + at)
        open_ = inside & load_word(enables + 3 * plane_bytes + at)
        entered = open_ & (value << _ONE | carry)
        value |= open_ & (~(open_ + entered) | entered)  # the carry of the sum runs along open PEs
        carry = value >> _TOP
        store_word(target + at, value)
        grew |= value != before
    carry = beyond << _TOP
    for back in range(_WORDS):  # toward lower columns: reading the west neighbour
        at = row * ROW_BITS_BYTES + (_WORDS - 1 - back) * 8
        before = load_word(target + at)
        open_ = load_word(mask + at) & load_word(enables + plane_bytes + at)
        entered = open_ & (before >> _ONE | carry)
        value = before | spread_down(entered, open_)
        carry = value << _TOP
        store_word(target + at, value)
        grew |= value != before
    return grew


@tailored
def spread_down(value: Word, open_: Word) -> Word:
    """Spread bits toward lower ones through open bits."""
    for power in range(6):
        distance = _ONE << np.uint64(power)
        value |= open_ & (value >> distance)
        open_ &= open_ >> distance
    return value
