"""What the passes of a segment compute from what lies in memory: a graph of values, each written once.

A value belongs to one row of the array, the one in hand. A digital value of another row is worked out anew
from what it is made of, as long as that is little; a segment ends where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pixeltree_emu.array.fast.layout import EAST, NORTH, ROW_BYTES, SOUTH, WEST
from pixeltree_emu.array.fast.passes import (
    CODE,
    COLUMNS,
    COMPARE_TWO,
    COMPARISONS,
    COPY,
    DST,
    FILL,
    LAST_ANALOG,
    MASK,
    NEIGHBOURS,
    NO_MASK,
    NO_PLANE,
    NOR,
    OFFSET,
    ONE_SOURCE,
    OR,
    SELECTIONS,
    SET_TO,
    SHIFT,
    SUBTRACT,
    TWO_SOURCES,
    VALUE,
    A,
    B,
    C,
    D,
)

FUSED = ONE_SOURCE | TWO_SOURCES | COMPARISONS | SELECTIONS | {FILL, SET_TO, OR, NOR, SHIFT, NEIGHBOURS}
"""Kinds of passes that segments can have. The others are run as ever, between segments."""

MOST = 320
"""Passes of a segment: the time to compile one grows faster than its length."""
_MOST_ANEW = 20
"""Values that may be worked out anew for another row; to begin a new segment costs as much."""
_TOO_MANY = 1 << 20

_STEPS = {NORTH: -1, SOUTH: 1, EAST: 0, WEST: 0}

Plane = tuple[bool, int]
"""Whether it is a digital plane, and its number."""


@dataclass(frozen=True, eq=False)
class Value:
    """A row of a plane at some point of a segment; compared by identity.

    Attributes:
        plane: where it is written to, or lies in memory.
        row: the pass that makes it, with the numbers of ``passes``; None for what lies in memory, and for
            constants.
        constant: what it is everywhere, if it is a constant.
        sources: what it is made of: the value, rows below, and bytes to the right.
        gate: where it is written; None for everywhere.
        old: what is left elsewhere.
    """

    plane: Plane
    row: tuple[int, ...] | None = None
    constant: int | None = None
    sources: tuple[Source, ...] = ()
    gate: Value | None = None
    old: Value | None = None

    @property
    def digital(self) -> bool:
        """Whether it has a bit for each PE."""
        return self.plane[0]

    @property
    def in_memory(self) -> bool:
        """Whether it is what a plane held when the segment began."""
        return self.row is None and self.constant is None

    @property
    def code(self) -> int | None:
        """Kind of its pass."""
        return None if self.row is None else self.row[CODE]

    @property
    def compares(self) -> bool:
        """Whether it is digital and made of analog values."""
        return self.code in COMPARISONS

    @property
    def whole(self) -> Value | None:
        """Of an analog value that is written where a gate is open: what would be written everywhere."""
        return None if self.digital or self.gate is None else self.sources[0][0]

    def inputs(self) -> Iterator[Value]:
        """All values that it is made of."""
        for source in self.sources:
            yield source[0]
        if self.gate is not None:
            yield self.gate
        if self.old is not None:
            yield self.old


Source = tuple[Value, int, int]


class Graph:
    """The values of one segment.

    Args:
        constants: planes that are the same everywhere when it begins.

    Attributes:
        planes: the value that each plane has by now.
        initial: values in memory that are read.
        downward: whether rows go from 0 on; else back from the last one.
        passes: how many it has taken.
        written: planes that it writes.
        made: all values, in order.
    """

    def __init__(self, constants: dict[Plane, int]) -> None:
        self.planes: dict[Plane, Value] = {
            plane: Value(plane, constant=value) for plane, value in constants.items()
        }
        self.initial: dict[Plane, Value] = {}
        self.downward = True
        self.passes = 0
        self.written: set[Plane] = set()
        self.made: list[Value] = []
        self._above: set[Plane] = set()
        self._below: set[Plane] = set()
        self._seen: set[tuple[Value, int]] = set()

    def take(self, row: tuple[int, ...]) -> bool:
        """Add a pass; False, with nothing changed, if it needs a segment of its own."""
        if self.passes >= MOST:
            return False
        plane = row[CODE] > LAST_ANALOG, row[DST]
        value = self._made(row, plane)
        read: set[tuple[Value, int]] = set()
        sources = (value.whole or value).sources
        cost = sum(self._cost(source, rows, read) for source, rows, _ in sources)
        if cost > _MOST_ANEW or any(rows and not _movable(source) for source, rows, _ in sources):
            return False
        above, below = set(self._above), set(self._below)
        for source, rows in read:
            # the row before of a digital plane is kept in a register
            if source.in_memory and abs(rows) > source.digital:
                (above if rows < 0 else below).add(source.plane)
        written = self.written | {plane}
        if above & written and below & written:
            return False
        self._above, self._below, self.written = above, below, written
        if value.whole is not None:
            self.made.append(value.whole)
        self.made.append(value)
        self.downward = not above & written
        self._seen |= read
        self.planes[plane] = value
        self.passes += 1
        return True

    def constants(self) -> dict[Plane, int]:
        """Planes that are the same everywhere by now."""
        return {plane: value.constant for plane, value in self.planes.items() if value.constant is not None}

    def before(self, plane: Plane) -> Value:
        """What a plane holds by now."""
        value = self.planes.get(plane)
        if value is None:
            value = self.initial.get(plane)
            if value is None:
                value = self.initial[plane] = Value(plane)
        return value

    def _moved(self, plane: Plane, rows: int, columns: int) -> Source:
        """A plane as neighbours see it; beyond the edge of a constant analog plane lies something else."""
        value = self.before(plane)
        level = value.constant
        if (rows or columns) and level is not None and not value.digital:
            if plane not in self.written:
                value = self.initial.setdefault(plane, Value(plane))
            else:
                value = Value(plane, row=_filling(plane[1], level))
                self.made.append(value)
        return value, rows, columns

    def _cost(self, value: Value, rows: int, read: set[tuple[Value, int]]) -> int:
        """Values that must be worked out to have this one of a row that many rows below."""
        if (value, rows) in self._seen or (value, rows) in read:
            return 0
        read.add((value, rows))
        if not rows or value.row is None:
            return 0
        if not _movable(value):
            return _TOO_MANY
        total = 1
        for source, further, _ in value.sources:
            total += self._cost(source, rows + further, read)
        for other in (value.gate, value.old):
            if other is not None:
                total += self._cost(other, rows, read)
        return total

    def _made(self, row: tuple[int, ...], plane: Plane) -> Value:
        """The value that a pass makes."""
        gate = old = None
        if row[MASK] != NO_MASK:
            gate, old = self.before((True, row[MASK])), self.before(plane)
            if gate.constant == 1:
                gate = old = None
        if row[CODE] in (FILL, SET_TO) and gate is None and row[-1] == 0:
            return Value(plane, constant=row[VALUE])
        sources = tuple(self._sources(row))
        if row[CODE] == OR and gate is None and len(sources) == 1:
            return _named(sources[0][0], plane)
        if row[CODE] == SHIFT:
            row, sources = _joined(row, sources)
        if gate is None or plane[0]:
            return Value(plane, row, None, sources, gate, old)
        whole = Value(plane, row, None, tuple(_where_open(source, gate) for source in sources))
        return Value(plane, _copying(plane[1]), None, ((whole, 0, 0),), gate, old)

    def _sources(self, row: tuple[int, ...]) -> Iterator[Source]:
        code = row[CODE]
        if code in ONE_SOURCE or code in TWO_SOURCES:
            rows = (row[OFFSET] + ROW_BYTES // 2) // ROW_BYTES
            columns = row[OFFSET] - rows * ROW_BYTES
            yield self._moved((False, row[A]), rows, columns)
            if code == SUBTRACT:
                yield self._moved((False, row[B]), 0, 0)
            elif code in TWO_SOURCES:
                yield self._moved((False, row[B]), rows, columns)
        elif code in COMPARISONS:
            yield self._moved((False, row[A]), 0, 0)
            if code == COMPARE_TWO:
                yield self._moved((False, row[B]), 0, 0)
        elif code in (OR, NOR):
            for column in (A, B, C, D):
                if row[column] != NO_PLANE:
                    yield self._moved((True, row[column]), 0, 0)
        elif code == SHIFT:
            yield self._moved((True, row[A]), _STEPS[row[B]] * row[OFFSET], 0)
        elif code == NEIGHBOURS:
            yield from self._neighbours(row)

    def _neighbours(self, row: tuple[int, ...]) -> Iterator[Source]:
        """For each direction in use, what is seen there; and what enables it, where that is asked."""
        for direction in range(4):
            use = row[VALUE] >> (1 + 2 * direction) & 3
            if use:
                yield self._moved((True, row[A]), _STEPS[direction], 0)
            if use == 2:
                yield self._moved((True, 1 + direction), 0, 0)


def _movable(value: Value) -> bool:
    """Whether it can be had of another row."""
    if not value.digital:
        return value.in_memory
    return not value.compares


def _where_open(source: Source, gate: Value) -> Source:
    """A source as PEs see it where a gate is open: what the same gate has let in was written there."""
    value, rows, columns = source
    if rows or columns or value.whole is None or value.gate is not gate:
        return source
    return value.whole, 0, 0


def _named(value: Value, plane: Plane) -> Value:
    """The same value as what another plane holds; constants are written under the plane's own name."""
    return value if value.constant is None else Value(plane, constant=value.constant)


def _filling(plane: int, level: int) -> tuple[int, ...]:
    """A pass that fills a plane."""
    return _exact(FILL, plane, level)


def _copying(plane: int) -> tuple[int, ...]:
    """A pass that writes what was worked out before."""
    return _exact(COPY, plane, 0)


def _exact(code: int, plane: int, value: int) -> tuple[int, ...]:
    row = [0] * COLUMNS
    row[CODE], row[DST], row[VALUE] = code, plane, value
    row[A], row[B], row[MASK] = NO_PLANE, NO_PLANE, NO_MASK
    return tuple(row)


def _joined(row: tuple[int, ...], sources: tuple[Source, ...]) -> tuple[tuple[int, ...], tuple[Source, ...]]:
    """A shift of a shift in the same direction, with the same beyond the edge, is one."""
    source = sources[0][0]
    before = source.row
    if before is None or before[CODE] != SHIFT or before[B] != row[B] or before[VALUE] != row[VALUE]:
        return row, sources
    pixels = row[OFFSET] + before[OFFSET]
    made = (*row[:OFFSET], pixels, *row[OFFSET + 1 :])
    return made, ((source.sources[0][0], _STEPS[row[B]] * pixels, 0),)
