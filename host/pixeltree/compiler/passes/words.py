"""Second pass: operations on planes become instruction words on planes, and controller steps stay.

Per tap: one OR of the weight's cubes, three NORs to find where input and weight differ, one WHERE over both
ways to differ, and two gated analog words; see docs/reference/compiler.md for why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Operand, Operation, Plane, Word
from pixeltree_protocol.chip.registers import Analog, Digital, Direction

NEWS, IN = Analog.NEWS, Analog.IN

_CHUNK = 64
"""Pixels of a shift block, at most."""

_REFRESH = 2
"""Pixels that content moves by DNEWS alone before a MOV restores its levels: the default of the vendor's own
shift (fact sheet 4.2); longer chains make noise (7)."""


def select_words(unit: ir.Unit) -> None:
    """Replace every operation on planes by its words."""
    for section in unit.sections:
        words: list[Operation] = []
        for operation in section.operations:
            if isinstance(operation, ir.Shift):
                words += _shift(operation, unit.longest_in_line)
                continue
            rule = _RULES.get(type(operation))
            words += rule(operation) if rule else [operation]
        section.operations = words


def word(mnemonic: str, destinations: tuple[Operand, ...] = (), *sources: Operand) -> Word:
    """An instruction word."""
    return Word(mnemonic, destinations, sources)


def _copy(op: ir.Copy) -> list[Operation]:
    return [word("MOV", (op.target,), op.source)]


def _clear(op: ir.ClearPlanes) -> list[Operation]:
    return [word("CLR", op.planes)]


def _shift(op: ir.Shift, longest_in_line: int) -> list[Operation]:
    """Through a second register, restored by a MOV after every ``_REFRESH`` pixels at the latest.

    The content moves away from the neighbour that is read.
    """
    result: list[Operation] = []
    for count, forward, backward in (
        (op.down, Direction.NORTH, Direction.SOUTH),
        (op.right, Direction.WEST, Direction.EAST),
    ):
        if not count:
            continue
        result.append(ir.SetDirection(forward if count > 0 else backward))
        chunks, rest = divmod(abs(count), _CHUNK)
        if chunks:
            result.append(ir.Repeat(chunks, _pixels(op.plane, _CHUNK)))
        if rest > longest_in_line:
            result.append(ir.Repeat(1, _pixels(op.plane, rest)))
        else:
            result += _pixels(op.plane, rest)
    return result


def _pixels(plane: Plane, count: int) -> tuple[Word, ...]:
    """Words that move a plane by so many pixels; it is in its own register again at the end.

    Two pixels and a MOV end in the other register, so that four pixels take six words; single ones take two.
    """
    through = Plane("through")
    pixel = (word("DNEWS0", (through,), plane), word("MOV", (plane,), through))
    there = (
        word("DNEWS0", (through,), plane),
        word("DNEWS0", (plane,), through),
        word("MOV", (through,), plane),
    )
    back = (
        word("DNEWS0", (plane,), through),
        word("DNEWS0", (through,), plane),
        word("MOV", (plane,), through),
    )
    return (*there, *back) * (count // (2 * _REFRESH)) + pixel * (count % (2 * _REFRESH))


def _union(target: Plane, planes: tuple[Plane, ...]) -> Word:
    return word("OR", (target,), *planes)


def _add_tap(op: ir.AddTap) -> list[Operation]:
    weight, neither = Plane("w"), Plane("neither")
    first, second = op.cubes[:2]
    return [
        _union(weight, op.cubes),
        word("NOR", (neither,), op.x, weight),
        word("NOR", (first,), op.x, neither, *op.absent),  # weight but no input
        word("NOR", (second,), weight, neither, *op.absent),  # input but no weight
        word("WHERE", (), first, second),
        *_add_in(op.total, op.adds),
    ]


def _add_in(total: Plane, adds: bool) -> list[Operation]:
    """Total := total +- IN, where FLAG is 1."""
    if adds:
        return [word("bus", (NEWS,), total, IN), word("bus", (total,), NEWS)]
    return [word("bus", (NEWS,), total), word("bus", (total,), NEWS, IN)]


def _clear_sum(op: ir.ClearSum) -> list[Operation]:
    return [word("all"), word("bus", (NEWS,)), word("bus", (op.total,), NEWS)]


def _bias_digit(op: ir.BiasDigit) -> list[Operation]:
    weight = Plane("w")
    if op.adds:
        return [_union(weight, op.cubes), word("WHERE", (), weight), *_add_in(op.bias, True)]
    dark = Plane("dark")
    return [
        _union(weight, op.cubes),
        word("NOT", (dark,), weight),
        word("WHERE", (), dark),
        *_add_in(op.bias, False),
    ]


def _compare(op: ir.Compare) -> list[Operation]:
    return [word("where", (), *op.totals), word("MOV", (op.target,), Digital.FLAG)]


def _merge(op: ir.Merge) -> list[Operation]:
    both = Plane("both")
    return [word("OR", (both,), op.target, op.source), word("MOV", (op.target,), both)]


def _unite(op: ir.Union) -> list[Operation]:
    if op.target not in op.sources:
        return [
            _union(op.target, op.sources) if len(op.sources) > 1 else word("MOV", (op.target,), *op.sources)
        ]
    result: list[Operation] = []
    for source in op.sources:
        if source is not op.target:
            result += _merge(ir.Merge(op.target, source))
    return result


def _keep(op: ir.Keep) -> list[Operation]:
    return _drop_all(op.plane, [word("NOT", (kept := Plane("kept"),), op.selection)], (kept,))


def _drop(op: ir.Drop) -> list[Operation]:
    return _drop_all(op.plane, [], op.others)


def _drop_all(plane: Plane, before: list[Operation], others: tuple[Plane, ...]) -> list[Operation]:
    inverse = Plane("inverse")
    return [*before, word("NOT", (inverse,), plane), word("NOR", (plane,), inverse, *others)]


_RULES: dict[type[Operation], Callable[[Any], list[Operation]]] = {
    ir.Copy: _copy,
    ir.ClearPlanes: _clear,
    ir.AddTap: _add_tap,
    ir.ClearSum: _clear_sum,
    ir.BiasDigit: _bias_digit,
    ir.Compare: _compare,
    ir.Merge: _merge,
    ir.Union: _unite,
    ir.Keep: _keep,
    ir.Drop: _drop,
}
