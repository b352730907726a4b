"""The sequencer: executes the steps of one node's program and charges the device clock for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.selection import PatternSelect, pattern_select, rectangle
from pixeltree_emu.controller.clock import DeviceClock
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_emu.controller.primitives import Controller
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.chip.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.chip.registers import (
    AREGS,
    ARRAY_SIZE,
    DIGITAL_LOAD,
    DIGITAL_READ,
    DREGS,
    Digital,
    bits,
)
from pixeltree_protocol.link.messages import ErrorCode
from pixeltree_protocol.objects import BlockPlanes, FullyConnected, PackedBits
from pixeltree_protocol.objects.cover import selections
from pixeltree_protocol.objects.program import (
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    LoadCover,
    Proceed,
    RaiseIn,
    Run,
    ScanDreg,
    ScanLogits,
    SelectPattern,
    SelectRect,
    SetIn,
    Step,
    SumLogit,
    WriteDreg,
)
from pixeltree_protocol.objects.verify import NodeImage, ProgramImage

Image = NodeImage | ProgramImage


_REMEMBERED = 1024
"""Covers that are kept ready; a node of the demo has 21."""


@dataclass
class Decision:
    """What a program works out beside planes.

    Attributes:
        scanned: bytes read out of DREGs so far.
        earlier: logits with which the node before ended; none at the root.
        logits: sums of the last fully connected layer, and what was added to them.
        outcome: index of the exit, once decided.
        read_out: bytes that the last step read out, if it did.
    """

    scanned: bytearray = field(default_factory=bytearray)
    earlier: tuple[int, ...] = ()
    logits: tuple[int, ...] = ()
    outcome: int | None = None
    read_out: bytes | None = None


class Sequencer:
    """Executes steps on an array."""

    def __init__(
        self, array: PixelArray, clock: DeviceClock, read_out: ReadOutParameters | None = None
    ) -> None:
        self._array = array
        self._clock = clock
        self._covers: dict[tuple[BlockPlanes, PackedBits, LoadCover], _Cover] = {}
        self._controller = Controller(array, clock, read_out)
        self._actions: dict[type[Step], Callable[[Any, Image, Sequence[Kernel], Decision], None]] = {
            SetIn: self._set_in,
            RaiseIn: self._raise_in,
            SelectPattern: self._select_pattern,
            SelectRect: self._select_rect,
            LoadCover: self._load_cover,
            ScanLogits: self._scan_logits,
            SumLogit: self._sum_logit,
            ScanDreg: self._scan,
            ApplyFullyConnected: self._fully_connected,
            Argmax: self._argmax,
            AddLogits: self._add_logits,
            Proceed: self._proceed,
            WriteDreg: self._write_dreg,
        }

    def execute(self, image: Image, kernels: Sequence[Kernel], decision: Decision) -> Iterator[Step | None]:
        """Run a program step by step; ``kernels`` are its blocks made ready, in slot order.

        Yields:
            Every step when it is done; None in between, where a step is long, so that the link is served.
        """
        for step in image.program.steps:
            decision.read_out = None
            self._array.elapse(self._clock.now_ns)
            if isinstance(step, Run):
                for _ in range(step.times):
                    self._run(kernels[step.block])
                    yield None
                yield step
                continue
            action = self._actions.get(type(step))
            if action is not None:
                action(step, image, kernels, decision)
            else:
                decision.read_out = self._controller.actions[type(step)](step)
            yield step

    def _run(self, kernel: Kernel) -> None:
        self._array.run(kernel, self._clock.now_ns)
        self._clock.charge(self._clock.costs.launch_ns)
        self._clock.charge_words(kernel.classes)

    def _set_in(self, step: SetIn, *_: object) -> None:
        self._array.set_in(step.level)
        self._clock.charge(self._clock.costs.set_in_ns)

    def _raise_in(self, step: RaiseIn, *_: object) -> None:
        parameters, costs = self._controller.parameters, self._clock.costs
        selected = rectangle(step.r0, step.c0, step.r1, step.c1)
        plane = self._array.engine.analog(AREGS[step.areg])
        mean = parameters.total(plane, selected, int(selected.sum())) - parameters.adc_zero
        level = self._array.engine.in_level + step.gain * mean + step.offset
        self._array.set_in(max(-128, min(127, level)))
        self._clock.charge(
            costs.adc_sample_ns + costs.sample_logit_operations * costs.operation_ns + costs.set_in_ns
        )

    def _select_pattern(self, step: SelectPattern, *_: object) -> None:
        self._array.select_pattern(step.r, step.c, step.rx, step.cx)
        self._clock.charge(self._clock.costs.select_ns)

    def _select_rect(self, step: SelectRect, *_: object) -> None:
        self._array.select_rect(step.r0, step.c0, step.r1, step.c1)
        self._clock.charge(self._clock.costs.select_rect_ns)

    def _load_cover(self, step: LoadCover, image: Image, _kernels: object, _: Decision) -> None:
        mask, segment = image.segments[step.mask], image.segments[step.segment]
        assert isinstance(mask, BlockPlanes)  # verify_node has seen to it
        assert isinstance(segment, PackedBits)
        loaded = self._covers.get((mask, segment, step))
        if loaded is None:
            if len(self._covers) >= _REMEMBERED:
                self._covers.clear()
            loaded = self._make_cover(step, mask, segment)
            self._covers[mask, segment, step] = loaded
        if loaded.kernel is not None:
            self._array.run(loaded.kernel, self._clock.now_ns)
        costs = self._clock.costs
        self._clock.charge(loaded.selections * costs.select_ns + loaded.merges * costs.launch_ns)
        self._clock.words += loaded.selections - loaded.merges
        self._clock.charge_words({ClockClass.DIGITAL: 2 * loaded.merges})

    def _make_cover(self, step: LoadCover, mask: BlockPlanes, segment: PackedBits) -> _Cover:
        """Loads as ``scamp5_load_pattern``, whose MOV is part of the select's time; then in-place ORs."""
        patterns = selections(step, mask, segment)
        if not patterns:
            return _Cover(None, 0, 0)
        last = DREGS[step.fourth]
        items: list[Item] = []
        for index, pattern in enumerate(patterns):
            items.append(pattern_select(*pattern))
            if index < len(step.dregs):
                items.append(encode(Instruction("MOV", (DREGS[step.dregs[index]],), (Digital.SELECT,))))
            else:
                items += _or_selection(last)
        merges = max(0, len(patterns) - len(step.dregs))
        return _Cover(self._array.load(items), len(patterns), merges)

    def _scan_logits(self, step: ScanLogits, image: Image, _kernels: object, decision: Decision) -> None:
        segment = image.segments[step.segment]
        assert isinstance(segment, PackedBits)  # verify_node has seen to it
        plane = self._array.engine.analog(AREGS[step.areg])
        samples = self._controller.parameters.adc(plane).astype(np.int64)
        levels = (
            samples[np.ix_(list(step.rows), list(step.columns)[::-1])] - self._controller.parameters.adc_zero
        )
        offset = _signed(segment, step.bit)
        rounded = (2 * levels + step.unit) // (2 * step.unit)
        decision.logits = tuple(int(v) for v in (2 * rounded + offset).ravel())
        costs = self._clock.costs
        each = costs.adc_sample_ns + costs.sample_logit_operations * costs.operation_ns
        self._clock.charge(len(decision.logits) * each)

    def _sum_logit(self, step: SumLogit, image: Image, _kernels: object, decision: Decision) -> None:
        segment = image.segments[step.segment]
        assert isinstance(segment, PackedBits)  # verify_node has seen to it
        parameters = self._controller.parameters
        plane = self._array.engine.analog(AREGS[step.areg])
        count = 0
        for pattern in step.patterns:
            sample = parameters.total(plane, PatternSelect(*pattern).plane, step.pixels)
            count += (512 * (parameters.adc_zero - sample) + step.unit) // (2 * step.unit)
        decision.logits += (_signed(segment, step.bit) - 2 * count,)
        costs = self._clock.costs
        each = costs.adc_sample_ns + costs.sample_logit_operations * costs.operation_ns
        self._clock.charge(len(step.patterns) * each)

    def _write_dreg(self, step: WriteDreg, image: Image, _kernels: object, _: Decision) -> None:
        """Points are drawn into what CLR left, or holes where they are fewer; then the plane is inverted."""
        segment = image.segments[step.segment]
        assert isinstance(segment, PackedBits)  # the verifier has seen to it
        bits_written = np.unpackbits(np.frombuffer(segment.data, np.uint8), bitorder="little")
        plane = bits_written.astype(np.bool_).reshape(ARRAY_SIZE, ARRAY_SIZE)
        self._array.write(DREGS[step.dreg], plane)
        ones = int(plane.sum())
        points = min(ones, plane.size - ones)
        inversion = 2 if points < ones else 0
        costs = self._clock.costs
        self._clock.charge_line(len(segment.data))
        self._clock.charge(len(segment.data) * costs.copy_byte_ns)
        self._clock.charge(costs.launch_ns + points * (costs.select_ns + costs.launch_ns))
        self._clock.charge_words({ClockClass.DIGITAL: 1 + 2 * points + inversion})

    def _scan(self, step: ScanDreg, _image: object, _kernels: object, decision: Decision) -> None:
        rows = range(step.row, step.row + step.rows * step.row_step, step.row_step)
        data = self._array.scan_rows(DREGS[step.dreg], rows)
        decision.scanned += data
        decision.read_out = data
        self._clock.charge(len(data) * self._clock.costs.scan_byte_ns)

    def _fully_connected(
        self, step: ApplyFullyConnected, image: Image, _kernels: object, decision: Decision
    ) -> None:
        segment = image.segments[step.segment]
        assert isinstance(segment, FullyConnected)  # verify_node has seen to it
        decision.logits = fully_connected(segment, bytes(decision.scanned))
        costs = self._clock.costs
        self._clock.charge(segment.chunks * costs.fully_connected_operations * costs.operation_ns)

    def _argmax(self, _step: Argmax, _image: object, _kernels: object, decision: Decision) -> None:
        decision.outcome = decision.logits.index(max(decision.logits))
        self._clock.charge(len(decision.logits) * self._clock.costs.operation_ns)

    def _add_logits(self, _step: AddLogits, _image: object, _kernels: object, decision: Decision) -> None:
        own, earlier = decision.logits, decision.earlier
        if len(own) != len(earlier):
            raise RequestError(
                ErrorCode.BAD_TREE,
                f"{len(own)} logits are to be added to the {len(earlier)} of the node before",
            )
        decision.logits = tuple(_wrapped(mine + given) for mine, given in zip(own, earlier, strict=True))
        self._clock.charge(len(own) * self._clock.costs.operation_ns)

    def _proceed(self, _step: Proceed, _image: object, _kernels: object, decision: Decision) -> None:
        decision.outcome = 0


def _wrapped(value: int) -> int:
    """The 32-bit two's complement number of the same remainder."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _signed(segment: PackedBits, bit: int) -> int:
    """A 32-bit two's complement number."""
    value = segment.field(bit, 32)
    return value - ((value >> 31) << 32)


def fully_connected(segment: FullyConnected, bits_read: bytes) -> tuple[int, ...]:
    """Sum over planes j of 2^j * (2 * popcount(XNOR(bits, plane)) - inputs), + bias, per output."""
    shape = len(segment.biases), segment.planes, -1
    weights = np.frombuffer(b"".join(segment.weights), np.uint8).reshape(shape)
    agree = np.unpackbits(~(weights ^ _inputs(segment, bits_read)), axis=2, bitorder="little")
    counts = agree[:, :, : segment.inputs].sum(axis=2, dtype=np.int64)
    sums = (2 * counts - segment.inputs) @ (1 << np.arange(segment.planes))
    return tuple(int(v) for v in sums + np.array(segment.biases))


def _inputs(segment: FullyConnected, bits_read: bytes) -> npt.NDArray[np.uint8]:
    """What was read without the bits that the segment leaves out: uint8 (ceil(inputs / 8),)."""
    data = np.frombuffer(bits_read, np.uint8)
    if not segment.leaves_out:
        return data
    columns = np.frombuffer(segment.columns.to_bytes(ARRAY_SIZE // 8, "little"), np.uint8)
    taken = np.unpackbits(columns, bitorder="little").astype(np.bool_)
    rows = np.unpackbits(data, bitorder="little").reshape(-1, ARRAY_SIZE)
    return np.packbits(rows[:, taken], bitorder="little")


@dataclass(frozen=True)
class _Cover:
    """A cover made ready; no kernel where nothing is selected."""

    kernel: Kernel | None
    selections: int
    merges: int


def _or_selection(register: Digital) -> tuple[ICW, ICW]:
    """Register := register OR SELECT, in place: one word reads, the next loads (fact sheet 3.5)."""
    return (
        _digital(bits("plrb", "bit", "bitmode") | DIGITAL_READ[register] | DIGITAL_READ[Digital.SELECT]),
        _digital(bits("bit", "bitmode") | DIGITAL_LOAD[register]),
    )


def _digital(value: int) -> ICW:
    return ICW(value, ClockClass.DIGITAL)
