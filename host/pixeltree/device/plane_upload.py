"""Whole planes on their way into the array: bits in a segment, and an AREG as the sum of its bit planes.

The vendor's image loader does the same: it loads one bit plane after the other into a DREG, and adds a level
where it is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.errors import DataError
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.objects import PackedBits
from pixeltree_protocol.objects.program import Run, SetIn, WriteDreg
from pixeltree_protocol.objects.step import Step

_BITS = 7
"""Bits of a level beside its sign."""

_R0, _NEWS, _IN = Digital.R0, Analog.NEWS, Analog.IN


@dataclass(frozen=True)
class PlaneUpload:
    """One program of an upload, with what it needs."""

    steps: tuple[Step, ...]
    kernels: tuple[Kernel, ...]
    segments: tuple[PackedBits, ...]


def checked_plane(plane: npt.ArrayLike, least: int, most: int) -> npt.NDArray[np.int16]:
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


def packed(bits: npt.NDArray[np.bool_]) -> PackedBits:
    """The segment of a bool plane (256, 256), the right way round; column 0 of the array is the right one."""
    return PackedBits(np.packbits(bits[:, ::-1], axis=1, bitorder="little").tobytes())


def areg_uploads(register: Analog, levels: npt.NDArray[np.int16]) -> Iterator[PlaneUpload]:
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
    yield PlaneUpload((Run(0),), (clear,), ())
    for bit in range(_BITS):
        yield PlaneUpload(
            (WriteDreg(0, DREGS.index(_R0)), SetIn(1 << bit), Run(0)),
            (add,),
            (packed(levels >> bit & 1 > 0),),
        )
    first, second = Kernel(), Kernel()
    first.WHERE(_R0)
    first.bus(_NEWS, register, _IN)
    second.bus(register, _NEWS, _IN)
    second.all()
    second.SET(_R0)
    yield PlaneUpload(
        (WriteDreg(0, DREGS.index(_R0)), SetIn(-1), Run(0), SetIn(127), Run(1)),
        (first, second),
        (packed(levels < 0),),
    )
