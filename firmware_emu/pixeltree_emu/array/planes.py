"""The state of the array, and the number format of its analog registers.

Number format, ideal mode: an AREG holds an integer from -128 to 127 (the vendor's nominal range, fact
sheet 1.3; one unit is one ADC count). A transfer computes the exact sum of its sources; a transfer to n
destinations divides it by n, rounding toward zero; blur and sq round to the nearest, ties to even; the
result saturates at the ends of the range. FLAG compares the exact, unsaturated sum.

Planes are indexed ``[row, column]`` in the array's own coordinates: row 0 is the top edge and column 0
the RIGHT (east) edge. :func:`picture` and :func:`plane_of` convert to and from what one sees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital

AREG_MIN, AREG_MAX = -128, 127

SHAPE = (ARRAY_SIZE, ARRAY_SIZE)

AnalogPlane = npt.NDArray[np.int16]
DigitalPlane = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ArrayParameters:
    """Properties of the array that the sources leave open; each is a guess with a name.

    Attributes:
        analog_boundary: value of NEWS beyond the edge (OPEN, fact sheet A.9; emulators of others use 0).
        pix_reset_level: PIX right after ``rpix``. INFERRED from the ranges of get_image: the full range
            2 * PIX_exposed - PIX_reset is [-128, 127], which needs a reset level at the low end; -127
            keeps its negative representable.
        push_gate: whose FLAG gates a write through a port, ``sender`` or ``owner`` of the NEWS written
            (OPEN, fact sheet A.15).
        square_divisor: scale of ``sq`` (its scaling is undocumented): NEWS := sum^2 / divisor.
    """

    analog_boundary: int = 0
    pix_reset_level: int = -127
    push_gate: str = "sender"
    square_divisor: int = 128


def _analog() -> AnalogPlane:
    return np.zeros(SHAPE, np.int16)


def _digital() -> DigitalPlane:
    return np.zeros(SHAPE, np.bool_)


@dataclass
class Planes:
    """Every plane of the array.

    Attributes:
        analog: int16 planes of A-F, NEWS and the read-only PIX.
        digital: bool planes of R0-R12 and the read-only FLAG, SELECT and RECT.
        read_bus: the digital read bus, which remembers between words.
    """

    analog: dict[Analog, AnalogPlane] = field(
        default_factory=lambda: {reg: _analog() for reg in (*AREGS, Analog.PIX)}
    )
    digital: dict[Digital, DigitalPlane] = field(
        default_factory=lambda: {
            reg: _digital() for reg in (*DREGS, Digital.FLAG, Digital.SELECT, Digital.RECT)
        }
    )
    read_bus: DigitalPlane = field(default_factory=_digital)

    @classmethod
    def at_start(cls) -> Planes:
        """The planes of an array that has done nothing yet: FLAG is 1 everywhere, all else 0."""
        planes = cls()
        planes.digital[Digital.FLAG][:] = True
        return planes


def picture(plane: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """A plane as one sees it: column 0 on the left of the picture is array column 255."""
    return plane[:, ::-1]


plane_of = picture
"""The inverse is the same flip."""


def check_plane(register: Analog | Digital, plane: npt.NDArray[Any]) -> None:
    """Refuse a plane that a register cannot take, before anything changes.

    Raises:
        EmulatorError: another shape than 256 x 256, or values outside an AREG's range.
    """
    if plane.shape != SHAPE:
        raise EmulatorError(f"{register} takes a plane of shape {SHAPE}, not {plane.shape}")
    if plane.dtype == np.int8 or not isinstance(register, Analog):
        return  # nothing can be out of range
    if plane.min() < AREG_MIN or plane.max() > AREG_MAX:
        raise EmulatorError(f"{register} takes values from {AREG_MIN} to {AREG_MAX}")
