"""The intermediate form: operations on planes, in sections, one section per layer.

A *plane* is a virtual register, one value per PE: 1 bit (DREG) or an analog level (AREG). Lowering makes
operations on whole planes (shift, accumulate a tap, compare, ...); later passes turn them into instruction
words on planes, planes into registers, and words into blocks. Every form prints itself, one line per
operation, which is what ``--dump-ir`` shows.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pixeltree_protocol.chip.registers import Analog, Digital, Direction
from pixeltree_protocol.objects.cover import ChannelGrid


@dataclass(frozen=True, eq=False)
class Plane:
    """A virtual register; two planes are the same only if they are the same object.

    Attributes:
        name: for people.
        analog: whether it needs an AREG.
        is_cube: whether it holds one selection of a weight plane, and so lives through no shift.
    """

    name: str
    analog: bool = False
    is_cube: bool = False

    def __str__(self) -> str:
        return f"%{self.name}"


def four_cubes() -> tuple[Plane, Plane, Plane, Plane]:
    """Planes for the selections of a weight plane."""
    first, second, third, fourth = (Plane(f"c{number}", is_cube=True) for number in (1, 2, 3, 4))
    return first, second, third, fourth


Operand = Plane | Analog | Digital
"""A plane, or a register of the chip where only that one will do (NEWS, IN, FLAG, SELECT, input plane)."""


@dataclass(frozen=True, eq=False)
class Operation:
    """Base of all operations."""

    def operands(self) -> Iterator[Operand]:
        """Every operand, written or read."""
        for item in fields(self):
            value = getattr(self, item.name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Plane | Analog | Digital):
                    yield one

    def __str__(self) -> str:
        parts = []
        for item in fields(self):
            value = getattr(self, item.name)
            text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            parts.append(f"{item.name}={text}")
        return f"{type(self).__name__} {' '.join(parts)}"


def with_operands(operation: Operation, change: Callable[[Operand], Operand]) -> Operation:
    """The same operation with its operands changed."""

    def changed(value: Any) -> Any:  # noqa: ANN401 - a field of any operation
        if isinstance(value, tuple):
            return tuple(changed(one) for one in value)
        return change(value) if isinstance(value, Plane | Analog | Digital) else value

    values = {item.name: changed(getattr(operation, item.name)) for item in fields(operation)}
    return replace(operation, **values)


# -- operations on whole planes ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Copy(Operation):
    """target := source."""

    target: Plane
    source: Operand


@dataclass(frozen=True, eq=False)
class Shift(Operation):
    """The content of a plane moves; 0 comes in from the edge of the array. In place.

    Attributes:
        down, right: pixels of the array, as one looks at the picture; negative is up and left.
    """

    plane: Plane
    down: int
    right: int


class Ternary(enum.Enum):
    """Planes of ternary weights: where a weight is +1, if it is not 0; and where it is 0."""

    SIGNS = "signs"
    ZEROS = "zeros"


@dataclass(frozen=True, eq=False)
class LoadWeights(Operation):
    """OR of ``cubes`` := bits ``bit``... of the weight segment, over the positions of a mask.

    Attributes:
        cubes: four planes that are 0 before.
        mask: index of the mask plane.
        bit: first bit in the weight segment.
        width: number of bits.
        loads: selections of the cover, what it will cost.
        of_head: whether the mask is that of a fully connected head on the array, on a grid of its own.
        ternary: None, or which plane of the ternary segment's weights; ``bit`` is then the first weight.
    """

    cubes: tuple[Plane, Plane, Plane, Plane]
    mask: int
    bit: int
    width: int
    loads: int
    of_head: bool = False
    ternary: Ternary | None = None


@dataclass(frozen=True, eq=False)
class LoadCubes(Operation):
    """Planes := patterns (r, c, rx, cx), one each; a fixed part of the array, no weights."""

    targets: tuple[Plane, ...]
    patterns: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, eq=False)
class ClearPlanes(Operation):
    """Planes := 0, up to four in a word."""

    planes: tuple[Plane, ...]


@dataclass(frozen=True, eq=False)
class ClearSum(Operation):
    """sum := 0 everywhere."""

    total: Plane


@dataclass(frozen=True, eq=False)
class AddTap(Operation):
    """sum := sum +- IN where input and weight differ, and the tap is present.

    Attributes:
        total: the sum.
        x: the input as it lies under this tap.
        cubes: their OR is the weight.
        absent: positions that have no such tap, or empty.
        adds: whether a difference adds (the weight is then stored inverted) or subtracts.
    """

    total: Plane
    x: Plane
    cubes: tuple[Plane, Plane, Plane, Plane]
    absent: tuple[Plane, ...]
    adds: bool


@dataclass(frozen=True, eq=False)
class BiasDigit(Operation):
    """bias := bias + IN where the cubes are 1 (``adds``), or bias - IN where they are 0."""

    bias: Plane
    cubes: tuple[Plane, Plane, Plane, Plane]
    adds: bool


@dataclass(frozen=True, eq=False)
class Compare(Operation):
    """target := sum of the totals > 0."""

    target: Plane
    totals: tuple[Plane, ...]


@dataclass(frozen=True, eq=False)
class Merge(Operation):
    """target := target OR source."""

    target: Plane
    source: Plane


@dataclass(frozen=True, eq=False)
class Union(Operation):
    """target := OR of the sources, of which it may be one."""

    target: Plane
    sources: tuple[Plane, ...]


@dataclass(frozen=True, eq=False)
class Keep(Operation):
    """plane := plane AND what is selected (SELECT or RECT)."""

    plane: Plane
    selection: Digital


@dataclass(frozen=True, eq=False)
class Drop(Operation):
    """plane := plane AND NOT any of the others."""

    plane: Plane
    others: tuple[Plane, ...]


# -- controller steps ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SetLevel(Operation):
    """IN := level."""

    level: int


@dataclass(frozen=True, eq=False)
class RaiseLevel(Operation):
    """IN := IN + gain x the mean of a plane over a rectangle + offset.

    Attributes:
        plane: analog.
        corners: r0, c0, r1, c1; (r0, c0) is the top right one.
        gain, offset: -128 to 127.
    """

    plane: Plane
    corners: tuple[int, int, int, int]
    gain: int
    offset: int


@dataclass(frozen=True, eq=False)
class Select(Operation):
    """SELECT := a pattern (r, c, rx, cx)."""

    pattern: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class SelectBox(Operation):
    """RECT := a rectangle (r0, c0, r1, c1), the top right corner first."""

    corners: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Scan(Operation):
    """Rows of a plane go to the controller's bit buffer."""

    plane: Plane
    row: int
    row_step: int
    rows: int


@dataclass(frozen=True, eq=False)
class ApplyWeights(Operation):
    """Logits := fully connected layer of the bit buffer."""


@dataclass(frozen=True, eq=False)
class ScanMap(Operation):
    """Logits := ADC samples of a sum.

    Attributes:
        total: the sum.
        bit: where its 32-bit offset stands in the weight segment.
        unit: level of one count.
        corners: r0, c0, r1, c1 of the grid.
        pitch: distance of its rows and columns.
    """

    total: Plane
    bit: int
    unit: int
    corners: tuple[int, int, int, int]
    pitch: int


@dataclass(frozen=True, eq=False)
class SumLogit(Operation):
    """One more logit := an offset - 2 x what global sums count of disagreements.

    Attributes:
        total: -level where activation and weight differ.
        bit: where the 32-bit offset stands in the weight segment.
        unit: 256 x ADC codes of one activation that disagrees.
        pattern: r, c, rx, cx of one sum.
        parts: number, from 1, of the bit of row and column addresses that differs from sum to sum.
    """

    total: Plane
    bit: int
    unit: int
    pattern: tuple[int, int, int, int]
    parts: tuple[int, int]


@dataclass(frozen=True, eq=False)
class AddLogits(Operation):
    """Logits := logits + those of the node before."""


@dataclass(frozen=True, eq=False)
class Decide(Operation):
    """Outcome := index of the greatest logit."""


@dataclass(frozen=True, eq=False)
class Proceed(Operation):
    """Outcome := 0; the next node adds to the logits."""


# -- instruction words on planes ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Word(Operation):
    """One instruction word."""

    mnemonic: str
    destinations: tuple[Operand, ...] = ()
    sources: tuple[Operand, ...] = ()

    def __str__(self) -> str:
        return f"{self.mnemonic}({', '.join(map(str, (*self.destinations, *self.sources)))})"


@dataclass(frozen=True, eq=False)
class SetDirection(Operation):
    """R1-R4 := the neighbour that DNEWS reads from now on; no word where it is so already."""

    direction: Direction


@dataclass(frozen=True, eq=False)
class Repeat(Operation):
    """A run of words, several times; a block of its own."""

    times: int
    words: tuple[Word, ...]

    def operands(self) -> Iterator[Operand]:
        """Every operand of the words."""
        for word in self.words:
            yield from word.operands()

    def __str__(self) -> str:
        return f"Repeat {self.times} x [{'; '.join(map(str, self.words))}]"


@dataclass
class Section:
    """The operations of one layer.

    Attributes:
        name: the layer, for reports.
        operations: what it does.
        planes: DREGs and AREGs that hold something at each operation, once allocated.
    """

    name: str
    operations: list[Operation] = field(default_factory=list)
    planes: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Unit:
    """A node while it is compiled.

    Attributes:
        sections: operations by layer.
        masks: planes of the mask segment, one int each (bit per position).
        grid_side: side of the channel grid.
        grid_shift: log2 of its pitch.
        weights: bits of the packed weight segment so far.
        ternary: weights of the ternary segment so far, -1, 0 or +1.
        head_grid, head_mask: cells of a fully connected head on the array, if there is one.
        longest_in_line: pixels of a shift that stays among other words; a longer one is a block of its own,
            which costs a launch and saves room for words, because many taps share it.
        in_pairs: whether neighbouring weight planes have cubes of their own, so that they can load together.
    """

    sections: list[Section]
    grid_side: int
    grid_shift: int
    masks: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    ternary: list[int] = field(default_factory=list)
    head_grid: ChannelGrid | None = None
    head_mask: int = 0
    longest_in_line: int = 15
    in_pairs: bool = False

    def listing(self) -> str:
        """All operations, for people."""
        lines = []
        for section in self.sections:
            lines += [f"{section.name}:", *(f"  {operation}" for operation in section.operations)]
        return "\n".join(lines)
