"""Fourth pass: R1-R4 are set where a shift needs another direction than they hold."""

from __future__ import annotations

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Operation, Word
from pixeltree_protocol.chip.registers import DIRECTION_REGISTER, Digital, Direction

_REGISTERS = tuple(DIRECTION_REGISTER.values())


def set_directions(unit: ir.Unit) -> None:
    """Replace every SetDirection by the words it takes: none where R1-R4 are right already."""
    seen: Direction | None = None
    for section in unit.sections:
        result: list[Operation] = []
        for operation in section.operations:
            if isinstance(operation, ir.SetDirection):
                result += _turn(seen, operation.direction)
                seen = operation.direction
                continue
            result.append(operation)
            if _touches(operation):
                seen = None
        section.operations = result


def _turn(seen: Direction | None, wanted: Direction) -> list[Operation]:
    if seen is wanted:
        return []
    old: tuple[Digital, ...] = _REGISTERS if seen is None else (DIRECTION_REGISTER[seen],)
    return [Word("CLR", old), Word("SET", (DIRECTION_REGISTER[wanted],))]


def _touches(operation: Operation) -> bool:
    operands = operation.destinations if isinstance(operation, Word) else tuple(operation.operands())
    return any(register in operands for register in _REGISTERS)
