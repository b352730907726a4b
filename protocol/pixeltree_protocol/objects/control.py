"""Which variables, loops and branches a program may have, and how often each of its steps can run.

A device checks this before a program's first step, so that every program ends in a time that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects.control_steps import (
    PART_BYTES,
    TAKEN_BYTES,
    VARIABLES,
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
from pixeltree_protocol.objects.controller_steps import ScanEvents
from pixeltree_protocol.objects.step import Step, StepForm

MAX_NESTED = 8
"""Blocks that may be open at once."""

MOST_TIMES = 1 << 24
"""A step that runs more often is counted as if it ran so often, which is too often for any program."""

BLOCK_STEP_WORDS = 10
"""A step within a block counts so many words more: a launch takes as long. A ``Launch`` does each time."""


@dataclass
class _Open:
    """A block that is open: how often its steps can run in all, and whether an Else may come."""

    step: Repeat | If
    times: int
    had_else: bool = False


class Nesting:
    """Goes through the steps of a program in their order.

    Attributes:
        times: how often the step that was entered last can run.
        within: whether it stands in a block; a block's Repeat or If does not, and its End does.
    """

    def __init__(self) -> None:
        self.times = 1
        self.within = False
        self._open: list[_Open] = []
        self._uses: list[int] = []

    def enter(self, where: str, step: Step, form: StepForm, before: Step | None, read_out: int) -> None:
        """Check a step.

        Args:
            where: for an error.
            step: the step.
            form: its row of the table.
            before: the last step before it that is no ``Take``.
            read_out: bytes that ``before`` reads out at most.

        Raises:
            ProgramError: what is wrong.
        """
        self.times = self._open[-1].times if self._open else 1
        self.within = bool(self._open)
        if isinstance(step, Use):
            self._uses.append(step.operand)
            return
        self._check_uses(where, form)
        if isinstance(step, Set | LeaveIf | If):
            _check_value(where, step)
        if isinstance(step, Take):
            _check_take(where, step, before, read_out)
        elif isinstance(step, Repeat | If):
            self._begin(where, step)
        elif isinstance(step, LeaveIf) and not any(isinstance(block.step, Repeat) for block in self._open):
            raise ProgramError(f"{where}: there is no Repeat to leave")
        elif isinstance(step, Else):
            self._turn(where)
        elif isinstance(step, End):
            if not self._open:
                raise ProgramError(f"{where}: there is no Repeat or If to end")
            self._open.pop()

    def end(self) -> None:
        """Check that nothing is left open.

        Raises:
            ProgramError: something is.
        """
        if self._uses:
            raise ProgramError("a Use needs a step behind it")
        if self._open:
            raise ProgramError(f"{self._open[-1].step} has no End")

    def _begin(self, where: str, step: Repeat | If) -> None:
        if len(self._open) == MAX_NESTED:
            raise ProgramError(f"{where}: more than {MAX_NESTED} blocks are open")
        times = step.times if isinstance(step, Repeat) else 1
        self._open.append(_Open(step, min(self.times * times, MOST_TIMES)))

    def _turn(self, where: str) -> None:
        if not self._open or not isinstance(self._open[-1].step, If) or self._open[-1].had_else:
            raise ProgramError(f"{where}: there is no If that it belongs to")
        self._open[-1].had_else = True

    def _check_uses(self, where: str, form: StepForm) -> None:
        names = [field.name for field in fields(form.step)]
        for operand in self._uses:
            if operand >= len(names) or names[operand] not in form.varies.split():
                raise ProgramError(f"{where}: its operand {operand} cannot be a variable")
        self._uses.clear()


def _check_value(where: str, step: Set | LeaveIf | If) -> None:
    if step.source == Source.VARIABLE and not 0 <= step.value < VARIABLES:
        raise ProgramError(f"{where}: there is no variable {step.value}")


def _check_take(where: str, step: Take, before: Step | None, read_out: int) -> None:
    if before is None or not read_out:
        raise ProgramError(f"{where}: the step before it reads nothing out")
    if step.part == Part.EVENTS:
        if not isinstance(before, ScanEvents) or step.at:
            raise ProgramError(f"{where}: events are those of a ScanEvents, and from 0 on")
    elif read_out > TAKEN_BYTES or step.at + PART_BYTES[Part(step.part)] > read_out:
        raise ProgramError(
            f"{where}: {read_out} bytes are read out; it must lie within them, and {TAKEN_BYTES} are the most"
        )


def ends_of(steps: Sequence[Step]) -> dict[int, int]:
    """For each Repeat, If and Else of a verified program, the index of the Else or End behind its steps."""
    ends: dict[int, int] = {}
    begun: list[int] = []
    for index, step in enumerate(steps):
        if isinstance(step, Else | End):
            ends[begun.pop()] = index
        if isinstance(step, Repeat | If | Else):
            begun.append(index)
    return ends
