"""The vendor's controller API (SCAMP-5 fact sheet section 4) as steps.

AREG operands are indices into A B C D E F NEWS, DREG operands into R0-R12. Ranges and effects on planes,
clobbers included, are in :mod:`pixeltree_protocol.objects.controller_table`. Read-out steps add bytes to
the answer. Analog writes happen where FLAG is 1, as always.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree_protocol.objects.step import Step

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
class GetParameter(Step):
    """``vs_scamp5_get_parameter(number)``: areg_min, areg_max, floor, span of 4 x 4 sums (4-7), 8 x 8 (8-11).

    Floor is the total of the sums where the plane is areg_min everywhere; span is how much more it is where
    the plane is areg_max (INFERRED). A signed number, i32.
    """

    number: int


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
    """``scamp5_global_sum_region(areg, r0, c0, r1, c1)``: sum over a rectangle. 1 byte.

    An end before its start stands for the edge.
    """

    areg: int
    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class ShiftDreg(Step):
    """``scamp5_shift(dreg, h, v, boundary, refresh)``: content moves h pixels east and v north.

    The register is refreshed every ``refresh`` pixels; 0: never. R0 and R12 move by FLAG, which is 1 then,
    and R12 changes only where R0 is 1.
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

    R1-R4 := 1, unless ``use_local`` keeps them as directions; R0 := 1. A mask in R0 or R12 goes by FLAG,
    which is 1 then.
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
    """``scamp5_load_rect(dreg, r0, c0, r1, c1)``; (r0, c0) is the top RIGHT corner.

    An end before its start stands for the edge.
    """

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
    """``scamp5_draw_rect(r0, c0, r1, c1)``: fill a rectangle; an end before its start stands for the edge."""

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
