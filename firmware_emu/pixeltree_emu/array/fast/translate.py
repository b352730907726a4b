"""From words to passes: what a block does, said in as few passes over planes as the words allow.

Runs compiled, because a block of 1,024 words must be ready within milliseconds. Only planes at the end of a
block can be observed, so a pair of words that goes through NEWS becomes one pass for its result and one for
NEWS; ``optimize`` then drops passes whose result nobody reads.
"""

from __future__ import annotations

from pixeltree_emu.array.fast.compiled import Row, Table, entry, exactly
from pixeltree_emu.array.fast.layout import (
    DIGITAL_PLANES,
    DISTANCES,
    FLAG,
    IN,
    NEWS,
    OPPOSITES,
    PIX,
    PORT_DIRECTIONS,
    R0,
    R12,
    READ_BUS,
    RECT,
    SCRATCH,
    SCRATCH2,
    SELECT,
    SUM_SCRATCH,
    XN,
)
from pixeltree_emu.array.fast.passes import (
    ADD,
    BLUR,
    CODE,
    COMPARE,
    COMPARE_ONE,
    COMPARE_TWO,
    COPY,
    DIVIDING,
    DRAW,
    DST,
    ERROR,
    EXACT,
    FILL,
    FLOAT_EDGE,
    FLOOD,
    LAST_ANALOG,
    MAGNITUDE,
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
from pixeltree_emu.array.fast.records import (
    COMPARED,
    DESTINATIONS,
    DIFFUSE,
    DRIVEN,
    FLAGGED,
    FLOATING,
    FLOODED,
    HALF,
    INVERTED,
    KIND,
    LOGIC,
    NEIGHBOUR,
    ONE,
    PRECHARGE,
    RECTANGLE,
    RESET_PIXEL,
    SELECTED,
    SETTING,
    SOURCES,
    SQUARED,
    TRANSFER,
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

_ALL_NEWS = 1 << NEWS | 15 << XN


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
def wrote_flag(state: Row) -> None:
    """A new FLAG gates other PEs than the old one did."""
    state[FLAG_VERSION] += 1
    if state[NEWS_ZERO] == NEWS_ZERO_GATED:
        state[NEWS_ZERO] = NEWS_UNKNOWN


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
