"""A recording, played into the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixeltree.recording.reader import Replay
from pixeltree.view.feed import Feed
from pixeltree.view.panels import Control, Panel, Setting

_PLACE = "moment"


class ReplayFeed(Feed):
    """Plays the moments of a recording, in order, and stops at the last one.

    Args:
        path: the MCAP file.
        again: whether to begin again after the last one.
    """

    def __init__(self, path: Path, again: bool = False) -> None:
        self._path = path
        self._again = again
        self._replay = Replay(path)
        self._next = 0
        self._last: dict[str, Any] = {}

    @property
    def rate(self) -> int:
        """Moments per second, as they were recorded; at least 1."""
        times = self._replay.times
        seconds = (times[-1] - times[0]) / 1e9
        return max(1, round((len(times) - 1) / seconds)) if seconds > 0 else 1

    @property
    def title(self) -> str:
        """See :class:`Feed`."""
        return f"{self._path.name}: {self._replay.layout(self._place)['title']}"

    @property
    def _place(self) -> int:
        return min(self._next, len(self._replay) - 1)

    def open(self) -> None:
        """See :class:`Feed`."""
        self._replay.close()
        self._replay = Replay(self._path)

    def close(self) -> None:
        """See :class:`Feed`."""
        self._replay.close()

    def panels(self) -> list[Panel]:
        """See :class:`Feed`."""
        return [
            Panel(
                panel["name"], panel["kind"], panel["title"], panel["group"], panel["shown"], panel["details"]
            )
            for panel in self._replay.layout(self._place)["panels"]
            if panel["name"] != "frames per second"
        ]

    def controls(self) -> list[Control]:
        """See :class:`Feed`."""
        last = max(1, len(self._replay) - 1)
        return [Control(_PLACE, "slider", min(self._place, last), _PLACE, "recording", 0, last)]

    def turn(self, name: str, value: Setting) -> bool:
        """See :class:`Feed`."""
        if name == _PLACE:
            self._next = min(int(value), len(self._replay) - 1)
            self._last = self._replay.moment(self._next).values
        return False

    def moved(self) -> dict[str, Setting]:
        """See :class:`Feed`."""
        return {_PLACE: self._place}

    @property
    def ended(self) -> bool:
        """See :class:`Feed`."""
        return self._next >= len(self._replay) and not self._again

    def frame(self, watched: frozenset[str], period: float) -> dict[str, Any]:
        """See :class:`Feed`."""
        self._next %= len(self._replay)
        self._last = self._replay.moment(self._next).values
        self._next += 1
        return self._last

    def read(self, watched: frozenset[str]) -> dict[str, Any]:
        """See :class:`Feed`."""
        return {name: value for name, value in self._last.items() if name in watched}
