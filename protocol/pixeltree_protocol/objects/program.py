"""Programs: the controller-level steps of one node.

One table (:data:`STEPS`) declares every step's opcode, operands and their ranges; encoder, decoder,
verifier and listing are derived from it. Programs have no jumps but loops and branches whose blocks are
closed, so running time is bounded by sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import construct as c

from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects.control_steps import CONTROL_FORMS, Else, End, If, Repeat
from pixeltree_protocol.objects.controller_table import CONTROLLER_STEPS
from pixeltree_protocol.objects.layout import ObjectKind, build, object_layout, parse
from pixeltree_protocol.objects.step import (
    AREG,
    DREG,
    LAST,
    ROW,
    OperandForm,
    Step,
    StepForm,
    operand_values,
    step_problem,
)

__all__ = [
    "DECISIONS",
    "MAX_REPEATS",
    "MAX_SLOTS",
    "STEPS",
    "AddLogits",
    "ApplyFullyConnected",
    "Argmax",
    "Launch",
    "LoadCover",
    "Proceed",
    "Program",
    "RaiseIn",
    "ScanDreg",
    "ScanLogits",
    "SelectPattern",
    "SelectRect",
    "SetIn",
    "Step",
    "StepForm",
    "SumLogit",
    "WriteDreg",
    "form_of",
    "operand_values",
]

MAX_REPEATS = 1024
MAX_SLOTS = 255
"""Blocks, and segments, that a program can name; as many as a manifest can."""


@dataclass(frozen=True)
class Launch(Step):
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
    """RECT := rows ``r0..r1``, columns ``c0..c1``, inclusive; (r0, c0) is the top RIGHT corner.

    An end before its start stands for the edge; see :func:`pixeltree_protocol.objects.step.last_of`.
    """

    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class LoadCover(Step):
    """Expand packed bits over the channels of a grid: the OR of four DREGs becomes the plane.

    Plane ``plane`` of the block-planes segment ``mask`` says which positions of a square grid, 2^``shift``
    PEs apart, take a bit; they take the bits of the packed segment ``segment`` from ``bit`` on, in the order
    of their numbers. What the others become is not defined. Of a ternary ``segment`` of n weights, bit i is
    whether weight i is +1, and not defined where it is 0; bit n + i is whether it is 0. The controller loads
    the selections of the plane's cover (:mod:`pixeltree_protocol.objects.cover`) one by one into ``first`` to
    ``fourth`` as ``scamp5_load_pattern`` does; DREGs beyond the last selection are left alone, so they must
    be 0 before. Selections beyond the fourth are ORed into ``fourth``, each by a block of its own.
    """

    mask: int
    plane: int
    segment: int
    bit: int
    shift: int
    first: int
    second: int
    third: int
    fourth: int

    @property
    def dregs(self) -> tuple[int, int, int, int]:
        """The four DREGs, in the order in which they are filled."""
        return self.first, self.second, self.third, self.fourth


@dataclass(frozen=True)
class ScanLogits(Step):
    """Logits := ADC samples of a grid of AREG ``areg``, row by row from the top, each from its LEFT end.

    logit = 2 * round((sample - 128) / unit) + offset; offset is the 32-bit two's complement number at
    ``bit`` of the packed segment ``segment``. (r0, c0) is the top RIGHT corner; rows and columns are sampled
    every ``rs`` and ``cs``.
    """

    segment: int
    bit: int
    unit: int
    areg: int
    r0: int
    c0: int
    r1: int
    c1: int
    rs: int
    cs: int

    @property
    def rows(self) -> range:
        """Rows sampled, from the top."""
        return range(self.r0, self.r1 + 1, self.rs)

    @property
    def columns(self) -> range:
        """Columns sampled, from the right."""
        return range(self.c0, self.c1 + 1, self.cs)


@dataclass(frozen=True)
class SumLogit(Step):
    """Append a logit: offset - 2 x the sum of round(256 (zero - sample) / ``unit``) over sparse global sums.

    A sample is the global sum of AREG ``areg`` over the pattern (r, c, rx, cx), with the front end set to the
    size of the pattern (assumed, as for ``RaiseIn``): zero, the ADC code of level 0, + the sum of levels over
    the number of pixels, to the nearest integer, halves up, within a byte. There are up to four: ``gr`` n > 0
    adds one whose row address has bit n - 1 set, and ``gc`` likewise for columns. Offset is the 32-bit two's
    complement number at ``bit`` of the packed segment ``segment``.
    """

    segment: int
    bit: int
    unit: int
    areg: int
    r: int
    c: int
    rx: int
    cx: int
    gr: int
    gc: int

    @property
    def pixels(self) -> int:
        """Pixels of each pattern, which its sum is divided by."""
        return pattern_pixels(self.rx, self.cx)

    @property
    def patterns(self) -> tuple[tuple[int, int, int, int], ...]:
        """Patterns of the sums."""
        return tuple(
            (self.r | row, self.c | column, self.rx, self.cx)
            for row in _with_and_without(self.gr)
            for column in _with_and_without(self.gc)
        )


def pattern_pixels(rx: int, cx: int) -> int:
    """How many pixels a pattern with these don't-care bits of rows and columns selects."""
    return 1 << rx.bit_count() + cx.bit_count()


def _with_and_without(number: int) -> tuple[int, ...]:
    return (0, 1 << number - 1) if number else (0,)


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

    logit_n = 2 * popcount(XNOR(bits, weights_n)) - inputs + bias_n; with several planes of weights the sum
    of 2^j * (2 * popcount(XNOR(bits, plane j of weights_n)) - inputs) over the planes, + bias_n. With ternary
    weights it is the sum of the weights whose bit is 1, less that of the others, + bias_n. Bits that
    the segment's ``columns`` leave out are dropped from the buffer before.
    """

    segment: int


@dataclass(frozen=True)
class Argmax(Step):
    """Outcome := index of the greatest logit, the lowest of equals. Ends the program."""


@dataclass(frozen=True)
class AddLogits(Step):
    """Logits := logits + those of the node before, one by one, as 32-bit numbers that wrap.

    The node before is the one whose exit led here; its logits are those with which it ended, what it added
    itself included. So a network too large for one node can be several, each with some of its channels. The
    frame ends with BAD_TREE if it has another number of logits, or if there is none, as for the root.
    """


@dataclass(frozen=True)
class Proceed(Step):
    """Outcome := 0, whatever the logits are. Ends a program.

    The node's only exit hands them on; RESULT leaves them out, as they are in the sums of the next node.
    """


@dataclass(frozen=True)
class RaiseIn(Step):
    """Level of IN := level of IN + ``gain`` x the mean of AREG ``areg`` over a rectangle + ``offset``.

    The mean is one ADC sample of a global sum whose front end is set to the size of the rectangle: the sum
    divided by the number of pixels, to the nearest integer, halves up, within -128 to 127. The new level is
    kept within -128 to 127. (r0, c0) is the top RIGHT corner. So a threshold can follow the light without the
    host.
    """

    areg: int
    r0: int
    c0: int
    r1: int
    c1: int
    gain: int
    offset: int


@dataclass(frozen=True)
class WriteDreg(Step):
    """DREG ``dreg`` := the 65,536 bits of packed segment ``segment``: row by row, column 0 first.

    The chip has no way in but its address logic, so each 1 costs what a drawn pixel does (a select, a launch,
    an in-place OR), or each 0 where there are fewer: the plane is then inverted. Its 8,192 bytes count as if
    they came over the line now, and are copied once (all assumed). R12 changes only where R0 is 1.
    """

    segment: int
    dreg: int


_SLOT: OperandForm = (c.Int8ul, 0, MAX_SLOTS - 1)
_WEIGHT: OperandForm = (c.Int8ul, 0, 11)  # not R12, which only loads where R0 is 1
_PART: OperandForm = (c.Int8ul, 0, 8)
_PITCH: OperandForm = (c.Int8ul, 1, LAST)
_LEVEL: OperandForm = (c.Int8sl, -128, 127)

STEPS: tuple[StepForm, ...] = (
    StepForm(1, Launch, (_SLOT, (c.Int16ul, 1, MAX_REPEATS)), varies="times"),
    StepForm(2, SetIn, (_LEVEL,), varies="level", words=lambda _: 20),
    StepForm(3, SelectPattern, (ROW, ROW, ROW, ROW), varies="r c", words=lambda _: 5),
    StepForm(4, SelectRect, (ROW, ROW, ROW, ROW), varies="r0 c0 r1 c1", open_ended=True, words=lambda _: 10),
    StepForm(
        6,
        ScanDreg,
        (DREG, ROW, (c.Int8ul, 1, LAST), (c.Int16ul, 1, ARRAY_SIZE)),
        reads="dreg",
        varies="row",
        read_out=lambda step: 32 * step.rows,
        words=lambda step: 48 * step.rows,
    ),
    StepForm(7, ApplyFullyConnected, (_SLOT,)),
    StepForm(8, Argmax, ()),
    # its time depends on the grid; verify.py bounds it
    StepForm(
        9,
        LoadCover,
        (_SLOT, (c.Int8ul, 0, 254), _SLOT, (c.Int16ul, 0, 0xFFFF), (c.Int8ul, 0, 8), *(4 * (_WEIGHT,))),
        writes="first second third fourth",
    ),
    StepForm(
        10,
        ScanLogits,
        (_SLOT, (c.Int16ul, 0, 0xFFFF), (c.Int8ul, 1, 127), AREG, *(4 * (ROW,)), _PITCH, _PITCH),
        reads="areg",
        words=lambda step: 10 * len(step.rows) * len(step.columns),
    ),
    StepForm(
        11,
        SumLogit,
        (_SLOT, (c.Int16ul, 0, 0xFFFF), (c.Int16ul, 1, 0xFFFF), AREG, *(4 * (ROW,)), _PART, _PART),
        reads="areg",
        words=lambda _: 40,
    ),
    StepForm(
        13,
        RaiseIn,
        (AREG, *(4 * (ROW,)), _LEVEL, _LEVEL),
        reads="areg",
        varies="gain offset",
        words=lambda _: 30,
    ),
    StepForm(14, AddLogits, ()),
    StepForm(15, Proceed, ()),
    # half of the pixels at 17 words each, and 5.5 ms of line
    StepForm(16, WriteDreg, (_SLOT, DREG), writes="dreg", words=lambda _: 650_000),
    *CONTROLLER_STEPS,
    *CONTROL_FORMS,
)
"""Every step. Opcodes 1-16 are the sequencer's own (12 is free), 20-51 the vendor's controller API, and those
from 60 on its variables, loops and branches."""

DECISIONS = Argmax | Proceed
"""Steps that end a program with an outcome."""

_FORM_OF: dict[type[Step], StepForm] = {form.step: form for form in STEPS}
_BY_OPCODE = {form.opcode: form for form in STEPS}

STEP_LAYOUT = c.Struct(
    "opcode" / c.Int8ul * "which step",
    "operands"
    / c.Switch(
        c.this.opcode,
        {form.opcode: c.Sequence(*(kind for kind, _, _ in form.operands)) for form in STEPS},
        default=c.Error,
    )
    * "see the table of steps",
)

LAYOUT = object_layout(
    ObjectKind.PROGRAM, "steps" / c.PrefixedArray(c.Int16ul, STEP_LAYOUT) * "in the order in which they run"
)


def form_of(step: Step) -> StepForm:
    """The row of a step."""
    return _FORM_OF[type(step)]


@dataclass(frozen=True)
class Program:
    """The steps of one node, checked when made: operands in range, decision last."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ProgramError("a program needs at least one step")
        for index, step in enumerate(self.steps):
            _check_step(index, step)
            if isinstance(step, DECISIONS) and index != len(self.steps) - 1:
                raise ProgramError(f"step {index}: {type(step).__name__} decides and must be the last step")

    @property
    def decides(self) -> bool:
        """Whether the program ends in an outcome."""
        return isinstance(self.steps[-1], DECISIONS)

    def encode(self) -> bytes:
        """The program's object bytes."""
        steps = [
            {"opcode": _FORM_OF[type(step)].opcode, "operands": operand_values(step)} for step in self.steps
        ]
        return build(LAYOUT, "program", {"steps": steps})

    @classmethod
    def decode(cls, data: bytes) -> Program:
        """Read a program.

        Raises:
            ObjectError: the bytes are not a program, or a step's operand is out of range.
        """
        parsed: Any = parse(LAYOUT, "program", data)
        return cls(tuple(_BY_OPCODE[entry.opcode].step(*entry.operands) for entry in parsed.steps))

    def listing(self) -> str:
        """One line per step, for people; what stands in a block is indented."""
        lines, depth = [], 0
        for index, step in enumerate(self.steps):
            depth -= isinstance(step, Else | End)
            lines.append(f"{index:3d}  {'  ' * depth}{step}")
            depth += isinstance(step, Else | If | Repeat)
        return "\n".join(lines)


def _check_step(index: int, step: Step) -> None:
    if type(step) not in _FORM_OF:
        raise ProgramError(f"step {index} ({step!r}) is no step of a program")
    problem = step_problem(_FORM_OF[type(step)], step)
    if problem:
        raise ProgramError(f"step {index} ({step}): {problem}")
    if isinstance(step, ScanDreg) and step.row + (step.rows - 1) * step.row_step > LAST:
        raise ProgramError(f"step {index} ({step}): the last row scanned lies outside the array")
