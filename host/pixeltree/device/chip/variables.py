"""Variables of a controller program, and what is compared with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pixeltree.device.chip.readings import Answer, Taken
from pixeltree.device.chip.registers import Operand
from pixeltree.errors import DataError
from pixeltree_protocol.objects.control_steps import Operation, Relation, Set, Source, Take
from pixeltree_protocol.objects.step import Step


@dataclass(frozen=True)
class Comparison:
    """A comparison that the controller makes, for ``if_`` and ``leave_if``."""

    variable: int
    relation: Relation
    source: Source
    value: int

    @property
    def operands(self) -> tuple[int, int, int, int]:
        """The operands of a step that compares."""
        return self.variable, self.relation, self.source, self.value

    def __bool__(self) -> bool:
        raise DataError(
            "the controller makes this comparison while the program runs; give it to program.if_ or leave_if"
        )


@dataclass(frozen=True)
class AtMost(Operand):
    """A variable as an operand, and the greatest value that it gives."""

    variable: Variable
    most: int


class Variable(Operand):
    """A number of the controller: 32 bits, signed; it wraps.

    It is made by :meth:`pixeltree.ControllerProgram.variable`. What is done with it becomes steps:
    ``count.set``, and ``count += 1``, ``-=``, ``*=``, ``>>=`` with a number or another variable.
    ``count < 10``, ``<=``, ``>``, ``>=``, ``==``, ``!=`` are comparisons. Calls that say so take a variable
    as an operand.
    """

    def __init__(self, number: int, record: Callable[[Step], None], take: Callable[[Taken], None]) -> None:
        self._number = number
        self._record = record
        self._take = take

    @property
    def number(self) -> int:
        """Which of the controller's variables it is."""
        return self._number

    def set(self, value: int | Variable | Answer[object] | Taken) -> None:
        """Make it a number, another variable's value, or what the call right before has read out.

        A read-out that is taken is not answered. Of events it is their number; of a ``_total`` the sum. Of
        others it is a part: ``box.byte(0)``, ``sums.total()``.

        Raises:
            DataError: the read-out is no single number, or other steps have followed it.
        """
        if isinstance(value, Answer):
            value = value.number()
        if isinstance(value, Taken):
            self._take(value)
            self._record(Take(self._number, value.part, value.at))
        else:
            self._change(Operation.SET, value)

    def at_most(self, most: int) -> AtMost:
        """Itself as an operand, kept to a greatest value; the time of a program is counted with that."""
        return AtMost(self, most)

    def _change(self, operation: Operation, value: int | Variable) -> Variable:
        self._record(Set(self._number, operation, *_source(value)))
        return self

    def _compared(self, relation: Relation, value: object) -> Comparison:
        return Comparison(self._number, relation, *_source(value))

    def __iadd__(self, value: int | Variable) -> Variable:
        return self._change(Operation.ADD, value)

    def __isub__(self, value: int | Variable) -> Variable:
        return self._change(Operation.SUBTRACT, value)

    def __imul__(self, value: int | Variable) -> Variable:
        return self._change(Operation.MULTIPLY, value)

    def __irshift__(self, value: int | Variable) -> Variable:
        return self._change(Operation.HALVE, value)

    def __lt__(self, value: int | Variable) -> Comparison:
        return self._compared(Relation.LESS, value)

    def __le__(self, value: int | Variable) -> Comparison:
        return self._compared(Relation.AT_MOST, value)

    def __gt__(self, value: int | Variable) -> Comparison:
        return self._compared(Relation.GREATER, value)

    def __ge__(self, value: int | Variable) -> Comparison:
        return self._compared(Relation.AT_LEAST, value)

    def __eq__(self, value: object) -> Comparison:  # type: ignore[override]
        return self._compared(Relation.EQUAL, value)

    def __ne__(self, value: object) -> Comparison:  # type: ignore[override]
        return self._compared(Relation.UNEQUAL, value)

    __hash__ = object.__hash__


def _source(value: object) -> tuple[Source, int]:
    """A number or a variable, as a step names it."""
    if isinstance(value, Variable):
        return Source.VARIABLE, value.number
    if isinstance(value, int):
        return Source.CONSTANT, value
    raise DataError(f"a variable goes with a whole number or a variable, not {value!r}")
