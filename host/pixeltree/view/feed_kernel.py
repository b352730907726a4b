"""A kernel file on a device: frame after frame, with sliders; or word by word."""

from __future__ import annotations

from typing import Any

from pixeltree.errors import PixeltreeError
from pixeltree.view.curves import CURVE
from pixeltree.view.devices import SENSOR, Devices
from pixeltree.view.feed import Feed
from pixeltree.view.kernel_steps import LiveKernel
from pixeltree.view.panels import Control, Panel, Setting
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.program import Launch, SetIn
from pixeltree_protocol.objects.step import Step

_LISTING = "kernel"
_TIME = "device time of the kernel"


class KernelFeed(Feed):
    """Exposes, runs the kernel, and shows what the registers hold.

    Args:
        devices: one, or two to compare.
        kernel: the kernel.
        shown: registers that the page shows from the beginning; those that the kernel names, if none.
        level: of IN, while the kernel does not drive it.
    """

    words = True

    def __init__(
        self, devices: Devices, kernel: LiveKernel, shown: tuple[str, ...] = (), level: int = 0
    ) -> None:
        self._devices = devices
        self._kernel = kernel
        self._shown = shown
        self._level = level
        self._next = 0
        self._trouble = ""

    @property
    def title(self) -> str:
        """See :class:`Feed`."""
        return f"{self._kernel.kernel.name} on {self._devices.title}"

    def open(self) -> None:
        """See :class:`Feed`."""
        self._devices.open()
        self.said = self._devices.said
        self._next = 0

    def close(self) -> None:
        """See :class:`Feed`."""
        self._devices.close()

    def panels(self) -> list[Panel]:
        """See :class:`Feed`."""
        return [
            *self._devices.plane_panels(self._shown or self._kernel.shown()),
            Panel(_LISTING, "listing", self._kernel.kernel.name, details={"rows": self._kernel.text}),
            Panel(_TIME, "plot", details={"unit": "us"}, shown=False),
        ]

    def controls(self) -> list[Control]:
        """See :class:`Feed`."""
        exposure, *others = self._devices.controls()
        level = Control(
            "in", "slider", self._level, "IN", "kernel", -128, 127, hint="level of IN at the kernel's start"
        )
        return [*self._kernel.controls(), level, exposure, *others]

    def turn(self, name: str, value: Setting) -> bool:
        """See :class:`Feed`."""
        if name == "in":
            self._level = int(value)
            return False
        if name.startswith("parameter "):
            try:
                self._kernel.set(name.removeprefix("parameter "), int(value))
                self._trouble = ""
            except PixeltreeError as error:
                self._trouble = str(error)
            return False
        self.changed |= name == CURVE
        return self._devices.turn(name, value)

    def frame(self, watched: frozenset[str], period: float) -> dict[str, Any]:
        """See :class:`Feed`. A frame begun word by word is ended; a file that has changed is read again."""
        if self._kernel.changed:
            self._reload()
        if self._next:
            while self._next:
                self._execute_word()
            return {_LISTING: {"line": -1, "note": self._trouble}, **self.read(watched)}
        expose = self._devices.exposure_steps(round(1e6 * period))
        run, blocks = self._program()
        values: dict[str, Any] = {}
        if self._devices.auto or any(name.startswith(SENSOR) for name in watched):
            self._devices.expose(round(1e6 * period))
            values = self._devices.read(watched, (SENSOR,))
            expose = []
        for device in self._devices.opened:
            done = device.chip.execute(*expose, *run, kernels=blocks)
        exposed = sum(getattr(step, "microseconds", 0) for step in expose)
        values[_TIME] = done.device_ns / 1000 - exposed
        values[_LISTING] = {"line": -1, "note": self._trouble}
        return values | self._devices.read(watched)

    def _reload(self) -> None:
        try:
            self._kernel.reload()
            self._trouble = ""
            self._next = 0
            self.changed = True
        except PixeltreeError as error:
            self._trouble = str(error)

    def _program(self) -> tuple[list[Step], list[Block]]:
        steps: list[Step] = [SetIn(self._level)]
        blocks: list[Block] = []
        for part in self._kernel.parts:
            if isinstance(part, Block):
                steps.append(Launch(len(blocks)))
                blocks.append(part)
            else:
                steps.append(SetIn(part))
        return steps, blocks

    def word(self, watched: frozenset[str]) -> dict[str, Any]:
        """See :class:`Feed`. Before the first word a frame is exposed."""
        values: dict[str, Any] = {}
        if not self._next:
            self._devices.expose(0)
            for device in self._devices.opened:
                device.chip.execute(SetIn(self._level))
            values = self._devices.read(watched, (SENSOR,))
        words = self._kernel.words()
        place = self._next
        self._execute_word()
        word = words[place]
        note = f"word {place + 1} of {len(words)}: {word.text}"
        values[_LISTING] = {"line": word.line - 1, "note": note}
        return values | self.read(watched)

    def _execute_word(self) -> None:
        words = self._kernel.words()
        part = words[self._next].part
        for device in self._devices.opened:
            if isinstance(part, Block):
                device.chip.execute(Launch(0), kernels=[part])
            else:
                device.chip.execute(SetIn(part))
        self._next = (self._next + 1) % len(words)

    def read(self, watched: frozenset[str]) -> dict[str, Any]:
        """See :class:`Feed`."""
        return self._devices.read(watched)

    def moved(self) -> dict[str, Setting]:
        """See :class:`Feed`."""
        return self._devices.moved()
