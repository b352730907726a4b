"""Runs a translated block: one call, no Python until it ends, and no GIL."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.analog_ops import (
    run_blur,
    run_compare,
    run_compare_few,
    run_simple,
    run_square,
    run_sum,
)
from pixeltree_emu.array.fast.compiled import Planes, Row, Table, entry, tailored
from pixeltree_emu.array.fast.digital_ops import (
    ALL_ASK,
    STEPS,
    grow,
    run_constant,
    run_float_edge,
    run_neighbours,
    run_or,
    run_rectangle,
    run_select,
    run_set,
    run_shift,
)
from pixeltree_emu.array.fast.errors_ops import FLOOD_DISTANCE, run_noisy, run_noisy_pair
from pixeltree_emu.array.fast.flood import run_flood
from pixeltree_emu.array.fast.lanes import equal, load, load_word
from pixeltree_emu.array.fast.layout import (
    ANALOG_BYTES,
    DIGITAL_BYTES,
    FIRST_PE,
    FIRST_ROW,
    FLAG,
    R0,
    R12,
    SCRATCH,
    SCRATCH2,
)
from pixeltree_emu.array.fast.passes import (
    BLUR,
    CODE,
    COMPARE,
    COMPARE_ONE,
    COMPARE_TWO,
    CONSTANT,
    DRAW,
    DST,
    ERROR,
    EXACT,
    FLOAT_EDGE,
    FLOOD,
    LAST_ANALOG,
    MASK,
    NEGATE,
    NEIGHBOURS,
    NO_MASK,
    NO_PLANE,
    NOR,
    OFFSET,
    OR,
    PASSED_ON,
    PLAIN,
    SELECT_PATTERN,
    SELECT_RECTANGLE,
    SET_TO,
    SHIFT,
    SQUARE,
    SUBTRACT,
    SUM,
    VALUE,
    A,
    B,
    C,
    D,
)

NONE, ALL = np.uint64(0), ~np.uint64(0)


@tailored
def run_analog(
    row: Row, operands: Table, analog: Planes, analog_base: int, digital_base: int, errors: Row
) -> None:
    """One pass that writes an analog plane."""
    code = row[CODE]
    dst = analog_base + row[DST] * ANALOG_BYTES + FIRST_PE
    if code == SUM:
        run_sum(operands, row[A], row[B], row[VALUE], analog_base, ANALOG_BYTES, row[DST])
    elif code == BLUR:
        source = analog_base + row[A] * ANALOG_BYTES + FIRST_PE + row[OFFSET]
        links = digital_base + FIRST_ROW
        run_blur(source, dst, row[VALUE], links + DIGITAL_BYTES, links + 2 * DIGITAL_BYTES)
    elif code == SQUARE:
        run_square(operands, row[A], row[B], row[VALUE], analog, row[DST])
    else:
        a = analog_base + row[A] * ANALOG_BYTES + FIRST_PE + row[OFFSET]
        shift = 0 if code == SUBTRACT else row[OFFSET]
        b = analog_base + row[B] * ANALOG_BYTES + FIRST_PE + shift
        mask = 0 if row[MASK] == NO_MASK else digital_base + row[MASK] * DIGITAL_BYTES + FIRST_ROW
        if row[ERROR] == EXACT:
            run_simple(code, dst, a, b, row[VALUE], mask, row[OFFSET] < 0)
        else:
            run_noisy(code, dst, a, b, mask, errors, row[DRAW], row[ERROR] - PLAIN)


@tailored
def run_pair(row: Row, after: Row, analog_base: int, digital_base: int, errors: Row) -> None:
    """A pass and the next one, which reads what it writes."""
    a = analog_base + row[A] * ANALOG_BYTES + FIRST_PE + row[OFFSET]
    b = analog_base + row[B] * ANALOG_BYTES + FIRST_PE + row[OFFSET]
    news = 0 if row[C] == PASSED_ON else analog_base + row[DST] * ANALOG_BYTES + FIRST_PE
    mask = 0 if after[MASK] == NO_MASK else digital_base + after[MASK] * DIGITAL_BYTES + FIRST_ROW
    other = after[B] if after[A] == row[DST] else after[A]
    c = 0 if after[CODE] == NEGATE else analog_base + other * ANALOG_BYTES + FIRST_PE
    dst = analog_base + after[DST] * ANALOG_BYTES + FIRST_PE
    gates_news = row[MASK] != NO_MASK
    run_noisy_pair(row[CODE], a, b, news, c, dst, mask, gates_news, row[DRAW], after[DRAW], errors)


@tailored
def run_digital(row: Row, operands: Table, analog_base: int, digital_base: int, errors: Row) -> None:  # noqa: PLR0912
    """One pass that writes a digital plane."""
    code, first = row[CODE], digital_base + FIRST_ROW
    dst, a = first + row[DST] * DIGITAL_BYTES, first + row[A] * DIGITAL_BYTES
    mask = 0 if row[MASK] == NO_MASK else first + row[MASK] * DIGITAL_BYTES
    if code in (OR, NOR):
        total = 1 + (row[B] != NO_PLANE) + (row[C] != NO_PLANE) + (row[D] != NO_PLANE)
        b, c = first + row[B] * DIGITAL_BYTES, first + row[C] * DIGITAL_BYTES
        d = first + row[D] * DIGITAL_BYTES
        run_or(dst, a, b, c, d, total, code == NOR, mask)
    elif code == CONSTANT:
        run_constant(dst, row[VALUE])
    elif code == SHIFT:
        run_shift(dst, a, row[B], row[OFFSET], row[VALUE])
    elif code == SET_TO:
        run_set(dst, row[VALUE], mask)
    elif code == COMPARE:
        run_compare(operands, row[A], row[B], analog_base, ANALOG_BYTES, dst)
    elif code in (COMPARE_ONE, COMPARE_TWO):
        a = analog_base + row[A] * ANALOG_BYTES + FIRST_PE
        b = analog_base + row[B] * ANALOG_BYTES + FIRST_PE
        run_compare_few(a, b, code == COMPARE_TWO, dst)
    elif code == NEIGHBOURS:
        run_neighbours(dst, a, first + DIGITAL_BYTES, DIGITAL_BYTES, row[VALUE])
    elif code == SELECT_PATTERN:
        run_select(dst, row[A], row[B], first + SCRATCH2 * DIGITAL_BYTES)
    elif code == SELECT_RECTANGLE:
        run_rectangle(dst, row[A], row[B], first + SCRATCH2 * DIGITAL_BYTES)
    elif code == FLOAT_EDGE:
        run_float_edge(
            dst, analog_base + row[A] * ANALOG_BYTES + FIRST_PE, first + DIGITAL_BYTES, DIGITAL_BYTES
        )
    elif code == FLOOD:
        target, mask = first + R12 * DIGITAL_BYTES, first + R0 * DIGITAL_BYTES
        if errors[FLOOD_DISTANCE]:
            seen = first + SCRATCH * DIGITAL_BYTES
            for _ in range(errors[FLOOD_DISTANCE]):
                run_neighbours(seen, target, first + DIGITAL_BYTES, DIGITAL_BYTES, row[VALUE] + 2 * ALL_ASK)
                if not grow(target, seen, mask):
                    break
        else:
            run_flood(target, mask, first + DIGITAL_BYTES, DIGITAL_BYTES, row[VALUE])


@tailored
def uniform(first_row: int) -> int:
    """0 or 1 if a digital plane is that everywhere, else 2; ``first_row`` is an address."""
    word = load_word(first_row)
    if word not in (NONE, ALL):
        return 2
    for part in range(1, 8):
        if load_word(first_row + 8 * part) != word:
            return 2
    value = load(first_row)
    for step in range(1, STEPS):
        if equal(value, load(first_row + 64 * step)) != ALL:
            return 2
    return 1 if word else 0


@entry
def steering_state(digital: Planes, wanted: int) -> int:
    """States of the planes in the bit set ``wanted``: two bits each, 0, 1 or 2 (not the same everywhere)."""
    first, states = digital.ctypes.data + FIRST_ROW, 0
    for plane in range(FLAG + 1):
        state = uniform(first + plane * DIGITAL_BYTES) if wanted >> plane & 1 else 2
        states |= state << 2 * plane
    return states


@entry
def execute(passes: Table, operands: Table, analog: Planes, digital: Planes, errors: Row) -> None:
    """Run passes in order.

    Args:
        passes: int64 (passes, 10).
        operands: int64 (operands, 2).
        analog: int8 (analog planes, bytes of a plane).
        digital: int8 (digital planes, bytes of a plane).
        errors: int64, the table of ``errors_ops``; not read in ideal mode.
    """
    analog_base, digital_base = analog.ctypes.data, digital.ctypes.data
    index = 0
    while index < passes.shape[0]:
        row = passes[index]
        index += 1
        if row[CODE] <= LAST_ANALOG and row[C] != NO_PLANE:
            run_pair(row, passes[index], analog_base, digital_base, errors)
            index += 1
        elif row[CODE] <= LAST_ANALOG:
            run_analog(row, operands, analog, analog_base, digital_base, errors)
        else:
            run_digital(row, operands, analog_base, digital_base, errors)
