"""The sequencer: executes the steps of one node's program and charges the device clock for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.nonidealities import TICK_NS
from pixeltree_emu.array.selection import PatternSelect, rectangle
from pixeltree_emu.controller.clock import DeviceClock
from pixeltree_emu.controller.control import Course, wrapped
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_emu.controller.launches import Launcher, Verified
from pixeltree_emu.controller.primitives import Controller
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.controller.stretches import Cutter, Part, Stretch
from pixeltree_emu.controller.ternary_head import TernaryHead
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.chip.isa import ClockClass
from pixeltree_protocol.chip.registers import (
    AREGS,
    ARRAY_SIZE,
    DREGS,
)
from pixeltree_protocol.link.messages import ErrorCode
from pixeltree_protocol.objects import FullyConnected, PackedBits
from pixeltree_protocol.objects.program import (
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    Proceed,
    RaiseIn,
    ScanDreg,
    ScanLogits,
    Step,
    SumLogit,
    WriteDreg,
)


@dataclass
class Decision:
    """What a program works out beside planes.

    Attributes:
        scanned: bytes read out of DREGs so far.
        earlier: logits with which the node before ended; none at the root.
        logits: sums of the last fully connected layer, and what was added to them.
        outcome: index of the exit, once decided.
        read_out: bytes that the last step read out, if it did and they are to be answered.
        step: its index, where a program is run step by step.
    """

    scanned: bytearray = field(default_factory=bytearray)
    earlier: tuple[int, ...] = ()
    logits: tuple[int, ...] = ()
    outcome: int | None = None
    read_out: bytes | None = None
    step: int = 0


class Sequencer:
    """Executes steps on an array.

    Attributes:
        looks_at_ns: device time at which somebody will look at the array, between two steps; None for nobody.
    """

    def __init__(
        self, array: PixelArray, clock: DeviceClock, read_out: ReadOutParameters | None = None
    ) -> None:
        self._array = array
        self._clock = clock
        self._launcher = Launcher(array, clock)
        self._controller = Controller(array, clock, read_out)
        self.looks_at_ns: int | None = None
        self._actions: dict[type[Step], Callable[[Any, Verified, Sequence[Kernel], Decision], None]] = {
            RaiseIn: self._raise_in,
            ScanLogits: self._scan_logits,
            SumLogit: self._sum_logit,
            ScanDreg: self._scan,
            ApplyFullyConnected: self._fully_connected,
            Argmax: self._argmax,
            AddLogits: self._add_logits,
            Proceed: self._proceed,
            WriteDreg: self._write_dreg,
        }

    def cut(self, verified: Verified) -> tuple[Part, ...]:
        """A program for :meth:`execute_parts`."""
        return Cutter(self._clock.costs, self._array.load, self._array.most_waiting).cut(verified)

    def execute(
        self, verified: Verified, kernels: Sequence[Kernel], decision: Decision
    ) -> Iterator[Step | None]:
        """Run a program step by step; ``kernels`` are its blocks made ready, in slot order.

        Yields:
            Every step when it is done; None in between, where a step is long, so that the link is served.
        """
        course = Course(verified.program.steps)
        costs = self._clock.costs
        kept = b""
        while course.at < len(verified.program.steps):
            index, step = course.at, course.next()
            if course.takes(step):
                decision.read_out = course.follow(step, kept)
                self._clock.charge(costs.control_operations * costs.operation_ns)
                done: Iterator[Step | None] = iter((step,))
            else:
                done = self._one_by_one((step,), verified, kernels, decision)
            decision.step = index
            for event in done:
                if event is not None and decision.read_out is not None and course.keeps(index):
                    kept, decision.read_out = decision.read_out, None
                yield event

    def execute_parts(
        self, parts: Sequence[Part], verified: Verified, kernels: Sequence[Kernel], decision: Decision
    ) -> Iterator[Step | None]:
        """Run a program as :meth:`execute` does, each stretch of it at once unless somebody looks in between.

        Yields:
            When something is done.
        """
        for part in parts:
            stretch = part.stretch
            if stretch is None:
                yield from self._one_by_one(part.steps, verified, kernels, decision)
                continue
            if not self._at_once(stretch):
                for step in self._one_by_one(part.steps, verified, kernels, decision):
                    self._array.settle()  # joined, they would have to be made ready for this one time
                    yield step
                continue
            decision.read_out = None
            self._clock.charge(stretch.ns)
            self._clock.words += stretch.words
            yield None

    def _at_once(self, stretch: Stretch) -> bool:
        """Execute a stretch that begins now, unless somebody looks, or anything decays, between its steps."""
        now_ns = self._clock.now_ns
        last_ns = now_ns + stretch.last_ns
        if self.looks_at_ns is not None and last_ns >= self.looks_at_ns:
            return False
        if not self._array.decays_between(now_ns, last_ns):
            self._array.run(stretch.kernel, now_ns)
            return True
        tick_ns = last_ns // TICK_NS * TICK_NS
        if now_ns // TICK_NS + 1 != last_ns // TICK_NS:
            return False
        self._array.elapse(now_ns)
        crossing, moment_ns = stretch.crossing(tick_ns - now_ns)
        return self._array.run_across(stretch.kernel, crossing, now_ns + moment_ns)

    def _one_by_one(
        self, steps: Sequence[Step], verified: Verified, kernels: Sequence[Kernel], decision: Decision
    ) -> Iterator[Step | None]:
        for step in steps:
            decision.read_out = None
            if self._launcher.takes(step):
                yield from self._launcher.send(step, verified, kernels)
                yield step
                continue
            self._array.elapse(self._clock.now_ns)
            action = self._actions.get(type(step))
            if action is not None:
                action(step, verified, kernels, decision)
            else:
                decision.read_out = self._controller.actions[type(step)](step)
            yield step

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

    def _scan_logits(
        self, step: ScanLogits, verified: Verified, _kernels: object, decision: Decision
    ) -> None:
        segment = verified.segments[step.segment]
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

    def _sum_logit(self, step: SumLogit, verified: Verified, _kernels: object, decision: Decision) -> None:
        segment = verified.segments[step.segment]
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

    def _write_dreg(self, step: WriteDreg, verified: Verified, _kernels: object, _: Decision) -> None:
        """Points are drawn into what CLR left, or holes where they are fewer; then the plane is inverted."""
        segment = verified.segments[step.segment]
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

    def _scan(self, step: ScanDreg, _verified: object, _kernels: object, decision: Decision) -> None:
        rows = range(step.row, step.row + step.rows * step.row_step, step.row_step)
        data = self._array.scan_rows(DREGS[step.dreg], rows)
        decision.scanned += data
        decision.read_out = data
        self._clock.charge(len(data) * self._clock.costs.scan_byte_ns)

    def _fully_connected(
        self, step: ApplyFullyConnected, verified: Verified, _kernels: object, decision: Decision
    ) -> None:
        segment = verified.segments[step.segment]
        assert isinstance(segment, FullyConnected)  # verify_node has seen to it
        decision.logits = fully_connected(segment, bytes(decision.scanned))
        costs = self._clock.costs
        operations = segment.chunks * costs.fully_connected_operations
        operations += segment.ternary_bytes * costs.ternary_operations
        self._clock.charge(operations * costs.operation_ns)

    def _argmax(self, _step: Argmax, _verified: object, _kernels: object, decision: Decision) -> None:
        decision.outcome = decision.logits.index(max(decision.logits))
        self._clock.charge(len(decision.logits) * self._clock.costs.operation_ns)

    def _add_logits(self, _step: AddLogits, _verified: object, _kernels: object, decision: Decision) -> None:
        own, earlier = decision.logits, decision.earlier
        if len(own) != len(earlier):
            raise RequestError(
                ErrorCode.BAD_TREE,
                f"the node adds {len(own)} logits, but the node before it gave {len(earlier)}",
            )
        decision.logits = tuple(wrapped(mine + given) for mine, given in zip(own, earlier, strict=True))
        self._clock.charge(len(own) * self._clock.costs.operation_ns)

    def _proceed(self, _step: Proceed, _verified: object, _kernels: object, decision: Decision) -> None:
        decision.outcome = 0


def _signed(segment: PackedBits, bit: int) -> int:
    """A 32-bit two's complement number."""
    value = segment.field(bit, 32)
    return value - ((value >> 31) << 32)


class _Head:
    """A fully connected layer with its weights as words of 64 bits; bits that are no inputs are 0.

    What all bits alike would give is worked out before; each unlike bit of plane j takes 2 * 2^j from it.
    """

    def __init__(self, segment: FullyConnected) -> None:
        columns = np.frombuffer(segment.columns.to_bytes(ARRAY_SIZE // 8, "little"), np.uint8)
        taken = np.unpackbits(columns, bitorder="little").astype(np.bool_)
        self._taken = taken if segment.leaves_out else None
        self._ternary = TernaryHead(segment) if segment.is_ternary else None
        if self._ternary is not None:
            return
        shape = len(segment.biases), segment.planes, -1
        weights = np.frombuffer(segment.weights, np.uint8).reshape(shape)
        self._bytes = weights.shape[2]
        self._last_byte = np.uint8(0xFF >> -segment.inputs % 8)
        self._is_whole = segment.inputs % 64 == 0
        self._weights = self._words(weights)
        self._doubled = 2 << np.arange(segment.planes)
        self._alike = np.array(segment.biases, np.int64) + segment.inputs * segment.greatest_weight

    def _words(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
        """Rows of packed bits as words."""
        if self._is_whole:
            return packed.view(np.uint64)
        padded = np.zeros((*packed.shape[:-1], -(-self._bytes // 8) * 8), np.uint8)
        padded[..., : self._bytes] = packed[..., : self._bytes]
        padded[..., self._bytes - 1] &= self._last_byte
        return padded.view(np.uint64)

    def logits(self, bits_read: bytes) -> tuple[int, ...]:
        """Sum over planes j of 2^j * (2 * popcount(XNOR(bits, plane)) - inputs), + bias, per output."""
        data = np.frombuffer(bits_read, np.uint8)
        if self._taken is not None:
            rows = np.unpackbits(data, bitorder="little").reshape(-1, ARRAY_SIZE)
            data = np.packbits(rows[:, self._taken], bitorder="little")
        if self._ternary is not None:
            return self._ternary.logits(data)
        unlike = np.bitwise_count(self._weights ^ self._words(data)).sum(axis=2, dtype=np.int64)
        return tuple((self._alike - unlike @ self._doubled).tolist())


_head = lru_cache(maxsize=256)(_Head)


def fully_connected(segment: FullyConnected, bits_read: bytes) -> tuple[int, ...]:
    """Logits of a layer, from the bits read for it: those that it leaves out included."""
    return _head(segment).logits(bits_read)
