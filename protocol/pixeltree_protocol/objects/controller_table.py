"""The controller API's part of the step table: operands, ranges, effects and bounds of time.

From it derive encoder, decoder and verifier; a node's program may touch only the node's planes, and the
bounds keep its running time and its read-outs finite.
"""

from __future__ import annotations

import construct as c

from pixeltree_protocol.chip.registers import ARRAY_SIZE, Analog, Digital
from pixeltree_protocol.objects.controller_steps import (
    MAX_EVENTS,
    MAX_WAIT_US,
    Diffuse,
    DrawCircle,
    DrawLine,
    DrawNegate,
    DrawPixel,
    DrawPoint,
    DrawRect,
    Expose,
    Flood,
    GetImage,
    GetParameter,
    GlobalCount,
    GlobalOr,
    GlobalSum16,
    GlobalSum64,
    GlobalSumFast,
    GlobalSumRegion,
    GlobalSumSparse,
    In,
    LoadDac,
    LoadIn,
    LoadPattern,
    LoadRect,
    ReadAreg,
    ScanAreg,
    ScanAregMean8x8,
    ScanBoundingBox,
    ScanEvents,
    SetDac,
    ShiftAreg,
    ShiftDreg,
    Wait,
)
from pixeltree_protocol.objects.step import AREG, DREG, FLOODED, LAST, ROW, STORE, OperandForm, Step, StepForm

_LEVEL: OperandForm = (c.Int8sl, -128, 127)
_DAC: OperandForm = (c.Int16ul, 0, 4095)
_BOOL: OperandForm = (c.Int8ul, 0, 1)
_TIMES: OperandForm = (c.Int8ul, 0, 255)
_SHIFT: OperandForm = (c.Int16sl, -LAST, LAST)
_AROUND: OperandForm = (c.Int16sl, -ARRAY_SIZE, 2 * ARRAY_SIZE - 1)
_TIME: OperandForm = (c.Int32ul, 0, MAX_WAIT_US)
_RECT = (ROW, ROW, ROW, ROW)
_CORNERS = "r0 c0 r1 c1"

_R0, _R1, _R2, _R3, _R4, _R12 = (Digital(f"R{i}") for i in (0, 1, 2, 3, 4, 12))
_DIRECTIONS = (_R1, _R2, _R3, _R4)
_SAMPLE = 9  # an ADC sample, and an event, take as long as nine words
_IN = 80  # so does driving IN (twice), with two short blocks


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


_DRAWN = (_R2, _R3)  # a primitive is loaded into R3, what is there already copied to R2 (fact sheet 4.2)
_DRAWS = {"reads": "dreg", "writes": "dreg", "clobbers": _DRAWN, "own": _DRAWN}
_SUM = {"reads": "areg"}

CONTROLLER_STEPS: tuple[StepForm, ...] = (
    _form(20, SetDac, _DAC, varies="dac", words=_IN),
    _form(
        21,
        LoadIn,
        AREG,
        _LEVEL,
        AREG,
        writes="areg temp",
        distinct="areg temp",
        varies="level",
        words=_IN,
    ),
    _form(
        22,
        In,
        AREG,
        _LEVEL,
        AREG,
        writes="areg temp",
        distinct="areg temp",
        varies="level",
        words=_IN,
    ),
    _form(
        23,
        LoadDac,
        AREG,
        _DAC,
        AREG,
        writes="areg temp",
        distinct="areg temp",
        varies="dac",
        words=_IN,
    ),
    _form(
        24,
        GetImage,
        STORE,
        STORE,
        (c.Int8ul, 1, 5),
        writes="yf yh",
        clobbers=(Analog.NEWS,),
        distinct="yf yh",
        varies="gain",
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
        varies="h v",
        words=30 + 2 * LAST,
    ),
    _form(
        26,
        Diffuse,
        AREG,
        _TIMES,
        _BOOL,
        _BOOL,
        AREG,
        reads="areg",
        writes="areg temp",
        distinct="areg temp",
        clobbers=(_R1, _R2),
        varies="iterations",
        words=30 + 2 * 255,
    ),
    _form(27, ReadAreg, AREG, ROW, ROW, **_SUM, varies="r c", read_out=lambda _: 1, words=_SAMPLE),
    _form(28, GlobalSum16, AREG, **_SUM, read_out=lambda _: 16, words=16 * _SAMPLE),
    _form(29, GlobalSum64, AREG, **_SUM, read_out=lambda _: 64, words=64 * _SAMPLE),
    _form(30, GlobalSumFast, AREG, **_SUM, read_out=lambda _: 1, words=_SAMPLE),
    _form(31, GlobalSumSparse, AREG, *_RECT, **_SUM, varies="r c", read_out=lambda _: 1, words=_SAMPLE),
    _form(
        32,
        GlobalSumRegion,
        AREG,
        *_RECT,
        **_SUM,
        varies=_CORNERS,
        open_ended=True,
        read_out=lambda _: 1,
        words=_SAMPLE,
    ),
    StepForm(
        33,
        ShiftDreg,
        (DREG, _SHIFT, _SHIFT, _BOOL, (c.Int8ul, 0, 255)),
        reads="dreg",
        writes="dreg",
        clobbers=(_R0, *_DIRECTIONS),
        own=_DIRECTIONS,
        words=_shift,
    ),
    _form(34, GlobalOr, DREG, *_RECT, reads="dreg", varies="r c", read_out=lambda _: 1, words=_SAMPLE),
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
        FLOODED,
        DREG,
        _BOOL,
        _TIMES,
        _BOOL,
        reads="target mask",
        writes="target",
        distinct="target mask",
        clobbers=(_R0, *_DIRECTIONS, _R12),
        varies="iterations",
        words=30 + 2 * 255,
    ),
    _form(37, LoadPattern, DREG, *_RECT, writes="dreg", varies="r c", words=_SAMPLE),
    _form(38, LoadRect, DREG, *_RECT, writes="dreg", varies=_CORNERS, open_ended=True, words=2 * _SAMPLE),
    _form(39, DrawPixel, DREG, _AROUND, _AROUND, **_DRAWS, varies="r c", words=17),
    _form(40, DrawPoint, DREG, _AROUND, _AROUND, **_DRAWS, varies="r c", read_out=lambda _: 1, words=17),
    _form(41, DrawRect, DREG, *_RECT, **_DRAWS, varies=_CORNERS, open_ended=True, words=22),
    StepForm(
        42,
        DrawLine,
        (DREG, _AROUND, _AROUND, _AROUND, _AROUND, _BOOL),
        reads="dreg",
        writes="dreg",
        clobbers=_DRAWN,
        own=_DRAWN,
        words=_line,
    ),
    _form(
        43,
        DrawCircle,
        DREG,
        _AROUND,
        _AROUND,
        ROW,
        _BOOL,
        **_DRAWS,
        varies="r c radius",
        words=17 * 8 * ARRAY_SIZE,
    ),
    _form(44, DrawNegate, DREG, **_DRAWS, words=12),
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
        (DREG, (c.Int16ul, 0, MAX_EVENTS), _BOOL, _BOOL, _BOOL),
        reads="dreg",
        varies="max_num",
        read_out=lambda step: 2 * step.max_num,
        words=lambda step: _SAMPLE * step.max_num,
    ),
    _form(48, ScanBoundingBox, DREG, reads="dreg", read_out=lambda _: 4, words=40),
    StepForm(49, Expose, (_TIME,), varies="microseconds", words=lambda step: 10 * step.microseconds),
    StepForm(50, Wait, (_TIME,), varies="microseconds", words=lambda step: 10 * step.microseconds),
    _form(51, GetParameter, (c.Int8ul, 4, 11), read_out=lambda _: 4, words=_SAMPLE),
)
"""The controller API's part of the step table."""
