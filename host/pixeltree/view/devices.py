"""The devices of a page: one, or two that do the same side by side; and the planes read from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from pixeltree.device.device import Device, connect
from pixeltree.device.patience import Patience
from pixeltree.errors import DeviceError, LinkError
from pixeltree.kernels.builder import Kernel
from pixeltree.links.emulator import PRESETS, daemon_options
from pixeltree.links.url import parse_url
from pixeltree.view.curves import CURVE, Curves, curve_of, mean_of, mean_on
from pixeltree.view.panels import DIFFERENCE, LEVELS, Control, Panel, Setting
from pixeltree_protocol.chip.exposure import DARK as DARK_CODE
from pixeltree_protocol.chip.exposure import next_exposure
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital
from pixeltree_protocol.objects.controller_steps import Expose, GlobalSumFast, Wait
from pixeltree_protocol.objects.program import Launch
from pixeltree_protocol.objects.step import Step

Plane = npt.NDArray[np.generic]

SENSOR = "sensor"
"""The panel of what the photodiodes hold after an exposure. It is the group's name too."""

CLOCK = "device clock"
"""The panel of the (first) device's clock, in seconds."""

REGISTERS = (*(str(register) for register in (*AREGS, *DREGS)), str(Digital.FLAG))

FULL_EXPOSURE_US = 16_667
_LONGEST_EXPOSURE_US = 100_000
_LONGEST_WAIT_US = 1_000_000
_RECONNECT_SECONDS = 3.0
_OWN = ("emu", "inproc")
"""Kinds of URL that start a device of our own, whose preset, chip and source can be chosen."""

MOVING, DARK = "moving", "darkness"
"""Sources that the page offers beside the one that was given: a disc that circles, and none at all."""

AUTO = "auto exposure"
"""The switch that has the exposure follow the brightness."""

_MOST_CHIPS = 999
_DIFFERENCE = "difference"


@dataclass
class Lane:
    """One device of the page.

    Attributes:
        url: where it is.
        device: the connection; None while there is none.
        emulated: whether PIX and FLAG can be read, and time can pass without anybody waiting.
    """

    url: str
    device: Device | None = None
    emulated: bool = False

    @property
    def options(self) -> dict[str, str]:
        """The options of the URL."""
        query = parse_url(self.url).query
        return {name: unquote(value) for name, _, value in (part.partition("=") for part in query)}

    @property
    def own(self) -> bool:
        """Whether the device is started by us, and for us alone."""
        return parse_url(self.url).kind in _OWN

    @property
    def title(self) -> str:
        """What people call it, beside another one."""
        if not self.own:
            return self.url
        options = self.options
        chip = f" chip {options['chip']}" if "chip" in options else ""
        return options.get("preset", PRESETS[0]) + chip

    def choose(self, name: str, value: str | None) -> None:
        """Another option from the next connection on; None leaves it out."""
        options = {key: each for key, each in {**self.options, name: value}.items() if each is not None}
        query = "&".join(f"{key}={quote(each)}" for key, each in options.items())
        self.url = f"{self.url.partition(':')[0]}:{'?' if query else ''}{query}"

    def open(self) -> Device:
        """Connect.

        Raises:
            PixeltreeError: the device is not there, or refuses.
        """
        self.device = connect(self.url, Patience(reconnect=_RECONNECT_SECONDS))
        try:
            self.device.read_plane(str(Analog.PIX))
            self.emulated = True
        except DeviceError:
            self.emulated = False
        return self.device

    def close(self) -> None:
        """Leave the device."""
        if self.device is not None:
            self.device.close()
            self.device = None


class Devices:
    """The devices of a page.

    Args:
        urls: one or two.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self.lanes = [Lane(url) for url in urls]
        sources = [lane.options.get("source") for lane in self.lanes if lane.own]
        self._sources = tuple(dict.fromkeys([*filter(None, sources), MOVING, DARK]))
        self.curves = Curves()
        self.exposure_us = FULL_EXPOSURE_US
        self.chosen = False
        self.auto = any(lane.options.get("exposure") == "auto" for lane in self.lanes if lane.own)
        brightness = Kernel()
        brightness.all()
        brightness.bus(Analog.NEWS, Analog.PIX)
        self._brightness = brightness.block()

    @property
    def compared(self) -> bool:
        """Whether there are two."""
        return len(self.lanes) > 1

    @property
    def title(self) -> str:
        """What the page shows, as a title."""
        return " | ".join(lane.title if self.compared else lane.url for lane in self.lanes)

    @property
    def opened(self) -> list[Device]:
        """The connected devices, in order."""
        return [lane.device for lane in self.lanes if lane.device is not None]

    @property
    def said(self) -> str:
        """What a page of darkness says, so that nobody looks for a fault; empty where something is seen."""
        dark = [lane for lane in self.lanes if lane.device and lane.device.settings().get("source") == "none"]
        if not dark:
            return ""
        if dark[0].own:
            return f"The emulated sensor sees nothing yet: choose a source, as {MOVING}, among the controls."
        return f"The sensor of {dark[0].url} is emulated and sees nothing: start it with --source {MOVING}."

    @property
    def emulated(self) -> bool:
        """Whether all of them are emulated."""
        return all(lane.emulated for lane in self.lanes)

    def open(self) -> None:
        """Connect to all.

        Raises:
            PixeltreeError: one is not there, or refuses; none is connected then.
        """
        try:
            for lane in self.lanes:
                lane.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave all devices."""
        for lane in self.lanes:
            lane.close()

    # -- panels ------------------------------------------------------------------------------------

    def plane_panels(self, shown: Iterable[str], titles: Mapping[str, str] | None = None) -> list[Panel]:
        """A panel for every register of every device, and for the differences of two.

        Args:
            shown: registers that the page shows from the beginning, in this order; all others follow.
            titles: what people read, by register, beside its name.
        """
        shown = list(dict.fromkeys(shown))
        named = titles or {}
        groups = [SENSOR] if self.emulated else []
        groups += [*shown, *(name for name in REGISTERS if name not in shown)]
        if not self.emulated:
            groups = [name for name in groups if name not in (SENSOR, str(Digital.FLAG))]
        panels: list[Panel] = []
        for name in groups:
            said = "the sensor's picture (PIX)" if name == SENSOR else named.get(name, name)
            details = {"scale": LEVELS if name in (SENSOR, *AREGS) else "", "compare": self.compared}
            if name == SENSOR:
                details["overlay"] = "result"
            if not self.compared:
                panels.append(Panel(name, "plane", said, name, name in shown or name == SENSOR, details))
                continue
            on = name in shown
            for place, lane in enumerate(self.lanes):
                title = f"{said}: {lane.title}"
                if name == SENSOR:
                    details = {**details, "overlay": panel_of("result", place)}
                panels.append(Panel(panel_of(name, place), "plane", title, name, on, details))
            title, details = f"{said}: {_DIFFERENCE}", {"scale": DIFFERENCE, "compare": True}
            panels.append(Panel(f"{name} {_DIFFERENCE}", "plane", title, name, on, details))
        whose = [f": {lane.title}" if self.compared else "" for lane in self.lanes]
        clock = Panel(CLOCK, "plot", shown=False, details={"unit": "s"})
        return [*panels, *self.curves.panels(whose), clock]

    def read(self, watched: frozenset[str], registers: Iterable[str] = REGISTERS) -> dict[str, Any]:
        """The planes that somebody looks at, by panel, as they are now; and the clock."""
        values: dict[str, Any] = {}
        if CLOCK in watched and registers is REGISTERS:
            values[CLOCK] = self.opened[0].status().device_ns / 1e9
        for name in registers:
            panels = [panel_of(name, place) for place in range(len(self.lanes))]
            difference = f"{name} {_DIFFERENCE}"
            register = str(Analog.PIX) if name == SENSOR else name
            curves = [curve_of(name, place) for place in range(len(self.lanes))]
            if not watched.intersection((*panels, difference)):
                if watched.intersection(curves):
                    means = [mean_on(device, register, self.emulated) for device in self.opened]
                    values |= dict(zip(curves, means, strict=True))
                continue
            planes = [device.read_plane(register) for device in self.opened]
            values |= dict(zip(panels, planes, strict=True))
            if name in self.curves:
                values |= dict(zip(curves, map(mean_of, planes), strict=True))
            if self.compared:
                values[difference] = _difference(*planes)
        return values

    # -- time and light ----------------------------------------------------------------------------

    def exposure_steps(self, period_us: int) -> list[Step]:
        """Steps that expose a frame, so that ``period_us`` of device time pass from one to the next.

        An emulated device's clock stands still while nothing is done. A real one's does not: there nothing is
        waited for.
        """
        rest = min(period_us - self.exposure_us, _LONGEST_WAIT_US) if self.emulated else 0
        return [*([Wait(rest)] if rest > 0 else []), Expose(self.exposure_us)]

    def expose(self, period_us: int) -> None:
        """Expose a frame on all devices; see :meth:`exposure_steps`.

        Where the exposure is automatic, the first device's global sum of it decides the next one. For that
        NEWS takes the negative of PIX, and FLAG is set everywhere, as ``get_image`` does too.
        """
        for device in self.opened:
            device.chip.execute(*self.exposure_steps(period_us))
        if self.auto:
            look = (Launch(0), GlobalSumFast(AREGS.index(Analog.NEWS)))
            code = self.opened[0].chip.execute(*look, kernels=[self._brightness]).read_outs[0][0]
            self.exposure_us = next_exposure(DARK_CODE - code, self.exposure_us, 1, _LONGEST_EXPOSURE_US)

    def moved(self) -> dict[str, Setting]:
        """Controls of the exposure, and where they are after a frame."""
        return {"exposure": min(self.exposure_us, _LONGEST_EXPOSURE_US), AUTO: self.auto}

    def choose_exposure(self, exposure: int | str) -> None:
        """Begin with an exposure: microseconds, ``auto`` or ``fixed``."""
        self.chosen = True
        self.auto = exposure == "auto"
        if isinstance(exposure, int):
            self.exposure_us = exposure

    def controls(self) -> list[Control]:
        """Exposure, and what can be chosen of devices that are started for us."""
        controls = [
            Control(
                "exposure", "slider", min(self.exposure_us, _LONGEST_EXPOSURE_US), "exposure", "sensor", 0,
                _LONGEST_EXPOSURE_US, unit="us",
                hint="time from the reset of PIX to the frame; 16,667 us is full for an emulated sensor",
            ),
            Control(
                AUTO, "switch", self.auto, "Auto exposure", "sensor",
                hint="the global sum of a frame decides how long the next one is exposed",
            ),
        ]  # fmt: skip
        controls.append(self.curves.control([*([SENSOR] if self.emulated else []), *REGISTERS]))
        own = [lane for lane in self.lanes if lane.own]
        if own:
            source = own[0].options.get("source", DARK)
            controls.append(Control("source", "choice", source, "source", "sensor", options=self._sources))
        for place, lane in enumerate(self.lanes):
            if not lane.own:
                continue
            mark = f" {place + 1}" if self.compared else ""
            options = lane.options
            preset = options.get("preset", PRESETS[0])
            presets = tuple(dict.fromkeys((*PRESETS, preset)))  # that of the URL may be a file's
            controls.append(
                Control(f"preset{mark}", "choice", preset, f"preset{mark}", "device", options=presets)
            )
            chip = int(options.get("chip", 0))
            controls.append(
                Control(f"chip{mark}", "slider", chip, f"chip{mark}", "device", 0, max(_MOST_CHIPS, chip),
                        hint="which chip of the preset's kind")
            )  # fmt: skip
        return controls

    def turn(self, name: str, value: Setting) -> bool:
        """A control was turned; True where the devices must be opened again."""
        if name == "exposure":
            self.exposure_us, self.auto, self.chosen = int(value), False, True
            return False
        if name == AUTO:
            self.auto, self.chosen = bool(value), True
            return False
        if name == CURVE:
            self.curves.choose(str(value))
            return False
        if name == "source":
            for lane in self.lanes:
                if lane.own:
                    lane.choose(name, None if value == DARK else str(value))
            return True
        what, _, place = name.partition(" ")
        lane = self.lanes[int(place or 1) - 1]
        if what in ("preset", "chip") and lane.options.get(what) != str(value):
            lane.choose(what, str(value))
            return True
        return False


def panel_of(register: str, place: int) -> str:
    """The panel of a register of the device at a place."""
    return register if place == 0 else f"{register} {place + 1}"


def _difference(first: Plane, second: Plane) -> npt.NDArray[np.int16]:
    return second.astype(np.int16) - first.astype(np.int16)


def in_step(url: str) -> str:
    """The URL of a device of our own, whose source shall follow the device's clock.

    So two devices that do the same see the same. Emulators without a choice of clocks always do so.
    """
    chosen = with_options(url, source_clock="device")
    try:
        daemon_options(parse_url(chosen))
    except LinkError:
        return url
    return chosen


def with_options(url: str, **options: str | None) -> str:
    """The URL of a device of our own, with options that it does not have yet; None leaves one out.

    Other devices' URLs are returned as they are.
    """
    lane = Lane(url)
    for name, value in options.items():
        if value is not None and lane.own and name not in lane.options:
            lane.choose(name, value)
    return lane.url
