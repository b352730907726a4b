"""The reference engine: one NumPy statement per operation, written to be read.

Faster engines are checked against it, plane by plane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array import read_out
from pixeltree_emu.array.decay import REGISTER_BITS, Decay, drifted
from pixeltree_emu.array.engine import Crossing, EngineState, Item
from pixeltree_emu.array.nonidealities import Chip, frame_key
from pixeltree_emu.array.planes import (
    AREG_MAX,
    AREG_MIN,
    SHAPE,
    AnalogPlane,
    ArrayParameters,
    DigitalPlane,
    Planes,
    check_plane,
)
from pixeltree_emu.array.read_out import Box, PackedRows, RowNumbers
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect
from pixeltree_emu.array.semantics import (
    AnalogTransfer,
    Blur,
    Both,
    CompareAnalog,
    DigitalTransfer,
    Drive,
    FlagFromDigital,
    Idle,
    NeighbourTransfer,
    Operation,
    Propagate,
    ResetPixel,
    Square,
    interpret,
)
from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import (
    ARRAY_SIZE,
    DIRECTION_REGISTER,
    OPPOSITE,
    PORT,
    PORTS,
    Analog,
    Digital,
    Direction,
)

Kernel = tuple[Callable[[], None], ...]
"""A block made ready: one bound call per word."""

_Between = PatternSelect | RectangleSelect | DriveIn
"""What is no word, and has no number."""

WRITE_NUMBER = {
    register: number
    for number, register in enumerate(
        (
            Analog.A,
            Analog.B,
            Analog.C,
            Analog.D,
            Analog.E,
            Analog.F,
            Analog.NEWS,
            Analog.PIX,
            Analog.IN,
            *PORTS,
        )
    )
}
"""Which of a word's writes a destination is, for its draws."""

_PORT_DIRECTION = {port: direction for direction, port in PORT.items()}


def seen_from(
    plane: npt.NDArray[Any],
    direction: Direction,
    outside: int | DigitalPlane,
) -> npt.NDArray[Any]:
    """What every PE sees in its neighbour at ``direction``; beyond the edge ``outside``, or its own of it."""
    seen = np.full_like(plane, outside)
    match direction:
        case Direction.NORTH:
            seen[1:] = plane[:-1]
        case Direction.SOUTH:
            seen[:-1] = plane[1:]
        case Direction.EAST:  # the east neighbour has the lower column number
            seen[:, 1:] = plane[:, :-1]
        case Direction.WEST:
            seen[:, :-1] = plane[:, 1:]
    return seen


class ReferenceEngine:
    """Executes instruction words exactly as fact sheet sections 3.1 to 3.5 say.

    See :class:`pixeltree_emu.array.engine.Engine` for what its public methods promise.
    """

    alike = None
    """See :class:`pixeltree_emu.array.engine.Engine`: kernels are bound to their engine."""

    most_waiting = 512
    """See :class:`pixeltree_emu.array.engine.Engine`: 0.02 to 0.4 ms a word, in which the link must wait."""

    def __init__(self, parameters: ArrayParameters, chip: Chip | None = None) -> None:
        self.planes = Planes.at_start()
        self.parameters = parameters
        self.chip = chip
        self._decay = Decay(chip) if chip else None
        self.begin_frame(0)
        self.in_level = 0
        self._execute: dict[type[Operation | _Between], Callable[[Any], None]] = {
            Both: self._both,
            Idle: lambda _: None,
            ResetPixel: self._reset_pixel,
            AnalogTransfer: self._transfer_analog,
            Blur: self._blur,
            Square: self._square,
            CompareAnalog: self._compare,
            FlagFromDigital: self._flag,
            DigitalTransfer: self._transfer_digital,
            NeighbourTransfer: self._transfer_neighbour,
            Propagate: self._propagate,
            PatternSelect: self._select,
            RectangleSelect: self._select,
            DriveIn: self._drive,
        }

    def analog(self, register: Analog) -> AnalogPlane:
        """A copy of an analog plane."""
        return self.planes.analog[register].copy()

    def analog_view(self, register: Analog) -> AnalogPlane:
        """An analog plane itself."""
        return self.planes.analog[register]

    def set_analog(self, register: Analog, plane: npt.NDArray[np.integer[Any]]) -> None:
        """Replace an analog plane."""
        check_plane(register, plane)
        self.planes.analog[register][:] = plane
        self._touched(register)

    def digital(self, register: Digital) -> DigitalPlane:
        """A copy of a digital plane."""
        return self.planes.digital[register].copy()

    def packed_rows(self, register: Digital, rows: range) -> bytes:
        """Rows of a digital plane, packed."""
        return np.packbits(self.planes.digital[register][list(rows)], axis=1, bitorder="little").tobytes()

    def _packed(self, register: Digital) -> PackedRows:
        data = self.packed_rows(register, range(ARRAY_SIZE))
        return np.frombuffer(data, np.uint64).reshape(ARRAY_SIZE, -1)

    def column_sums(self, register: Analog, rows: RowNumbers, bands: int) -> npt.NDArray[np.int16]:
        """See :class:`Engine`."""
        return read_out.column_sums(self.analog_view(register), rows, bands)

    def any_one(self, register: Digital, rows: RowNumbers, columns: PackedRows) -> bool:
        """See :class:`Engine`."""
        return read_out.any_one(self._packed(register), rows, columns)

    def box(self, register: Digital) -> Box | None:
        """See :class:`Engine`."""
        return read_out.box_of(self._packed(register))

    def events(self, register: Digital, most: int, row_first: bool, h_dir: bool, v_dir: bool) -> bytes:
        """See :class:`Engine`."""
        return read_out.events(self._packed(register), most, row_first, h_dir, v_dir)

    def set_digital(self, register: Digital, plane: DigitalPlane) -> None:
        """Replace a digital plane."""
        check_plane(register, plane)
        self.planes.digital[register][:] = plane
        self._touched(register)

    def load(self, words: Sequence[Item]) -> Kernel:
        """Make a block ready to run."""
        operations: list[Operation | _Between] = []
        for index, word in enumerate(words):
            try:
                operations.append(interpret(word) if isinstance(word, ICW) else word)
            except MeaninglessWord as error:
                error.index = index
                raise
        return tuple(partial(self._step, operation) for operation in operations)

    def _step(self, operation: Operation | _Between) -> None:
        self._execute[type(operation)](operation)
        if not isinstance(operation, _Between):
            self._word += 1

    def run(self, kernel: Kernel) -> None:
        """Execute a block once."""
        for word in kernel:
            word()

    def begin_frame(self, frame: int) -> None:
        """Number words from 0 again; draws depend on the frame's number."""
        self._frame = frame
        self._key = frame_key(self.chip.seed, frame) if self.chip else 0
        self._word = 0

    def state(self) -> EngineState:
        """All that it knows."""
        planes = self.planes
        return EngineState(
            {register: plane.copy() for register, plane in planes.analog.items()},
            {register: plane.copy() for register, plane in planes.digital.items()},
            planes.read_bus.copy(),
            self.in_level,
            self._frame,
            self._word,
            self._decay,
        )

    def resume(self, state: EngineState) -> None:
        """Go on where another engine was."""
        self.begin_frame(state.frame)
        self._word = state.words
        self.planes = Planes(
            {register: plane.copy() for register, plane in state.analog.items()},
            {register: plane.copy() for register, plane in state.digital.items()},
            state.read_bus.copy(),
        )
        self.in_level = state.in_level
        self._decay = state.decay

    def run_across(self, kernel: Kernel, crossing: Crossing, now_ns: int) -> bool:
        """Never: what says how fast engines must be exact takes one step after the other."""
        return False

    def elapse(self, now_ns: int) -> None:
        """Let registers decay until ``now_ns`` of device time."""
        if self._decay is None or self.chip is None:
            return
        due = self._decay.elapse(now_ns)
        for analog, counts in due.drifts:
            plane = self.planes.analog[analog]
            plane[:] = drifted(plane, self.chip.model.areg_rest, counts)
        for digital, kept in due.losses:
            self.planes.digital[digital] &= kept

    def _touched(self, register: Analog | Digital) -> None:
        """Note that a register was written, for its decay."""
        if self._decay:
            self._decay.written |= REGISTER_BITS.get(register, 0)

    def _value(self, source: Analog) -> AnalogPlane | int:
        if source in PORTS:
            news = self.planes.analog[Analog.NEWS]
            return seen_from(news, _PORT_DIRECTION[source], self.parameters.analog_boundary)
        return self.in_level if source is Analog.IN else self.planes.analog[source]

    def _sum(self, sources: Sequence[Analog]) -> npt.NDArray[np.int16]:
        total = np.zeros(SHAPE, np.int16)  # thirteen sources of 128 stay far inside int16
        for source in sources:
            total += self._value(source)
        return total

    def _write(self, destination: Analog, value: AnalogPlane, dividing: bool = False) -> None:
        """A FLAG-gated write; through a port it lands in the neighbour's NEWS."""
        flag = self.planes.digital[Digital.FLAG]
        value = np.clip(value, AREG_MIN, AREG_MAX)
        number = self._word * 16 + WRITE_NUMBER[destination]
        if destination in PORTS:
            sender = OPPOSITE[_PORT_DIRECTION[destination]]
            value = seen_from(value, sender, self.parameters.analog_boundary)
            if self.parameters.push_gate == "sender":
                flag = seen_from(flag, sender, True)
            destination = Analog.NEWS
        self._touched(destination)
        if self.chip:
            value = self.chip.written(value, self._key, number, dividing)
        np.copyto(self.planes.analog[destination], value, where=flag)

    def _transfer_analog(self, operation: AnalogTransfer) -> None:
        value = -self._sum(operation.sources)
        count = len(operation.destinations)
        if count > 1:
            value = (np.sign(value) * (np.abs(value) // count)).astype(np.int16)
        for destination in operation.destinations:
            self._write(destination, value, dividing=count > 1)

    def _blur(self, operation: Blur) -> None:
        """One step of diffusion: the mean of the PE and its linked neighbours, to the nearest (INFERRED).

        R1 links north-south and R2 east-west (fact sheet 4.5); a link needs both ends enabled.
        """
        source = np.asarray(self._sum((operation.source,)), np.int32)
        total, count = source.copy(), np.ones(SHAPE, np.int32)
        vertical, horizontal = self.planes.digital[Digital.R1], self.planes.digital[Digital.R2]
        axes = (
            (operation.vertical, vertical, (Direction.NORTH, Direction.SOUTH)),
            (operation.horizontal, horizontal, (Direction.EAST, Direction.WEST)),
        )
        for wanted, enabled, directions in axes:
            for direction in directions if wanted else ():
                linked = enabled & seen_from(enabled, direction, False)
                total += np.where(linked, seen_from(source, direction, 0), 0)
                count += linked
        self._write(operation.destination, _nearest(-total, count))

    def _square(self, operation: Square) -> None:
        total = self._sum(operation.sources).astype(np.int32)
        self._write(Analog.NEWS, _nearest(total * total, np.int32(self.parameters.square_divisor)))

    def _compare(self, operation: CompareAnalog) -> None:
        self.planes.digital[Digital.FLAG][:] = self._sum(operation.sources) > 0

    def _reset_pixel(self, _: ResetPixel) -> None:
        self.planes.analog[Analog.PIX][:] = self.parameters.pix_reset_level

    def _select(self, selection: PatternSelect | RectangleSelect) -> None:
        for register in (Digital.SELECT, Digital.RECT):
            self.planes.digital[register][:] = selection.plane

    def _drive(self, drive: DriveIn) -> None:
        self.in_level = drive.level

    def _any(self, sources: Sequence[Digital]) -> DigitalPlane:
        result = np.zeros(SHAPE, np.bool_)
        for source in sources:
            result |= self.planes.digital[source]
        return result

    def _flag(self, operation: FlagFromDigital) -> None:
        flag = self.planes.digital[Digital.FLAG]
        flag[:] = self._any(operation.sources) if operation.sources else True

    def _transfer_digital(self, operation: DigitalTransfer) -> None:
        if operation.precharge:
            self.planes.read_bus = self._any(operation.sources)
        match operation.drive:
            case Drive.READ_BUS:
                value = self.planes.read_bus
            case Drive.INVERTED_READ_BUS:
                value = ~self.planes.read_bus
            case Drive.ONE:
                value = np.ones(SHAPE, np.bool_)
        self._load(operation.loads, value)

    def _load(self, registers: Sequence[Digital], value: DigitalPlane) -> None:
        """Load DREGs; R12 only where R0 was 1 before the word."""
        mask = self.planes.digital[Digital.R0].copy()
        for register in registers:
            self._touched(register)
            if register is Digital.R12:
                np.copyto(self.planes.digital[register], value, where=mask)
            else:
                self.planes.digital[register][:] = value

    def _both(self, operation: Both) -> None:
        for half in (operation.analog, operation.digital):
            self._execute[type(half)](half)

    def _from_neighbours(self, source: DigitalPlane, edge: bool | None) -> DigitalPlane:
        result = np.zeros(SHAPE, np.bool_)
        beyond = self.planes.analog[Analog.NEWS] > 0 if edge is None else edge
        for direction, register in DIRECTION_REGISTER.items():
            enabled = self.planes.digital[register]
            if enabled.any():
                result |= enabled & seen_from(source, direction, beyond)
        return result

    def _transfer_neighbour(self, operation: NeighbourTransfer) -> None:
        value = self._from_neighbours(self._any(operation.sources), operation.edge)
        self._load(operation.loads, value)

    def _propagate(self, operation: Propagate) -> None:
        """Flood: as far as it can go in one word, or a chip's limited distance."""
        self._touched(Digital.R12)
        mask, target = self.planes.digital[Digital.R0], self.planes.digital[Digital.R12]
        for _ in range(self.chip.model.flood_distance if self.chip else target.size):
            grown = self._from_neighbours(target, operation.edge) & mask & ~target
            if not grown.any():
                return
            target |= grown


def _nearest(value: npt.NDArray[np.int32], by: npt.NDArray[np.int32] | np.int32) -> AnalogPlane:
    """Integer division to the nearest integer, ties to even: repeated, it drifts neither way."""
    quotient, rest = np.divmod(np.abs(value), by)
    nearest = np.sign(value) * (quotient + (2 * rest + (quotient & 1) > by))
    return np.asarray(np.clip(nearest, AREG_MIN, AREG_MAX), np.int16)  # squares do not fit 16 bits
