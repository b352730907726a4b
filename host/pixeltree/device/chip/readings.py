"""What calls read out: the step, and how its bytes become a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pixeltree.device.chip.registers import LAST, areg, dreg, wrapped
from pixeltree.errors import DataError
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Analog, Digital
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.control_steps import Part
from pixeltree_protocol.objects.program import ScanDreg
from pixeltree_protocol.objects.step import Step

Bytes = npt.NDArray[np.uint8]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


@dataclass(frozen=True)
class Reading(Generic[_T]):
    """A read-out.

    Attributes:
        step: the step.
        decode: from its bytes to the value.
        number: what a variable takes of it; None where it is several numbers.
    """

    step: Step
    decode: Callable[[bytes], _T]
    number: Part | None = None


@dataclass(frozen=True)
class Taken:
    """A part of a read-out, for a variable: of the step at ``index``."""

    index: int
    part: Part
    at: int


class Answer(Generic[_T_co]):
    """What a call in a controller program reads out.

    It is answered to the host, unless a variable takes it.
    """

    def __init__(self, index: int, decode: Callable[[bytes], _T_co], number: Part | None) -> None:
        self.index = index
        self.decode = decode
        self._number = number

    def number(self) -> Taken:
        """The one number that it is.

        Raises:
            DataError: it is several.
        """
        if self._number is None:
            raise DataError("this read-out is several numbers; take one: byte(0), byte(1), ..., or total()")
        return Taken(self.index, self._number, 0)

    def byte(self, at: int) -> Taken:
        """One of its bytes, 0 to 63; of a read-out of 64 bytes at most."""
        return Taken(self.index, Part.BYTE, at)

    def total(self) -> Taken:
        """The sum of its bytes; of a read-out of 64 bytes at most."""
        return Taken(self.index, Part.SUM, 0)


def read_areg(a: Analog, r: int, c: int) -> Reading[int]:
    """One ADC sample."""
    return _byte(s.ReadAreg(areg(a), *wrapped(r, c)))


def global_sum_16(a: Analog) -> Reading[Bytes]:
    """The sums of 4 x 4 blocks."""
    return Reading(s.GlobalSum16(areg(a)), lambda data: _columns(data, 4))


def global_sum_64(a: Analog) -> Reading[Bytes]:
    """The sums of 8 x 8 blocks."""
    return Reading(s.GlobalSum64(areg(a)), lambda data: _columns(data, 8))


def global_sum_16_total(a: Analog) -> Reading[int]:
    """Their sum."""
    return Reading(s.GlobalSum16(areg(a)), sum, Part.SUM)


def global_sum_64_total(a: Analog) -> Reading[int]:
    """Their sum."""
    return Reading(s.GlobalSum64(areg(a)), sum, Part.SUM)


def global_sum_fast(a: Analog) -> Reading[int]:
    """The approximate level of the plane."""
    return _byte(s.GlobalSumFast(areg(a)))


def global_sum_sparse(a: Analog, r: int = 2, c: int = 2, rx: int = 254, cx: int = 254) -> Reading[int]:
    """The sum over a pattern."""
    return _byte(s.GlobalSumSparse(areg(a), *wrapped(r, c, rx, cx)))


def global_sum_region(a: Analog, r0: int, c0: int, r1: int, c1: int) -> Reading[int]:
    """The sum over a rectangle."""
    return _byte(s.GlobalSumRegion(areg(a), *wrapped(r0, c0, r1, c1)))


def get_parameter(number: int) -> Reading[int]:
    """A parameter of the sums."""
    if not 4 <= number <= 11:
        raise DataError(f"get_parameter takes 4 to 11, not {number}")
    return Reading(
        s.GetParameter(number), lambda data: int.from_bytes(data, "little", signed=True), Part.INT32
    )


def global_or(d: Digital, r: int = 0, c: int = 0, rx: int = 255, cx: int = 255) -> Reading[bool]:
    """Whether any pixel of a pattern is 1."""
    return Reading(s.GlobalOr(dreg(d), *wrapped(r, c, rx, cx)), lambda data: bool(data[0]), Part.BYTE)


def global_count(d: Digital, temp: Analog, options: int = 0) -> Reading[int]:
    """About which share of the pixels is 1."""
    return Reading(
        s.GlobalCount(dreg(d), areg(temp), options), lambda data: int.from_bytes(data, "little"), Part.UINT16
    )


def scan_areg(
    a: Analog, r0: int = 0, c0: int = 0, r1: int = LAST, c1: int = LAST, rs: int = 1, cs: int = 1
) -> Reading[Bytes]:
    """ADC samples of a grid."""
    return Reading(s.ScanAreg(areg(a), *wrapped(r0, c0, r1, c1, rs, cs)), _bytes)


def scan_areg_8x8(a: Analog) -> Reading[Bytes]:
    """Samples on a 32-pixel pitch."""
    return scan_areg(a, 0, 0, LAST, LAST, 32, 32)


def scan_areg_mean_8x8(a: Analog) -> Reading[Bytes]:
    """Means of 32 x 32 blocks."""
    return Reading(s.ScanAregMean8x8(areg(a)), _bytes)


def scan_dreg(d: Digital, r0: int = 0, r1: int = LAST) -> Reading[bytes]:
    """Rows of a DREG."""
    r0, r1 = wrapped(r0, r1)
    return Reading(ScanDreg(dreg(d), r0, 1, r1 - r0 + 1), bytes)


def scan_events(d: Digital, max_num: int = 1, h_dir: int = 0, v_dir: int = 0) -> Reading[Bytes]:
    """Coordinates of 1s as (column, row)."""
    return Reading(s.ScanEvents(dreg(d), max_num, False, h_dir, v_dir), _events, Part.EVENTS)


def scan_events_rc(d: Digital, max_num: int = 1, h_dir: int = 0, v_dir: int = 0) -> Reading[Bytes]:
    """The same as (row, column)."""
    return Reading(s.ScanEvents(dreg(d), max_num, True, h_dir, v_dir), _events, Part.EVENTS)


def scan_boundingbox(d: Digital) -> Reading[tuple[int, int, int, int]]:
    """Top row, right column, bottom row, left column."""
    return Reading(s.ScanBoundingBox(dreg(d)), _box)


def output_areg(a: Analog, s_: int = 1, r0: int = 0, c0: int = 0) -> Reading[Bytes]:
    """A sub-sampled image, the right way round."""
    r0, c0 = wrapped(r0, c0)
    rows = len(range(r0, ARRAY_SIZE, s_))
    scan = scan_areg(a, r0, c0, LAST, LAST, s_, s_)
    return Reading(scan.step, lambda data: _bytes(data).reshape(-1, rows).T[:, ::-1])


def output_image(register: Analog | Digital) -> Reading[npt.NDArray[np.uint8] | npt.NDArray[np.bool_]]:
    """A whole register, the right way round."""
    if isinstance(register, Analog):
        grey = output_areg(register)
        return Reading(grey.step, grey.decode)
    return Reading(scan_dreg(register).step, _picture)


def _byte(step: Step) -> Reading[int]:
    return Reading(step, lambda data: data[0], Part.BYTE)


def _bytes(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


def _columns(data: bytes, side: int) -> Bytes:
    return _bytes(data).reshape(side, side).T


def _events(data: bytes) -> Bytes:
    pairs = _bytes(data).reshape(-1, 2)
    ends = np.flatnonzero(~pairs.any(axis=1))
    return pairs[: ends[0]] if len(ends) else pairs


def _box(data: bytes) -> tuple[int, int, int, int]:
    r0, c0, r1, c1 = data
    return r0, c0, r1, c1


def _picture(data: bytes) -> npt.NDArray[np.bool_]:
    rows = _bytes(data).reshape(ARRAY_SIZE, -1)
    return np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)[:, ::-1]
