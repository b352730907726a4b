"""When each value of a segment is worked out: rows of bits at once, analog values in a loop over the row.

A row takes turns: first the digital values that depend on no analog ones of this row, then in one loop over
chunks of the row all analog values that those allow, then digital values that compare those, and so on. Turn
0, 2, 4, ... are digital, turn 1, 3, 5, ... are loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pixeltree_emu.array.fast.fused.graph import Graph, Plane, Value


@dataclass
class Schedule:
    """What a segment does with each row.

    Attributes:
        turns: of each value that somebody needs; what lies in memory has none.
        order: those values, in the order of the passes.
        stores: planes that must be in memory at the end, with their values.
        store_turns: of the analog ones.
        buffered: analog values that a later loop needs, or a shifted read: they go through memory.
        gates: digital values that gate analog ones, or come from them: they go through memory.
    """

    turns: dict[Value, int] = field(default_factory=dict)
    order: list[Value] = field(default_factory=list)
    stores: dict[Plane, Value] = field(default_factory=dict)
    store_turns: dict[Plane, int] = field(default_factory=dict)
    buffered: set[Value] = field(default_factory=set)
    gates: set[Value] = field(default_factory=set)

    @property
    def last_turn(self) -> int:
        """The last one in which anything happens."""
        return max([0, *self.turns.values(), *self.store_turns.values()])


def scheduled(graph: Graph, leaves: set[Plane]) -> Schedule:
    """The schedule of a segment that must leave some planes in memory."""
    made = Schedule(stores={plane: graph.planes[plane] for plane in sorted(graph.written & leaves)})
    needed = _needed(made.stores.values())
    made.order = [value for value in graph.made if value in needed and value.row is not None]
    for value in dict.fromkeys(made.order):
        made.turns[value] = _turn(value, made.turns)
    made.order = list(made.turns)
    _delay(made)
    for value in made.order:
        _note_uses(value, made)
    for plane, value in made.stores.items():
        if plane[0]:
            if value.compares:
                made.gates.add(value)
        else:
            turn = max(made.turns.get(value, 1), _free_from(plane, made))
            made.store_turns[plane] = turn
            if value.row is not None and turn > made.turns[value]:
                made.buffered.add(value)
    return made


def _needed(values: Iterator[Value] | object) -> set[Value]:
    """Values that others are made of, and those."""
    found: set[Value] = set()
    waiting = [*values]  # type: ignore[misc]
    while waiting:
        value = waiting.pop()
        if value not in found:
            found.add(value)
            waiting += value.inputs()
    return found


def _turn(value: Value, turns: dict[Value, int]) -> int:
    """The first turn in which a value can be had; all that it is made of has its own already."""
    if value.digital and not value.compares:
        return max([0, *(turns.get(other, 0) + other.compares for other in value.inputs())])
    turn = 1
    for source, rows, columns in value.sources:
        if source.row is not None:
            turn = max(turn, turns[source] + (2 if rows or columns else 0))
    if value.old is not None:
        turn = max(turn, turns.get(value.old, 1))
    if value.gate is not None:
        turn = max(turn, turns.get(value.gate, 0) + (not value.gate.compares))
    return turn


def _delay(made: Schedule) -> None:
    """What is written where a gate is open is worked out when somebody needs it, and not kept until then."""
    written = {value.whole for value in made.order}
    needed: dict[Value, int] = {}
    for value in reversed(made.order):
        if value in written:
            made.turns[value] = needed[value]
        turn = made.turns[value]
        for source, *_ in value.sources:
            needed[source] = min(turn, needed.get(source, turn))


def _note_uses(value: Value, made: Schedule) -> None:
    """Note what has to go through memory for a value."""
    turn = made.turns[value]
    if value.digital and not value.compares:
        made.gates |= {other for other in value.inputs() if other.compares}
        return
    if value.gate is not None and (not value.gate.compares or made.turns[value.gate] != turn):
        made.gates.add(value.gate)
    for source, rows, columns in value.sources:
        if source.row is not None and (rows or columns or made.turns[source] != turn):
            made.buffered.add(source)
    if value.old is not None and value.old.row is not None and made.turns[value.old] != turn:
        made.buffered.add(value.old)


def _free_from(plane: Plane, made: Schedule) -> int:
    """The first turn in which an analog plane may be overwritten: nobody reads what was there any more."""
    turn = 1
    for value in made.order:
        if value.digital and not value.compares:
            continue
        for source, rows, columns in value.sources:
            if source.in_memory and source.plane == plane and not rows:
                turn = max(turn, made.turns[value] + (2 if columns else 0))
        if value.old is not None and value.old.in_memory and value.old.plane == plane:
            turn = max(turn, made.turns[value])
    return turn
