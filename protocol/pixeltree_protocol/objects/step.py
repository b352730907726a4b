"""What all controller steps have in common: the base class and the row of the step table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import construct as c

from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Register

LAST = ARRAY_SIZE - 1

OperandForm = tuple[c.Construct, int, int]
"""Wire type and inclusive range of an operand."""

ROW: OperandForm = (c.Int8ul, 0, LAST)
DREG: OperandForm = (c.Int8ul, 0, len(DREGS) - 1)
AREG: OperandForm = (c.Int8ul, 0, len(AREGS) - 1)

STORE: OperandForm = (c.Int8ul, 0, len(AREGS) - 2)
"""An AREG of a step that needs NEWS itself."""

FLOODED: OperandForm = (c.Int8ul, 1, len(DREGS) - 1)
"""A DREG of a step after which R0 is 1."""


def last_of(start: int, end: int) -> int:
    """The last row or column of a rectangle from ``start`` to ``end``: the edge where the end lies before.

    What the chip does then is OPEN (fact sheet 6.1); its authors' examples expect it to go on to the edge.
    """
    return end if end >= start else LAST


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
        own: registers that the step works with itself, so that no field of ``writes`` may name them.
        varies: names of fields that a variable may give; with a smaller one the step takes no longer.
        open_ended: whether corners may be given end first; see :func:`last_of`.
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
    own: tuple[Register, ...] = ()
    varies: str = ""
    open_ended: bool = False
    read_out: Callable[[Any], int] = _nothing
    words: Callable[[Any], int] = _nothing

    @property
    def reads_out(self) -> bool:
        """Whether it reads anything out, were it nothing but 0 bytes."""
        return self.read_out is not _nothing

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
    return _range_problem(form, step) or _register_problem(form, step) or _corner_problem(form, step)


_REASONS = {(STORE, STORE[2] + 1): ": the step uses NEWS itself", (FLOODED, 0): ": R0 is 1 after the step"}
"""Why an operand that names a register just outside its range cannot."""


def _range_problem(form: StepForm, step: Step) -> str | None:
    for field, value, operand in zip(fields(step), operand_values(step), form.operands, strict=True):
        _, least, most = operand
        if not isinstance(value, int):
            return f"{field.name} must be a whole number, not {value!r}"
        if not least <= value <= most:
            reason = _REASONS.get((operand, value), "")
            return f"{field.name} must be {least} to {most}, not {value}{reason}"
    return None


def _register_problem(form: StepForm, step: Step) -> str | None:
    taken = form.registers(step, form.writes) & set(form.own)
    if taken:
        return f"{form.writes} cannot be {', '.join(taken)}: the step uses {', '.join(form.own)} itself"
    distinct = form.distinct.split()
    if len({getattr(step, name) for name in distinct}) < len(distinct):
        return f"{' and '.join(distinct)} must be different registers"
    return None


def _corner_problem(form: StepForm, step: Step) -> str | None:
    corners = [getattr(step, name, None) for name in ("r0", "c0", "r1", "c1")]
    r0, c0, r1, c1 = corners
    if r0 is None or c0 is None or r1 is None or c1 is None or hasattr(step, "repeat") or form.open_ended:
        return None
    return "corners are top-right first, then bottom-left" if r0 > r1 or c0 > c1 else None
