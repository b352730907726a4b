"""Fewer passes for the same planes at the end of a block: dead results dropped, runs of shifts joined."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.compiled import Row, Table, entry, exactly
from pixeltree_emu.array.fast.layout import (
    ANALOG_PLANES,
    DIGITAL_PLANES,
    MARGIN,
    MARGIN_ROWS,
    R0,
    R12,
    ROW_BYTES,
    SCRATCH,
    SCRATCH2,
    SUM_SCRATCH,
)
from pixeltree_emu.array.fast.passes import (
    ADD,
    BLUR,
    CODE,
    COLUMNS,
    COMPARE,
    COMPARE_ONE,
    COMPARE_TWO,
    CONSTANT,
    DEAD,
    DST,
    ERROR,
    FILL,
    FLOAT_EDGE,
    FLOOD,
    LAST_ANALOG,
    MASK,
    MOVE,
    NEGATE,
    NEGATE_SUM,
    NEIGHBOURS,
    NO_MASK,
    NO_PLANE,
    NOR,
    OFFSET,
    OR,
    PAIRED,
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
    VERSION,
    A,
    B,
    C,
    D,
)

_WANTED, _OVERWRITTEN = 0, 1
_NO_VERSION = -2


@exactly
def want(plane: int, fate: Row, covered: Row) -> None:
    """A pass reads this plane: what is written to it before matters."""
    fate[plane] = _WANTED
    covered[plane] = _NO_VERSION


@exactly
def mark_reads(row: Row, operands: Table, fate: Row, covered: Row) -> None:  # noqa: PLR0912
    """Note every plane that a pass reads."""
    code = row[CODE]
    if row[MASK] != NO_MASK:
        want(ANALOG_PLANES + row[MASK], fate, covered)
    if code in (SUM, SQUARE, COMPARE):
        for entry in range(row[A], row[A] + row[B]):
            want(operands[entry, 0], fate, covered)
    elif code in (OR, NOR, SHIFT, NEIGHBOURS):
        want(ANALOG_PLANES + row[A], fate, covered)
        if code in (OR, NOR):
            for column in (B, C, D):
                if row[column] != NO_PLANE:
                    want(ANALOG_PLANES + row[column], fate, covered)
    elif code not in (FILL, SET_TO, FLOOD, SELECT_PATTERN, SELECT_RECTANGLE, CONSTANT):
        want(row[A], fate, covered)
        if code in (NEGATE_SUM, ADD, SUBTRACT, COMPARE_TWO):
            want(row[B], fate, covered)
    if code == FLOAT_EDGE:
        want(ANALOG_PLANES + row[DST], fate, covered)
    if code in (BLUR, NEIGHBOURS, FLOOD, FLOAT_EDGE):
        for register in range(1, 5):
            want(ANALOG_PLANES + register, fate, covered)
    if code == FLOOD:
        want(ANALOG_PLANES + R0, fate, covered)
        want(ANALOG_PLANES + R12, fate, covered)


@exactly
def compact(passes: Table, total: int) -> int:
    """Close the gaps that dropped passes leave."""
    kept = 0
    for row in range(total):
        if passes[row, CODE] != DEAD:
            if kept != row:
                for column in range(COLUMNS):
                    passes[kept, column] = passes[row, column]
            kept += 1
    return kept


@exactly
def drop_dead(passes: Table, operands: Table, total: int) -> int:
    """Remove passes whose result is overwritten before anything reads it.

    Every plane but the scratch planes is observable at the end. A gated write is overwritten by one that the
    same FLAG gates, or by one that nothing gates.
    """
    planes = ANALOG_PLANES + DIGITAL_PLANES
    fate = np.zeros(planes, np.int64)
    fate[SUM_SCRATCH] = fate[ANALOG_PLANES + SCRATCH] = fate[ANALOG_PLANES + SCRATCH2] = _OVERWRITTEN
    covered = np.full(planes, _NO_VERSION, np.int64)
    for back in range(total):
        row = passes[total - 1 - back]
        analog = row[CODE] <= LAST_ANALOG
        plane = row[DST] if analog else ANALOG_PLANES + row[DST]
        gated = row[MASK] != NO_MASK
        if fate[plane] == _OVERWRITTEN or (gated and analog and covered[plane] == row[VERSION]):
            row[CODE] = DEAD
            continue
        if gated and analog and row[VERSION] >= 0:
            covered[plane] = row[VERSION]
        elif not gated and row[CODE] not in (FLOOD, FLOAT_EDGE):
            fate[plane] = _OVERWRITTEN
        mark_reads(row, operands, fate, covered)
    return compact(passes, total)


@exactly
def shift_in_place(passes: Table, total: int) -> None:
    """Where a plane is shifted into another and comes back from it, shift it in place.

    For each plane: which plane's shift it holds (``origin``), by how much, and the origin's write count then.
    """
    origin = np.full(DIGITAL_PLANES, NO_PLANE, np.int64)
    direction, pixels, edge, stamp, writes = np.zeros((5, DIGITAL_PLANES), np.int64)
    for index in range(total):
        row = passes[index]
        if row[CODE] <= LAST_ANALOG:
            continue
        dst = row[DST]
        source = row[A] if row[CODE] in (OR, SHIFT) else dst
        copied = row[CODE] == OR and row[B] == NO_PLANE and row[MASK] == NO_MASK
        shifted = row[CODE] == SHIFT
        if (copied or shifted) and origin[source] == dst and stamp[source] == writes[dst]:
            same = direction[source] == row[B] and edge[source] == row[VALUE]
            if copied or same:
                row[OFFSET] = pixels[source] + (row[OFFSET] if shifted else 0)
                row[CODE], row[A], row[B], row[VALUE] = SHIFT, dst, direction[source], edge[source]
        writes[dst] += 1
        origin[dst] = NO_PLANE
        if row[CODE] == SHIFT and row[A] != dst:
            origin[dst], direction[dst], pixels[dst] = row[A], row[B], row[OFFSET]
            edge[dst], stamp[dst] = row[VALUE], writes[row[A]]


@exactly
def joins(first: int, second: int) -> bool:
    """Whether two moves by these distances stay within one axis and the margins when made at once."""
    if first * second <= 0:
        return False
    distance = abs(first + second)
    if abs(first) < MARGIN and abs(second) < MARGIN:
        return distance <= MARGIN
    vertical = first % ROW_BYTES == 0 and second % ROW_BYTES == 0
    return vertical and distance <= MARGIN_ROWS * ROW_BYTES


@exactly
def join_runs(passes: Table, total: int) -> int:
    """Consecutive moves of one plane in place, in one direction, become one."""
    last = 0
    for index in range(1, total):
        row, before = passes[index], passes[last]
        in_place = row[DST] == row[A] and before[DST] == before[A] and row[DST] == before[DST]
        same = row[CODE] == before[CODE] and row[MASK] == before[MASK] == NO_MASK
        if (
            in_place and same and row[CODE] == SHIFT and row[B] == before[B] and row[VALUE] == before[VALUE]
        ) or (in_place and same and row[CODE] == MOVE and joins(before[OFFSET], row[OFFSET])):
            before[OFFSET] += row[OFFSET]
            row[CODE] = DEAD
        else:
            last = index
    return compact(passes, total)


@exactly
def fits(first: Row, second: Row) -> bool:
    """Whether the second pass can go along with the first, PE by PE, and uses what it writes."""
    for row in (first, second):
        if row[ERROR] != PLAIN or row[CODE] not in (FILL, NEGATE, NEGATE_SUM):
            return False
    plane, after = first[DST], second[DST]
    if plane in (first[A], first[B]) or after == plane or second[CODE] == FILL or second[OFFSET]:
        return False
    if plane != second[A] and (second[CODE] == NEGATE or plane != second[B]):
        return False
    if first[MASK] != NO_MASK and (first[MASK] != second[MASK] or first[VERSION] != second[VERSION]):
        return False
    if first[MASK] != NO_MASK and first[VERSION] < 0:
        return False
    # PEs at lower addresses would be overwritten before they are read
    return not (first[OFFSET] < 0 and after in (first[A], first[B]))


@exactly
def read_later(passes: Table, operands: Table, first: int, total: int, plane: int, version: int) -> bool:
    """Whether anyone reads an analog plane, from a pass on or at the end, before it is written anew.

    ``version`` is that of the gates under which it was written, or _NO_VERSION: they write it anew too.
    """
    fate = np.full(ANALOG_PLANES + DIGITAL_PLANES, _OVERWRITTEN, np.int64)
    covered = np.zeros(ANALOG_PLANES + DIGITAL_PLANES, np.int64)
    for index in range(first, total):
        row = passes[index]
        mark_reads(row, operands, fate, covered)
        if fate[plane] == _WANTED:
            return True
        covers = row[MASK] == NO_MASK or row[VERSION] == version
        if row[CODE] <= LAST_ANALOG and row[DST] == plane and covers:
            return False
    return True


@exactly
def pair_noisy(passes: Table, operands: Table, total: int) -> None:
    """Note which passes with errors run together with the next one.

    A comparison between the two goes first, if it does not read what the first one writes (the abs macro).
    """
    index = 0
    while index + 1 < total:
        row, after = passes[index], passes[index + 1]
        compares = after[CODE] in (COMPARE_ONE, COMPARE_TWO) and row[DST] not in (after[A], after[B])
        if compares and row[CODE] <= LAST_ANALOG and index + 2 < total and fits(row, passes[index + 2]):
            for column in range(COLUMNS):
                row[column], after[column] = after[column], row[column]
            index += 1
            continue
        if row[CODE] <= LAST_ANALOG and after[CODE] <= LAST_ANALOG and fits(row, after):
            version = row[VERSION] if row[MASK] != NO_MASK else _NO_VERSION
            wanted = read_later(passes, operands, index + 2, total, row[DST], version)
            row[C] = PAIRED if wanted else PASSED_ON
            index += 1
        index += 1


@entry
def optimize(passes: Table, operands: Table, total: int) -> int:
    """Shorten a block's passes in place; returns how many are left."""
    total = drop_dead(passes, operands, total)
    shift_in_place(passes, total)
    total = drop_dead(passes, operands, total)
    total = join_runs(passes, total)
    pair_noisy(passes, operands, total)
    return total
