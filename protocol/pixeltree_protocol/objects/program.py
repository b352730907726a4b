"""Programs: the controller-level steps of one node.

One table (:data:`STEPS`) declares every step's opcode, operands and their ranges; encoder, decoder,
verifier and listing are derived from it. Programs have no jumps, so running time is bounded by sight.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import construct as c

from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects.layout import ObjectKind, build, object_layout, parse
from pixeltree_protocol.registers import ARRAY_SIZE, DREGS

MAX_REPEATS = 1024
MAX_SLOTS = 64
_LAST = ARRAY_SIZE - 1


@dataclass(frozen=True)
class Step:
    """Base of all controller steps."""


@dataclass(frozen=True)
class Run(Step):
    """Execute the block in slot ``block``, ``times`` times in a row."""

    block: int
    times: int = 1


@dataclass(frozen=True)
class SetIn(Step):
    """Drive the global analog input IN to ``level``, -128 to 127."""

    level: int


@dataclass(frozen=True)
class SelectPattern(Step):
    """SELECT := pixels where ``(row ^ r) & ~rx == 0`` and ``(column ^ c) & ~cx == 0``."""

    r: int
    c: int
    rx: int
    cx: int


@dataclass(frozen=True)
class SelectRect(Step):
    """RECT := rows ``r0..r1``, columns ``c0..c1``, inclusive; (r0, c0) is the top RIGHT corner."""

    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class LoadPlane(Step):
    """Expand plane ``plane`` of the block-planes segment in slot ``segment`` into DREG ``dreg``."""

    segment: int
    plane: int
    dreg: int


@dataclass(frozen=True)
class ScanDreg(Step):
    """Append ``rows`` rows of DREG ``dreg``, from ``row`` on in steps of ``row_step``, to the bit buffer.

    32 bytes a row, byte j bit i = column 8 j + i (fact sheet 1.1).
    """

    dreg: int
    row: int
    row_step: int
    rows: int


@dataclass(frozen=True)
class ApplyFullyConnected(Step):
    """Logits := XNOR-popcount of the bit buffer with the fully connected segment in slot ``segment``.

    logit_n = 2 * popcount(XNOR(bits, weights_n)) - inputs + bias_n
    """

    segment: int


@dataclass(frozen=True)
class Argmax(Step):
    """Outcome := index of the greatest logit, the lowest of equals. Ends the program."""


@dataclass(frozen=True)
class StepForm:
    """One row of the step table: opcode, and per operand its wire type and inclusive range."""

    opcode: int
    step: type[Step]
    operands: tuple[tuple[c.Construct, int, int], ...]


_ROW = (c.Int8ul, 0, _LAST)
_SLOT = (c.Int8ul, 0, MAX_SLOTS - 1)
_DREG = (c.Int8ul, 0, len(DREGS) - 1)

STEPS: tuple[StepForm, ...] = (
    StepForm(1, Run, (_SLOT, (c.Int16ul, 1, MAX_REPEATS))),
    StepForm(2, SetIn, ((c.Int8sl, -128, 127),)),
    StepForm(3, SelectPattern, (_ROW, _ROW, _ROW, _ROW)),
    StepForm(4, SelectRect, (_ROW, _ROW, _ROW, _ROW)),
    StepForm(5, LoadPlane, (_SLOT, (c.Int8ul, 0, 254), _DREG)),
    StepForm(6, ScanDreg, (_DREG, _ROW, (c.Int8ul, 1, _LAST), (c.Int16ul, 1, ARRAY_SIZE))),
    StepForm(7, ApplyFullyConnected, (_SLOT,)),
    StepForm(8, Argmax, ()),
)

_FORM_OF: dict[type[Step], StepForm] = {form.step: form for form in STEPS}
_BY_OPCODE = {form.opcode: form for form in STEPS}

_STEP_LAYOUT = c.Struct(
    "opcode" / c.Int8ul,
    "operands"
    / c.Switch(
        c.this.opcode,
        {form.opcode: c.Sequence(*(kind for kind, _, _ in form.operands)) for form in STEPS},
        default=c.Error,
    ),
)

_LAYOUT = object_layout(ObjectKind.PROGRAM, "steps" / c.PrefixedArray(c.Int16ul, _STEP_LAYOUT))


def operand_values(step: Step) -> tuple[int, ...]:
    """The operands of a step in table order."""
    return tuple(getattr(step, field.name) for field in fields(step))


@dataclass(frozen=True)
class Program:
    """The steps of one node, checked when made: operands in range, decision last."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ProgramError("a program needs at least one step")
        for index, step in enumerate(self.steps):
            _check_step(index, step)
            if isinstance(step, Argmax) and index != len(self.steps) - 1:
                raise ProgramError(f"step {index}: Argmax decides and must be the last step")

    @property
    def decides(self) -> bool:
        """Whether the program ends in an outcome."""
        return isinstance(self.steps[-1], Argmax)

    def encode(self) -> bytes:
        """The program's object bytes."""
        steps = [
            {"opcode": _FORM_OF[type(step)].opcode, "operands": operand_values(step)} for step in self.steps
        ]
        return build(_LAYOUT, "program", {"steps": steps})

    @classmethod
    def decode(cls, data: bytes) -> Program:
        """Read a program.

        Raises:
            ObjectError: the bytes are not a program, or a step's operand is out of range.
        """
        parsed: Any = parse(_LAYOUT, "program", data)
        return cls(tuple(_BY_OPCODE[entry.opcode].step(*entry.operands) for entry in parsed.steps))

    def listing(self) -> str:
        """One line per step, for people."""
        return "\n".join(f"{index:3d}  {step}" for index, step in enumerate(self.steps))


def _check_step(index: int, step: Step) -> None:
    form = _FORM_OF[type(step)]
    for field, value, (_, least, most) in zip(fields(step), operand_values(step), form.operands, strict=True):
        if not least <= value <= most:
            raise ProgramError(f"step {index} ({step}): {field.name} must be {least} to {most}, not {value}")
    if isinstance(step, ScanDreg) and step.row + (step.rows - 1) * step.row_step > _LAST:
        raise ProgramError(f"step {index} ({step}): the last row scanned lies outside the array")
    if isinstance(step, SelectRect) and (step.r0 > step.r1 or step.c0 > step.c1):
        raise ProgramError(f"step {index} ({step}): corners are top-right first, then bottom-left")
