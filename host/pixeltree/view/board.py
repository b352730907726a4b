"""The board: what can be seen and turned just now. A feed writes it, the server and a recorder read it.

Nothing on it waits. A feed replaces values by newer ones; whoever reads takes the newest there is, so that a
slow reader costs the device nothing. What is turned waits here for the feed: the newest value of each
control.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixeltree.errors import DataError
from pixeltree.view.panels import Control, Panel, Setting
from pixeltree_protocol.names import known_names

_POINTS = 4_096
"""Points of a plot, and events of a timeline, that wait for readers."""

_SERIES = ("plot", "timeline")


@dataclass(frozen=True)
class Layout:
    """What the page is made of.

    Attributes:
        title: what is shown.
        panels: in order.
        controls: in order.
        edition: counts changes; 1 is the first.
    """

    title: str = "Pixeltree"
    panels: tuple[Panel, ...] = ()
    controls: tuple[Control, ...] = ()
    edition: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the page gets it."""
        return {
            "type": "layout",
            "title": self.title,
            "edition": self.edition,
            "panels": [panel.to_json() for panel in self.panels],
            "controls": [control.to_json() for control in self.controls],
        }


@dataclass(frozen=True)
class Update:
    """Values of one moment.

    Attributes:
        number: counts updates, from 1.
        time: seconds of the wall clock, as ``time.time`` has them.
        values: the newest of each panel that is no series, where the reader does not have it.
        series: points by panel that the reader does not have: (seconds, value).
    """

    number: int
    time: float
    values: Mapping[str, Any]
    series: Mapping[str, Sequence[tuple[float, Any]]]


class Board:
    """See the module. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._layout = Layout()
        self._number = 0
        self._time = 0.0
        self._values: dict[str, tuple[int, Any]] = {}
        self._series: dict[str, deque[tuple[int, float, Any]]] = {}
        self._settings: dict[str, Setting] = {}
        self._notice = ""
        self._watched: dict[object, frozenset[str]] = {}
        self._listeners: list[Callable[[bool], object]] = []
        self._wake = threading.Event()
        self._woken = threading.Event()

    # -- what a feed does --------------------------------------------------------------------------

    def lay_out(self, title: str, panels: Sequence[Panel], controls: Sequence[Control]) -> None:
        """Replace panels and controls; values of panels that remain stay.

        Raises:
            DataError: two have the same name.
        """
        for kind, names in (("panels", [p.name for p in panels]), ("controls", [c.name for c in controls])):
            if len(set(names)) < len(names):
                raise DataError(f"two {kind} have the same name: {', '.join(names)}")
        with self._lock:
            self._layout = Layout(title, tuple(panels), tuple(controls), self._layout.edition + 1)
            kinds = {panel.name: panel.kind for panel in panels}
            self._values = {name: value for name, value in self._values.items() if name in kinds}
            self._series = {
                name: self._series.get(name, deque(maxlen=_POINTS))
                for name, kind in kinds.items()
                if kind in _SERIES
            }
        self._tell()

    def publish(self, values: Mapping[str, Any]) -> None:
        """Values of one moment, by panel; names that have no panel are left out."""
        now = time.time()
        with self._lock:
            self._number += 1
            self._time = now
            kinds = {panel.name: panel.kind for panel in self._layout.panels}
            for name, value in values.items():
                if name in self._series:
                    self._series[name].append((self._number, now, value))
                elif name in kinds:
                    self._values[name] = self._number, value
        self._tell(values=True)

    def notice(self, text: str) -> None:
        """Say something to whoever looks, until there is something else to say; empty for nothing."""
        with self._lock:
            if text == self._notice:
                return
            self._notice = text
        self._tell()

    def force(self, name: str, value: Setting) -> None:
        """A control has another value now, not by who looks; what they have just turned counts more."""
        with self._lock:
            before = self._layout
            if name not in self._settings:
                self._replace_control(name, value)
            if self._layout == before:
                return
        self._tell()

    def take_settings(self) -> dict[str, Setting]:
        """What was turned since the last call: the newest value of each control."""
        with self._lock:
            settings, self._settings = self._settings, {}
            self._wake.clear()
            return settings

    def wait(self, seconds: float) -> None:
        """Wait so long, or until something is turned or looked at."""
        self._wake.wait(max(0.0, seconds))

    def wait_until(self, when: float) -> None:
        """Wait until a time of ``time.monotonic``, whatever is turned meanwhile; :meth:`wake` ends it."""
        while (left := when - time.monotonic()) > 0 and not self._woken.wait(left):
            pass

    def wake(self) -> None:
        """The feed shall end: it waits for nothing any more."""
        self._woken.set()
        self._wake.set()

    def watched(self) -> frozenset[str]:
        """Panels that somebody looks at."""
        with self._lock:
            return frozenset().union(*self._watched.values())

    # -- what a reader does ------------------------------------------------------------------------

    @property
    def layout(self) -> Layout:
        """The panels and controls in force."""
        with self._lock:
            return self._layout

    @property
    def said(self) -> str:
        """The notice in force."""
        with self._lock:
            return self._notice

    def update_after(self, have: Mapping[str, int]) -> Update | None:
        """What a reader does not have yet.

        Args:
            have: by panel that it wants, the number of the update that it had last; 0 for none.

        Returns:
            The newest values and points; None where there is nothing new.
        """
        with self._lock:
            values = {
                name: self._values[name][1]
                for name, number in have.items()
                if name in self._values and self._values[name][0] > number
            }
            series = {
                name: [(when, value) for at, when, value in self._series[name] if at > number]
                for name, number in have.items()
                if name in self._series
            }
            series = {name: points for name, points in series.items() if points}
            return Update(self._number, self._time, values, series) if values or series else None

    def turn(self, name: str, value: object) -> None:
        """Turn a control; the feed takes the value between two frames.

        Raises:
            DataError: there is no such control, or it does not take the value.
        """
        with self._lock:
            controls = {control.name: control for control in self._layout.controls}
            if name not in controls:
                raise DataError(f"no control {name!r}; {known_names(name, controls)}")
            setting = controls[name].checked(value)
            self._settings[name] = setting
            if controls[name].kind != "button":
                self._replace_control(name, setting)
            self._wake.set()
        self._tell()

    def watch(self, reader: object, names: Iterable[str]) -> None:
        """A reader looks at these panels and no others; nobody else's are changed."""
        with self._lock:
            chosen = frozenset(names)
            if chosen:
                self._watched[reader] = chosen
            else:
                self._watched.pop(reader, None)
            self._wake.set()

    def listen(self, listener: Callable[[bool], object]) -> Callable[[], None]:
        """Be told of every change, from the thread that made it.

        Args:
            listener: called with True where nothing but values has changed.

        Returns:
            What ends that.
        """
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return end

    def _replace_control(self, name: str, value: Setting) -> None:
        controls = tuple(
            replace(control, value=value) if control.name == name else control
            for control in self._layout.controls
        )
        self._layout = replace(self._layout, controls=controls)

    def _tell(self, values: bool = False) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(values)
