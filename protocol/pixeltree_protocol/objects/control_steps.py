"""Variables, loops and branches: steps by which the controller runs a whole program of frames by itself.

The controller has eight variables, signed numbers of 32 bits that wrap. They are 0 when a program begins.
Blocks of steps are opened by :class:`Repeat` and :class:`If` and closed by :class:`End`, so a program has no
jumps, and its running time is bounded: :mod:`pixeltree_protocol.objects.control`. Only programs of EXECUTE
have these steps. A step of them that is passed over takes no time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import construct as c

from pixeltree_protocol.objects.step import OperandForm, Step, StepForm

VARIABLES = 8
MAX_TIMES = 0xFFFF

TAKEN_BYTES = 64
"""Greatest read-out whose bytes go into variables; the number of events is taken of any."""


class Source(IntEnum):
    """What ``value`` of a step is."""

    CONSTANT = 0
    VARIABLE = 1


class Operation(IntEnum):
    """What becomes of a variable; HALVE divides by 2^value, 0 to 31, and rounds down."""

    SET = 0
    ADD = 1
    SUBTRACT = 2
    MULTIPLY = 3
    HALVE = 4


class Relation(IntEnum):
    """How two signed numbers are compared."""

    EQUAL = 0
    UNEQUAL = 1
    LESS = 2
    AT_MOST = 3
    GREATER = 4
    AT_LEAST = 5


class Part(IntEnum):
    """What of a read-out goes into a variable; numbers of several bytes are little-endian."""

    BYTE = 0
    UINT16 = 1
    INT32 = 2
    SUM = 3
    EVENTS = 4


PART_BYTES = {Part.BYTE: 1, Part.UINT16: 2, Part.INT32: 4, Part.SUM: 1}
"""Bytes that must follow from ``at`` on."""


_CHANGES: dict[int, str] = dict(zip(Operation, (":=", "+=", "-=", "*=", ">>="), strict=True))
_COMPARES: dict[int, str] = dict(zip(Relation, ("==", "!=", "<", "<=", ">", ">="), strict=True))
_PARTS: dict[int, str] = {part: part.name for part in Part}


def _compared(step: LeaveIf | If) -> str:
    return f"v{step.variable} {_COMPARES.get(step.relation, step.relation)} {_named(step.source, step.value)}"


def _named(source: int, value: int) -> str:
    return f"v{value}" if source == Source.VARIABLE else str(value)


@dataclass(frozen=True)
class Set(Step):
    """Variable := variable ``operation`` value; the value is a constant, or the number of a variable."""

    variable: int
    operation: int
    source: int
    value: int

    def __str__(self) -> str:
        sign = _CHANGES.get(self.operation, self.operation)
        return f"Set(v{self.variable} {sign} {_named(self.source, self.value)})"


@dataclass(frozen=True)
class Take(Step):
    """Variable := what the step before reads out; that is not answered then.

    It follows a step that reads out, or another ``Take`` of it. BYTE, UINT16 and INT32 are the number at byte
    ``at`` of the read-out, SUM the sum of its bytes from there on. EVENTS is how many pairs a ``ScanEvents``
    gives before the first (0, 0); ``at`` is 0 then.
    """

    variable: int
    part: int
    at: int

    def __str__(self) -> str:
        return f"Take(v{self.variable} := {_PARTS.get(self.part, self.part)} at {self.at})"


@dataclass(frozen=True)
class Use(Step):
    """Operand ``operand``, counted from 0, of the next step that is no ``Use`` is a variable's value.

    It is kept between the operand's least value and what stands in the step, which so says the greatest.
    """

    operand: int
    variable: int

    def __str__(self) -> str:
        return f"Use(operand {self.operand} := v{self.variable})"


@dataclass(frozen=True)
class Repeat(Step):
    """The steps up to the matching ``End`` run so many times."""

    times: int


@dataclass(frozen=True)
class LeaveIf(Step):
    """Go on behind the ``End`` of the innermost ``Repeat``, if variable ``relation`` value holds."""

    variable: int
    relation: int
    source: int
    value: int

    def __str__(self) -> str:
        return f"LeaveIf({_compared(self)})"


@dataclass(frozen=True)
class If(Step):
    """The steps up to the matching ``Else`` or ``End`` run if variable ``relation`` value holds."""

    variable: int
    relation: int
    source: int
    value: int

    def __str__(self) -> str:
        return f"If({_compared(self)})"


@dataclass(frozen=True)
class Else(Step):
    """The steps from here to the ``End`` of an ``If`` run if its comparison does not hold."""


@dataclass(frozen=True)
class End(Step):
    """Closes the innermost ``Repeat`` or ``If`` that is open."""


@dataclass(frozen=True)
class Answer(Step):
    """Reads a variable out: 4 bytes, i32."""

    variable: int

    def __str__(self) -> str:
        return f"Answer(v{self.variable})"


_VARIABLE: OperandForm = (c.Int8ul, 0, VARIABLES - 1)
_SOURCE: OperandForm = (c.Int8ul, 0, max(Source))
_VALUE: OperandForm = (c.Int32sl, -(1 << 31), (1 << 31) - 1)
_COMPARED: tuple[OperandForm, ...] = (_VARIABLE, (c.Int8ul, 0, max(Relation)), _SOURCE, _VALUE)


def _one(_: Step) -> int:
    return 1


def _four(_: Step) -> int:
    return 4


CONTROL_FORMS: tuple[StepForm, ...] = (
    StepForm(60, Set, (_VARIABLE, (c.Int8ul, 0, max(Operation)), _SOURCE, _VALUE), words=_one),
    StepForm(61, Take, (_VARIABLE, (c.Int8ul, 0, max(Part)), (c.Int8ul, 0, TAKEN_BYTES - 1)), words=_one),
    StepForm(62, Use, ((c.Int8ul, 0, 9), _VARIABLE), words=_one),
    StepForm(63, Repeat, ((c.Int16ul, 0, MAX_TIMES),), varies="times", words=_one),
    StepForm(64, LeaveIf, _COMPARED, words=_one),
    StepForm(65, If, _COMPARED, words=_one),
    StepForm(66, Else, (), words=_one),
    StepForm(67, End, (), words=_one),
    StepForm(68, Answer, (_VARIABLE,), read_out=_four, words=_one),
)
"""The rows of the step table."""

CONTROL_STEPS: tuple[type[Step], ...] = tuple(form.step for form in CONTROL_FORMS)

HOLDS: dict[int, Callable[[int, int], bool]] = {
    Relation.EQUAL: lambda a, b: a == b,
    Relation.UNEQUAL: lambda a, b: a != b,
    Relation.LESS: lambda a, b: a < b,
    Relation.AT_MOST: lambda a, b: a <= b,
    Relation.GREATER: lambda a, b: a > b,
    Relation.AT_LEAST: lambda a, b: a >= b,
}
"""Whether a relation holds."""

CHANGED: dict[int, Callable[[int, int], int]] = {
    Operation.SET: lambda _, b: b,
    Operation.ADD: lambda a, b: a + b,
    Operation.SUBTRACT: lambda a, b: a - b,
    Operation.MULTIPLY: lambda a, b: a * b,
    Operation.HALVE: lambda a, b: a >> (b & 31),
}
"""What an operation makes of a variable, before it wraps."""
