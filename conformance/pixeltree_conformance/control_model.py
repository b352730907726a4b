"""Random programs with variables, loops and branches, and what each must answer.

A program is a tree here, and Python runs it as it would run its own loops; the device gets it as steps. The
array is one plane, R5, which the programs draw into and look at.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from pixeltree_conformance.model import SHAPE, Bits, pattern, rectangle
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.control_steps import (
    Answer,
    Else,
    End,
    If,
    LeaveIf,
    Part,
    Repeat,
    Set,
    Source,
    Take,
    Use,
)
from pixeltree_protocol.objects.step import Step, last_of

R5 = 5

_COMPARE = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)


@dataclass(frozen=True)
class Act:
    """A step, the operands that variables give it, and what of its read-out goes into variables."""

    step: Step
    uses: tuple[Use, ...] = ()
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True)
class Loop:
    """A Repeat with what is in it."""

    head: Act
    body: tuple[Node, ...]


@dataclass(frozen=True)
class Branch:
    """An If, what is in it, and what is in its Else, if it has one."""

    head: If
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] | None


Node = Act | Loop | Branch


def steps_of(nodes: Sequence[Node]) -> Iterator[Step]:
    """The steps of a tree."""
    for node in nodes:
        if isinstance(node, Act):
            yield from (*node.uses, node.step, *node.takes)
        elif isinstance(node, Loop):
            yield from (*node.head.uses, node.head.step)
            yield from steps_of(node.body)
            yield End()
        else:
            yield node.head
            yield from steps_of(node.body)
            if node.otherwise is not None:
                yield Else()
                yield from steps_of(node.otherwise)
            yield End()


def _number(value: int) -> int:
    return int(np.int64(value).astype(np.int32))


@dataclass
class Run:
    """A program that runs.

    Attributes:
        answers: read-outs that are answered, in order.
        variables: 0 at the beginning.
        plane: R5.
    """

    answers: list[bytes] = field(default_factory=list)
    variables: list[int] = field(default_factory=lambda: [0] * 8)
    plane: Bits = field(default_factory=lambda: np.zeros(SHAPE, np.bool_))

    def all(self, nodes: Sequence[Node]) -> bool:
        """Run nodes in their order; False where one of them leaves the loop that they stand in."""
        return all(self._goes_on(node) for node in nodes)

    def _goes_on(self, node: Node) -> bool:
        if isinstance(node, Act):
            return self._act(node)
        if isinstance(node, Loop):
            head = self._given(node.head)
            assert isinstance(head, Repeat)
            all(self.all(node.body) for _ in range(head.times))
            return True
        if self._holds(node.head):
            return self.all(node.body)
        return node.otherwise is None or self.all(node.otherwise)

    def _given(self, node: Act) -> Step:
        """A step with its variables, which are all of operands that are 0 at least."""
        names = [each.name for each in fields(node.step)]
        given = {
            names[use.operand]: max(
                0, min(self.variables[use.variable], getattr(node.step, names[use.operand]))
            )
            for use in node.uses
        }
        return replace(node.step, **given)

    def _holds(self, step: If | LeaveIf) -> bool:
        holds: bool = _COMPARE[step.relation](self.variables[step.variable], self._value(step))
        return holds

    def _value(self, step: Set | If | LeaveIf) -> int:
        return self.variables[step.value] if step.source == Source.VARIABLE else step.value

    def _act(self, node: Act) -> bool:
        """Do a step; False where it leaves the loop."""
        step = self._given(node)
        if isinstance(step, Set):
            old, value = self.variables[step.variable], self._value(step)
            new = (value, old + value, old - value, old * value, old // 2 ** (value % 32))
            self.variables[step.variable] = _number(new[step.operation])
        elif isinstance(step, LeaveIf):
            return not self._holds(step)
        elif isinstance(step, s.LoadRect):
            rows, columns = last_of(step.r0, step.r1), last_of(step.c0, step.c1)
            self.plane = rectangle(step.r0, step.c0, rows, columns)
        elif isinstance(step, s.LoadPattern):
            self.plane = pattern(step.r, step.c, step.rx, step.cx)
        else:
            data = self._read(step)
            for take in node.takes:
                self.variables[take.variable] = _taken(data, take)
            if not node.takes:
                self.answers.append(data)
        return True

    def _read(self, step: Step) -> bytes:
        if isinstance(step, Answer):
            return self.variables[step.variable].to_bytes(4, "little", signed=True)
        if isinstance(step, s.GlobalOr):
            return bytes([bool((self.plane & pattern(step.r, step.c, step.rx, step.cx)).any())])
        columns, rows = np.nonzero(self.plane.T)
        if isinstance(step, s.ScanBoundingBox):
            sides = (rows.min(), columns.min(), rows.max(), columns.max()) if len(rows) else (0, 0, 0, 0)
            return bytes(map(int, sides))
        assert isinstance(step, s.ScanEvents)
        pairs = np.stack([columns, rows], axis=1)[: step.max_num]
        return pairs.astype(np.uint8).tobytes().ljust(2 * step.max_num, b"\0")


def _taken(data: bytes, take: Take) -> int:
    if take.part == Part.EVENTS:
        return next(
            (at for at in range(len(data) // 2) if not any(data[2 * at : 2 * at + 2])), len(data) // 2
        )
    if take.part == Part.SUM:
        return sum(data[take.at :])
    size = {Part.BYTE: 1, Part.UINT16: 2, Part.INT32: 4}[Part(take.part)]
    part = (data + bytes(64))[take.at : take.at + size]
    return int.from_bytes(part, "little", signed=take.part == Part.INT32)


def random_program(dice: random.Random, nested: int = 3) -> tuple[Node, ...]:
    """A program; it begins with a plane of its own, and ends with all variables."""
    begin = Act(s.LoadRect(R5, *(dice.randrange(256) for _ in range(4))))
    return (
        begin,
        *_nodes(dice, nested, in_loop=False, least=4),
        *(Act(Answer(number)) for number in range(8)),
    )


def _nodes(dice: random.Random, nested: int, in_loop: bool, least: int = 0) -> tuple[Node, ...]:
    return tuple(_node(dice, nested, in_loop) for _ in range(dice.randint(least, least + 5)))


def _node(dice: random.Random, nested: int, in_loop: bool) -> Node:
    kind = dice.choice(("set", "set", "read", "read", "draw", "answer", "leave", "loop", "branch"))
    if kind == "loop" and nested:
        uses = (Use(0, dice.randrange(8)),) if dice.random() < 0.5 else ()
        return Loop(Act(Repeat(dice.randint(0, 3)), uses), _nodes(dice, nested - 1, in_loop=True))
    if kind == "branch" and nested:
        body = _nodes(dice, nested - 1, in_loop)
        otherwise = _nodes(dice, nested - 1, in_loop) if dice.random() < 0.5 else None
        return Branch(If(*_comparison(dice)), body, otherwise)
    if kind == "leave" and in_loop:
        return Act(LeaveIf(*_comparison(dice)))
    return _act(dice, kind)


def _act(dice: random.Random, kind: str) -> Act:
    if kind == "read":
        return _reading(dice)
    if kind == "draw":
        uses = tuple(Use(operand, dice.randrange(8)) for operand in (1, 2) if dice.random() < 0.5)
        form = s.LoadPattern if dice.random() < 0.5 else s.LoadRect
        return Act(form(R5, *(dice.randrange(256) for _ in range(4))), uses)
    if kind == "answer":
        return Act(Answer(dice.randrange(8)))
    return Act(Set(dice.randrange(8), dice.randrange(5), *_source(dice)))


def _source(dice: random.Random) -> tuple[int, int]:
    if dice.random() < 0.5:
        return Source.VARIABLE, dice.randrange(8)
    return Source.CONSTANT, dice.choice((0, 1, -1, 3, 200, -(1 << 31), (1 << 31) - 1, dice.randint(-9, 9)))


def _comparison(dice: random.Random) -> tuple[int, int, int, int]:
    return dice.randrange(8), dice.randrange(6), *_source(dice)


def _reading(dice: random.Random) -> Act:
    events = dice.choice((1, 2, 30, 32, 40, 700))
    row, column, rows, columns = (dice.randrange(256) for _ in range(4))
    step, size, uses = dice.choice(
        (
            (s.GlobalOr(R5, row, column, rows, columns), 1, ()),
            (s.ScanBoundingBox(R5), 4, ()),
            (s.ScanEvents(R5, events, 0, 0, 0), 2 * events, ()),
            (s.ScanEvents(R5, events, 0, 0, 0), 2 * events, (Use(1, dice.randrange(8)),)),
        )
    )
    parts = [Take(dice.randrange(8), Part.EVENTS, 0)] if isinstance(step, s.ScanEvents) else []
    for part, needed in ((Part.BYTE, 1), (Part.UINT16, 2), (Part.INT32, 4), (Part.SUM, 1)):
        if needed <= size <= 64:
            parts.append(Take(dice.randrange(8), part, dice.randint(0, size - needed)))
    taken = dice.sample(parts, dice.randint(0, min(3, len(parts))))
    return Act(step, tuple(uses), tuple(taken))
