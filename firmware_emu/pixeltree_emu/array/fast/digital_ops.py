"""Passes over digital planes, 512 PEs at a time; addresses are those of row 0."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.compiled import tailored
from pixeltree_emu.array.fast.lanes import (
    Lanes,
    Word,
    both,
    either,
    equal,
    greater,
    invert,
    load,
    load_word,
    shift_down,
    shift_up,
    splat,
    store,
    store_word,
)
from pixeltree_emu.array.fast.layout import EAST, NORTH, ROW_BITS_BYTES, ROW_BYTES, SOUTH, WEST

PLANE = 256 * ROW_BITS_BYTES
STEPS = PLANE // 64
NONE = np.uint64(0)
FIRST_COLUMN, LAST_COLUMN = np.uint64(1), np.uint64(1 << 63)
EVERY_COLUMN = ~NONE
ALL_ON, ALL_ASK = 0b01010101, 0b10101010
ADDRESS_BITS = tuple(
    np.uint64(sum(1 << column for column in range(64) if column >> bit & 1)) for bit in range(6)
)
"""The columns, of 64, whose address has each bit set."""


@tailored
def run_set(dst: int, value: int, mask: int) -> None:
    """Set or clear; ``mask`` (address, or 0) says where."""
    filling = splat(-value)
    for step in range(STEPS):
        at = step * 64
        if mask:
            gate = load(mask + at)
            store(dst + at, either(both(gate, filling), both(invert(gate), load(dst + at))))
        else:
            store(dst + at, filling)


@tailored
def joined(a: int, b: int, c: int, d: int, total: int, inverted: bool) -> Lanes:
    """OR, or NOR, of up to four."""
    value = load(a)
    if total > 1:
        value = either(value, load(b))
    if total > 2:
        value = either(value, load(c))
    if total > 3:
        value = either(value, load(d))
    return invert(value) if inverted else value


@tailored
def over_plane(dst: int, a: int, b: int, c: int, d: int, total: int, inverted: bool) -> None:
    """An unmasked OR or NOR."""
    for step in range(STEPS):
        at = step * 64
        store(dst + at, joined(a + at, b + at, c + at, d + at, total, inverted))


@tailored
def run_or(dst: int, a: int, b: int, c: int, d: int, total: int, inverted: bool, mask: int) -> None:
    """DST := OR of ``total`` planes, or its complement. Equals ReferenceEngine._transfer_digital."""
    if mask:
        for step in range(STEPS):
            at = step * 64
            gate = load(mask + at)
            value = joined(a + at, b + at, c + at, d + at, total, inverted)
            store(dst + at, either(both(gate, value), both(invert(gate), load(dst + at))))
    elif total == 1:
        over_plane(dst, a, b, c, d, 1, inverted)
    elif total == 2:
        over_plane(dst, a, b, c, d, 2, inverted)
    else:
        over_plane(dst, a, b, c, d, total, inverted)


@tailored
def run_shift(dst: int, a: int, direction: int, pixels: int, edge: int) -> None:
    """DST := A of the PE ``pixels`` away; ``edge`` beyond. In place or not.

    Equals ReferenceEngine._from_neighbours with one direction on, ``pixels`` times.
    """
    if pixels > 255:
        run_set(dst, edge, 0)
    elif direction in (NORTH, SOUTH):
        shift_rows(dst, a, direction == NORTH, pixels, edge)
    else:
        done = 0
        while pixels - done > 0:
            now = min(pixels - done, 63)
            shift_columns(dst, a if done == 0 else dst, direction == EAST, now, edge)
            done += now


@tailored
def shift_rows(dst: int, a: int, from_north: bool, pixels: int, edge: int) -> None:
    """Whole rows; in an order that never reads what it has written."""
    moved = PLANE - pixels * ROW_BITS_BYTES
    distance = pixels * ROW_BITS_BYTES
    if from_north:
        at = PLANE
        while at - distance >= 64:
            at -= 64
            store(dst + at, load(a + at - distance))
        copy_words(dst + distance, a, (at - distance) // 8, True)
        fill_words(dst, distance // 8, edge)
    else:
        at = 0
        while moved - at >= 64:
            store(dst + at, load(a + at + distance))
            at += 64
        copy_words(dst + at, a + at + distance, (moved - at) // 8, False)
        fill_words(dst + moved, distance // 8, edge)


@tailored
def copy_words(dst: int, a: int, total: int, backward: bool) -> None:
    """Copy the words that do not fill a vector."""
    for word in range(total):
        at = 8 * (total - 1 - word) if backward else 8 * word
        store_word(dst + at, load_word(a + at))


@tailored
def fill_words(dst: int, total: int, edge: int) -> None:
    """Fill the rows that came from beyond the edge."""
    value = ~0 if edge else 0
    for word in range(total):
        store_word(dst + 8 * word, value)


@tailored
def shift_columns(dst: int, a: int, from_east: bool, pixels: int, edge: int) -> None:
    """Within rows, by fewer than 64 columns. From the east, the lower columns, means toward higher bits."""
    fill = splat(-edge)
    if from_east:
        for back in range(STEPS):
            at = (STEPS - 1 - back) * 64
            store(dst + at, shift_up(load(a + at), load(a + at - 8), fill, pixels))
    else:
        for step in range(STEPS):
            at = step * 64
            store(dst + at, shift_down(load(a + at), load(a + at + 8), fill, pixels))


@tailored
def over_neighbours(dst: int, a: int, enables: int, plane_bytes: int, uses: int, edge: int) -> None:
    """The loop of :func:`run_neighbours`; ``uses`` is its setting without the edge."""
    fill = splat(-edge)
    for step in range(STEPS):
        at = step * 64
        here, value = load(a + at), splat(0)
        for direction in range(4):
            use = uses >> 2 * direction & 3
            if use == 0:
                continue
            if direction == SOUTH:
                seen = load(a + at + ROW_BITS_BYTES)
            elif direction == NORTH:
                seen = load(a + at - ROW_BITS_BYTES)
            elif direction == EAST:
                seen = shift_up(here, load(a + at - 8), fill, 1)
            else:
                seen = shift_down(here, load(a + at + 8), fill, 1)
            if use == 2:
                seen = both(seen, load(enables + direction * plane_bytes + at))
            value = either(value, seen)
        store(dst + at, value)


@tailored
def run_neighbours(dst: int, a: int, enables: int, plane_bytes: int, setting: int) -> None:
    """DST := OR over directions; ``enables`` is the address of R1. Equals ReferenceEngine._from_neighbours.

    Two bits of ``setting`` per direction (south, west, north, east): off, on, or as the enables say; above
    bit 0, which is the edge.
    """
    edge = setting & 1
    fill_words(a - ROW_BITS_BYTES, 4, edge)
    fill_words(a + PLANE, 4, edge)
    if setting >> 1 == ALL_ON:
        over_neighbours(dst, a, enables, plane_bytes, ALL_ON, edge)
    elif setting >> 1 == ALL_ASK:
        over_neighbours(dst, a, enables, plane_bytes, ALL_ASK, edge)
    else:
        over_neighbours(dst, a, enables, plane_bytes, setting >> 1, edge)


@tailored
def float_word(dst: int, news: int, enables: int, row: int, chunk: int, columns: Word) -> None:
    """64 PEs of DST |= NEWS > 0, where enabled, at some of the columns."""
    at = row * ROW_BITS_BYTES + chunk * 8
    above = greater(load(news + row * ROW_BYTES + chunk * 64), splat(0))
    store_word(dst + at, load_word(dst + at) | (above & load_word(enables + at) & columns))


@tailored
def run_float_edge(dst: int, news: int, enables: int, plane_bytes: int) -> None:
    """DST |= NEWS > 0 at PEs that look beyond the edge; ReferenceEngine._from_neighbours for no edge."""
    for chunk in range(4):
        float_word(dst, news, enables + SOUTH * plane_bytes, 255, chunk, EVERY_COLUMN)
        float_word(dst, news, enables + NORTH * plane_bytes, 0, chunk, EVERY_COLUMN)
    for row in range(256):
        float_word(dst, news, enables + WEST * plane_bytes, row, 3, LAST_COLUMN)
        float_word(dst, news, enables + EAST * plane_bytes, row, 0, FIRST_COLUMN)


@tailored
def matching_columns(word: int, address: int, free: int) -> Word:
    """The 64 columns of a word whose address matches ``address`` but for the ``free`` bits."""
    if (64 * word ^ address) & ~free & 0xC0:
        return NONE
    columns = ~NONE
    for bit in range(6):
        if not free >> bit & 1:
            columns &= ADDRESS_BITS[bit] if address >> bit & 1 else ~ADDRESS_BITS[bit]
    return columns


@tailored
def run_select(dst: int, rows: int, columns: int, template: int) -> None:
    """DST := PEs whose row and column match. Equals PatternSelect.plane.

    ``template`` is the address of scratch memory for two rows.
    """
    address, free = rows & 0xFF, rows >> 8
    for word in range(4):
        matching = matching_columns(word, columns & 0xFF, columns >> 8)
        even, odd = (0 ^ address) & ~free & 1, (1 ^ address) & ~free & 1
        store_word(template + 8 * word, NONE if even else matching)
        store_word(template + 32 + 8 * word, NONE if odd else matching)
    pair, nothing = load(template), splat(0)
    for step in range(STEPS):
        store(dst + 64 * step, nothing if (2 * step ^ address) & ~free & 0xFE else pair)


@tailored
def run_constant(dst: int, packed: int) -> None:
    """DST := a plane that ``constants`` has packed; 128 numbers, then pairs of rows."""
    for eighth in range(STEPS // 8):
        numbers = load_word(packed + 8 * eighth)
        for step in range(8):
            number = np.int64((numbers >> np.uint64(8 * step)) & np.uint64(0xFF))
            store(dst + 512 * eighth + 64 * step, load(packed + STEPS + 64 * number))


@tailored
def columns_between(word: int, least: int, greatest: int) -> Word:
    """The 64 columns of a word that lie from one column to another, both included."""
    first, last = max(least - 64 * word, 0), min(greatest - 64 * word, 63)
    if first > last:
        return NONE
    return (~NONE >> np.uint64(63 - last)) & (~NONE << np.uint64(first))


@tailored
def run_rectangle(dst: int, rows: int, columns: int, template: int) -> None:
    """DST := PEs of a rectangle: first row or column, and the last one above it. Equals ``rectangle``.

    ``template`` is the address of scratch memory for a row.
    """
    for word in range(4):
        store_word(template + 8 * word, columns_between(word, columns & 0xFF, columns >> 8))
    for row in range(256):
        inside = (rows & 0xFF) <= row <= (rows >> 8)
        for word in range(4):
            value = load_word(template + 8 * word) if inside else NONE
            store_word(dst + row * ROW_BITS_BYTES + 8 * word, value)


@tailored
def grow(target: int, seen: int, mask: int) -> bool:
    """Target |= seen & mask; whether it grew."""
    grew = False
    for step in range(STEPS):
        at = step * 64
        before = load(target + at)
        after = either(before, both(load(seen + at), load(mask + at)))
        grew |= equal(before, after) != ~NONE
        store(target + at, after)
    return grew
