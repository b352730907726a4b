"""The way of a program through its loops and branches, and its variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from pixeltree_protocol.objects.control import ends_of
from pixeltree_protocol.objects.control_steps import (
    CHANGED,
    CONTROL_STEPS,
    HOLDS,
    TAKEN_BYTES,
    VARIABLES,
    Answer,
    Else,
    If,
    LeaveIf,
    Part,
    Repeat,
    Set,
    Source,
    Take,
    Use,
)
from pixeltree_protocol.objects.program import form_of
from pixeltree_protocol.objects.step import Step, operand_values

_SIZES = {Part.BYTE: 1, Part.UINT16: 2, Part.INT32: 4}


def wrapped(value: int) -> int:
    """The 32-bit two's complement number of the same remainder."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


class Course:
    """Which step of a verified program comes next.

    Attributes:
        at: the index of that step; behind the last one at the end.
        variables: 32-bit numbers.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.at = 0
        self.variables = [0] * VARIABLES
        self._steps = steps
        self._ends = ends_of(steps)
        self._open: list[tuple[int, int]] = []  # blocks: the index of each, and how often it runs again
        self._uses: list[Use] = []

    @classmethod
    def takes(cls, step: Step) -> bool:
        """Whether a step is one of these, which the array does not see."""
        return isinstance(step, CONTROL_STEPS)

    def keeps(self, index: int) -> bool:
        """Whether what the step at an index reads out goes into variables, and is not answered."""
        return index + 1 < len(self._steps) and isinstance(self._steps[index + 1], Take)

    def next(self) -> Step:
        """The next step, with the values of the variables that it uses; the one behind it is next then."""
        step = self._steps[self.at]
        self.at += 1
        if not self._uses or isinstance(step, Use):
            return step
        names = [field.name for field in fields(step)]
        form, values = form_of(step), operand_values(step)
        given = {
            names[use.operand]: max(
                form.operands[use.operand][1], min(values[use.operand], self.variables[use.variable])
            )
            for use in self._uses
        }
        self._uses.clear()
        return replace(step, **given)

    def follow(self, step: Step, read_out: bytes) -> bytes | None:
        """Do a step that :meth:`next` gave.

        Args:
            step: a step of variables, loops or branches.
            read_out: what the last step that was none of them read out.

        Returns:
            What it reads out, if anything.
        """
        if isinstance(step, Set):
            changed = CHANGED[step.operation](self.variables[step.variable], self._value(step))
            self.variables[step.variable] = wrapped(changed)
        elif isinstance(step, Take):
            self.variables[step.variable] = _part(read_out, step)
        elif isinstance(step, Use):
            self._uses.append(step)
        elif isinstance(step, Answer):
            return self.variables[step.variable].to_bytes(4, "little", signed=True)
        else:
            self._turn(step)
        return None

    def _turn(self, step: Step) -> None:
        """Do a step that opens, closes or leaves a block."""
        here = self.at - 1
        if isinstance(step, Repeat):
            self._open.append((here, step.times - 1))
            if not step.times:
                self._close(self._ends[here])
        elif isinstance(step, If):
            self._open.append((here, 0))
            if not self._holds(step):
                self._pass_over(here)
        elif isinstance(step, Else):
            self._close(self._ends[here])
        elif isinstance(step, LeaveIf):
            if self._holds(step):
                while isinstance(self._steps[self._open[-1][0]], If):
                    self._open.pop()
                self._close(self._ends[self._open[-1][0]])
        else:
            self._end()

    def _pass_over(self, index: int) -> None:
        """Go on behind the Else of the If at an index, or behind its End."""
        end = self._ends[index]
        if isinstance(self._steps[end], Else):
            self.at = end + 1
        else:
            self._close(end)

    def _close(self, end: int) -> None:
        self._open.pop()
        self.at = end + 1

    def _end(self) -> None:
        begin, again = self._open.pop()
        if again:
            self._open.append((begin, again - 1))
            self.at = begin + 1

    def _holds(self, step: If | LeaveIf) -> bool:
        return HOLDS[step.relation](self.variables[step.variable], self._value(step))

    def _value(self, step: Set | If | LeaveIf) -> int:
        return self.variables[step.value] if step.source == Source.VARIABLE else step.value


def _part(read_out: bytes, step: Take) -> int:
    """A part of a read-out as a number; what a shorter one lacks is 0."""
    if step.part == Part.EVENTS:
        pairs = [read_out[at : at + 2] for at in range(0, len(read_out), 2)]
        return pairs.index(b"\0\0") if b"\0\0" in pairs else len(pairs)
    if step.part == Part.SUM:
        return sum(read_out[step.at :])
    size = _SIZES[Part(step.part)]
    data = read_out.ljust(TAKEN_BYTES, b"\0")[step.at : step.at + size]
    return int.from_bytes(data, "little", signed=step.part == Part.INT32)
