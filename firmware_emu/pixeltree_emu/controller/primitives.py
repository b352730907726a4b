"""The controller API (fact sheet section 4) on the array, and what it charges to the device clock.

The controller's own blocks are written in the vendor's kernel language. A function is one launch, however
many words it sends; selections and samples cost what the cost model says. A load costs what its select
costs, its one MOV included, as the cost model has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pixeltree_emu.array.read_out import RowNumbers, packed_columns, row_numbers
from pixeltree_emu.array.selection import Lines, pattern_lines, rectangle_lines
from pixeltree_emu.controller import drawing
from pixeltree_emu.controller.clock import DeviceClock
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.step import Step
from pixeltree_protocol.text.assembly import assemble

_LAST = ARRAY_SIZE - 1
_EVERY = slice(None)
_ALL_ROWS = np.arange(ARRAY_SIZE, dtype=np.int64)

_MASKING = ("R0", "R12")
"""R12 takes writes only where R0 is 1, so that neither can go by the other."""

# AREG shift: port away from the motion, port to read, R register of a DREG shift (fact sheet 3.1, 3.7)
_EAST, _WEST, _NORTH, _SOUTH = ("XE", "XW", 2), ("XW", "XE", 4), ("XN", "XS", 1), ("XS", "XN", 3)


class Controller:
    """Executes controller steps.

    Args:
        array: the array.
        clock: the device clock, charged for everything.
        parameters: what the sources leave open about read-out.
    """

    def __init__(
        self, array: PixelArray, clock: DeviceClock, parameters: ReadOutParameters | None = None
    ) -> None:
        self._array = array
        self._clock = clock
        self.parameters = parameters or ReadOutParameters()
        self._blocks: dict[str, Kernel] = {}
        self.actions: dict[type[Step], Callable[[Any], bytes | None]] = {
            s.SetDac: lambda step: self._drive(step.dac // 16 - 128),
            s.LoadIn: lambda step: self._load_in(step.areg, step.level, step.temp),
            s.In: self._in,
            s.LoadDac: lambda step: self._load_in(step.areg, step.dac // 16 - 128, step.temp),
            s.GetImage: self._get_image,
            s.ShiftAreg: self._shift_areg,
            s.Diffuse: self._diffuse,
            s.ReadAreg: self._read_areg,
            s.GlobalSum16: lambda step: self._block_sums(step.areg, 4, self.parameters.sum_16_scale),
            s.GlobalSum64: lambda step: self._block_sums(step.areg, 8, self.parameters.sum_64_scale),
            s.GetParameter: self._get_parameter,
            s.GlobalSumFast: lambda step: self._sum(
                step.areg, _ALL_ROWS, _EVERY, self.parameters.sum_fast_scale
            ),
            s.GlobalSumSparse: lambda step: self._sum(
                step.areg,
                row_numbers(step.r, step.rx),
                pattern_lines(step.c, step.cx),
                self.parameters.sum_sparse_scale,
            ),
            s.GlobalSumRegion: lambda step: self._sum(
                step.areg,
                _ALL_ROWS[rectangle_lines(step.r0, step.r1)],
                rectangle_lines(step.c0, step.c1),
                self.parameters.sum_region_scale,
            ),
            s.ShiftDreg: self._shift_dreg,
            s.GlobalOr: self._global_or,
            s.GlobalCount: self._global_count,
            s.Flood: self._flood,
            s.LoadPattern: lambda step: self._load_point(step.dreg, step.r, step.c, step.rx, step.cx),
            s.LoadRect: lambda step: self._load_rect(step.dreg, step.r0, step.c0, step.r1, step.c1),
            s.DrawPixel: lambda step: self._draw(step.dreg, [(step.r, step.c)], True),
            s.DrawPoint: self._draw_point,
            s.DrawRect: self._draw_rect,
            s.DrawLine: lambda step: self._draw(
                step.dreg, drawing.line(step.r0, step.c0, step.r1, step.c1), bool(step.repeat)
            ),
            s.DrawCircle: lambda step: self._draw(
                step.dreg, drawing.circle(step.r, step.c, step.radius), bool(step.repeat)
            ),
            s.DrawNegate: lambda step: self._launch(f"MOV(R3, R{step.dreg}); NOT(R{step.dreg}, R3)"),
            s.ScanAreg: lambda step: self._grid(
                step.areg, step.r0, step.c0, step.r1, step.c1, step.rs, step.cs
            ),
            s.ScanAregMean8x8: lambda step: self._block_sums(step.areg, 8, 32 * 32),
            s.ScanEvents: self._scan_events,
            s.ScanBoundingBox: self._scan_box,
            s.Expose: self._expose,
            s.Wait: self._wait,
        }

    # -- blocks and selections ---------------------------------------------------------------------

    def _send(self, text: str, times: int = 1) -> None:
        """Send the words of a block, without the launch."""
        if text not in self._blocks:
            words = assemble(text.replace(";", "\n"), "controller").words
            self._blocks[text] = self._array.load(words)
        kernel = self._blocks[text]
        for _ in range(times):
            self._array.run(kernel, self._clock.now_ns)
        self._clock.charge_words(kernel.classes, times)

    def launch(self, text: str) -> None:
        """Send words of the controller's own, as one launch."""
        self._launch(text)

    def _launch(self, text: str = "", times: int = 1) -> None:
        self._clock.charge(self._clock.costs.launch_ns)
        if text:
            self._send(text, times)

    def _drive(self, level: int) -> None:
        self._array.set_in(level)
        self._clock.charge(self._clock.costs.set_in_ns)

    def _load_point(self, dreg: int, r: int, c: int, rx: int = 0, cx: int = 0) -> None:
        self._array.select_pattern(r, c, rx, cx)
        self._load(dreg, "SELECT")
        self._clock.charge(self._clock.costs.select_ns)

    def _load_rect(self, dreg: int, r0: int, c0: int, r1: int, c1: int) -> None:
        self._array.select_rect(r0, c0, r1, c1)
        self._load(dreg, "RECT")
        self._clock.charge(self._clock.costs.select_rect_ns)

    def _load(self, dreg: int, source: str) -> None:
        """The MOV of a load, whose time is part of the select's."""
        before = self._clock.now_ns
        self._send(f"MOV(R{dreg}, {source})")
        self._clock.now_ns = before

    # -- analog ------------------------------------------------------------------------------------

    def _load_in(self, areg: int, level: int, temp: int) -> None:
        self._drive(level)
        self._launch(f"bus({AREGS[temp]}, IN); bus({AREGS[areg]}, {AREGS[temp]})")

    def _in(self, step: s.In) -> None:
        """A differential write: the offset of the first transfer cancels the second's (fact sheet 4.5)."""
        self._drive(0)
        self._launch(f"bus({AREGS[step.temp]}, IN)")
        self._drive(min(127, -step.level))
        self._launch(f"bus({AREGS[step.areg]}, {AREGS[step.temp]}, IN)")

    def _get_image(self, step: s.GetImage) -> None:
        """As the vendor's simulation expands it; saturation does the clamping (details INFERRED)."""
        yf, yh = AREGS[step.yf], AREGS[step.yh]
        self._launch(f"all; bus(NEWS, PIX); rpix; bus({yf}, NEWS, PIX); bus(NEWS, {yf})")
        double = f"bus({yh}, NEWS); bus({yf}, NEWS); bus(NEWS, {yh}, {yf})"
        if step.gain > 1:
            self._send(double, step.gain - 1)
        self._send(f"bus({yh}, NEWS); bus({yf}, NEWS); rpix; bus(NEWS, {yh}, {yf}, PIX); bus({yf}, NEWS)")

    def _shift_areg(self, step: s.ShiftAreg) -> None:
        """Two pixels per pair of words; an odd one through the own NEWS."""
        register = AREGS[step.areg]
        self._launch()
        for count, (away, behind, _) in (
            (step.h, _EAST if step.h > 0 else _WEST),
            (step.v, _NORTH if step.v > 0 else _SOUTH),
        ):
            pairs, odd = divmod(abs(count), 2)
            if pairs:
                self._send(f"bus({away}, {register}); bus({register}, {behind})", pairs)
            if odd:
                self._send(f"bus({away}, {register}); bus({register}, NEWS)")

    def _diffuse(self, step: s.Diffuse) -> None:
        register, temp = AREGS[step.areg], AREGS[step.temp]
        links = [
            f"{'SET' if on else 'CLR'}({link})"
            for link, on in (("R1", step.vertical), ("R2", step.horizontal))
        ]
        self._launch("; ".join((*links, "blurset")))
        self._send(f"blur({temp}, {register}); blur({register}, {temp})", step.iterations)

    # -- analog read-out ---------------------------------------------------------------------------

    def _read_areg(self, step: s.ReadAreg) -> bytes:
        level = int(self._array.engine.analog_view(_analog(step.areg))[step.r, step.c])
        self._clock.charge(self._clock.costs.adc_sample_ns)
        return bytes([max(0, min(255, level + self.parameters.adc_zero))])

    def _grid(self, areg: int, r0: int, c0: int, r1: int, c1: int, rs: int, cs: int) -> bytes:
        plane = self._array.engine.analog_view(_analog(areg))
        data = self.parameters.grid(plane, range(r0, r1 + 1, rs), range(c0, c1 + 1, cs))
        self._clock.charge(len(data) * self._clock.costs.adc_sample_ns)
        return data

    def _block_sums(self, areg: int, side: int, scale: int) -> bytes:
        sums = self._array.engine.column_sums(_analog(areg), _ALL_ROWS, side)
        data = self.parameters.blocks(sums, scale)
        self._clock.charge(len(data) * self._clock.costs.adc_sample_ns)
        return data

    def _sum(self, areg: int, rows: RowNumbers, columns: Lines, scale: int) -> bytes:
        sums = self._array.engine.column_sums(_analog(areg), rows, 1)
        value = self.parameters.total_of(sums, columns, scale)
        self._clock.charge(self._clock.costs.adc_sample_ns)
        return bytes([value])

    def _get_parameter(self, step: s.GetParameter) -> bytes:
        value = self.parameters.count_range(step.number >= 8)[step.number % 4]
        self._clock.charge(self._clock.costs.operation_ns)
        return value.to_bytes(4, "little", signed=True)

    # -- digital -----------------------------------------------------------------------------------

    def _shift_dreg(self, step: s.ShiftDreg) -> None:
        """R1-R4 set once per axis, then DNEWS to and fro between the register and R0 (fact sheet 4.2).

        R0 itself, and R12, which R0 masks, are copied to FLAG for every pixel (the idiom of 3.1).
        """
        self._launch()
        register, done = f"R{step.dreg}", 0
        by_flag = register in _MASKING
        for count, (_, _, enable) in (
            (step.h, _EAST if step.h > 0 else _WEST),
            (step.v, _NORTH if step.v > 0 else _SOUTH),
        ):
            if not count:
                continue
            others = ", ".join(f"R{number}" for number in (1, 2, 3, 4) if number != enable)
            self._send(f"CLR({others}); SET(R{enable})")
            here, there = register, "R0"
            for _ in range(abs(count)):
                if by_flag:
                    self._send(f"WHERE({register}); DNEWS{step.boundary}({register}, FLAG)")
                else:
                    self._send(f"DNEWS{step.boundary}({there}, {here})")
                    here, there = there, here
                done += 1
                if step.refresh and done % step.refresh == 0:
                    self._send(f"REFRESH({here})")
            if here != register:
                self._send(f"MOV({register}, R0)")
        if by_flag and done:
            self._send("all")

    def _global_or(self, step: s.GlobalOr) -> bytes:
        self._clock.charge(self._clock.costs.global_or_ns)
        rows, columns = row_numbers(step.r, step.rx), packed_columns(step.c, step.cx)
        return bytes([self._array.engine.any_one(DREGS[step.dreg], rows, columns)])

    def _global_count(self, step: s.GlobalCount) -> bytes:
        """DREG -> two analog levels -> global sum -> share of 1s (fact sheets 4.2 and 4.5)."""
        levels = self.parameters.count_levels_64 if step.options else self.parameters.count_levels_16
        temp = AREGS[step.temp]
        self._drive(-levels[0])
        self._launch(f"all; bus({temp}, IN); WHERE(R{step.dreg})")
        self._drive(-levels[1])
        self._launch(f"bus({temp}, IN); all")
        scale = self.parameters.sum_64_scale if step.options else self.parameters.sum_16_scale
        sums = self._block_sums(step.temp, 8 if step.options else 4, scale)
        self._clock.charge(len(sums) * self._clock.costs.operation_ns)
        return self.parameters.count(sums, bool(step.options)).to_bytes(2, "little")

    def _flood(self, step: s.Flood) -> None:
        """The native idiom of fact sheet 3.7; R0 is 1 again at the end.

        Operands are read before the registers that the flood needs are written. A mask in R0 or R12, which
        cannot wait that long, is kept in FLAG.
        """
        target, mask = f"R{step.target}", f"R{step.mask}"
        by_flag = mask in _MASKING
        words = [f"WHERE({mask})"] if by_flag else []
        words.append("SET(R0)")
        if target != "R12":
            words.append(f"MOV(R12, {target})")
        words.append(f"MOV(R0, {'FLAG' if by_flag else mask})")
        if not step.use_local:
            words.append("SET(R1, R2, R3, R4)")
        self._launch("; ".join(words))
        self._send(f"PROP{step.boundary}()", step.iterations)
        words = [f"MOV({target}, R12)"] if target != "R12" else []
        words += ["SET(R0)", "all"] if by_flag else ["SET(R0)"]
        self._send("; ".join(words))

    def _draw(self, dreg: int, points: list[drawing.Point], repeat: bool) -> None:
        for row, column in points:
            if repeat or (0 <= row <= _LAST and 0 <= column <= _LAST):
                self._load_point(3, row & _LAST, column & _LAST)
                self._merge(dreg)

    def _draw_point(self, step: s.DrawPoint) -> bytes:
        self._draw(step.dreg, [(step.r, step.c)], False)
        return bytes([0 <= step.r <= _LAST and 0 <= step.c <= _LAST])

    def _draw_rect(self, step: s.DrawRect) -> None:
        self._load_rect(3, step.r0, step.c0, step.r1, step.c1)
        self._merge(step.dreg)

    def _merge(self, dreg: int) -> None:
        self._launch(f"MOV(R2, R{dreg}); OR(R{dreg}, R2, R3)")

    def _scan_events(self, step: s.ScanEvents) -> bytes:
        self._clock.charge(step.max_num * self._clock.costs.event_ns)
        options = bool(step.row_first), bool(step.h_dir), bool(step.v_dir)
        return self._array.engine.events(DREGS[step.dreg], step.max_num, *options)

    def _scan_box(self, step: s.ScanBoundingBox) -> bytes:
        self._clock.charge(self._clock.costs.bounding_box_ns)
        return self.parameters.box(self._array.engine.box(DREGS[step.dreg]))

    # -- time --------------------------------------------------------------------------------------

    def _expose(self, step: s.Expose) -> None:
        self._array.begin_exposure(self._clock.now_ns)
        self._wait(step)

    def _wait(self, step: s.Expose | s.Wait) -> None:
        self._clock.charge(step.microseconds * 1_000)


def _analog(index: int) -> Analog:
    return AREGS[index]
