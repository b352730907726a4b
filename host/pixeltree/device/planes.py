"""Whole planes, into the array and out of it.

A DREG goes in as bits in a segment, an AREG as the sum of its bit planes. The vendor's image loader does the
same: it loads one bit plane after the other into a DREG, and adds a level where it is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.legible import ShownPlane
from pixeltree.device.chip import Chip, Execution
from pixeltree.device.chip.registers import areg, dreg
from pixeltree.device.exchange import Exchange
from pixeltree.errors import DataError
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.link.messages import PlanePart, ReadPlane
from pixeltree_protocol.objects import PackedBits
from pixeltree_protocol.objects.program import Launch, SetIn, WriteDreg
from pixeltree_protocol.objects.step import Step

_BITS = 7
"""Bits of a level beside its sign."""

_R0, _NEWS, _IN = Digital.R0, Analog.NEWS, Analog.IN


def read_plane(exchange: Exchange, register: str) -> npt.NDArray[np.generic]:
    """A register of the whole array; see :meth:`pixeltree.Device.read_plane`."""
    request = exchange.send(ReadPlane(register)).request
    data = bytearray()
    try:
        while True:
            _, part = exchange.next({request}, PlanePart)
            data += part.data
            if len(data) >= part.total:
                return _plane(register, bytes(data))
    finally:
        exchange.forget({request})


def _plane(register: str, data: bytes) -> npt.NDArray[np.generic]:
    if register in (*AREGS, Analog.PIX):
        levels = np.frombuffer(data, np.int8).reshape(ARRAY_SIZE, ARRAY_SIZE)
        plane: npt.NDArray[np.generic] = levels.astype(np.int16)  # so that level + 128 does not overflow
    else:
        rows = np.frombuffer(data, np.uint8).reshape(ARRAY_SIZE, -1)
        plane = np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)
    return plane[:, ::-1].view(ShownPlane)


def write_plane(chip: Chip, register: Analog | Digital, plane: npt.ArrayLike) -> Execution:
    """Write a whole register; see :meth:`pixeltree.Device.write_plane`."""
    if isinstance(register, Digital):
        bits = _checked(plane, 0, 1).astype(np.bool_)
        return chip.execute(WriteDreg(0, dreg(register)), segments=[_packed(bits)])
    if areg(register) == AREGS.index(_NEWS):
        raise DataError(
            "NEWS cannot be written, as the device uses NEWS to write any AREG; write another AREG and "
            "copy it by a kernel"
        )
    uploads = _areg_uploads(register, _checked(plane, -128, 127))
    done = [chip.execute(*each.steps, kernels=each.kernels, segments=each.segments) for each in uploads]
    chip.last = Execution((), sum(each.device_ns for each in done), sum(each.words for each in done))
    return chip.last


@dataclass(frozen=True)
class _PlaneUpload:
    """One program of an upload, with what it needs."""

    steps: tuple[Step, ...]
    kernels: tuple[Kernel, ...]
    segments: tuple[PackedBits, ...]


def _checked(plane: npt.ArrayLike, least: int, most: int) -> npt.NDArray[np.int16]:
    """A plane to write, as int16 (256, 256).

    Raises:
        DataError: another shape, no whole numbers, or values outside ``least`` to ``most``.
    """
    values = np.asarray(plane)
    if values.shape != (ARRAY_SIZE, ARRAY_SIZE) or values.dtype.kind not in "biu":
        raise DataError(
            f"a plane must be whole numbers or bool ({ARRAY_SIZE}, {ARRAY_SIZE}), "
            f"not {values.dtype} {values.shape}"
        )
    if int(values.min()) < least or int(values.max()) > most:
        raise DataError(
            f"the plane's values must be {least} to {most}, not {int(values.min())} to {int(values.max())}"
        )
    return values.astype(np.int16)


def _packed(bits: npt.NDArray[np.bool_]) -> PackedBits:
    """The segment of a bool plane (256, 256), the right way round; column 0 of the array is the right one."""
    return PackedBits(np.packbits(bits[:, ::-1], axis=1, bitorder="little").tobytes())


def _areg_uploads(register: Analog, levels: npt.NDArray[np.int16]) -> Iterator[_PlaneUpload]:
    """The programs that make levels (256, 256), the right way round, of an AREG; each for one bit plane.

    A level is -128 b7 + 64 b6 + ... + b0. The last bit is taken away by one transfer that turns the sign, so
    that -128, whose negative does not exist, is reached too.
    """
    clear, add = Kernel(), Kernel()
    clear.all()
    clear.res(register)
    add.WHERE(_R0)
    add.bus(_NEWS, register, _IN)
    add.bus(register, _NEWS)
    add.all()
    yield _PlaneUpload((Launch(0),), (clear,), ())
    for bit in range(_BITS):
        yield _PlaneUpload(
            (WriteDreg(0, DREGS.index(_R0)), SetIn(1 << bit), Launch(0)),
            (add,),
            (_packed(levels >> bit & 1 > 0),),
        )
    first, second = Kernel(), Kernel()
    first.WHERE(_R0)
    first.bus(_NEWS, register, _IN)
    second.bus(register, _NEWS, _IN)
    second.all()
    second.SET(_R0)
    yield _PlaneUpload(
        (WriteDreg(0, DREGS.index(_R0)), SetIn(-1), Launch(0), SetIn(127), Launch(1)),
        (first, second),
        (_packed(levels < 0),),
    )
