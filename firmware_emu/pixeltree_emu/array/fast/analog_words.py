"""Words on the analog bus as passes: transfers, blur, squares and comparisons."""

from __future__ import annotations

from pixeltree_emu.array.fast.compiled import Row, Table, exactly
from pixeltree_emu.array.fast.emission import (
    BOUNDARY,
    FLAG_VERSION,
    NEWS_UNKNOWN,
    NEWS_ZERO,
    NEWS_ZERO_EVERYWHERE,
    NEWS_ZERO_GATED,
    NOISY,
    OPERANDS,
    OWNER_GATES,
    SQUARE_DIVISOR,
    UNKNOWN,
    WORD,
    count,
    emit,
    gated,
    lowest,
    wrote_flag,
)
from pixeltree_emu.array.fast.layout import (
    DISTANCES,
    FLAG,
    IN,
    NEWS,
    OPPOSITES,
    PORT_DIRECTIONS,
    SCRATCH,
    SUM_SCRATCH,
    XN,
)
from pixeltree_emu.array.fast.passes import (
    ADD,
    BLUR,
    COMPARE,
    COMPARE_ONE,
    COMPARE_TWO,
    COPY,
    DIVIDING,
    DRAW,
    ERROR,
    EXACT,
    FILL,
    MAGNITUDE,
    MASK,
    MOVE,
    NEGATE,
    NEGATE_SUM,
    NO_PLANE,
    OFFSET,
    PLAIN,
    SHIFT,
    SQUARE,
    SUBTRACT,
    SUM,
    VALUE,
    VERSION,
)
from pixeltree_emu.array.fast.records import (
    COMPARED,
    DESTINATIONS,
    FLAGGED,
    KIND,
    SETTING,
    SOURCES,
    SQUARED,
    TRANSFER,
)

_ALL_NEWS = 1 << NEWS | 15 << XN


@exactly
def port_offset(number: int) -> int:
    """Distance in bytes to the NEWS that a register number reads: 0 unless it is a port."""
    return DISTANCES[PORT_DIRECTIONS[number - XN]] if number >= XN else 0


@exactly
def push_offset(number: int) -> int:
    """Distance in bytes to the sender of what arrives through a port; 0 for other destinations."""
    return DISTANCES[OPPOSITES[PORT_DIRECTIONS[number - XN]]] if number >= XN else 0


@exactly
def may_shift(state: Row, known: Row, sources: int) -> bool:
    """Whether what these sources send through a port is what a shifted read of them gives."""
    return known[FLAG] == 1 and state[BOUNDARY] == 0 and not sources >> IN & 1


@exactly
def list_operands(state: Row, operands: Table, sources: int) -> int:
    """Append the planes and distances of sources to the operand list; returns where they begin."""
    first: int = state[OPERANDS]
    for number in range(13):
        if sources >> number & 1:
            operands[state[OPERANDS], 0] = NEWS if number >= XN else number
            operands[state[OPERANDS], 1] = port_offset(number)
            state[OPERANDS] += 1
    return first


@exactly
def wrote_news(state: Row, known: Row, zero: bool) -> None:
    """Keep track of whether NEWS is known to be 0."""
    if not zero or state[NOISY]:
        state[NEWS_ZERO] = NEWS_UNKNOWN
    elif known[FLAG] == 1:
        state[NEWS_ZERO] = NEWS_ZERO_EVERYWHERE
    elif state[NEWS_ZERO] == NEWS_UNKNOWN:
        state[NEWS_ZERO] = NEWS_ZERO_GATED


@exactly
def without_zero(state: Row, sources: int) -> int:
    """Sources without a NEWS that is 0 wherever this word writes."""
    if state[NEWS_ZERO] != NEWS_UNKNOWN:
        sources &= ~(1 << NEWS)
    if state[NEWS_ZERO] == NEWS_ZERO_EVERYWHERE and state[BOUNDARY] == 0:
        sources &= ~_ALL_NEWS
    return sources


@exactly
def word_pair(records: Table, index: int, passes: Table, state: Row, known: Row) -> bool:
    """bus(NEWS or port, s0[, s1]); bus(y, NEWS or port[, t]) as one pass each for NEWS and y."""
    if index + 1 >= records.shape[0] or records[index + 1, KIND] != TRANSFER:
        return False
    news, first = records[index, DESTINATIONS], records[index, SOURCES]
    y, second = records[index + 1, DESTINATIONS], records[index + 1, SOURCES]
    through, rest = second & _ALL_NEWS, second & ~_ALL_NEWS
    one_each = count(news) == 1 and count(y) == 1 and count(through) == 1
    if not one_each or not news & _ALL_NEWS or y & _ALL_NEWS:
        return False
    sources, others = count(first), count(rest)
    if sources not in (1, 2) or others > 1 or sources + others > 2:
        return False
    sent, read = push_offset(lowest(news)), port_offset(lowest(through))
    if sent + read == 0 and sent:
        return False
    if (sent or read) and not may_shift(state, known, first):
        return False
    a = lowest(first)
    b = lowest(first & (first - 1)) if sources == 2 else NO_PLANE
    gated(passes, state, known, NEGATE_SUM if sources == 2 else NEGATE, NEWS, a, b, sent)
    wrote_news(state, known, False)
    code = ADD if sources == 2 else SUBTRACT if others else MOVE
    b = lowest(rest) if others else b
    gated(passes, state, known, code, lowest(y), a, b, sent + read)
    return True


@exactly
def magnitude(records: Table, index: int, passes: Table, state: Row, known: Row) -> bool:
    """The six words of the abs macro as one pass for the result and one for NEWS."""
    if index + 6 > records.shape[0] or known[FLAG] != 1:
        return False
    news, x, y = 1 << NEWS, records[index + 2, SOURCES], records[index + 1, DESTINATIONS]
    for word, kind, destinations, sources in (
        (0, TRANSFER, news, 0),
        (1, TRANSFER, y, news | x),
        (2, TRANSFER, news, x),
        (3, COMPARED, 0, x),
        (4, TRANSFER, y, news),
        (5, FLAGGED, 0, 0),
    ):
        row = records[index + word]
        if row[KIND] != kind or row[DESTINATIONS] != destinations or row[SOURCES] != sources:
            return False
    if count(x) != 1 or count(y) != 1 or (x | y) & _ALL_NEWS:
        return False
    gated(passes, state, known, NEGATE, NEWS, lowest(x), NO_PLANE, 0)
    wrote_news(state, known, False)
    gated(passes, state, known, MAGNITUDE, lowest(y), lowest(x), NO_PLANE, 0)
    return True


@exactly
def deliver(destinations: int, passes: Table, state: Row, known: Row) -> None:
    """Write the sum in the scratch plane to its destinations, through ports where needed."""
    for number in range(13):
        if not destinations >> number & 1:
            continue
        error = EXACT if not state[NOISY] else DIVIDING if count(destinations) > 1 else PLAIN
        if number < XN:
            row = gated(passes, state, known, COPY, number, SUM_SCRATCH, NO_PLANE, 0)
            passes[row, ERROR] = error
            continue
        gate = FLAG
        if known[FLAG] != 1 and not state[OWNER_GATES]:
            gate = SCRATCH
            row = emit(passes, state, SHIFT, SCRATCH, FLAG, OPPOSITES[PORT_DIRECTIONS[number - XN]])
            passes[row, OFFSET], passes[row, VALUE] = 1, 1
        row = gated(passes, state, known, COPY, NEWS, SUM_SCRATCH, NO_PLANE, push_offset(number))
        passes[row, ERROR], passes[row, DRAW] = error, 16 * state[WORD] + number
        if known[FLAG] != 1:
            passes[row, MASK] = gate
            # gates of its own: no later write is known to cover the same PEs
            passes[row, VERSION] = -1 if gate == SCRATCH else state[FLAG_VERSION]


@exactly
def transfer(records: Table, index: int, passes: Table, operands: Table, state: Row, known: Row) -> None:
    """One word on the analog bus."""
    destinations = records[index, DESTINATIONS]
    sources = without_zero(state, records[index, SOURCES])
    dst, several = lowest(destinations), destinations & (destinations - 1)
    sent, total = push_offset(dst), count(sources)
    ports = sources & ~(1 << NEWS) & _ALL_NEWS
    simple = not several and total <= 2 and not (total == 2 and ports)
    simple = simple and (not sent or may_shift(state, known, sources))
    if simple:
        offset = sent + (port_offset(lowest(ports)) if ports else 0)
        plane = NEWS if dst >= XN else dst
        a = NEWS if ports else lowest(sources)
        b = lowest(sources & (sources - 1)) if total == 2 else NO_PLANE
        code = FILL if total == 0 else NEGATE if total == 1 else NEGATE_SUM
        made = gated(passes, state, known, code, plane, a, b, offset)
        passes[made, DRAW] += dst - plane
    else:
        divided = emit(passes, state, SUM, SUM_SCRATCH, list_operands(state, operands, sources), total)
        passes[divided, VALUE] = count(destinations)
        deliver(destinations, passes, state, known)
    if destinations & _ALL_NEWS:
        wrote_news(state, known, simple and total == 0)


@exactly
def listed(row: Row, code: int, dst: int, passes: Table, operands: Table, state: Row) -> int:
    """A pass over the sum of any number of sources."""
    sources = row[SOURCES]
    return emit(passes, state, code, dst, list_operands(state, operands, sources), count(sources))


@exactly
def diffuse(row: Row, passes: Table, operands: Table, state: Row, known: Row) -> None:
    """A blur word, or the squarer: into the scratch plane, then to the destination."""
    if row[KIND] == SQUARED:
        made = listed(row, SQUARE, SUM_SCRATCH, passes, operands, state)
        passes[made, VALUE] = state[SQUARE_DIVISOR]
    else:
        source = lowest(row[SOURCES])
        made = emit(passes, state, BLUR, SUM_SCRATCH, NEWS if source >= XN else source, NO_PLANE)
        passes[made, OFFSET], passes[made, VALUE] = port_offset(source), row[SETTING]
    deliver(row[DESTINATIONS], passes, state, known)
    if row[DESTINATIONS] & _ALL_NEWS:
        wrote_news(state, known, False)


@exactly
def compare(row: Row, passes: Table, operands: Table, state: Row, known: Row) -> None:
    """FLAG := sum > 0."""
    sources = row[SOURCES]
    total, ports = count(sources), sources & ~(1 << NEWS) & _ALL_NEWS
    if ports or total > 2:
        listed(row, COMPARE, FLAG, passes, operands, state)
    elif total == 2:
        emit(passes, state, COMPARE_TWO, FLAG, lowest(sources), lowest(sources & (sources - 1)))
    else:
        emit(passes, state, COMPARE_ONE, FLAG, lowest(sources), NO_PLANE)
    known[FLAG] = UNKNOWN
    wrote_flag(state)
