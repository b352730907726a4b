"""What the daemon's own device does, shown to hosts of a SCAMP-5d: planes, results as text and as bars."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.errors import ListenError
from pixeltree_emu.vendor.screen import Screen
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.link.messages import Result
from pixeltree_protocol.names import known_names
from pixeltree_protocol.vendor import gui, payloads
from pixeltree_protocol.vendor.packets import Code, Data, DataType, FrameReader

PLANES = (*AREGS, Analog.PIX, *DREGS, Digital.FLAG)
_ACROSS = 4
"""Displays beside each other."""

_ADC_ZERO = 128


@dataclass(frozen=True)
class DeviceView:
    """What is shown.

    Attributes:
        planes: registers, each a display.
        rate: pictures a second, at most, by this machine's clock.
    """

    planes: tuple[str, ...]
    rate: float = 30.0

    def __post_init__(self) -> None:
        for plane in self.planes:
            if plane not in PLANES:
                raise ListenError(f"planes={plane}: no such plane; {known_names(plane, PLANES)}")
        if len(self.planes) >= gui.MOST_DISPLAYS:
            raise ListenError(f"planes: at most {gui.MOST_DISPLAYS - 1} are shown")


class DeviceScreen:
    """Shows a device after every frame, and after every program that a host has it run at once.

    Args:
        device: shown in the thread in which it works.
        screen: where.
        view: what is shown.
    """

    def __init__(self, device: EmulatedDevice, screen: Screen, view: DeviceView) -> None:
        self._device = device
        self._screen = screen
        self._view = view
        self._reader = FrameReader()
        self._count = 0
        self._due = 0.0
        displays = [
            gui.Display(gui.Shape.DISPLAY, name, *divmod(place, _ACROSS))
            for place, name in enumerate(view.planes)
        ]
        displays.append(gui.Display(gui.Shape.BARPLOT, "logits", *divmod(len(displays), _ACROSS)))
        self._described = (gui.displays(displays), gui.elements([]))
        self._bars = gui.FIRST_DISPLAY + len(view.planes)
        screen.enter(self, self._said)
        self._describe()
        device.observer = self._ended

    def _said(self, raw: bytes) -> None:
        """A host says something; only that it wants the description matters."""
        for packet in self._reader.feed(raw):
            if any(message.code == Code.GUI_REQUEST for message in packet.messages()):
                self._describe()

    def _describe(self) -> None:
        for data in self._described:
            self._show(data)

    def _show(self, data: Data) -> None:
        self._screen.show(self, data.encode())

    def _ended(self, result: Result | None) -> None:
        now = time.monotonic()
        self._count += 1
        if now < self._due or not self._screen.has_viewers:
            return
        self._due = max(self._due, now - 1 / self._view.rate) + 1 / self._view.rate
        for place, name in enumerate(self._view.planes):
            self._show(self._plane(name, gui.FIRST_DISPLAY + place))
        if result is not None:
            self._show(
                payloads.text(f"frame {result.frame}: label {result.label}, {result.device_ns // 1000} us")
            )
            logits = np.array(result.path[-1].logits if result.path else (), np.int32)
            if logits.size:
                self._show(payloads.numbers(DataType.INT32, logits, self._bars, self._count))

    def _plane(self, name: str, channel: int) -> Data:
        array, now_ns = self._device.array, self._device.clock.now_ns
        if name in Digital.__members__.values():
            return payloads.bits(
                array.scan_rows(Digital(name), range(ARRAY_SIZE)), ARRAY_SIZE, channel, self._count
            )
        levels = array.pix(now_ns) if name == Analog.PIX else array.areg(Analog(name))
        samples = np.ascontiguousarray((levels.astype(np.int16) + _ADC_ZERO).astype(np.uint8).T)
        return payloads.levels(samples.tobytes(), ARRAY_SIZE, channel, self._count)
