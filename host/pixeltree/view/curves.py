"""Curves of registers over time: the mean level of an AREG, the share of 1s in a DREG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pixeltree.device.device import Device
from pixeltree.view.panels import Control, Panel
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital

CURVE = "curve"
"""The control that chooses a register."""

NONE = "none"
_ADC_ZERO = 128


class Curves:
    """Which registers have one.

    Attributes:
        names: those that have one from the start.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self._chosen = NONE

    def __iter__(self) -> Iterator[str]:
        """All of them: also the one that is chosen on the page."""
        return iter(dict.fromkeys((*self.names, *(() if self._chosen == NONE else (self._chosen,)))))

    def choose(self, name: str) -> None:
        """A curve of this register too, in place of the one that was chosen before; :data:`NONE` of none."""
        self._chosen = name

    def control(self, registers: Sequence[str]) -> Control:
        """What chooses one of some registers."""
        return Control(
            CURVE, "choice", self._chosen, "curve of the mean of", "display", options=(NONE, *registers),
            hint="mean level of an AREG, share of 1s of a DREG",
        )  # fmt: skip

    def panels(self, titles: Sequence[str]) -> list[Panel]:
        """A plot for each register and device; the titles are the devices'."""
        return [
            Panel(
                curve_of(name, place), "plot", f"{'mean of' if analog else 'share of 1s in'} {name}{title}",
                curve_of(name, 0), details={"unit": "levels" if analog else ""},
            )
            for name in self
            for analog in (name not in (*DREGS, Digital.FLAG),)
            for place, title in enumerate(titles)
        ]  # fmt: skip


def curve_of(register: str, place: int) -> str:
    """The panel of a register's curve, of the device at a place."""
    return f"mean of {register}" + (f" {place + 1}" if place else "")


def mean_of(plane: npt.NDArray[np.generic]) -> float:
    """The point of a curve that a plane is."""
    return round(float(plane.astype(np.float64).mean()), 4)


def mean_on(device: Device, register: str, emulated: bool) -> float:
    """The same where nobody looks at the plane: a board takes one sample of the whole array for an AREG."""
    if emulated or register not in AREGS:
        return mean_of(device.read_plane(register))
    return float(device.chip.global_sum_fast(Analog(register)) - _ADC_ZERO)
