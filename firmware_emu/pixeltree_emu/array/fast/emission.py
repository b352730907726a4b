"""Passes of a block as translation appends them, and what it keeps in mind from word to word."""

from __future__ import annotations

from pixeltree_emu.array.fast.compiled import Row, Table, exactly
from pixeltree_emu.array.fast.layout import FLAG
from pixeltree_emu.array.fast.passes import (
    CODE,
    DRAW,
    DST,
    ERROR,
    EXACT,
    MASK,
    NO_MASK,
    NO_PLANE,
    OFFSET,
    PLAIN,
    VALUE,
    VERSION,
    A,
    B,
    C,
    D,
)

UNKNOWN = 2
"""State of a digital plane that is not the same everywhere, as far as translation knows; else 0 or 1."""

# Entries of the scalar state
(
    COUNT,
    OPERANDS,
    FLAG_VERSION,
    NEWS_ZERO,
    SQUARE_DIVISOR,
    RESET_LEVEL,
    BOUNDARY,
    OWNER_GATES,
    BUS_SOURCES,
    NOISY,
    WORD,
) = range(11)
STATE_SIZE = 11

NEWS_UNKNOWN, NEWS_ZERO_GATED, NEWS_ZERO_EVERYWHERE = 0, 1, 2


@exactly
def emit(passes: Table, state: Row, code: int, dst: int, a: int, b: int) -> int:
    """Append a pass that is not gated; returns its row."""
    row: int = state[COUNT]
    state[COUNT] = row + 1
    passes[row, CODE], passes[row, DST], passes[row, A], passes[row, B] = code, dst, a, b
    passes[row, OFFSET], passes[row, MASK], passes[row, VALUE], passes[row, VERSION] = 0, NO_MASK, 0, 0
    passes[row, C], passes[row, D], passes[row, DRAW], passes[row, ERROR] = NO_PLANE, NO_PLANE, 0, EXACT
    return row


@exactly
def gated(passes: Table, state: Row, known: Row, code: int, dst: int, a: int, b: int, offset: int) -> int:
    """Append an analog pass that FLAG gates, unless FLAG is known to be 1 everywhere."""
    row = emit(passes, state, code, dst, a, b)
    passes[row, OFFSET] = offset
    passes[row, DRAW], passes[row, ERROR] = 16 * state[WORD] + dst, PLAIN if state[NOISY] else EXACT
    if known[FLAG] != 1:
        passes[row, MASK] = FLAG
        passes[row, VERSION] = state[FLAG_VERSION]
    return row


@exactly
def lowest(bits: int) -> int:
    """Number of the lowest set bit; -1 if none."""
    for number in range(32):
        if bits >> number & 1:
            return number
    return -1


@exactly
def count(bits: int) -> int:
    """How many bits are set."""
    total = 0
    while bits:
        bits &= bits - 1
        total += 1
    return total


@exactly
def wrote_flag(state: Row) -> None:
    """A new FLAG gates other PEs than the old one did."""
    state[FLAG_VERSION] += 1
    if state[NEWS_ZERO] == NEWS_ZERO_GATED:
        state[NEWS_ZERO] = NEWS_UNKNOWN
