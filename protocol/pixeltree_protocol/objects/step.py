"""What all controller steps have in common: the base class and the row of the step table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import construct as c

from pixeltree_protocol.registers import AREGS, ARRAY_SIZE, DREGS, Register

LAST = ARRAY_SIZE - 1

OperandForm = tuple[c.Construct, int, int]
"""Wire type and inclusive range of an operand."""

ROW: OperandForm = (c.Int8ul, 0, LAST)
DREG: OperandForm = (c.Int8ul, 0, len(DREGS) - 1)
AREG: OperandForm = (c.Int8ul, 0, len(AREGS) - 1)

STORE: OperandForm = (c.Int8ul, 0, len(AREGS) - 2)
"""An AREG of a step that needs NEWS itself."""


@dataclass(frozen=True)
class Step:
    """Base of all controller steps."""


def _nothing(_: Any) -> int:  # noqa: ANN401
    return 0


@dataclass(frozen=True)
class StepForm:
    """One row of the step table.

    Attributes:
        opcode: first byte of the step.
        step: its class; fields in wire order.
        operands: per field its wire type and inclusive range.
        reads, writes: names of the fields that hold the index of a register it reads or writes.
        clobbers: registers it writes beside those.
        distinct: names of fields that must name different registers.
        read_out: bytes that it adds to the answer.
        words: bound of its running time, in instruction words (0.1 us at 10 MHz).
    """

    opcode: int
    step: type[Step]
    operands: tuple[OperandForm, ...]
    reads: str = ""
    writes: str = ""
    clobbers: tuple[Register, ...] = ()
    distinct: str = ""
    read_out: Callable[[Any], int] = _nothing
    words: Callable[[Any], int] = _nothing

    def registers(self, step: Step, names: str) -> frozenset[Register]:
        """The registers that the named fields of a step hold the indices of."""
        analog = {
            field.name
            for field, operand in zip(fields(self.step), self.operands, strict=True)
            if operand is AREG or operand is STORE
        }
        return frozenset((AREGS if name in analog else DREGS)[getattr(step, name)] for name in names.split())


def operand_values(step: Step) -> tuple[int, ...]:
    """The operands of a step in table order."""
    return tuple(getattr(step, field.name) for field in fields(step))


def step_problem(form: StepForm, step: Step) -> str | None:
    """What is wrong with a step's operands, or None."""
    for field, value, (_, least, most) in zip(fields(step), operand_values(step), form.operands, strict=True):
        if not isinstance(value, int):
            return f"{field.name} must be a whole number, not {value!r}"
        if not least <= value <= most:
            return f"{field.name} must be {least} to {most}, not {value}"
    distinct = form.distinct.split()
    if len({getattr(step, name) for name in distinct}) < len(distinct):
        return f"{' and '.join(distinct)} must be different registers"
    corners = [getattr(step, name, None) for name in ("r0", "c0", "r1", "c1")]
    r0, c0, r1, c1 = corners
    if r0 is None or c0 is None or r1 is None or c1 is None or hasattr(step, "repeat"):
        return None
    return "corners are top-right first, then bottom-left" if r0 > r1 or c0 > c1 else None
