"""The calls of the simulation protocol as steps of the controller (SCAMP-5 fact sheet, sections 6 and 6.1).

One table says for each opcode which registers it names, which step it is, and how many bytes it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.step import Step, last_of
from pixeltree_protocol.vendor.simulation import Opcode

MOST_EVENTS = 10_000
"""As the vendor's simulation clamps them (CONFLICT A.3: its headers say 4,000)."""

_MOST_ITERATIONS = 255
_DACS = 4095

Arguments = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        analog, digital: places of register indices among the arguments.
        step: makes the step, given the arguments, with numbers of AREGs and DREGs in place of indices.
        size: bytes of the answer, given the arguments; None where nothing is returned.
        writes: whether a register that it names is written.
    """

    analog: tuple[int, ...]
    digital: tuple[int, ...]
    step: Callable[[Arguments], Step]
    size: Callable[[Arguments], int] | None = None
    writes: bool = False


def _byte(value: int) -> int:
    """Rows, columns and masks are uint8 in the vendor's API, and wrap."""
    return value & 0xFF


def _bytes(arguments: Arguments) -> tuple[int, ...]:
    return tuple(value & 0xFF for value in arguments)


def _between(value: int, most: int) -> int:
    return max(0, min(most, value))


def _pattern(step: Any, at: int = 1) -> Callable[[Arguments], Step]:  # noqa: ANN401 - a class of steps
    """A step with a DREG or AREG and four bytes."""

    def make(arguments: Arguments) -> Step:
        made: Step = step(arguments[at - 1], *_bytes(arguments[at : at + 4]))
        return made

    return make


def grid(r0: int, c0: int, r1: int, c1: int, rs: int, cs: int) -> tuple[int, ...]:
    """Corners and steps of a grid that a program asks for: an end before its start stands for the edge."""
    r0, c0, r1, c1 = (value & 0xFF for value in (r0, c0, r1, c1))
    return r0, c0, last_of(r0, r1), last_of(c0, c1), max(1, rs), max(1, cs)


def _scan_areg(arguments: Arguments) -> Step:
    areg, _, r0, c0, r1, c1, rs, cs = arguments
    return s.ScanAreg(areg, *grid(r0, c0, r1, c1, rs, cs))


def _scan_size(arguments: Arguments) -> int:
    _, _, r0, c0, r1, c1, rs, cs = arguments
    r0, c0, r1, c1, rs, cs = grid(r0, c0, r1, c1, rs, cs)
    return len(range(r0, r1 + 1, rs)) * len(range(c0, c1 + 1, cs))


def _events(row_first: int) -> Call:
    """``dreg, max, h, v``. Which order SCAN_EVENTS itself gives: (column, row), as by default (1.1)."""
    return Call(
        (),
        (0,),
        lambda a: s.ScanEvents(a[0], _between(a[1], MOST_EVENTS), row_first, bool(a[2]), bool(a[3])),
        lambda a: 2 * _between(a[1], MOST_EVENTS),
    )


def _rows(arguments: Arguments) -> range:
    first, last = _byte(arguments[1]), _byte(arguments[2])
    return range(first, last_of(first, last) + 1)


@dataclass(frozen=True)
class ScanRows(Step):
    """``scamp5_scan_dreg``: rows of a DREG, 32 bytes each."""

    dreg: int
    first: int
    last: int


def _size(count: int) -> Callable[[Arguments], int]:
    return lambda _: count


CALLS: dict[int, Call] = {
    Opcode.DAC_IN: Call((), (), lambda a: s.SetDac(_between(a[0], _DACS))),
    Opcode.LOAD_POINT: Call(
        (), (2,), lambda a: s.LoadPattern(a[2], _byte(a[0]), _byte(a[1]), 0, 0), writes=True
    ),
    Opcode.LOAD_RECT: Call((), (4,), lambda a: s.LoadRect(a[4], *_bytes(a[:4])), writes=True),
    Opcode.LOAD_PATTERN: Call((), (4,), lambda a: s.LoadPattern(a[4], *_bytes(a[:4])), writes=True),
    Opcode.READ_AREG: Call((0,), (), lambda a: s.ReadAreg(a[0], _byte(a[2]), _byte(a[3])), _size(1)),
    Opcode.SCAN_AREG: Call((0,), (), _scan_areg, _scan_size),
    Opcode.SCAN_AREG_MEAN: Call((0,), (), lambda a: s.ScanAregMean8x8(a[0]), _size(64)),
    Opcode.SCAN_DREG: Call(
        (), (0,), lambda a: ScanRows(a[0], _rows(a).start, _rows(a).stop - 1), lambda a: 32 * len(_rows(a))
    ),
    Opcode.SCAN_EVENTS: _events(0),
    Opcode.SCAN_EVENTS_RC: _events(1),
    Opcode.SCAN_EVENTS_CR: _events(0),
    Opcode.SCAN_AABB: Call((), (0,), lambda a: s.ScanBoundingBox(a[0]), _size(4)),
    Opcode.GLOBAL_OR: Call((), (0,), _pattern(s.GlobalOr), _size(1)),
    Opcode.GLOBAL_COUNT: Call(
        (1,), (0,), lambda a: s.GlobalCount(a[0], a[1], int(bool(a[2]))), _size(2), writes=True
    ),
    Opcode.SUM_16: Call((0,), (), lambda a: s.GlobalSum16(a[0]), _size(16)),
    Opcode.SUM_64: Call((0,), (), lambda a: s.GlobalSum64(a[0]), _size(64)),
    Opcode.SUM_FAST: Call((0,), (), lambda a: s.GlobalSumFast(a[0]), _size(1)),
    Opcode.SUM_SPARSE: Call((0,), (), _pattern(s.GlobalSumSparse), _size(1)),
    Opcode.SUM_REGION: Call((0,), (), _pattern(s.GlobalSumRegion), _size(1)),
    Opcode.FLOOD: Call(
        (),
        (0, 1),
        lambda a: s.Flood(a[0], a[1], a[2] & 1, _between(a[3], _MOST_ITERATIONS), int(bool(a[4]))),
        writes=True,
    ),
    Opcode.DIFFUSE: Call(
        (0, 4),
        (),
        lambda a: s.Diffuse(a[0], _between(a[1], _MOST_ITERATIONS), int(bool(a[2])), int(bool(a[3])), a[4]),
        writes=True,
    ),
}
"""Calls that are one step of the controller. Those that show planes, or are about time, are the program's."""
