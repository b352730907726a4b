"""Does the commands of :mod:`pixeltree_protocol.array_port.commands` on an emulated array."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pixeltree_emu.array.planes import DigitalPlane
from pixeltree_emu.array.selection import PatternSelect, RectangleSelect
from pixeltree_emu.array_port.stretches import Stretch, Stretches
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import EmulatorError, MeaninglessWord
from pixeltree_protocol.array_port import commands as port
from pixeltree_protocol.array_port.commands import decode_batch
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog
from pixeltree_protocol.errors import InstructionError

_MOST_KERNELS = 4096
"""Ranges of words that are kept ready; they are made anew after that."""

_MOST_PLANS = 1024
"""Batches that are kept as they are to be done; a frame of a tree sends the same ones again and again."""

_NOP = ICW(0)


class ArrayExecutor:
    """Executes batches.

    Args:
        array: the array.
        read_out: what the sources leave open about read-out.
        store_words: instruction words that the store holds.
    """

    def __init__(self, array: PixelArray, read_out: ReadOutParameters, store_words: int) -> None:
        self.array = array
        self._read_out = read_out
        self._store = [_NOP] * store_words
        self._kernels: dict[tuple[ICW, ...], Kernel] = {}
        self._ranges: dict[tuple[int, int], Kernel] = {}
        self._plans: dict[bytes, list[Any]] = {}
        self._stretches = Stretches(array, self._kernel)
        self._selected: PatternSelect | RectangleSelect = PatternSelect(0, 0, 255, 255)
        self._now_ns = 0
        self.words = 0
        self._actions: dict[type[Any], Callable[[Any], bytes | None]] = {
            port.Describe: lambda _: struct.pack("<HHI", ARRAY_SIZE, ARRAY_SIZE, len(self._store)),
            port.Load: self._load,
            port.Execute: self._execute,
            port.DriveDac: lambda command: self.array.set_in(command.dac // 16 - 128),
            port.Latch: self._latch,
            port.Rectangle: self._rectangle,
            port.Sample: self._sample,
            port.SampleGrid: self._grid,
            port.ReadRows: self._rows,
            port.GlobalOr: self._global_or,
            port.Events: self._events,
            port.BoundingBox: lambda command: self._read_out.box(self.array.engine.box(DREGS[command.dreg])),
            port.WriteRows: self._write,
            port.Cycles: lambda _: struct.pack("<Q", self.words),
            port.BeginFrame: lambda command: self.array.begin_frame(command.frame),
            port.Elapse: self._elapse,
            port.Expose: lambda command: self.array.expose(self._now_ns, command.us * 1000),
            port.BeginExposure: lambda _: self.array.begin_exposure(self._now_ns),
            port.Show: self._show,
            Stretch: self._stretch,
        }

    def do(self, batch: bytes) -> bytes:
        """Do a batch of commands; returns what they answer, one after the other.

        Raises:
            PixeltreeError: bytes that are no commands, or a command that cannot be done.
        """
        plan = self._plans.get(batch)
        if plan is None:
            plan = decode_batch(batch)
            if not any(isinstance(command, port.Load) for command in plan):
                plan = self._planned(plan)
                self._plans[batch] = plan
        answers = []
        for command in plan:
            answer = self._actions[type(command)](command)
            if answer is not None:
                answers.append(answer)
        return b"".join(answers)

    def _planned(self, commands: Sequence[Any]) -> list[Any]:
        """Commands of which runs that only send the array something are put together."""
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan: list[Any] = []
        run: list[Any] = []
        for command in (*commands, None):
            if self._joins(command):
                run.append(command)
                continue
            plan += self._stretches.join(run)
            run = []
            if command is not None:
                plan.append(command)
        return plan

    def _joins(self, command: Any) -> bool:  # noqa: ANN401
        if isinstance(command, port.Execute):
            kernel = self._kernel(command)
            return not (kernel.reads_pix or kernel.resets_pix)
        return isinstance(command, port.DriveDac | port.Latch | port.Rectangle | port.Elapse)

    def _stretch(self, stretch: Stretch) -> None:
        if self.array.decays_between(self._now_ns, self._now_ns + stretch.ns):
            for command in stretch.commands:
                self._actions[type(command)](command)
            return
        self.array.run(stretch.kernel, self._now_ns)
        self._now_ns += stretch.ns
        self.array.elapse(self._now_ns)
        self.words += stretch.words
        if stretch.selected is not None:
            self._selected = stretch.selected

    def _load(self, command: port.Load) -> None:
        if len(command.words) % port.PORT_WORDS:
            raise EmulatorError(
                f"Load has {len(command.words)} port words; an instruction word is {port.PORT_WORDS}"
            )
        count = len(command.words) // port.PORT_WORDS
        if command.start + count > len(self._store):
            raise EmulatorError(
                f"Load ends at word {command.start + count}; the instruction store has {len(self._store)}"
            )
        if not count:
            return
        for index in range(count):
            five = command.words[index * port.PORT_WORDS : (index + 1) * port.PORT_WORDS]
            try:
                self._store[command.start + index] = ICW.from_words(five)
            except InstructionError as error:
                raise EmulatorError(f"Load, word {command.start + index}: {error}") from error
        self._ranges.clear()
        self._plans.clear()
        self._kernel(port.Execute(command.start, count))

    def _execute(self, command: port.Execute) -> None:
        kernel = self._kernel(command)
        for _ in range(command.times):
            self.array.run(kernel, self._now_ns)
        self.words += command.count * command.times

    def _kernel(self, command: port.Execute) -> Kernel:
        """The words of a range, made ready.

        Raises:
            EmulatorError: a range beyond the store, or a word that the array has no meaning for.
        """
        kernel = self._ranges.get((command.start, command.count))
        if kernel is None:
            kernel = self._made(command)
            self._ranges[command.start, command.count] = kernel
        return kernel

    def _made(self, command: port.Execute) -> Kernel:
        end = command.start + command.count
        if not command.count or end > len(self._store):
            raise EmulatorError(
                f"{command.count} words from {command.start} on; the instruction store has {len(self._store)}"
            )
        words = tuple(self._store[command.start : end])
        kernel = self._kernels.get(words)
        if kernel is None:
            if len(self._kernels) >= _MOST_KERNELS:
                self._kernels.clear()
            try:
                kernel = self.array.load(words)
            except MeaninglessWord as error:
                at = command.start + (error.index or 0)
                raise EmulatorError(f"word {at}: {error}") from error
            self._kernels[words] = kernel
        return kernel

    def _latch(self, command: port.Latch) -> None:
        self.array.select_pattern(command.r, command.c, command.rx, command.cx)
        self._selected = PatternSelect(command.r, command.c, command.rx, command.cx)

    def _rectangle(self, command: port.Rectangle) -> None:
        self.array.select_rect(command.r0, command.c0, command.r1, command.c1)
        self._selected = RectangleSelect(command.r0, command.c0, command.r1, command.c1)

    def _sample(self, command: port.Sample) -> bytes:
        plane = self.array.engine.analog(AREGS[command.areg])
        return bytes([self._read_out.total(plane, self._selected.plane, command.scale)])

    def _grid(self, command: port.SampleGrid) -> bytes:
        name = port.ANALOG_PLANES[command.areg]
        if name is Analog.PIX:
            plane = self.array.pix(self._now_ns).astype(np.int16)
        else:
            plane = self.array.engine.analog(name)
        rows = range(command.r0, command.r1 + 1, command.rs)
        return self._read_out.grid(plane, rows, range(command.c0, command.c1 + 1, command.cs))

    def _rows(self, command: port.ReadRows) -> bytes:
        rows = range(command.row, command.row + command.rows * command.row_step, command.row_step)
        if rows[-1] >= ARRAY_SIZE:
            raise EmulatorError(f"ReadRows asks for row {rows[-1]}; the last row is {ARRAY_SIZE - 1}")
        return self.array.scan_rows(port.DIGITAL_PLANES[command.dreg], rows)

    def _global_or(self, command: port.GlobalOr) -> bytes:
        return bytes([bool((self._digital(command.dreg) & self._selected.plane).any())])

    def _events(self, command: port.Events) -> bytes:
        return self.array.engine.events(
            DREGS[command.dreg],
            command.most,
            bool(command.row_first),
            bool(command.h_dir),
            bool(command.v_dir),
        )

    def _digital(self, dreg: int) -> DigitalPlane:
        return self.array.engine.digital(DREGS[dreg])

    def _write(self, command: port.WriteRows) -> None:
        bits = np.unpackbits(np.frombuffer(command.plane, np.uint8), bitorder="little")
        self.array.write(DREGS[command.dreg], bits.astype(np.bool_).reshape(ARRAY_SIZE, ARRAY_SIZE))

    def _elapse(self, command: port.Elapse) -> None:
        self._now_ns += command.ns
        self.array.elapse(self._now_ns)

    def _show(self, command: port.Show) -> bytes:
        if not command.rows and not command.columns and not command.pixels:
            self.array.sensor.give_back()
            return b"\1"
        if len(command.pixels) != command.rows * command.columns:
            return b"\0"
        patch = np.frombuffer(command.pixels, np.uint8).reshape(command.rows, command.columns)
        try:
            self.array.sensor.show(command.top, command.left, patch, bool(command.clear))
        except ValueError:
            return b"\0"
        return b"\1"
