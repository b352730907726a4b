"""A device alone: its sensor's picture, and any register."""

from __future__ import annotations

from typing import Any

from pixeltree.view.curves import CURVE
from pixeltree.view.devices import SENSOR, Devices
from pixeltree.view.feed import Feed
from pixeltree.view.panels import Control, Panel, Setting
from pixeltree_protocol.chip.registers import AREGS, Analog
from pixeltree_protocol.objects.controller_steps import GetImage

_FULL, _HALF = AREGS.index(Analog.A), AREGS.index(Analog.B)
_MOST_GAIN = 5


class DeviceFeed(Feed):
    """Exposes frame after frame, and reads PIX into A (full range) and B (half range).

    Args:
        devices: one, or two to compare.
        shown: registers that the page shows from the beginning; A where there are none.
    """

    def __init__(self, devices: Devices, shown: tuple[str, ...] = ()) -> None:
        self._devices = devices
        self._shown = shown or ("A",)
        self._gain = 1

    @property
    def title(self) -> str:
        """See :class:`Feed`."""
        return self._devices.title

    def open(self) -> None:
        """See :class:`Feed`."""
        self._devices.open()
        self.said = self._devices.said

    def close(self) -> None:
        """See :class:`Feed`."""
        self._devices.close()

    def panels(self) -> list[Panel]:
        """See :class:`Feed`."""
        titles = {"A": "A: picture, full range", "B": "B: picture, half range"}
        return self._devices.plane_panels(self._shown, titles)

    def controls(self) -> list[Control]:
        """See :class:`Feed`."""
        exposure, auto, *others = self._devices.controls()
        gain = Control(
            "gain", "slider", self._gain, "gain", "sensor", 1, _MOST_GAIN,
            hint="of get_image; each step above 1 doubles the picture",
        )  # fmt: skip
        return [exposure, auto, gain, *others]

    def turn(self, name: str, value: Setting) -> bool:
        """See :class:`Feed`."""
        if name == "gain":
            self._gain = int(value)
            return False
        self.changed |= name == CURVE
        return self._devices.turn(name, value)

    def frame(self, watched: frozenset[str], period: float) -> dict[str, Any]:
        """See :class:`Feed`."""
        self._devices.expose(round(1e6 * period))
        values = self._devices.read(watched, (SENSOR,))
        for device in self._devices.opened:
            device.chip.execute(GetImage(_FULL, _HALF, self._gain))
        return values | self.read(watched)

    def read(self, watched: frozenset[str]) -> dict[str, Any]:
        """See :class:`Feed`."""
        return self._devices.read(watched)

    def moved(self) -> dict[str, Setting]:
        """See :class:`Feed`."""
        return self._devices.moved()
