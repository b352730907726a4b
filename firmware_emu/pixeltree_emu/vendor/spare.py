"""Virtual registers: planes that a simulation has and a chip has not.

A word that names one is executed on the chip's own registers, by the same engine: for this one word a
register that the word does not use stands in, and gets its contents back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from pixeltree_emu.array.planes import SHAPE, AnalogPlane, DigitalPlane
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.vendor.gathered import GatheredArray
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital
from pixeltree_protocol.vendor.registers import ANALOG, ZERO

_ANALOG_HELPERS = tuple(register for register in AREGS if register is not Analog.NEWS)
_DIGITAL_HELPERS = DREGS[5:12]
"""Neither R0 and R12, which mask, nor R1-R4, which steer."""

_ANALOG_NAMES = frozenset(ANALOG)


class SpareRegisters:
    """The virtual registers of one program, 0 until they are written.

    ``.RES`` and ``.SQ`` are ordinary spare planes here (what the vendor's simulation does with them: OPEN).

    Args:
        array: whose registers stand in.
    """

    def __init__(self, array: GatheredArray) -> None:
        self._array = array
        self._analog: dict[str, AnalogPlane] = {}
        self._digital: dict[str, DigitalPlane] = {}

    def clear(self) -> None:
        """All are 0."""
        self._analog.clear()
        self._digital.clear()

    @contextmanager
    def standing_in(
        self, names: Sequence[str], now_ns: int, avoid: Sequence[str] = (), written: bool = True
    ) -> Iterator[dict[str, Analog | Digital]]:
        """Let registers of the array hold what the named ones hold, and keep what is written there.

        A register of the array that can be named in a word or a controller step stands for itself. Of the
        others FLAG, SELECT, RECT and PIX are copied in, and what is written to them is lost, as to ``.Z``.

        Args:
            names: registers by name.
            now_ns: device time, at which PIX is seen.
            avoid: other registers that are in use.
            written: whether what is written to them is to be kept.

        Yields:
            The register of the array for each name.

        Raises:
            EmulatorError: there are not enough registers.
        """
        own = {name: _own(name) for name in names}
        taken = {register for name in (*names, *avoid) if (register := _own(name)) is not None}
        saved: dict[Analog | Digital, AnalogPlane | DigitalPlane] = {}
        places: dict[str, Analog | Digital] = {}
        for name, register in own.items():
            if register is None:
                analog = name in _ANALOG_NAMES
                helpers = _ANALOG_HELPERS if analog else _DIGITAL_HELPERS
                free = [each for each in helpers if each not in taken]
                if not free:
                    raise EmulatorError(f"no register is free to stand in for {name}")
                taken.add(free[0])
                saved[free[0]] = self._get(free[0])
                self._set(free[0], self._contents(name, now_ns))
            places[name] = register or free[0]
        try:
            yield places
        finally:
            for name, register in own.items():
                if register is None:
                    if written:
                        self._keep(name, self._get(places[name]))
                    self._set(places[name], saved[places[name]])

    def _contents(self, name: str, now_ns: int) -> AnalogPlane | DigitalPlane:
        if name == Analog.PIX:
            return self._array.pix(now_ns).astype(np.int16)
        if name == Analog.IN:
            return np.full(SHAPE, self._array.engine.in_level, np.int16)
        if name in Digital.__members__.values():
            return self._array.engine.digital(Digital(name))
        if name in _ANALOG_NAMES:
            return self._analog.get(name, np.zeros(SHAPE, np.int16))
        return self._digital.get(name, np.zeros(SHAPE, np.bool_))

    def _keep(self, name: str, plane: AnalogPlane | DigitalPlane) -> None:
        if not name.startswith(".") or name == ZERO:
            return
        if name in _ANALOG_NAMES:
            self._analog[name] = plane.astype(np.int16)
        else:
            self._digital[name] = plane.astype(np.bool_)

    def _get(self, register: Analog | Digital) -> AnalogPlane | DigitalPlane:
        engine = self._array.engine
        return engine.analog(register) if isinstance(register, Analog) else engine.digital(register)

    def _set(self, register: Analog | Digital, plane: AnalogPlane | DigitalPlane) -> None:
        engine = self._array.engine
        if isinstance(register, Analog):
            engine.set_analog(register, plane.astype(np.int16))
        else:
            engine.set_digital(register, plane.astype(np.bool_))


def _own(name: str) -> Analog | Digital | None:
    """The register of the array that stands for itself."""
    if name in AREGS:
        return Analog(name)
    return Digital(name) if name in DREGS else None
