"""The vendor's controller API (SCAMP-5 fact sheet section 4) as steps.

AREG operands are indices into A B C D E F NEWS, DREG operands into R0-R12. The table says what each step
does to planes, clobbers included, so that a node's program can be verified. Read-out steps add bytes to
the answer. Analog writes happen where FLAG is 1, as always.
"""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.objects.step import AREG, DREG, LAST, ROW, STORE, OperandForm, Step, StepForm
from pixeltree_protocol.registers import ARRAY_SIZE, Analog, Digital

MAX_EVENTS = 4000
"""Greatest number of events of one scan (vendor header; its simulation clamps at 10,000: CONFLICT A.3)."""

MAX_WAIT_US = 10_000_000


@dataclass(frozen=True)
class SetDac(Step):
    """``scamp5_load_dac(dac)``: drive IN from the raw 12-bit DAC; 16 codes are one level."""

    dac: int


@dataclass(frozen=True)
class LoadIn(Step):
    """``scamp5_load_in(areg, level, temp)``: AREG := level through IN."""

    areg: int
    level: int
    temp: int


@dataclass(frozen=True)
class In(Step):
    """``scamp5_in(areg, level, temp)``: the same, the transfer's systematic error cancelled."""

    areg: int
    level: int
    temp: int


@dataclass(frozen=True)
class LoadDac(Step):
    """``scamp5_load_dac(areg, dac, temp)``: AREG := level of a raw DAC code."""

    areg: int
    dac: int
    temp: int


@dataclass(frozen=True)
class GetImage(Step):
    """``scamp5_get_image(yf, yh, gain)``: yf full range, yh half range, PIX reset, FLAG := 1.

    Each gain step above 1 doubles and saturates.
    """

    yf: int
    yh: int
    gain: int


@dataclass(frozen=True)
class ShiftAreg(Step):
    """``scamp5_shift(areg, h, v)``: content moves h pixels east and v north. FLAG must be all."""

    areg: int
    h: int
    v: int


@dataclass(frozen=True)
class Diffuse(Step):
    """``scamp5_diffuse(areg, iterations, vertical, horizontal, temp)``: repeated resistive diffusion."""

    areg: int
    iterations: int
    vertical: int
    horizontal: int
    temp: int


@dataclass(frozen=True)
class ReadAreg(Step):
    """``scamp5_read_areg(areg, r, c)``: one ADC sample, level + 128. 1 byte."""

    areg: int
    r: int
    c: int


@dataclass(frozen=True)
class GlobalSum16(Step):
    """``scamp5_global_sum_16(areg)``: sums of a 4 x 4 grid of blocks, column-major. 16 bytes."""

    areg: int


@dataclass(frozen=True)
class GlobalSum64(Step):
    """``scamp5_global_sum_64(areg)``: sums of an 8 x 8 grid of blocks, column-major. 64 bytes."""

    areg: int


@dataclass(frozen=True)
class GlobalSumFast(Step):
    """``scamp5_global_sum_fast(areg)``: approximate level of the whole plane. 1 byte."""

    areg: int


@dataclass(frozen=True)
class GlobalSumSparse(Step):
    """``scamp5_global_sum_sparse(areg, r, c, rx, cx)``: sum over the pixels of a pattern. 1 byte."""

    areg: int
    r: int
    c: int
    rx: int
    cx: int


@dataclass(frozen=True)
class GlobalSumRegion(Step):
    """``scamp5_global_sum_region(areg, r0, c0, r1, c1)``: sum over a rectangle. 1 byte."""

    areg: int
    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class ShiftDreg(Step):
    """``scamp5_shift(dreg, h, v, boundary, refresh)``: content moves h pixels east and v north.

    The register is refreshed every ``refresh`` pixels; 0: never.
    """

    dreg: int
    h: int
    v: int
    boundary: int
    refresh: int


@dataclass(frozen=True)
class GlobalOr(Step):
    """``scamp5_global_or(dreg, r, c, rx, cx)``: whether any pixel of a pattern is 1. 1 byte."""

    dreg: int
    r: int
    c: int
    rx: int
    cx: int


@dataclass(frozen=True)
class GlobalCount(Step):
    """``scamp5_global_count(dreg, temp, options)``: estimated share of 1s, 0-4095; u16.

    Options 0 sums a 4 x 4 grid, 1 an 8 x 8 grid. FLAG := 1; IN is driven.
    """

    dreg: int
    temp: int
    options: int


@dataclass(frozen=True)
class Flood(Step):
    """``scamp5_flood(target, mask, boundary, iterations, use_local)``: 1s of target flood through mask.

    R1-R4 := 1, unless ``use_local`` keeps them as directions; R0 := 1.
    """

    target: int
    mask: int
    boundary: int
    iterations: int
    use_local: int


@dataclass(frozen=True)
class LoadPattern(Step):
    """``scamp5_load_pattern(dreg, r, c, rx, cx)``; with rx = cx = 0 it is ``scamp5_load_point``."""

    dreg: int
    r: int
    c: int
    rx: int
    cx: int


@dataclass(frozen=True)
class LoadRect(Step):
    """``scamp5_load_rect(dreg, r0, c0, r1, c1)``; (r0, c0) is the top RIGHT corner."""

    dreg: int
    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class DrawPixel(Step):
    """``scamp5_draw_pixel(r, c)``: set one pixel; coordinates wrap."""

    dreg: int
    r: int
    c: int


@dataclass(frozen=True)
class DrawPoint(Step):
    """``scamp5_draw_point(r, c)``: set one pixel, if it is inside. 1 byte: whether it was."""

    dreg: int
    r: int
    c: int


@dataclass(frozen=True)
class DrawRect(Step):
    """``scamp5_draw_rect(r0, c0, r1, c1)``: fill a rectangle."""

    dreg: int
    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class DrawLine(Step):
    """``scamp5_draw_line(r0, c0, r1, c1, repeat)``: Bresenham; outside, it wraps (repeat) or is clipped."""

    dreg: int
    r0: int
    c0: int
    r1: int
    c1: int
    repeat: int


@dataclass(frozen=True)
class DrawCircle(Step):
    """``scamp5_draw_circle(r, c, radius, repeat)``: midpoint circle; outside as for a line."""

    dreg: int
    r: int
    c: int
    radius: int
    repeat: int


@dataclass(frozen=True)
class DrawNegate(Step):
    """``scamp5_draw_negate()``: invert the register."""

    dreg: int


@dataclass(frozen=True)
class ScanAreg(Step):
    """``scamp5_scan_areg(areg, r0, c0, r1, c1, rs, cs)``: ADC samples of a grid, column-major.

    One byte per sample, starting at the top right.
    """

    areg: int
    r0: int
    c0: int
    r1: int
    c1: int
    rs: int
    cs: int


@dataclass(frozen=True)
class ScanAregMean8x8(Step):
    """``scamp5_scan_areg_mean_8x8(areg)``: means of 32 x 32 blocks, column-major. 64 bytes."""

    areg: int


@dataclass(frozen=True)
class ScanEvents(Step):
    """``scamp5_scan_events(dreg, max_num, h_dir, v_dir)``: coordinates of 1s, two bytes each.

    (column, row), or (row, column) with ``row_first``; scanned column by column, from column 0 (or 255 with
    ``h_dir``), each from row 0 (or 255 with ``v_dir``). Unused pairs are (0, 0).
    """

    dreg: int
    max_num: int
    row_first: int
    h_dir: int
    v_dir: int


@dataclass(frozen=True)
class ScanBoundingBox(Step):
    """``scamp5_scan_boundingbox(dreg)``: top row, right column, bottom row, left column. 4 bytes."""

    dreg: int


@dataclass(frozen=True)
class Expose(Step):
    """Reset PIX and let it integrate light for a time; what a frame's exposure does."""

    microseconds: int


@dataclass(frozen=True)
class Wait(Step):
    """``vs_wait(microseconds)``: time passes, and PIX goes on integrating."""

    microseconds: int


_LEVEL: OperandForm = (c.Int8sl, -128, 127)
_DAC: OperandForm = (c.Int16ul, 0, 4095)
_BOOL: OperandForm = (c.Int8ul, 0, 1)
_FREE: OperandForm = (c.Int8ul, 5, 11)  # R5-R11: the step needs R0-R4 or R12 itself
_SHIFT: OperandForm = (c.Int16sl, -LAST, LAST)
_AROUND: OperandForm = (c.Int16sl, -ARRAY_SIZE, 2 * ARRAY_SIZE - 1)
_TIME: OperandForm = (c.Int32ul, 0, MAX_WAIT_US)
_RECT = (ROW, ROW, ROW, ROW)

_R0, _R1, _R2, _R3, _R4, _R12 = (Digital(f"R{i}") for i in (0, 1, 2, 3, 4, 12))
_DIRECTIONS = (_R1, _R2, _R3, _R4)
_SAMPLE = 9  # an ADC sample, and an event, take as long as nine words
_IN = 60  # so does driving IN (twice), with a short block


def _grid(step: ScanAreg) -> int:
    rows = range(step.r0, step.r1 + 1, step.rs)
    return len(rows) * len(range(step.c0, step.c1 + 1, step.cs))


def _line(step: DrawLine) -> int:
    return 17 * (max(abs(step.r1 - step.r0), abs(step.c1 - step.c0)) + 1)


def _shift(step: ShiftDreg) -> int:
    return 30 + 4 * (abs(step.h) + abs(step.v))


def _form(opcode: int, step: type[Step], *operands: OperandForm, words: int = 0, **rest: object) -> StepForm:
    """A row whose running time does not depend on operands."""
    if words:
        rest["words"] = lambda _: words
    return StepForm(opcode, step, operands, **rest)  # type: ignore[arg-type]


_DRAWS = {"reads": "dreg", "writes": "dreg", "clobbers": (_R2, _R3)}
_SUM = {"reads": "areg"}

CONTROLLER_STEPS: tuple[StepForm, ...] = (
    _form(20, SetDac, _DAC, words=_IN),
    _form(21, LoadIn, AREG, _LEVEL, AREG, writes="areg temp", distinct="areg temp", words=_IN),
    _form(22, In, AREG, _LEVEL, AREG, writes="areg temp", distinct="areg temp", words=_IN),
    _form(23, LoadDac, AREG, _DAC, AREG, writes="areg temp", distinct="areg temp", words=_IN),
    _form(
        24,
        GetImage,
        STORE,
        STORE,
        (c.Int8ul, 1, 5),
        writes="yf yh",
        clobbers=(Analog.NEWS,),
        distinct="yf yh",
        words=_IN,
    ),
    _form(
        25,
        ShiftAreg,
        STORE,
        _SHIFT,
        _SHIFT,
        reads="areg",
        writes="areg",
        clobbers=(Analog.NEWS,),
        words=30 + 2 * LAST,
    ),
    _form(
        26,
        Diffuse,
        AREG,
        (c.Int8ul, 1, 255),
        _BOOL,
        _BOOL,
        AREG,
        reads="areg",
        writes="areg temp",
        distinct="areg temp",
        clobbers=(_R1, _R2),
        words=30 + 2 * 255,
    ),
    _form(27, ReadAreg, AREG, ROW, ROW, **_SUM, read_out=lambda _: 1, words=_SAMPLE),
    _form(28, GlobalSum16, AREG, **_SUM, read_out=lambda _: 16, words=16 * _SAMPLE),
    _form(29, GlobalSum64, AREG, **_SUM, read_out=lambda _: 64, words=64 * _SAMPLE),
    _form(30, GlobalSumFast, AREG, **_SUM, read_out=lambda _: 1, words=_SAMPLE),
    _form(31, GlobalSumSparse, AREG, *_RECT, **_SUM, read_out=lambda _: 1, words=_SAMPLE),
    _form(32, GlobalSumRegion, AREG, *_RECT, **_SUM, read_out=lambda _: 1, words=_SAMPLE),
    StepForm(
        33,
        ShiftDreg,
        (_FREE, _SHIFT, _SHIFT, _BOOL, (c.Int8ul, 0, 255)),
        reads="dreg",
        writes="dreg",
        clobbers=(_R0, *_DIRECTIONS),
        words=_shift,
    ),
    _form(34, GlobalOr, DREG, *_RECT, reads="dreg", read_out=lambda _: 1, words=_SAMPLE),
    _form(
        35,
        GlobalCount,
        DREG,
        AREG,
        _BOOL,
        reads="dreg",
        writes="temp",
        read_out=lambda _: 2,
        words=_IN + 64 * _SAMPLE,
    ),
    _form(
        36,
        Flood,
        _FREE,
        _FREE,
        _BOOL,
        (c.Int8ul, 1, 255),
        _BOOL,
        reads="target mask",
        writes="target",
        distinct="target mask",
        clobbers=(_R0, *_DIRECTIONS, _R12),
        words=30 + 2 * 255,
    ),
    _form(37, LoadPattern, DREG, *_RECT, writes="dreg", words=_SAMPLE),
    _form(38, LoadRect, DREG, *_RECT, writes="dreg", words=2 * _SAMPLE),
    _form(39, DrawPixel, _FREE, _AROUND, _AROUND, **_DRAWS, words=17),
    _form(40, DrawPoint, _FREE, _AROUND, _AROUND, **_DRAWS, read_out=lambda _: 1, words=17),
    _form(41, DrawRect, _FREE, *_RECT, **_DRAWS, words=22),
    StepForm(
        42,
        DrawLine,
        (_FREE, _AROUND, _AROUND, _AROUND, _AROUND, _BOOL),
        reads="dreg",
        writes="dreg",
        clobbers=(_R2, _R3),
        words=_line,
    ),
    _form(43, DrawCircle, _FREE, _AROUND, _AROUND, ROW, _BOOL, **_DRAWS, words=17 * 8 * ARRAY_SIZE),
    _form(44, DrawNegate, _FREE, **_DRAWS, words=12),
    StepForm(
        45,
        ScanAreg,
        (AREG, *_RECT, (c.Int8ul, 1, LAST), (c.Int8ul, 1, LAST)),
        reads="areg",
        read_out=_grid,
        words=lambda step: _SAMPLE * _grid(step),
    ),
    _form(46, ScanAregMean8x8, AREG, **_SUM, read_out=lambda _: 64, words=64 * _SAMPLE),
    StepForm(
        47,
        ScanEvents,
        (DREG, (c.Int16ul, 1, MAX_EVENTS), _BOOL, _BOOL, _BOOL),
        reads="dreg",
        read_out=lambda step: 2 * step.max_num,
        words=lambda step: _SAMPLE * step.max_num,
    ),
    _form(48, ScanBoundingBox, DREG, reads="dreg", read_out=lambda _: 4, words=40),
    StepForm(49, Expose, (_TIME,), words=lambda step: 10 * step.microseconds),
    StepForm(50, Wait, (_TIME,), words=lambda step: 10 * step.microseconds),
)
"""The controller API's part of the step table."""
