"""From words to passes: what a block does, said in as few passes over planes as the words allow.

Runs compiled, because a block of 1,024 words must be ready within milliseconds. Only planes at the end of a
block can be observed, so a pair of words that goes through NEWS becomes one pass for its result and one for
NEWS; ``optimize`` then drops passes whose result nobody reads.
"""

from __future__ import annotations

from pixeltree_emu.array.fast.analog_words import compare, diffuse, magnitude, transfer, word_pair
from pixeltree_emu.array.fast.compiled import Row, Table, entry, exactly
from pixeltree_emu.array.fast.digital_words import local, logic, neighbour, set_to
from pixeltree_emu.array.fast.emission import (
    BUS_SOURCES,
    COUNT,
    NOISY,
    RESET_LEVEL,
    UNKNOWN,
    WORD,
    emit,
    wrote_flag,
)
from pixeltree_emu.array.fast.layout import FLAG, IN, PIX, R0, R12, RECT, SELECT
from pixeltree_emu.array.fast.passes import (
    CODE,
    DST,
    FILL,
    FLOOD,
    LAST_ANALOG,
    NO_PLANE,
    SELECT_PATTERN,
    SELECT_RECTANGLE,
    VALUE,
)
from pixeltree_emu.array.fast.records import (
    COMPARED,
    DESTINATIONS,
    DIFFUSE,
    DRIVEN,
    FLAGGED,
    FLOODED,
    HALF,
    KIND,
    LOGIC,
    NEIGHBOUR,
    PRECHARGE,
    RECTANGLE,
    RESET_PIXEL,
    SELECTED,
    SETTING,
    SOURCES,
    SQUARED,
    TRANSFER,
)


@exactly
def step(records: Table, index: int, passes: Table, operands: Table, state: Row, known: Row) -> int:  # noqa: PLR0912 - one branch a kind
    """Translate the word at ``index``, with those after it where they belong together; returns how many."""
    row = records[index]
    kind = row[KIND]
    if kind == TRANSFER:
        # with errors, every write is one of its own
        if not state[NOISY] and magnitude(records, index, passes, state, known):
            return 6
        if not state[NOISY] and word_pair(records, index, passes, state, known):
            return 2
        transfer(records, index, passes, operands, state, known)
    elif kind == LOGIC:
        local(row, passes, state, known)
    elif kind == NEIGHBOUR:
        neighbour(row, passes, state, known)
    elif kind == FLAGGED:
        before = known[FLAG]
        if row[SOURCES]:
            logic(FLAG, row[SOURCES], 0, passes, state, known)
        else:
            set_to(FLAG, 1, passes, state, known)
        if known[FLAG] == UNKNOWN or known[FLAG] != before:
            wrote_flag(state)
    elif kind == COMPARED:
        compare(row, passes, operands, state, known)
    elif kind == FLOODED:
        made = emit(passes, state, FLOOD, R12, NO_PLANE, NO_PLANE)
        passes[made, VALUE] = row[SETTING] & 1
        known[R12] = UNKNOWN
    elif kind == RESET_PIXEL:
        made = emit(passes, state, FILL, PIX, NO_PLANE, NO_PLANE)
        passes[made, VALUE] = state[RESET_LEVEL]
    elif kind in (SELECTED, RECTANGLE):
        code = SELECT_PATTERN if kind == SELECTED else SELECT_RECTANGLE
        for plane in (SELECT, RECT):
            emit(passes, state, code, plane, row[DESTINATIONS], row[SOURCES])
            known[plane] = UNKNOWN
    elif kind == DRIVEN:
        made = emit(passes, state, FILL, IN, NO_PLANE, NO_PLANE)
        passes[made, VALUE] = row[SETTING]
    elif kind in (DIFFUSE, SQUARED):
        diffuse(row, passes, operands, state, known)
    return 1


@exactly
def follow_bus(row: Row, first: int, passes: Table, state: Row) -> None:
    """Keep BUS_SOURCES: planes whose OR the read bus holds, or 0 once one of them has changed."""
    changed = 0
    for index in range(first, state[COUNT]):
        if passes[index, CODE] > LAST_ANALOG:
            changed |= 1 << passes[index, DST]
    if row[KIND] == LOGIC and row[SETTING] & PRECHARGE:
        state[BUS_SOURCES] = row[SOURCES]
    if changed & state[BUS_SOURCES]:
        state[BUS_SOURCES] = 0


@entry
def translate(records: Table, passes: Table, operands: Table, state: Row, known: Row) -> None:
    """Translate a block.

    Args:
        records: int64 (words, 4), from ``records``.
        passes: int64 (capacity, 10), filled from row 0.
        operands: int64 (capacity, 2), planes and distances of long sums.
        state: the scalars above; counts start at 0.
        known: int64 (digital planes), 0 or 1 where a plane is known to be that everywhere, else 2.
    """
    index = 0
    while index < records.shape[0]:
        first = state[COUNT]
        taken = step(records, index, passes, operands, state, known)
        follow_bus(records[index], first, passes, state)
        is_word = records[index, KIND] < SELECTED and not records[index, SETTING] & HALF
        state[WORD] += taken if is_word else 0
        index += taken


@entry
def steering_planes(records: Table) -> int:
    """Bit set of the planes whose state, when a block starts, its passes depend on.

    R0 where R12 is loaded, R1 to R4 where neighbours are read, FLAG where an analog plane is written, unless
    the block writes them first.
    """
    wanted, written = 0, 0
    for index in range(records.shape[0]):
        kind, loads = records[index, KIND], records[index, DESTINATIONS]
        if kind in (TRANSFER, DIFFUSE, SQUARED):
            wanted |= 1 << FLAG & ~written
        elif kind in (FLAGGED, COMPARED):
            written |= 1 << FLAG
        elif kind in (LOGIC, NEIGHBOUR):
            if loads >> R12 & 1:
                wanted |= 1 << R0 & ~written
            if kind == NEIGHBOUR:
                wanted |= 30 & ~written
            written |= loads & 31
    return wanted
