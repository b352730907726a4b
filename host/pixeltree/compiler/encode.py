"""Last pass: words become blocks, everything else controller steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Operation
from pixeltree_protocol.chip.isa import ICW, Instruction, decode, encode
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital, Register
from pixeltree_protocol.objects import MAX_BLOCK_WORDS, Block
from pixeltree_protocol.objects import controller_steps as controller
from pixeltree_protocol.objects.program import (
    MAX_SLOTS,
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    Launch,
    LoadCover,
    Proceed,
    RaiseIn,
    ScanDreg,
    ScanLogits,
    SelectPattern,
    SelectRect,
    SetIn,
    Step,
    SumLogit,
)

MASKS, WEIGHTS, NEXT = 0, 1, 2
"""Slots of segments: masks and bits that covers read, then ternary weights if there are any, then a head's:
its mask, or the whole layer. Without masks, the bits are in slot 0."""


@dataclass
class Encoded:
    """A program in the making.

    Attributes:
        steps: controller steps so far.
        blocks: distinct blocks.
        sections: for every step the index of its section.
    """

    steps: list[Step] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    sections: list[int] = field(default_factory=list)

    @property
    def words(self) -> int:
        """Words of all blocks together."""
        return sum(len(block.words) for block in self.blocks)

    @property
    def fits(self) -> bool:
        """Whether the controller has room for the blocks, and the program names for them."""
        return self.words <= MAX_BLOCK_WORDS and len(self.blocks) <= MAX_SLOTS

    def listing(self) -> str:
        """Blocks and steps, for people."""
        blocks = [
            f"block {slot}:\n" + "\n".join(f"  {decode(word)}" for word in block.words)
            for slot, block in enumerate(self.blocks)
        ]
        return "\n".join([*blocks, "program:", *(f"  {step}" for step in self.steps)])


class Encoder:
    """Encodes a unit whose planes all have registers."""

    def __init__(self, unit: ir.Unit) -> None:
        self._unit = unit
        self._head = NEXT + bool(unit.ternary)
        self._pending: list[ICW] = []
        self._section = 0
        self._slots: dict[Block, int] = {}
        self.result = Encoded()

    def encode(self) -> Encoded:
        """The program and its blocks."""
        for number, section in enumerate(self._unit.sections):
            self._section = number
            for operation in section.operations:
                self._operation(operation)
            self._flush()
        return self.result

    def _operation(self, operation: Operation) -> None:
        if isinstance(operation, ir.Word):
            self._pending.append(_word(operation))
            if len(self._pending) == MAX_BLOCK_WORDS:
                self._flush()
            return
        self._flush()
        if isinstance(operation, ir.Repeat):
            self._run([_word(word) for word in operation.words], operation.times)
            return
        for step in self._steps(operation):
            self._step(step)

    def _flush(self) -> None:
        if self._pending:
            self._run(self._pending, 1)
            self._pending = []

    def _run(self, words: list[ICW], times: int) -> None:
        block = Block(tuple(words))
        slot = self._slots.setdefault(block, len(self.result.blocks))
        if slot == len(self.result.blocks):
            self.result.blocks.append(block)
        self._step(Launch(slot, times))

    def _step(self, step: Step) -> None:
        self.result.steps.append(step)
        self.result.sections.append(self._section)

    def _steps(self, operation: Operation) -> list[Step]:
        match operation:
            case ir.LoadCubes():
                pairs = zip(operation.targets, operation.patterns, strict=True)
                return [controller.LoadPattern(_dreg(target), *pattern) for target, pattern in pairs]
            case ir.AddLogits() | ir.Decide() | ir.Proceed():
                return [_ending_step(operation)]
            case _:
                return [self._one_step(operation)]

    def _one_step(self, operation: Operation) -> Step:
        step: Step
        match operation:
            case ir.SetLevel():
                step = SetIn(operation.level)
            case ir.RaiseLevel():
                areg = AREGS.index(_analog(operation.plane))
                step = RaiseIn(areg, *operation.corners, operation.gain, operation.offset)
            case ir.Select():
                step = SelectPattern(*operation.pattern)
            case ir.SelectBox():
                step = SelectRect(*operation.corners)
            case ir.LoadWeights():
                dregs = [_dreg(cube) for cube in operation.cubes]
                grid = self._unit.head_grid
                shift = grid.shift if operation.of_head and grid else self._unit.grid_shift
                slot = self._head if operation.of_head else MASKS
                step = LoadCover(slot, operation.mask, *self._bits(operation), shift, *dregs)
            case ir.Scan():
                step = ScanDreg(_dreg(operation.plane), operation.row, operation.row_step, operation.rows)
            case ir.ScanMap():
                areg, pitch = AREGS.index(_analog(operation.total)), operation.pitch
                slot = WEIGHTS if self._unit.masks else 0
                step = ScanLogits(slot, operation.bit, operation.unit, areg, *operation.corners, pitch, pitch)
            case ir.SumLogit():
                areg = AREGS.index(_analog(operation.total))
                where_from = (*operation.pattern, *operation.parts)
                step = SumLogit(WEIGHTS, operation.bit, operation.unit, areg, *where_from)
            case ir.ApplyWeights():
                step = ApplyFullyConnected(self._head if self._unit.weights else 0)
            case _:
                raise TypeError(f"{operation} has no encoding")
        return step

    def _bits(self, operation: ir.LoadWeights) -> tuple[int, int]:
        """Segment and first bit of what is loaded; ternary weights are two bits each."""
        if operation.ternary is None:
            return WEIGHTS, operation.bit
        zeros = len(self._unit.ternary) if operation.ternary is ir.Ternary.ZEROS else 0
        return NEXT, zeros + operation.bit


def _ending_step(operation: ir.AddLogits | ir.Decide | ir.Proceed) -> Step:
    if isinstance(operation, ir.AddLogits):
        return AddLogits()
    if isinstance(operation, ir.Proceed):
        return Proceed()
    return Argmax()


def _word(word: ir.Word) -> ICW:
    return _encoded(word.mnemonic, _registers(word.destinations), _registers(word.sources))


@lru_cache(maxsize=4096)
def _encoded(mnemonic: str, destinations: tuple[Register, ...], sources: tuple[Register, ...]) -> ICW:
    return encode(Instruction(mnemonic, destinations, sources))


def _registers(operands: tuple[ir.Operand, ...]) -> tuple[Register, ...]:
    return tuple(operand for operand in operands if not isinstance(operand, ir.Plane))


def _dreg(operand: object) -> int:
    assert isinstance(operand, Digital)  # allocated
    return DREGS.index(operand)


def _analog(operand: object) -> Analog:
    assert isinstance(operand, Analog)  # allocated
    return operand
