"""Exposure, time, and calls that write AREGs (fact sheet 4.1)."""

from __future__ import annotations

from pixeltree.device.chip.calls import Calls
from pixeltree.device.chip.registers import areg, dreg
from pixeltree.errors import DataError
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import SetIn

NEWS = Analog.NEWS


class AnalogCalls(Calls):
    """See :class:`pixeltree.device.chip.Chip`."""

    def expose(self, microseconds: int = 16_667) -> None:
        """Reset PIX and let it integrate light.

        Args:
            microseconds: 0 to 10,000,000; the default is a full exposure of an emulated sensor.

        Device time: that of the exposure.
        """
        self._do(s.Expose(microseconds))

    def wait(self, microseconds: int) -> None:
        """``vs_wait``: let device time pass, 0 to 10,000,000 us; PIX goes on integrating.

        Device time: that of the wait.
        """
        self._do(s.Wait(microseconds))

    def get_image(self, yf: Analog, yh: Analog, gain: int = 1) -> None:
        """``scamp5_get_image``: read PIX into two AREGs, and reset it.

        Args:
            yf: A to F; full range, -128 to 127.
            yh: another of A to F; half range, 0 to 127.
            gain: 1 to 5; each step above 1 doubles, and saturates.

        Clobbers NEWS; FLAG := 1.
        Device time: 2 us, and 0.3 us for each step of gain above 1.
        """
        self._do(s.GetImage(areg(yf), areg(yh), gain))

    def load_in(self, target: Analog | int, level: int | None = None, temp: Analog = NEWS) -> None:
        """``scamp5_load_in(a, v)``: AREG := v without error correction; ``load_in(v)`` only drives IN.

        Args:
            target: an AREG, or the level of IN for kernels to come.
            level: -128 to 127. In an AREG, -128 becomes -127: the transfer negates twice, and 128 does not
                exist.
            temp: an AREG other than the target.

        Clobbers temp; IN stays at the level.
        Device time: 3.2 us; 2 us where only IN is driven.
        """
        if isinstance(target, Analog):
            self._do(s.LoadIn(areg(target), _given(level, "level"), areg(temp)))
        else:
            self._do(SetIn(target))

    def in_(self, target: Analog, level: int, temp: Analog = NEWS) -> None:
        """``scamp5_in(a, v)``: AREG := v with error correction (``in`` is a Python keyword).

        Args:
            target: an AREG.
            level: -128 to 127; -128 becomes -127: the transfer negates, and 128 does not exist.
            temp: an AREG other than the target.

        Clobbers temp and IN.
        Device time: 6.2 us.
        """
        self._do(s.In(areg(target), level, areg(temp)))

    def load_dac(self, target: Analog | int, dac: int | None = None, temp: Analog = NEWS) -> None:
        """``scamp5_load_dac(a, code)``: AREG := the level of a DAC code; ``load_dac(code)`` only drives IN.

        Args:
            target: an AREG, or the code of IN for kernels to come.
            dac: raw 12-bit code, 0 to 4,095; 16 codes are one level, and 2,048 is level 0.
            temp: an AREG other than the target.

        Clobbers temp; IN stays at the level.
        Device time: 3.2 us; 2 us where only IN is driven.
        """
        if isinstance(target, Analog):
            self._do(s.LoadDac(areg(target), _given(dac, "dac"), areg(temp)))
        else:
            self._do(s.SetDac(target))

    def shift(self, register: Analog | Digital, h: int, v: int, boundary: int = 0, refresh: int = 2) -> None:
        """``scamp5_shift``: content moves h pixels east and v north.

        Args:
            register: A to F, or R0 or R5 to R12. R12 changes only where R0 is 1.
            h: -255 to 255; negative is west.
            v: -255 to 255; negative is south.
            boundary: 0 or 1, what a DREG takes from outside. An AREG takes 0.
            refresh: 0 to 255; a DREG is refreshed after so many pixels, and never with 0.

        Clobbers, for an AREG, NEWS, and FLAG must be 1 everywhere; for a DREG, R0 to R4. R0 and R12 move by
        FLAG, which is 1 then.
        Device time: 1 us, and for an AREG 0.2 us for every two pixels, for a DREG 0.2 us along each axis,
        0.1 us a pixel (R0 and R12: 0.2 us), 0.2 us a refresh, and 0.1 us where the number of pixels is odd.
        """
        if isinstance(register, Analog):
            self._do(s.ShiftAreg(areg(register), h, v))
        else:
            self._do(s.ShiftDreg(dreg(register), h, v, boundary, refresh))

    def diffuse(
        self, a: Analog, iterations: int, vertical: bool = True, horizontal: bool = True, temp: Analog = NEWS
    ) -> None:
        """``scamp5_diffuse``: resistive diffusion, over and over.

        Args:
            a: an AREG.
            iterations: 0 to 255.
            vertical: whether pixels are joined to the north and south.
            horizontal: whether pixels are joined to the east and west.
            temp: an AREG other than a.

        Clobbers temp, R1 and R2.
        Device time: 1.3 us, and 0.2 us an iteration.
        """
        self._do(s.Diffuse(areg(a), iterations, vertical, horizontal, areg(temp)))


def _given(value: int | None, name: str) -> int:
    if value is None:
        raise DataError(f"{name} is missing; give it")
    return value
