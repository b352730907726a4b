"""Third pass: every plane gets a register for as long as it lives.

A plane lives from a word that sets it as a whole to the last one that reads it, and may have several such
lives; it takes the same register again where it can, so that equal layers give equal words. AREG writes are
gated by FLAG, so a sum lives from its first write on.

R1-R4 choose the direction of shifts. They take planes that no shift lives through, weights above all, only
where the other registers do not suffice: every shift must then set its direction again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Operand, Operation, Plane
from pixeltree.errors import CompileError
from pixeltree_protocol.chip.registers import Analog, Digital, Register

DREGS = tuple(Digital(f"R{i}") for i in (6, 7, 8, 9, 10, 11, 0))
"""For planes; R5 is the input, R1-R4 are directions, and R12, for windows, loads only where R0 is 1."""

DIRECTIONS = tuple(Digital(f"R{i}") for i in (1, 2, 3, 4))

AREGS = (Analog.A, Analog.B, Analog.C, Analog.D, Analog.E, Analog.F)
"""For sums; NEWS is between all of them."""


@dataclass
class Life:
    """One life of a plane: indices of the first and the last operation that has it."""

    plane: Plane
    first: int
    last: int
    crosses: bool = False

    def meets(self, other: Life) -> bool:
        """Whether both need a register at the same time; no word may read and load the same one."""
        return self.first <= other.last and other.first <= self.last


class Lives:
    """Finds the lives of all planes of a unit."""

    def __init__(self, operations: list[Operation]) -> None:
        self._open: dict[Plane, Life] = {}
        self.done: list[Life] = []
        for index, operation in enumerate(operations):
            for plane in reads(operation):
                if plane in self._open:
                    self._open[plane].last = index
                else:  # read before it is set: an AREG that is built where FLAG is 1, or a mistake
                    self._begin(plane, index)
            for plane in writes(operation):
                if plane.analog and plane in self._open:
                    self._open[plane].last = index
                else:
                    self._begin(plane, index)
        self.done += self._open.values()
        self.done.sort(key=lambda life: (life.first, life.last))
        shifts = [index for index, operation in enumerate(operations) if _needs_directions(operation)]
        for life in self.done:
            life.crosses = bisect_left(shifts, life.first) < bisect_right(shifts, life.last)

    def _begin(self, plane: Plane, index: int) -> None:
        if plane in self._open:
            self.done.append(self._open[plane])
        self._open[plane] = Life(plane, index, index)


def _needs_directions(operation: Operation) -> bool:
    if isinstance(operation, ir.Word):
        return operation.mnemonic.startswith("DNEWS")
    return isinstance(operation, ir.SetDirection | ir.Repeat)


def writes(operation: Operation) -> list[Plane]:
    """Planes that an operation sets."""
    if isinstance(operation, ir.Word):
        return _planes(operation.destinations)
    if isinstance(operation, ir.LoadCubes):
        return list(operation.targets)
    if isinstance(operation, ir.Repeat):
        return []  # it moves a plane in place, and what it moves through is set and read within
    return []


def reads(operation: Operation) -> list[Plane]:
    """Planes that an operation needs; loading weights leaves cubes without a selection alone."""
    if isinstance(operation, ir.Word):
        return _planes(operation.sources)
    if isinstance(operation, ir.LoadCubes):
        return []
    return list(dict.fromkeys(_planes(tuple(operation.operands()))))


def _planes(operands: tuple[Operand, ...]) -> list[Plane]:
    return [operand for operand in operands if isinstance(operand, Plane)]


def allocate(unit: ir.Unit) -> None:
    """Give every life a register and put the registers into the operations.

    Raises:
        CompileError: there are not enough registers; says where and which planes are in the way.
    """
    operations = [operation for section in unit.sections for operation in section.operations]
    lives = Lives(operations).done
    _count_planes(unit, lives)
    crowded = {number for number, section in enumerate(unit.sections) if _is_crowded(section)}
    busy_until: dict[Register, int] = {}
    chosen: list[tuple[Life, Register]] = []
    last_register: dict[Plane, Register] = {}
    for life in sorted(lives, key=lambda one: (one.first, -(one.last - one.first))):
        section, name = _section_of(unit, life.first)
        candidates = _candidates(life, section in crowded)
        previous = last_register.get(life.plane)
        here = [one for one in candidates if busy_until.get(one, -1) < life.first]
        may_stay = previous in here and (previous in DIRECTIONS or candidates[0] not in DIRECTIONS)
        register = previous if may_stay else next(iter(here), None)
        if register is None:
            raise _too_many(life, lives, name, len(candidates))
        busy_until[register] = life.last
        last_register[life.plane] = register
        chosen.append((life, register))
    _rewrite(unit, chosen)


def _candidates(life: Life, crowded: bool) -> tuple[Register, ...]:
    if life.plane.analog:
        return AREGS
    if not crowded or life.crosses:
        return DREGS
    return (*DIRECTIONS, *DREGS) if life.plane.is_cube else (*DREGS, *DIRECTIONS)


def _section_of(unit: ir.Unit, index: int) -> tuple[int, str]:
    for number, section in enumerate(unit.sections):
        if index < len(section.operations):
            return number, section.name
        index -= len(section.operations)
    raise IndexError(index)


def _count_planes(unit: ir.Unit, lives: list[Life]) -> None:
    """Note how many planes of each kind are alive at every operation."""
    total = sum(len(section.operations) for section in unit.sections)
    changes = [[0] * (total + 1) for _ in range(2)]
    for life in lives:
        changes[life.plane.analog][life.first] += 1
        changes[life.plane.analog][life.last + 1] -= 1
    counts = list(zip(*(accumulate(change) for change in changes), strict=True))
    first = 0
    for section in unit.sections:
        end = first + len(section.operations)
        section.planes = counts[first:end]
        first = end


def _is_crowded(section: ir.Section) -> bool:
    """Whether more DREGs are alive at some point than there are beside R1-R4."""
    return any(digital > len(DREGS) for digital, _ in section.planes)


def _too_many(life: Life, lives: list[Life], name: str, there: int) -> CompileError:
    kind = "AREGs" if life.plane.analog else "DREGs"
    rivals = {str(one.plane) for one in lives if one.plane.analog is life.plane.analog and life.meets(one)}
    names = ", ".join(sorted(rivals - {str(life.plane)}))
    return CompileError(
        f"layer {name}: {len(rivals)} {kind} are needed at once, and {there} are there: {life.plane} meets "
        f"{names}. More groups, no border (before = 0), or the other layout need fewer"
    )


def _rewrite(unit: ir.Unit, chosen: list[tuple[Life, Register]]) -> None:
    registers = _Registers(chosen)
    index = 0
    for section in unit.sections:
        for position, operation in enumerate(section.operations):
            section.operations[position] = _with_registers(operation, index, registers)
            index += 1


class _Registers:
    """Which register a plane has in an operation."""

    def __init__(self, chosen: list[tuple[Life, Register]]) -> None:
        self._lives: dict[Plane, list[tuple[Life, Register]]] = {}
        for life, register in chosen:
            self._lives.setdefault(life.plane, []).append((life, register))
        self._firsts = {plane: [life.first for life, _ in lives] for plane, lives in self._lives.items()}

    def of(self, operand: Operand, index: int, is_written: bool) -> Operand:
        """The register; a life that begins here counts for a write, one that ends here for a read."""
        if not isinstance(operand, Plane):
            return operand
        lives = self._lives[operand]
        at = bisect_right(self._firsts[operand], index) - 1
        begins_here = lives[at][0].first == index
        if begins_here and not is_written and at and lives[at - 1][0].last == index:
            at -= 1
        return lives[at][1]


def _with_registers(operation: Operation, index: int, registers: _Registers) -> Operation:
    if isinstance(operation, ir.Word):
        return _word_with_registers(operation, index, registers, True)
    if isinstance(operation, ir.Repeat):
        words = tuple(_word_with_registers(word, index, registers, False) for word in operation.words)
        return ir.Repeat(operation.times, words)
    written = writes(operation)
    return ir.with_operands(operation, lambda one: registers.of(one, index, one in written))


def _word_with_registers(word: ir.Word, index: int, registers: _Registers, begins: bool) -> ir.Word:
    return ir.Word(
        word.mnemonic,
        tuple(registers.of(one, index, begins) for one in word.destinations),
        tuple(registers.of(one, index, False) for one in word.sources),
    )
