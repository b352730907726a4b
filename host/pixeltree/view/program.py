"""The page of a Python program: sliders and displays for ``device.chip``, as the host of a SCAMP-5d has.

The program goes on by itself, frame after frame; the page shows what it is given and says what is moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError
from pixeltree.view.board import Board
from pixeltree.view.feed import RATE
from pixeltree.view.panels import BITS, GREY, LEVELS, Control, Panel, Setting
from pixeltree.view.recorder import Recorder
from pixeltree.view.server import PageServer

_TICK = 0.2
_PAUSE, _STEP = "pause", "step"
_SCALES = {"b": BITS, "u": GREY, "i": LEVELS}
"""How a plane is meant, by the kind of its dtype."""

Plane = npt.NDArray[np.generic]


@dataclass
class Moved:
    """A slider, a switch or a button.

    Attributes:
        name: what stands beside it.
        value: the value in force in this frame; of a button, whether it was pressed since the frame before.
    """

    name: str
    value: int


class Page:
    """A page in the browser for a program of your own; a context manager.

    Nothing is needed to close it: without anybody who looks it costs next to nothing.

    Args:
        title: heading of the page.
        rate: frames a second of :meth:`frames`, at most; 0 for as fast as the program is.
        port: of 127.0.0.1; 0 for a free one.
        record: MCAP file to which all that is shown is written.

    Raises:
        DataError: the port is taken, or the extra ``view`` is not installed.
    """

    def __init__(
        self, title: str = "program", rate: float = RATE, port: int = 0, record: AnyPath | None = None
    ) -> None:
        self._title = title
        self._rate = rate
        self._board = Board()
        self._server = PageServer(self._board, port=port)
        self._recorder = None if record is None else Recorder(self._board, as_path(record))
        self._panels: dict[str, Panel] = {}
        self._controls: dict[str, tuple[Control, Moved]] = {}
        self._values: dict[str, Any] = {}
        self._paused = False
        self._changed = True
        self._due = 0.0

    def __enter__(self) -> Page:
        self._server.__enter__()
        if self._recorder is not None:
            self._recorder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._publish()
        if self._recorder is not None:
            self._recorder.stop()
        self._server.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """What to open in a browser."""
        return self._server.url

    # -- what is moved -----------------------------------------------------------------------------

    def add_slider(self, name: str, least: int = 0, most: int = 255, initial: int | None = None) -> Moved:
        """A slider of whole numbers, as ``vs_gui_add_slider``.

        Args:
            name: unique.
            least: its lower end.
            most: its upper end.
            initial: where it stands first; ``least`` if left out.

        Raises:
            DataError: the name is taken, or the range is empty or without the first value.
        """
        first = least if initial is None else initial
        if not least <= first <= most:
            raise DataError(f"slider {name}: {first} is not from {least} to {most}")
        return self._add(Control(name, "slider", first, group="program", least=least, most=most))

    def add_switch(self, name: str, initial: bool = False) -> Moved:
        """A switch, as ``vs_gui_add_switch``: its value is 0 or 1.

        Raises:
            DataError: the name is taken.
        """
        return self._add(Control(name, "switch", initial, group="program"))

    def add_button(self, name: str) -> Moved:
        """A button, as ``vs_gui_add_button``: its value is 1 in the frame after it was pressed.

        Raises:
            DataError: the name is taken.
        """
        return self._add(Control(name, "button", group="program"))

    def _add(self, control: Control) -> Moved:
        if control.name in self._controls or control.name in (_PAUSE, _STEP):
            raise DataError(f"there is a control {control.name!r} already")
        moved = Moved(control.name, int(control.value))
        self._controls[control.name] = control, moved
        self._changed = True
        return moved

    # -- what is shown -----------------------------------------------------------------------------

    def show_plane(self, name: str, plane: Plane | Callable[[], Plane]) -> None:
        """Show a picture, as ``scamp5_output_image``.

        Args:
            name: of the display.
            plane: (rows, columns), as one sees it: bool, int8 or int16 levels from -128 to 127, uint8 grey. A
                function that returns one, as ``lambda: device.read_plane("R5")``, is called only while
                somebody looks at the display.

        Raises:
            DataError: a plane of another form.
        """
        if callable(plane):
            if name in self._panels and name not in self._board.watched() and self._recorder is None:
                return
            plane = plane()
        array = np.asarray(plane)
        scale = _SCALES.get(array.dtype.kind)
        if array.ndim != 2 or scale is None or array.size == 0:
            raise DataError(f"plane {name}: shape {array.shape} of {array.dtype}; it must be (rows, columns)")
        if scale is LEVELS:
            if array.min() < -128 or array.max() > 127:
                raise DataError(
                    f"plane {name}: levels from {array.min()} to {array.max()}; -128 to 127 are shown"
                )
            array = array.astype(np.int8)
        elif array.dtype.itemsize != 1:
            raise DataError(f"plane {name}: {array.dtype}; grey is uint8")
        self._show(Panel(name, "plane", details={"scale": scale}), np.array(array))

    def plot(self, name: str, value: float) -> None:
        """The next point of a curve, as a scope of the vendor's.

        Raises:
            DataError: the name is that of another kind of display.
        """
        number = float(value)
        self._show(Panel(name, "plot"), int(number) if number.is_integer() else number)

    def bars(self, name: str, values: Sequence[float] | npt.NDArray[np.number[Any]]) -> None:
        """Bars, as a bar plot of the vendor's.

        Raises:
            DataError: the name is that of another kind of display.
        """
        self._show(Panel(name, "bars"), np.asarray(values).reshape(-1).tolist())

    def text(self, name: str, words: str) -> None:
        """Text, in place of what stood there.

        Raises:
            DataError: the name is that of another kind of display.
        """
        self._show(Panel(name, "text"), words)

    def _show(self, panel: Panel, value: Any) -> None:  # noqa: ANN401 - as the kind of panel has it
        before = self._panels.get(panel.name)
        if before is not None and before.kind != panel.kind:
            raise DataError(f"{panel.name!r} is a {before.kind} already, and cannot be a {panel.kind}")
        if before != panel:
            self._panels[panel.name] = panel
            self._changed = True
        self._values[panel.name] = value

    # -- frames ------------------------------------------------------------------------------------

    def frames(self, count: int | None = None) -> Iterator[int]:
        """The loop of a program: the number of each frame.

        Before a frame, what was moved gets its value. After it, what was shown goes to the page, which can
        pause the loop.

        Args:
            count: how many frames; None goes on until the program ends.
        """
        number = 0
        while count is None or number < count:
            self._before_frame()
            yield number
            self._publish()
            number += 1

    def _before_frame(self) -> None:
        for _, moved in self._controls.values():
            if self._kind(moved.name) == "button":
                moved.value = 0
        stepped = self._take_settings()
        while self._paused and not stepped:
            self._board.wait(_TICK)
            stepped = self._take_settings()
        now = time.monotonic()
        if self._rate:
            if now < self._due:
                self._board.wait_until(self._due)
            self._due = max(self._due, now - 1 / self._rate) + 1 / self._rate

    def _take_settings(self) -> bool:
        """Give what was moved its value; whether a single frame is wanted."""
        settings = self._board.take_settings()
        for name, value in settings.items():
            if name in self._controls:
                self._controls[name][1].value = int(value)
        self._paused = bool(settings.get(_PAUSE, self._paused))
        return _STEP in settings

    def _kind(self, name: str) -> str:
        return self._controls[name][0].kind

    def _publish(self) -> None:
        if self._changed:
            self._changed = False
            self._board.lay_out(self._title, list(self._panels.values()), self._all_controls())
        values, self._values = self._values, {}
        if values:
            self._board.publish(values)

    def _all_controls(self) -> list[Control]:
        def now(control: Control, moved: Moved) -> Control:
            values: dict[str, Setting] = {"slider": moved.value, "switch": bool(moved.value)}
            return Control(
                control.name, control.kind, values.get(control.kind, False), group=control.group,
                least=control.least, most=control.most,
            )  # fmt: skip

        return [
            Control(_PAUSE, "switch", self._paused, "Pause", hint="the space bar does it too"),
            Control(_STEP, "button", title="Next frame", hint="the key . does it too"),
            *(now(*each) for each in self._controls.values()),
        ]
