"""The chip from Python: the vendor's controller API (SCAMP-5 fact sheet section 4) as methods.

Every call is one immediate program: it runs at once, outside any tree, and its device time is in
:attr:`ChipControl.last`. Coordinates are the array's own, as the vendor's: row 0 is the top, column 0 the
RIGHT edge.

>>> device.expose()                                                          # doctest: +SKIP
>>> device.run_kernel(kernel)
>>> device.load_rect(R6, 0, 0, 127, 127)
>>> device.scan_events(R5, 100)
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.device.plane_upload import areg_uploads, checked_plane, packed
from pixeltree.errors import DataError
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.objects import Block, Digest, Segment, digest_of
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import (
    MAX_SLOTS,
    Program,
    Run,
    ScanDreg,
    SelectPattern,
    SelectRect,
    SetIn,
    WriteDreg,
)
from pixeltree_protocol.objects.step import Step

_LAST = ARRAY_SIZE - 1
NEWS = Analog.NEWS

_DRAWN_TOGETHER = 500
"""Primitives per program: they fit into a message of 8 KiB."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Execution:
    """What an immediate program gave.

    Attributes:
        read_outs: bytes of its read-out steps, in order.
        device_ns: device time, nanoseconds.
        words: instruction words executed.
    """

    read_outs: tuple[bytes, ...]
    device_ns: int
    words: int


class ChipControl(ABC):
    """The chip-level half of :class:`pixeltree.Device`.

    Rows, columns and their masks are the vendor's uint8: they wrap, so that -1 is 255, 256 is 0, 261 is 5. A
    rectangle whose end then lies before its start goes on to the edge (the chip: OPEN).

    All methods raise DataError or ProgramError where another operand is out of range (nothing has been sent
    then), and DeviceError where the device refuses.
    """

    last: Execution | None = None
    _drawing: list[Step] | None = None
    _canvas: Digital = Digital.R5

    @abstractmethod
    def execute_program(
        self, program: Program, blocks: Sequence[Digest], segments: Sequence[Digest] = ()
    ) -> Execution:
        """Run an immediate program on resident blocks and segments."""

    @abstractmethod
    def upload(self, objects: Mapping[Digest, bytes]) -> object:
        """Make objects resident."""

    def execute(
        self, *steps: Step, kernels: Sequence[Kernel | Block] = (), segments: Sequence[Segment] = ()
    ) -> Execution:
        """Run controller steps at once.

        Args:
            steps: in order; ``Run(n)`` executes ``kernels[n]``. They are in ``pixeltree_protocol.objects``:
                ``Run``, ``SetIn``, ``SelectPattern``, ``SelectRect``, ``ScanDreg`` and ``WriteDreg`` in its
                module ``program``, all others in ``controller_steps``.
            kernels: at most 255, uploaded where the device does not have them.
            segments: likewise; ``WriteDreg(n, ...)`` takes ``segments[n]``.
        """
        program = Program(steps)
        if len(kernels) > MAX_SLOTS:
            raise DataError(f"one program has at most {MAX_SLOTS} kernels, not {len(kernels)}")
        blocks = [kernel.block() if isinstance(kernel, Kernel) else kernel for kernel in kernels]
        for block in blocks:
            if not isinstance(block, Block):
                raise DataError(f"a kernel must be a Kernel or a Block, not {type(block).__name__}")
        data = [each.encode() for each in (*blocks, *segments)]
        digests = [digest_of(each) for each in data]
        if data:
            self.upload(dict(zip(digests, data, strict=True)))
        self.last = self.execute_program(program, digests[: len(blocks)], digests[len(blocks) :])
        return self.last

    def run_kernel(self, kernel: Kernel | Block, times: int = 1) -> Execution:
        """Execute a kernel, 1 to 1,024 times in a row."""
        return self.execute(Run(0, times), kernels=[kernel])

    # -- whole planes ------------------------------------------------------------------------------

    def write_plane(self, register: Analog | Digital, plane: npt.ArrayLike) -> Execution:
        """Write a whole register, as the vendor's image loader does; :meth:`Device.read_plane` reads it.

        A DREG is written pixel by pixel (``WriteDreg``; R12 where R0 is 1). An AREG, A to F, is the sum of
        its eight bit planes: each is written into R0, and IN added where it is 1. That clobbers R0 (:= 1),
        NEWS, FLAG (:= 1) and IN, and on a chip with errors each transfer adds its own.

        Args:
            register: an AREG or a DREG.
            plane: (256, 256), the right way round (column 0 is the left of the picture): bool or 0 and 1 for
                a DREG, whole numbers from -128 to 127 for an AREG.

        Returns:
            Device time and words of the whole. The time is that of the cost model: the plane's bytes on the
            line, and 1.7 us a pixel that is drawn (both assumed).

        Raises:
            DataError: the register cannot be written, or the plane has another shape, type or range.
        """
        if isinstance(register, Digital):
            bits = checked_plane(plane, 0, 1).astype(np.bool_)
            return self.execute(WriteDreg(0, _dreg(register)), segments=[packed(bits)])
        if _areg(register) == AREGS.index(NEWS):
            raise DataError("NEWS cannot be written: a write of an AREG goes by NEWS")
        uploads = areg_uploads(register, checked_plane(plane, -128, 127))
        done = [self.execute(*each.steps, kernels=each.kernels, segments=each.segments) for each in uploads]
        self.last = Execution((), sum(each.device_ns for each in done), sum(each.words for each in done))
        return self.last

    # -- time --------------------------------------------------------------------------------------

    def expose(self, microseconds: int = 16_667) -> None:
        """Reset PIX and let it integrate; the default is a full exposure of an emulated sensor."""
        self.execute(s.Expose(microseconds))

    def wait(self, microseconds: int) -> None:
        """``vs_wait``: let device time pass, 0 to 10,000,000 us; PIX goes on integrating."""
        self.execute(s.Wait(microseconds))

    # -- analog ------------------------------------------------------------------------------------

    def get_image(self, yf: Analog, yh: Analog, gain: int = 1) -> None:
        """``scamp5_get_image``: yf full range, yh half range, PIX reset; clobbers NEWS, FLAG := 1."""
        self.execute(s.GetImage(_areg(yf), _areg(yh), gain))

    def load_in(self, target: Analog | int, level: int | None = None, temp: Analog = NEWS) -> None:
        """``load_in(a, v)``: AREG := v, uncorrected; ``load_in(v)`` only drives IN. v is -128 to 127.

        In an AREG, -128 becomes -127: the transfer negates twice, and 128 does not exist.
        """
        if isinstance(target, Analog):
            self.execute(s.LoadIn(_areg(target), _given(level, "level"), _areg(temp)))
        else:
            self.execute(SetIn(target))

    def in_(self, target: Analog, level: int, temp: Analog = NEWS) -> None:
        """``scamp5_in(a, v)``: AREG := v with error correction (``in`` is a Python keyword).

        -128 becomes -127: the transfer negates, and 128 does not exist.
        """
        self.execute(s.In(_areg(target), level, _areg(temp)))

    def load_dac(self, target: Analog | int, dac: int | None = None, temp: Analog = NEWS) -> None:
        """``load_dac(a, code)``: AREG := level of a raw DAC code; ``load_dac(code)`` drives IN. 0-4095."""
        if isinstance(target, Analog):
            self.execute(s.LoadDac(_areg(target), _given(dac, "dac"), _areg(temp)))
        else:
            self.execute(s.SetDac(target))

    def shift(self, register: Analog | Digital, h: int, v: int, boundary: int = 0, refresh: int = 2) -> None:
        """``scamp5_shift``: content moves h pixels east and v north.

        An AREG, A to F, clobbers NEWS and takes 0 from outside (FLAG must be all); a DREG takes ``boundary``,
        is refreshed every ``refresh`` pixels, and clobbers R0-R4, of which R1-R4 cannot be shifted. R0 and
        R12 move by FLAG, which is 1 then; R12 changes only where R0 is 1.
        """
        if isinstance(register, Analog):
            self.execute(s.ShiftAreg(_areg(register), h, v))
        else:
            self.execute(s.ShiftDreg(_dreg(register), h, v, boundary, refresh))

    def diffuse(
        self, a: Analog, iterations: int, vertical: bool = True, horizontal: bool = True, temp: Analog = NEWS
    ) -> None:
        """``scamp5_diffuse``: 0-255 iterations; clobbers temp, R1 and R2."""
        self.execute(s.Diffuse(_areg(a), iterations, vertical, horizontal, _areg(temp)))

    def read_areg(self, a: Analog, r: int, c: int) -> int:
        """``scamp5_read_areg``: one ADC sample, 0-255 (level + 128)."""
        return self._read(s.ReadAreg(_areg(a), *_wrapped(r, c)))[0]

    def global_sum_16(self, a: Analog) -> Bytes:
        """``scamp5_global_sum_16``: uint8 (4, 4) of blocks from the top (rows) and the RIGHT (columns)."""
        return _columns(self._read(s.GlobalSum16(_areg(a))), 4)

    def global_sum_64(self, a: Analog) -> Bytes:
        """``scamp5_global_sum_64``: uint8 (8, 8), indexed likewise."""
        return _columns(self._read(s.GlobalSum64(_areg(a))), 8)

    def get_parameter(self, number: int) -> int:
        """``vs_scamp5_get_parameter``: 4-7 areg_min, areg_max, floor, span of 4 x 4 sums, 8-11 of 8 x 8 sums.

        Floor is the total of the sums of a plane that is areg_min everywhere, floor + span that of areg_max.

        Raises:
            DataError: another number; the chip's other parameters are not modelled.
        """
        if not 4 <= number <= 11:
            raise DataError(f"get_parameter takes 4 to 11, not {number}")
        return int.from_bytes(self._read(s.GetParameter(number)), "little", signed=True)

    def global_sum_16_total(self, a: Analog) -> int:
        """``scamp5_global_sum_16`` without a result array: the sum of its 16 bytes, 0-4080."""
        return int(self.global_sum_16(a).sum())

    def global_sum_64_total(self, a: Analog) -> int:
        """``scamp5_global_sum_64`` without a result array: the sum of its 64 bytes, 0-16320."""
        return int(self.global_sum_64(a).sum())

    def global_sum_fast(self, a: Analog) -> int:
        """``scamp5_global_sum_fast``: approximate level of the plane, 0-255."""
        return self._read(s.GlobalSumFast(_areg(a)))[0]

    def global_sum_sparse(self, a: Analog, r: int = 2, c: int = 2, rx: int = 254, cx: int = 254) -> int:
        """``scamp5_global_sum_sparse``: sum over the pixels of a pattern, 0-255."""
        return self._read(s.GlobalSumSparse(_areg(a), *_wrapped(r, c, rx, cx)))[0]

    def global_sum_region(self, a: Analog, r0: int, c0: int, r1: int, c1: int) -> int:
        """``scamp5_global_sum_region``: sum over a rectangle, 0-255."""
        return self._read(s.GlobalSumRegion(_areg(a), *_wrapped(r0, c0, r1, c1)))[0]

    # -- digital -----------------------------------------------------------------------------------

    def global_or(self, d: Digital, r: int = 0, c: int = 0, rx: int = 255, cx: int = 255) -> bool:
        """``scamp5_global_or``: whether any pixel of a pattern (default: all) is 1."""
        return bool(self._read(s.GlobalOr(_dreg(d), *_wrapped(r, c, rx, cx)))[0])

    def global_count(self, d: Digital, temp: Analog, options: int = 0) -> int:
        """``scamp5_global_count``: share of 1s, 0-4095, from 4 x 4 sums (options 0) or 8 x 8 (1).

        Clobbers temp, FLAG := 1.
        """
        return int.from_bytes(self._read(s.GlobalCount(_dreg(d), _areg(temp), options)), "little")

    def flood(
        self, target: Digital, mask: Digital, boundary: int = 0, iterations: int = 5, use_local: bool = False
    ) -> None:
        """``scamp5_flood``: 1s of target flood through mask, 0-255 iterations. R0 := 1; clobbers R12, R1-R4.

        ``use_local`` keeps R1-R4 as the directions of every pixel. The target cannot be R0; a mask in R0 or
        R12 goes by FLAG, which is 1 then.
        """
        self.execute(s.Flood(_dreg(target), _dreg(mask), boundary, iterations, use_local))

    def load_point(self, d: Digital, r: int, c: int) -> None:
        """``scamp5_load_point``: that pixel 1, all others 0."""
        self.load_pattern(d, r, c, 0, 0)

    def load_rect(self, d: Digital, r0: int, c0: int, r1: int, c1: int) -> None:
        """``scamp5_load_rect``: (r0, c0) top right, (r1, c1) bottom left, inclusive."""
        self.execute(s.LoadRect(_dreg(d), *_wrapped(r0, c0, r1, c1)))

    load_region = load_rect
    """The name of load_rect in earlier versions of the vendor's API."""

    def load_pattern(self, d: Digital, r: int, c: int, rx: int, cx: int) -> None:
        """``scamp5_load_pattern``: pixels whose row and column match but for the mask's bits."""
        self.execute(s.LoadPattern(_dreg(d), *_wrapped(r, c, rx, cx)))

    def select_point(self, r: int, c: int) -> None:
        """``scamp5_select_point``: the same as a load, left in SELECT."""
        self.select_pattern(r, c, 0, 0)

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """``scamp5_select_rect``: left in RECT; SELECT follows."""
        self.execute(SelectRect(*_wrapped(r0, c0, r1, c1)))

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """``scamp5_select_pattern``."""
        self.execute(SelectPattern(*_wrapped(r, c, rx, cx)))

    def select_row(self, r: int, rx: int = 0) -> None:
        """``scamp5_select_row``: whole rows that match r but for the bits of rx."""
        self.select_pattern(r, 0, rx, 255)

    def select_col(self, c: int, cx: int = 0) -> None:
        """``scamp5_select_col``: whole columns that match c but for the bits of cx."""
        self.select_pattern(0, c, 255, cx)

    # -- drawing -----------------------------------------------------------------------------------

    @contextmanager
    def draw(self, d: Digital) -> Iterator[None]:
        """``with device.draw(R5): device.draw_line(...)``: draw_begin and draw_end as one."""
        self.draw_begin(d)
        try:
            yield
        except BaseException:
            self._drawing = None
            raise
        self.draw_end()

    def draw_begin(self, d: Digital) -> None:
        """``scamp5_draw_begin``: draw into a DREG other than R2 and R3, which it clobbers, until draw_end.

        The primitives are collected and sent together.
        """
        Program((s.DrawNegate(_dreg(d)),))  # a register that cannot be drawn into is reported here
        self._canvas, self._drawing = d, []

    def draw_end(self) -> None:
        """``scamp5_draw_end``: send what was drawn."""
        steps, self._drawing = self._drawing, None
        if steps is None:
            raise DataError("draw_end without draw_begin")
        for start in range(0, len(steps), _DRAWN_TOGETHER):
            self.execute(*steps[start : start + _DRAWN_TOGETHER])

    def _add(self, kind: Callable[..., Step], *operands: int) -> None:
        if self._drawing is None:
            raise DataError("draw_begin comes before anything is drawn")
        step = kind(_dreg(self._canvas), *operands)
        Program((step,))  # an operand out of range is reported where it is drawn
        self._drawing.append(step)

    def draw_pixel(self, r: int, c: int) -> None:
        """``scamp5_draw_pixel``: coordinates wrap."""
        self._add(s.DrawPixel, *_wrapped(r, c))

    def draw_point(self, r: int, c: int) -> bool:
        """``scamp5_draw_point``: clipped; whether the point is inside."""
        self._add(s.DrawPoint, *(min(max(place, -1), ARRAY_SIZE) for place in (r, c)))  # outside is outside
        return 0 <= r <= _LAST and 0 <= c <= _LAST

    def draw_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """``scamp5_draw_rect``: filled."""
        self._add(s.DrawRect, *_wrapped(r0, c0, r1, c1))

    def draw_line(self, r0: int, c0: int, r1: int, c1: int, repeat: bool = False) -> None:
        """``scamp5_draw_line``: outside the array it is clipped, or wraps with ``repeat`` (INFERRED)."""
        self._add(s.DrawLine, r0, c0, r1, c1, repeat)

    def draw_circle(self, r: int, c: int, radius: int, repeat: bool = False) -> None:
        """``scamp5_draw_circle``: its outline."""
        self._add(s.DrawCircle, r, c, radius, repeat)

    def draw_negate(self) -> None:
        """``scamp5_draw_negate``: invert what has been drawn so far."""
        self._add(s.DrawNegate)

    # -- read-out ----------------------------------------------------------------------------------

    def scan_areg(
        self, a: Analog, r0: int = 0, c0: int = 0, r1: int = _LAST, c1: int = _LAST, rs: int = 1, cs: int = 1
    ) -> Bytes:
        """``scamp5_scan_areg``: the vendor's byte order, column-major from the top right.

        Returns:
            uint8 (rows x columns,), ADC codes (level + 128).
        """
        grid = s.ScanAreg(_areg(a), *_wrapped(r0, c0, r1, c1, rs, cs))
        return np.frombuffer(self._read(grid), np.uint8)

    def scan_areg_8x8(self, a: Analog) -> Bytes:
        """``scamp5_scan_areg_8x8``: samples on a 32-pixel pitch. uint8 (64,), column-major."""
        return self.scan_areg(a, 0, 0, _LAST, _LAST, 32, 32)

    def scan_areg_mean_8x8(self, a: Analog) -> Bytes:
        """``scamp5_scan_areg_mean_8x8``: means of 32 x 32 blocks. uint8 (64,), column-major."""
        return np.frombuffer(self._read(s.ScanAregMean8x8(_areg(a))), np.uint8)

    def scan_dreg(self, d: Digital, r0: int = 0, r1: int = _LAST) -> bytes:
        """``scamp5_scan_dreg``: 32 bytes a row from row r0; byte j bit i is column 8 j + i."""
        r0, r1 = _wrapped(r0, r1)
        return self._read(ScanDreg(_dreg(d), r0, 1, r1 - r0 + 1))

    def scan_events(self, d: Digital, max_num: int = 1, h_dir: int = 0, v_dir: int = 0) -> Bytes:
        """``scamp5_scan_events``: coordinates of 1s, column by column.

        Returns:
            uint8 (n, 2), n <= max_num (0-4,000): (column, row), up to the first (0, 0), which marks the end.
            The vendor's end mark is also pixel (0, 0): where that one is set, events from it on are lost.
        """
        return self._events(s.ScanEvents(_dreg(d), max_num, False, h_dir, v_dir))

    scan_events_cr = scan_events

    def scan_events_rc(self, d: Digital, max_num: int = 1, h_dir: int = 0, v_dir: int = 0) -> Bytes:
        """``scamp5_scan_events_rc``: the same as (row, column)."""
        return self._events(s.ScanEvents(_dreg(d), max_num, True, h_dir, v_dir))

    def scan_boundingbox(self, d: Digital) -> tuple[int, int, int, int]:
        """``scamp5_scan_boundingbox``: top row, right column, bottom row, left column; zeros where empty."""
        r0, c0, r1, c1 = self._read(s.ScanBoundingBox(_dreg(d)))
        return r0, c0, r1, c1

    def output_areg(self, a: Analog, s_: int = 1, r0: int = 0, c0: int = 0) -> Bytes:
        """``scamp5_output_areg``: a sub-sampled image, the right way round.

        Args:
            a: an AREG.
            s_: take every s-th row and column, 1-255; 2 gives 128 x 128.
            r0: first row.
            c0: first column, from the right.

        Returns:
            uint8 (rows, columns), ADC codes; the left of the picture is the left of the array.
        """
        r0, c0 = _wrapped(r0, c0)
        data = self.scan_areg(a, r0, c0, _LAST, _LAST, s_, s_)
        return data.reshape(-1, len(range(r0, ARRAY_SIZE, s_))).T[:, ::-1]

    def output_image(self, register: Analog | Digital) -> npt.NDArray[np.uint8] | npt.NDArray[np.bool_]:
        """``scamp5_output_image``: (256, 256), the right way round: uint8 ADC codes, or bool of a DREG."""
        if isinstance(register, Analog):
            return self.output_areg(register)
        rows = np.frombuffer(self.scan_dreg(register), np.uint8).reshape(ARRAY_SIZE, -1)
        return np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)[:, ::-1]

    def output_bitstack(self, *planes: Digital) -> npt.NDArray[np.uint8]:
        """``scamp5_output_bitstack``: uint8 (256, 256) from 1 to 8 DREGs, most significant first."""
        if not 1 <= len(planes) <= 8:
            raise DataError(f"a bit stack has 1 to 8 planes, not {len(planes)}")
        image = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.uint8)
        for plane in planes:
            image = np.asarray(2 * image + self.output_image(plane), np.uint8)
        return image

    # -- exchange ----------------------------------------------------------------------------------

    def _read(self, step: Step) -> bytes:
        return self.execute(step).read_outs[0]

    def _events(self, step: s.ScanEvents) -> Bytes:
        pairs = np.frombuffer(self._read(step), np.uint8).reshape(-1, 2)
        ends = np.flatnonzero(~pairs.any(axis=1))
        return pairs[: ends[0]] if len(ends) else pairs


def _areg(register: Analog) -> int:
    if register not in AREGS:
        raise DataError(f"{register} is no AREG; they are {', '.join(AREGS)}")
    return AREGS.index(register)


def _dreg(register: Digital) -> int:
    if register not in DREGS:
        raise DataError(f"{register} is no DREG; they are R0 to R12")
    return DREGS.index(register)


def _wrapped(*values: int) -> tuple[int, ...]:
    """Values as arguments of type uint8 take them (fact sheet 6.2)."""
    try:
        return tuple(operator.index(value) & _LAST for value in values)
    except TypeError as error:
        raise DataError(f"rows, columns and masks must be whole numbers, not {values}") from error


def _given(value: int | None, name: str) -> int:
    if value is None:
        raise DataError(f"{name} is missing")
    return value


def _columns(data: bytes, side: int) -> Bytes:
    return np.frombuffer(data, np.uint8).reshape(side, side).T
