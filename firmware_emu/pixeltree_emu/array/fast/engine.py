"""The fast engine's face: the same interface as the reference engine, on packed planes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.decay import REGISTER_BITS, Decay, drifted
from pixeltree_emu.array.engine import Crossing, EngineState, Item
from pixeltree_emu.array.fast import layout, read_out, records
from pixeltree_emu.array.fast.compiled import Table
from pixeltree_emu.array.fast.constants import find_constants, load_constants
from pixeltree_emu.array.fast.emission import (
    BOUNDARY,
    COUNT,
    NOISY,
    OPERANDS,
    OWNER_GATES,
    RESET_LEVEL,
    SQUARE_DIVISOR,
    STATE_SIZE,
    UNKNOWN,
)
from pixeltree_emu.array.fast.errors_ops import (
    BIASED_OFFSET,
    EIGHT,
    ERROR_ENTRIES,
    FLOOD_DISTANCE,
    GAIN,
    KEY,
    OFFSET,
    POOL,
    POOL_BYTES,
    WORDS,
)
from pixeltree_emu.array.fast.hot import Block, Heater, Part, Surroundings, background
from pixeltree_emu.array.fast.interpreter import execute, steering_state
from pixeltree_emu.array.fast.optimize import optimize
from pixeltree_emu.array.fast.passes import COLUMNS
from pixeltree_emu.array.fast.translate import steering_planes, translate
from pixeltree_emu.array.nonidealities import Chip, frame_key
from pixeltree_emu.array.planes import AnalogPlane, ArrayParameters, DigitalPlane, check_plane
from pixeltree_emu.array.read_out import Box, PackedRows, RowNumbers
from pixeltree_emu.array.selection import DriveIn
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, Analog, Digital

_ALL_UNKNOWN = sum(UNKNOWN << 2 * plane for plane in range(layout.FLAG + 1))

_PASSES_PER_WORD = 32
"""More than the passes of any word: 13 loads after 4 passes for 16 sources, or 11 gated pushes."""
_OPERANDS_PER_WORD = 13


@dataclass
class FastKernel:
    """A block made ready.

    Attributes:
        records: its words as numbers.
        steering: bit set of the planes whose state when it starts makes its passes cheaper or dearer.
        words: how many words it has; selections are none.
        written: bit set of the registers that it writes, as in ``decay``.
        level: where it leaves IN; None where it does not drive it.
        variants: its passes for each state of those planes met so far.
        only: its passes, where no state makes a difference.
    """

    records: npt.NDArray[np.int64]
    steering: int
    words: int
    written: int
    level: int | None
    variants: dict[int, Block] = field(default_factory=dict)
    only: Block | None = None


class FastEngine:
    """Runs blocks as passes of vector instructions over packed planes; no Python between words.

    Equals :class:`pixeltree_emu.array.reference.ReferenceEngine` bit for bit at the end of each block; see
    :class:`pixeltree_emu.array.engine.Engine` for what its public methods promise.
    """

    most_waiting = 8192
    """See :class:`pixeltree_emu.array.engine.Engine`: a few milliseconds of work."""

    def __init__(
        self, parameters: ArrayParameters, chip: Chip | None = None, heater: Heater = background
    ) -> None:
        self.parameters = parameters
        self._heater = heater
        self.chip = chip
        self._errors = np.zeros(ERROR_ENTRIES, np.int64)
        if chip:
            gains = _halves(chip.gain)
            self._fixed_pattern = _aligned_copy(gains), _aligned_copy(chip.offset), _aligned_copy(chip.pool)
            gain, offset, pool = self._fixed_pattern
            self._errors[[GAIN, OFFSET, POOL]] = gain.ctypes.data, offset.ctypes.data, pool.ctypes.data
            self._errors[POOL_BYTES] = chip.pool.shape[1]
            self._errors[EIGHT] = 8
            self._biased = _aligned_copy(chip.offset ^ np.int8(-128))
            self._errors[BIASED_OFFSET] = self._biased.ctypes.data
            self._errors[FLOOD_DISTANCE] = chip.model.flood_distance
        self._decay = Decay(chip) if chip else None
        self.begin_frame(0)
        analog = layout.aligned_bytes(layout.ANALOG_PLANES * layout.ANALOG_BYTES)
        digital = layout.aligned_bytes(layout.DIGITAL_PLANES * layout.DIGITAL_BYTES)
        self._analog = analog.reshape(layout.ANALOG_PLANES, layout.ANALOG_BYTES)
        self._digital = digital.reshape(layout.DIGITAL_PLANES, layout.DIGITAL_BYTES)
        self._analog[[layout.NEWS, layout.SUM_SCRATCH]] = parameters.analog_boundary
        self._analog_views = [self._view_of_analog(plane) for plane in range(layout.ANALOG_PLANES)]
        self._digital_views = [self._view_of_digital(plane) for plane in range(layout.DIGITAL_PLANES)]
        self._analog_view(layout.NEWS)[:] = 0
        self._digital_view(layout.FLAG)[:] = -1
        self._in_level = 0
        self._around = Surroundings(parameters.analog_boundary, chip is not None and chip.saturates)
        self._addresses = self._analog.ctypes.data, self._digital.ctypes.data, self._errors.ctypes.data

    @property
    def alike(self) -> Hashable:
        """See :class:`pixeltree_emu.array.engine.Engine`: of a chip, passes and code depend on this alone."""
        return FastEngine, self.parameters, self.chip is not None, self._around

    @property
    def in_level(self) -> int:
        """Level of the global analog input IN."""
        return self._in_level

    @in_level.setter
    def in_level(self, level: int) -> None:
        self._in_level = level
        self._analog_view(layout.IN)[:] = level

    def analog(self, register: Analog) -> AnalogPlane:
        """A copy of an analog plane."""
        return self._analog_view(records.ANALOG_NUMBER[register]).astype(np.int16)

    def analog_view(self, register: Analog) -> npt.NDArray[np.int8]:
        """An analog plane itself."""
        return self._analog_view(records.ANALOG_NUMBER[register])

    def set_analog(self, register: Analog, plane: npt.NDArray[np.integer[Any]]) -> None:
        """Replace an analog plane."""
        check_plane(register, plane)
        self._analog_view(records.ANALOG_NUMBER[register])[:] = plane
        if self._decay:
            self._decay.written |= REGISTER_BITS.get(register, 0)

    def digital(self, register: Digital) -> DigitalPlane:
        """A copy of a digital plane."""
        return _unpacked(self._digital_view(records.DIGITAL_NUMBER[register]))

    def packed_rows(self, register: Digital, rows: range) -> bytes:
        """Rows of a digital plane, packed."""
        packed = self._digital_view(records.DIGITAL_NUMBER[register])
        return packed[rows.start : rows.stop : rows.step].tobytes()

    def column_sums(self, register: Analog, rows: RowNumbers, bands: int) -> npt.NDArray[np.int16]:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        sums = np.empty(64 * bands, np.int64)
        read_out.add_rows(self._analog, records.ANALOG_NUMBER[register], rows, bands, sums)
        return sums.view(np.int16).reshape(bands, ARRAY_SIZE)

    def any_one(self, register: Digital, rows: RowNumbers, columns: PackedRows) -> bool:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        number = records.DIGITAL_NUMBER[register]
        return bool(read_out.meets(self._digital, number, rows, columns.view(np.int64)))

    def box(self, register: Digital) -> Box | None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        corners = np.empty(4, np.int64)
        if not read_out.box(self._digital, records.DIGITAL_NUMBER[register], corners):
            return None
        r0, c0, r1, c1 = corners.tolist()
        return r0, c0, r1, c1

    def events(self, register: Digital, most: int, row_first: bool, h_dir: bool, v_dir: bool) -> bytes:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        pairs = np.zeros(-(-most // 4), np.int64)
        order = h_dir | v_dir << 1 | row_first << 2
        read_out.list_ones(self._digital, records.DIGITAL_NUMBER[register], most, order, pairs)
        return pairs.tobytes()[: 2 * most]

    def set_digital(self, register: Digital, plane: DigitalPlane) -> None:
        """Replace a digital plane."""
        check_plane(register, plane)
        self._digital_view(records.DIGITAL_NUMBER[register])[:] = _packed(plane)
        if self._decay:
            self._decay.written |= REGISTER_BITS.get(register, 0)

    def load(self, words: Sequence[Item]) -> FastKernel:
        """Translate a block, for the steering planes as they are now."""
        rows = records.records_of(words)
        length = sum(isinstance(item, ICW) for item in words)
        levels = [item.level for item in words if isinstance(item, DriveIn)]
        written, level = records.registers_written(rows), levels[-1] if levels else None
        kernel = FastKernel(rows, int(steering_planes(rows)), length, written, level)
        variant = self._variant(kernel)
        if not kernel.steering:
            kernel.only = variant
        return kernel

    def run(self, kernel: FastKernel) -> None:
        """Execute a block once."""
        block = kernel.only or self._variant(kernel)
        if block.parts is None:
            block.left -= block.work
            if block.left < 0:
                self._heater.warm(block)
        if block.parts is None:
            execute(block.passes, block.operands, self._analog, self._digital, self._errors)
        else:
            self._run_parts(block, block.parts)
        if kernel.level is not None:
            self._in_level = kernel.level
        if self._decay:
            self._errors[WORDS] += kernel.words
            self._decay.written |= kernel.written

    def run_across(self, kernel: FastKernel, crossing: Crossing, now_ns: int) -> bool:
        """Execute a block in the course of which a tick begins, if that changes nothing it touched before."""
        decay = self._decay
        if decay is None:
            return False
        due = decay.due_at(crossing.touched, crossing.written, now_ns)
        if due.drifts or any(self._loses(register, kept) for register, kept in due.losses):
            return False
        decay.written |= crossing.written
        self.elapse(now_ns)
        self.run(kernel)
        decay.written = crossing.written_after
        return True

    def _loses(self, register: Digital, kept: DigitalPlane) -> bool:
        """Whether a DREG has ones that are not kept."""
        packed = self._digital_view(records.DIGITAL_NUMBER[register])
        return bool((packed & ~_packed(kept)).any())

    def elapse(self, now_ns: int) -> None:
        """Let registers decay until ``now_ns`` of device time."""
        if self._decay is None or self.chip is None:
            return
        due = self._decay.elapse(now_ns)
        for analog, counts in due.drifts:
            values = self._analog_view(records.ANALOG_NUMBER[analog])
            values[:] = drifted(values.astype(np.int16), self.chip.model.areg_rest, counts)
        for digital, kept in due.losses:
            packed = self._digital_view(records.DIGITAL_NUMBER[digital])
            packed &= _packed(kept)

    def begin_frame(self, frame: int) -> None:
        """Number words from 0 again; draws depend on the frame's number."""
        self._frame = frame
        self._errors[WORDS] = 0
        if self.chip:
            self._errors[KEY] = np.uint64(frame_key(self.chip.seed, frame)).astype(np.int64)

    def state(self) -> EngineState:
        """All that it knows."""
        return EngineState(
            {register: self.analog(register) for register in (*AREGS, Analog.PIX)},
            {register: self.digital(register) for register in Digital},
            _unpacked(self._digital_view(layout.READ_BUS)),
            self._in_level,
            self._frame,
            int(self._errors[WORDS]),
            self._decay,
        )

    def resume(self, state: EngineState) -> None:
        """Go on where another engine was."""
        self._decay = None  # nothing is written anew
        for analog, values in state.analog.items():
            self.set_analog(analog, values)
        for digital, bits in state.digital.items():
            self.set_digital(digital, bits)
        self._digital_view(layout.READ_BUS)[:] = _packed(state.read_bus)
        self.in_level = state.in_level
        self.begin_frame(state.frame)
        self._errors[WORDS] = state.words
        self._decay = state.decay

    def _run_parts(self, block: Block, parts: tuple[Part, ...]) -> None:
        analog, digital, errors = self._addresses
        for entry, passes in parts:
            if entry is not None:
                entry(analog, digital, block.address, errors)
            elif passes is not None:
                execute(passes, block.operands, self._analog, self._digital, self._errors)

    def _variant(self, kernel: FastKernel) -> Block:
        """The block's passes for the steering planes as they are now."""
        state = steering_state(self._digital, kernel.steering) if kernel.steering else _ALL_UNKNOWN
        variant = kernel.variants.get(state)
        if variant is None:
            variant = kernel.variants[state] = self._translate(kernel.records, state)
        return variant

    def _translate(self, rows: Table, planes: int) -> Block:
        words = len(rows)
        passes = np.empty((_PASSES_PER_WORD * words, COLUMNS), np.int64)
        operands = np.empty((_OPERANDS_PER_WORD * words, 2), np.int64)
        state = np.zeros(STATE_SIZE, np.int64)
        state[SQUARE_DIVISOR] = self.parameters.square_divisor
        state[RESET_LEVEL] = self.parameters.pix_reset_level
        state[BOUNDARY] = self.parameters.analog_boundary
        state[OWNER_GATES] = self.parameters.push_gate == "owner"
        state[NOISY] = self.chip is not None
        known = np.full(layout.DIGITAL_PLANES, UNKNOWN, np.int64)
        for plane in range(layout.FLAG + 1):
            known[plane] = planes >> 2 * plane & 3
        translate(rows, passes, operands, state, known)
        count = int(state[COUNT])
        before, constant = passes[:count].copy(), np.zeros(count, np.int64)
        find_constants(passes, count, constant)
        total = optimize(passes, operands, count)
        passes = passes[:total].copy()
        memory = load_constants(passes, before, constant, execute)
        return Block(passes, operands[: state[OPERANDS]].copy(), memory, self._around, self._heater.patience)

    def _analog_view(self, plane: int) -> npt.NDArray[np.int8]:
        """PEs of an analog plane, int8 (256, 256)."""
        return self._analog_views[plane]

    def _digital_view(self, plane: int) -> npt.NDArray[np.int8]:
        """Rows of a digital plane, int8 (256, 32)."""
        return self._digital_views[plane]

    def _view_of_analog(self, plane: int) -> npt.NDArray[np.int8]:
        rows = self._analog[plane, : -layout.MARGIN].reshape(-1, layout.ROW_BYTES)
        return rows[layout.MARGIN_ROWS : -layout.MARGIN_ROWS, layout.MARGIN :]

    def _view_of_digital(self, plane: int) -> npt.NDArray[np.int8]:
        rows = self._digital[plane, layout.FIRST_ROW : -layout.MARGIN]
        return rows.reshape(ARRAY_SIZE, layout.ROW_BITS_BYTES)


def _packed(plane: DigitalPlane) -> npt.NDArray[np.int8]:
    """Eight PEs a byte: int8 (256, 32)."""
    return np.packbits(plane, axis=1, bitorder="little").view(np.int8)


def _unpacked(packed: npt.NDArray[np.int8]) -> DigitalPlane:
    return np.unpackbits(packed.view(np.uint8), axis=1, bitorder="little").view(np.bool_)


def _aligned_copy(values: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    memory = layout.aligned_bytes(values.size)
    memory[:] = values.reshape(-1)
    return memory


def _halves(gain: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Gains widened to int16, per 64 PEs first those of the even columns, then of the odd ones."""
    pairs = gain.reshape(-1, 32, 2).astype(np.int16)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1)).view(np.int8)
