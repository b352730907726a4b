"""The sequencer: executes the steps of one node's program and charges the device clock for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pixeltree_emu.array.device_array import Kernel, PixelArray
from pixeltree_emu.runtime.clock import DeviceClock
from pixeltree_emu.runtime.expansion import expand
from pixeltree_protocol.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.objects import BlockPlanes, FullyConnected
from pixeltree_protocol.objects.program import (
    ApplyFullyConnected,
    Argmax,
    LoadPlane,
    Run,
    ScanDreg,
    SelectPattern,
    SelectRect,
    SetIn,
    Step,
)
from pixeltree_protocol.registers import DIGITAL_LOAD, DIGITAL_READ, DREGS, Digital, bits
from pixeltree_protocol.verify import NodeImage


@dataclass
class Decision:
    """What a program works out beside planes.

    Attributes:
        scanned: bytes read out of DREGs so far.
        logits: sums of the last fully connected layer.
        outcome: index of the winner, once decided.
    """

    scanned: bytearray = field(default_factory=bytearray)
    logits: tuple[int, ...] = ()
    outcome: int | None = None


class Sequencer:
    """Executes steps on an array."""

    def __init__(self, array: PixelArray, clock: DeviceClock) -> None:
        self._array = array
        self._clock = clock
        self._loaders = {register: _PlaneLoader(array, register) for register in DREGS}
        self._actions: dict[type[Step], Callable[[Any, NodeImage, Sequence[Kernel], Decision], None]] = {
            Run: self._run,
            SetIn: self._set_in,
            SelectPattern: self._select_pattern,
            SelectRect: self._select_rect,
            LoadPlane: self._load_plane,
            ScanDreg: self._scan,
            ApplyFullyConnected: self._fully_connected,
            Argmax: self._argmax,
        }

    def execute(self, image: NodeImage, kernels: Sequence[Kernel], decision: Decision) -> Iterator[Step]:
        """Run a node's program step by step; ``kernels`` are its blocks made ready, in slot order."""
        for step in image.program.steps:
            self._array.elapse(self._clock.now_ns)
            self._actions[type(step)](step, image, kernels, decision)
            yield step

    def _run(self, step: Run, image: NodeImage, kernels: Sequence[Kernel], _: Decision) -> None:
        for _time in range(step.times):
            self._array.run(kernels[step.block], self._clock.now_ns)
            self._clock.charge_block(len(image.blocks[step.block].words))

    def _set_in(self, step: SetIn, *_: object) -> None:
        self._array.set_in(step.level)
        self._clock.charge(self._clock.costs.set_in_ns)

    def _select_pattern(self, step: SelectPattern, *_: object) -> None:
        self._array.select_pattern(step.r, step.c, step.rx, step.cx)
        self._clock.charge(self._clock.costs.select_ns)

    def _select_rect(self, step: SelectRect, *_: object) -> None:
        self._array.select_rect(step.r0, step.c0, step.r1, step.c1)
        self._clock.charge(self._clock.costs.select_rect_ns)

    def _load_plane(self, step: LoadPlane, image: NodeImage, _kernels: object, _: Decision) -> None:
        segment = image.segments[step.segment]
        assert isinstance(segment, BlockPlanes)  # verify_node has seen to it
        loader = self._loaders[DREGS[step.dreg]]
        expansion = expand(segment, step.plane)
        if not expansion.selections:
            self._launch(loader.clear)
        for index, selection in enumerate(expansion.selections):
            self._array.select_pattern(selection.r, selection.c, selection.rx, selection.cx)
            self._clock.charge(self._clock.costs.select_ns)
            self._launch(loader.add if index else loader.copy)
        if expansion.inverted:
            self._launch(loader.invert)

    def _launch(self, block: tuple[Kernel, int]) -> None:
        kernel, words = block
        self._array.run(kernel, self._clock.now_ns)
        self._clock.charge_block(words)

    def _scan(self, step: ScanDreg, _image: object, _kernels: object, decision: Decision) -> None:
        rows = range(step.row, step.row + step.rows * step.row_step, step.row_step)
        data = self._array.scan_rows(DREGS[step.dreg], rows)
        decision.scanned += data
        self._clock.charge(len(data) * self._clock.costs.scan_byte_ns)

    def _fully_connected(
        self, step: ApplyFullyConnected, image: NodeImage, _kernels: object, decision: Decision
    ) -> None:
        segment = image.segments[step.segment]
        assert isinstance(segment, FullyConnected)  # verify_node has seen to it
        decision.logits = fully_connected(segment, bytes(decision.scanned))
        chunks = -(-segment.inputs // 32) * len(segment.biases)
        costs = self._clock.costs
        self._clock.charge(chunks * costs.fully_connected_operations * costs.operation_ns)

    def _argmax(self, _step: Argmax, _image: object, _kernels: object, decision: Decision) -> None:
        decision.outcome = decision.logits.index(max(decision.logits))
        self._clock.charge(len(decision.logits) * self._clock.costs.operation_ns)


def fully_connected(segment: FullyConnected, bits_read: bytes) -> tuple[int, ...]:
    """2 * popcount(XNOR(bits, weights)) - inputs + bias, per output."""
    weights = np.frombuffer(b"".join(segment.weights), np.uint8).reshape(len(segment.biases), -1)
    agree = np.unpackbits(~(weights ^ np.frombuffer(bits_read, np.uint8)), axis=1, bitorder="little")
    counts = agree[:, : segment.inputs].sum(axis=1, dtype=np.int64)
    return tuple(int(v) for v in 2 * counts - segment.inputs + np.array(segment.biases))


class _PlaneLoader:
    """The controller's own blocks for loading a plane: clear it, copy or OR the selection in, invert it.

    The last two are the vendor's in-place OR and NOT (fact sheet 3.5): one word reads, the next loads.
    """

    def __init__(self, array: PixelArray, register: Digital) -> None:
        read = DIGITAL_READ[register]
        load = DIGITAL_LOAD[register]
        self.clear = _ready(array, encode(Instruction("CLR", (register,))))
        self.copy = _ready(array, encode(Instruction("MOV", (register,), (Digital.SELECT,))))
        self.add = _ready(
            array,
            _digital(bits("plrb", "bit", "bitmode") | read | DIGITAL_READ[Digital.SELECT]),
            _digital(bits("bit", "bitmode") | load),
        )
        self.invert = _ready(array, _digital(bits("plrb", "nbit") | read), _digital(bits("nbit") | load))


def _digital(value: int) -> ICW:
    return ICW(value, ClockClass.DIGITAL)


def _ready(array: PixelArray, *words: ICW) -> tuple[Kernel, int]:
    return array.load(words), len(words)
