"""A program that the controller runs by itself: the chip's calls, recorded, with loops and branches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Concatenate, ParamSpec, TypeVar, cast

from pixeltree.device.chip import readings
from pixeltree.device.chip.analog import AnalogCalls
from pixeltree.device.chip.digital import DigitalCalls
from pixeltree.device.chip.drawing import DrawingCalls
from pixeltree.device.chip.programs import Execution
from pixeltree.device.chip.readings import Answer, Reading, Taken
from pixeltree.device.chip.registers import Operand
from pixeltree.device.chip.variables import AtMost, Comparison, Variable
from pixeltree.errors import DataError
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.control_steps import (
    MAX_TIMES,
    VARIABLES,
    Else,
    End,
    If,
    LeaveIf,
    Repeat,
    Take,
    Use,
)
from pixeltree_protocol.objects.control_steps import Answer as AnswerStep
from pixeltree_protocol.objects.program import MAX_REPEATS, MAX_SLOTS, Launch, Program, form_of
from pixeltree_protocol.objects.step import Step
from pixeltree_protocol.objects.verify import verify_program

_T = TypeVar("_T")
_P = ParamSpec("_P")

Number = int | Variable | AtMost
"""A number, or a variable that has it while the program runs."""


class ProgramResult:
    """What a program answered.

    Attributes:
        execution: read-outs as bytes, device time and words.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution

    @property
    def device_us(self) -> float:
        """Device time that it took, in microseconds."""
        return self.execution.device_ns / 1000

    def __getitem__(self, answer: Answer[_T]) -> list[_T]:
        """What a call read out, each time that it ran."""
        read_outs = zip(self.execution.steps, self.execution.read_outs, strict=True)
        return [answer.decode(data) for step, data in read_outs if step == answer.index]

    def last(self, answer: Answer[_T]) -> _T:
        """What a call read out when it ran last.

        Raises:
            DataError: it never ran, or a variable has taken what it read.
        """
        found = self[answer]
        if not found:
            raise DataError("this call has no answer: it did not run, or a variable has taken what it read")
        return found[-1]


def _recorded(
    reading: Callable[_P, Reading[_T]],
) -> Callable[Concatenate[ControllerProgram, _P], Answer[_T]]:
    """A method that records a read-out."""

    def record(program: ControllerProgram, /, *arguments: _P.args, **options: _P.kwargs) -> Answer[_T]:
        return program.read(reading(*arguments, **options))

    record.__doc__ = reading.__doc__
    record.__name__ = reading.__name__
    return record


class ControllerProgram(AnalogCalls, DigitalCalls, DrawingCalls):
    """A program of the chip's calls that the controller runs by itself, and answers once.

    >>> program = pt.ControllerProgram()                                          # doctest: +SKIP
    >>> rounds, more = program.variable(), program.variable()
    >>> with program.repeat(64):
    ...     program.run_kernel(grow)
    ...     more.set(program.global_or(R7))
    ...     program.leave_if(more == 0)
    ...     rounds += 1
    >>> how_many = program.answer(rounds)
    >>> device.chip.run(program)[how_many]

    It has the calls of ``device.chip`` by their names. Nothing runs while they are recorded, so a call that
    reads out gives an :class:`Answer`: what the program's result has for it, or what a variable is set to.
    Python's own ``for`` and ``if`` decide what is recorded; ``repeat`` and ``if_`` what runs.

    Raises:
        DataError: from any method, for an operand that is no register or is missing.
        ProgramError: from any method, for an operand out of range.
    """

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._blocks: list[Block] = []
        self._variables = 0
        self._open = 0
        self._may_turn = -1

    # -- what it is ----------------------------------------------------------------------------------

    @property
    def kernels(self) -> Sequence[Block]:
        """The kernels that it launches."""
        return tuple(self._blocks)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its steps.

        Raises:
            DataError: it has none, or a block of them is still open.
            ProgramError: a controller would refuse it, since it takes too long or reads out too much.
        """
        if self._open or not self._steps:
            raise DataError("the program has no steps, or a repeat or if_ is still open; run it behind that")
        verify_program(Program(tuple(self._steps)), self._blocks, ())
        return tuple(self._steps)

    def listing(self) -> str:
        """One line for each step, as the controller has them."""
        return Program(tuple(self._steps)).listing()

    # -- variables, loops, branches -------------------------------------------------------------------

    def variable(self, value: int = 0) -> Variable:
        """A variable of the controller, which has a value whenever the program comes here.

        Raises:
            DataError: the program has eight already.
        """
        if self._variables == VARIABLES:
            raise DataError(f"a program has {VARIABLES} variables at most; set one that is there anew")
        variable = Variable(self._variables, self._do, self._check_taken)
        self._variables += 1
        if value or self._open:
            variable.set(value)
        return variable

    @contextmanager
    def repeat(self, times: Number) -> Iterator[None]:
        """``with program.repeat(64):`` run what is within so many times, 0 to 65,535.

        A variable repeats it as often as it says when the loop begins: ``repeat(count.at_most(64))``. The
        program's time is counted with the greatest number.
        """
        self._use(Repeat(cast("int", times)), MAX_TIMES)
        with self._block():
            yield

    def leave_if(self, comparison: Comparison) -> None:
        """Leave the innermost ``repeat`` where this holds."""
        self._do(LeaveIf(*_operands(comparison)))

    @contextmanager
    def if_(self, comparison: Comparison) -> Iterator[None]:
        """``with program.if_(count < 10):`` run what is within where this holds."""
        self._do(If(*_operands(comparison)))
        with self._block():
            yield
        self._may_turn = len(self._steps)

    @contextmanager
    def else_(self) -> Iterator[None]:
        """``with program.else_():`` run what is within where the ``if_`` right before did not hold.

        Raises:
            DataError: there is no ``if_`` right before.
        """
        if self._may_turn != len(self._steps):
            raise DataError("else_ belongs right behind an if_")
        self._steps[-1] = Else()
        with self._block():
            yield

    def answer(self, variable: Variable) -> Answer[int]:
        """Answer with a variable as it is here."""
        return self.read(
            Reading(AnswerStep(variable.number), lambda data: int.from_bytes(data, "little", signed=True))
        )

    # -- calls that take variables ---------------------------------------------------------------------

    def run_kernel(self, kernel: Kernel | Block, times: Number = 1) -> None:
        """Execute a kernel, 1 to 1,024 times in a row; the kernel is taken as it is now."""
        block = kernel.block() if isinstance(kernel, Kernel) else kernel
        if block not in self._blocks:
            if len(self._blocks) == MAX_SLOTS:
                raise DataError(f"one program has at most {MAX_SLOTS} kernels")
            self._blocks.append(block)
        self._use(Launch(self._blocks.index(block), cast("int", times)), MAX_REPEATS)

    def expose(self, microseconds: Number = 16_667) -> None:
        """Reset PIX and let it integrate light; a variable needs ``at_most``, as the time is counted."""
        super().expose(cast("int", microseconds))

    def wait(self, microseconds: Number) -> None:
        """``vs_wait``; a variable needs ``at_most``, as the time is counted."""
        super().wait(cast("int", microseconds))

    def load_in(
        self, target: Analog | Number, level: Number | None = None, temp: Analog = Analog.NEWS
    ) -> None:
        """``scamp5_load_in``; level or the level of IN may be a variable."""
        super().load_in(cast("Analog", target), cast("int | None", level), temp)

    def in_(self, target: Analog, level: Number, temp: Analog = Analog.NEWS) -> None:
        """``scamp5_in``; level may be a variable."""
        super().in_(target, cast("int", level), temp)

    def flood(
        self,
        target: Digital,
        mask: Digital,
        boundary: int = 0,
        iterations: Number = 5,
        use_local: bool = False,
    ) -> None:
        """``scamp5_flood``; iterations may be a variable."""
        super().flood(target, mask, boundary, cast("int", iterations), use_local)

    def load_point(self, d: Digital, r: Number, c: Number) -> None:
        """``scamp5_load_point``; its place may be variables."""
        super().load_point(d, cast("int", r), cast("int", c))

    def load_rect(self, d: Digital, r0: Number, c0: Number, r1: Number, c1: Number) -> None:
        """``scamp5_load_rect``; its corners may be variables."""
        corners = cast("tuple[int, int, int, int]", (r0, c0, r1, c1))
        super().load_rect(d, *corners)

    # -- read-outs: as those of device.chip, but for what they return ------------------------------------

    read_areg = _recorded(readings.read_areg)
    global_sum_16 = _recorded(readings.global_sum_16)
    global_sum_64 = _recorded(readings.global_sum_64)
    global_sum_16_total = _recorded(readings.global_sum_16_total)
    global_sum_64_total = _recorded(readings.global_sum_64_total)
    global_sum_fast = _recorded(readings.global_sum_fast)
    global_sum_sparse = _recorded(readings.global_sum_sparse)
    global_sum_region = _recorded(readings.global_sum_region)
    get_parameter = _recorded(readings.get_parameter)
    global_or = _recorded(readings.global_or)
    global_count = _recorded(readings.global_count)
    scan_areg = _recorded(readings.scan_areg)
    scan_areg_8x8 = _recorded(readings.scan_areg_8x8)
    scan_areg_mean_8x8 = _recorded(readings.scan_areg_mean_8x8)
    scan_dreg = _recorded(readings.scan_dreg)
    scan_events = _recorded(readings.scan_events)
    scan_events_rc = _recorded(readings.scan_events_rc)
    scan_boundingbox = _recorded(readings.scan_boundingbox)
    output_areg = _recorded(readings.output_areg)
    output_image = _recorded(readings.output_image)

    # -- recording ---------------------------------------------------------------------------------------

    def _do(self, *steps: Step) -> None:
        for step in steps:
            self._use(step, None)

    def _use(self, step: Step, most: int | None) -> None:
        """Record a step, with a Use for each operand that is a variable; ``most``: where none is given."""
        form, given = form_of(step), {}
        for place, field in enumerate(fields(step)):
            value = getattr(step, field.name)
            if isinstance(value, Operand):
                variable, bound = _bounded(value, form.operands[place][2] if most is None else most)
                given[field.name] = bound
                self._steps.append(Use(place, variable.number))
        whole = replace(step, **given)
        Program((whole,))  # an operand out of range is reported where it is recorded
        self._steps.append(whole)

    def read(self, reading: Reading[_T]) -> Answer[_T]:
        """Record a read-out."""
        self._do(reading.step)
        return Answer(len(self._steps) - 1, reading.decode, reading.number)

    def _check_taken(self, taken: Taken) -> None:
        """Whether only other parts of the read-out were taken since the call."""
        if not all(isinstance(step, Take) for step in self._steps[taken.index + 1 :]):
            raise DataError("a variable takes what is read out right behind the call, before anything else")

    @contextmanager
    def _block(self) -> Iterator[None]:
        self._open += 1
        yield
        self._open -= 1
        self._steps.append(End())


def _operands(comparison: object) -> tuple[int, int, int, int]:
    if not isinstance(comparison, Comparison):
        raise DataError(
            f"the controller needs a comparison with a variable, as count < 10, not {comparison!r}"
        )
    return comparison.operands


def _bounded(operand: Operand, most: int) -> tuple[Variable, int]:
    """A variable, and the greatest value that it gives."""
    if isinstance(operand, AtMost):
        return operand.variable, operand.most
    assert isinstance(operand, Variable)
    return operand, most
