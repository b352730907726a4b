"""Words on the digital bus as passes: logic, loads and neighbours."""

from __future__ import annotations

from pixeltree_emu.array.fast.compiled import Row, Table, exactly
from pixeltree_emu.array.fast.emission import BUS_SOURCES, COUNT, UNKNOWN, count, emit, lowest
from pixeltree_emu.array.fast.layout import DIGITAL_PLANES, NEWS, R0, R12, READ_BUS, SCRATCH, SCRATCH2
from pixeltree_emu.array.fast.passes import (
    CODE,
    DST,
    FLOAT_EDGE,
    MASK,
    NEIGHBOURS,
    NO_PLANE,
    NOR,
    OFFSET,
    OR,
    SET_TO,
    SHIFT,
    VALUE,
    A,
    B,
    C,
    D,
)
from pixeltree_emu.array.fast.records import (
    DESTINATIONS,
    FLOATING,
    INVERTED,
    ONE,
    PRECHARGE,
    SETTING,
    SOURCES,
)


@exactly
def set_to(dst: int, value: int, passes: Table, state: Row, known: Row) -> None:
    """A digital plane := 0 or 1 everywhere; R12 where R0 is 1."""
    if known[dst] == value:
        return
    if dst == R12 and known[R0] != 1:
        if known[R0] == 0:
            return
        row = emit(passes, state, SET_TO, R12, NO_PLANE, NO_PLANE)
        passes[row, VALUE], passes[row, MASK] = value, R0
        known[R12] = UNKNOWN
        return
    row = emit(passes, state, SET_TO, dst, NO_PLANE, NO_PLANE)
    passes[row, VALUE] = value
    known[dst] = value


@exactly
def accumulate(rest: int, row: int, passes: Table, state: Row) -> None:
    """Put sources into the last pass; more than four go through a scratch plane first."""
    code, dst = passes[row, CODE], passes[row, DST]
    while count(rest) > 4:
        passes[row, CODE], passes[row, DST] = OR, SCRATCH
        for column in (A, B, C, D):
            passes[row, column] = lowest(rest)
            rest &= rest - 1
        rest |= 1 << SCRATCH
        row = emit(passes, state, code, dst, NO_PLANE, NO_PLANE)
    for column in (A, B, C, D):
        passes[row, column] = lowest(rest)
        rest &= rest - 1 if rest else 0


@exactly
def logic(dst: int, sources: int, inverted: int, passes: Table, state: Row, known: Row) -> None:
    """A digital plane := OR of sources, or its complement; R12 where R0 is 1."""
    rest = 0
    for number in range(DIGITAL_PLANES):
        if sources >> number & 1 and known[number] != 0:
            rest |= 1 << number
            if known[number] == 1:
                set_to(dst, 1 - inverted, passes, state, known)
                return
    if not rest:
        set_to(dst, inverted, passes, state, known)
        return
    if dst == R12 and known[R0] == 0:
        return
    row = emit(passes, state, NOR if inverted else OR, dst, NO_PLANE, NO_PLANE)
    accumulate(rest, row, passes, state)
    if dst == R12 and known[R0] != 1:
        passes[state[COUNT] - 1, MASK] = R0
    known[dst] = UNKNOWN


@exactly
def local(row: Row, passes: Table, state: Row, known: Row) -> None:
    """A word that reads onto the digital bus, loads from it, or both."""
    setting, sources = row[SETTING], row[SOURCES]
    if setting & PRECHARGE:
        logic(READ_BUS, sources, 0, passes, state, known)
    else:
        # what the bus holds, or better the planes it came from, if they are still as they were
        single = count(row[DESTINATIONS]) == 1 and state[BUS_SOURCES]
        sources = state[BUS_SOURCES] if single else 1 << READ_BUS
    # R12 first: R0 masks it as it was before the word
    for position in range(13):
        number = R12 - position
        if not row[DESTINATIONS] >> number & 1:
            continue
        if setting & ONE:
            set_to(number, 1, passes, state, known)
        else:
            logic(number, sources, 1 if setting & INVERTED else 0, passes, state, known)


@exactly
def neighbour(row: Row, passes: Table, state: Row, known: Row) -> None:  # noqa: PLR0912
    """A DNEWS word: one shift where one direction is known to be on and the others off."""
    sources, loads = row[SOURCES], row[DESTINATIONS]
    floats, edge = row[SETTING] & FLOATING, row[SETTING] & 1
    source = lowest(sources)
    if count(sources) > 1:
        logic(SCRATCH2, sources, 0, passes, state, known)
        known[SCRATCH2] = UNKNOWN
        source = SCRATCH2
    ones, unknowns, only = 0, 0, 0
    for direction in range(4):
        if known[1 + direction] == 1:
            ones, only = ones + 1, direction
        elif known[1 + direction] == UNKNOWN:
            unknowns += 1
    if not ones and not unknowns:
        for position in range(13):
            if loads >> (R12 - position) & 1:
                set_to(R12 - position, 0, passes, state, known)
        return
    single = count(loads) == 1 and (not loads >> R12 & 1 or known[R0] == 1) and not floats
    target = lowest(loads) if single else SCRATCH
    if ones == 1 and not unknowns:
        made = emit(passes, state, SHIFT, target, source, only)
        passes[made, OFFSET], passes[made, VALUE] = 1, edge
    else:
        target = target if single and not 30 >> target & 1 else SCRATCH
        made = emit(passes, state, NEIGHBOURS, target, source, NO_PLANE)
        passes[made, VALUE] = edge
        for direction in range(4):
            passes[made, VALUE] |= known[1 + direction] << (1 + 2 * direction)
    if floats:
        emit(passes, state, FLOAT_EDGE, target, NEWS, NO_PLANE)
    known[target] = UNKNOWN
    if target != SCRATCH:
        return
    for position in range(13):
        if loads >> (R12 - position) & 1:
            logic(R12 - position, 1 << SCRATCH, 0, passes, state, known)
