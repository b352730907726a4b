"""Writes what is seen to an MCAP file: the planes that somebody looks at, and all else of the page.

It reads the board as a browser does: the newest there is. A slow disk costs the device nothing; what is left
out is counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixeltree.errors import PixeltreeError
from pixeltree.view.board import Board
from pixeltree.view.devices import CLOCK

if TYPE_CHECKING:
    from pixeltree.recording.writer import Recording

logger = logging.getLogger(__name__)

_STOP_SECONDS = 10.0
_NS = 1_000_000_000


class Recorder:
    """Records a board, from :meth:`start` to :meth:`stop`, as often as wanted, each time to another file.

    Args:
        board: what is recorded.
        path: the first file; a name made of date and time in the working folder if None.
    """

    def __init__(self, board: Board, path: Path | None = None) -> None:
        self._board = board
        self._path = path
        self._count = 0
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._changed = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it records."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a file.

        Raises:
            DataError: it cannot be written, or the extra ``record`` is not installed.
        """
        if self.running:
            return
        from pixeltree.recording.writer import Recording  # noqa: PLC0415 - an extra

        path = self._next_path()
        recording = Recording(path)
        self._board.notice(f"Recording to {path}")
        self._over.clear()
        self._thread = threading.Thread(target=self._run, args=(recording, path), name="records", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the file; again is harmless."""
        if self._thread is not None:
            self._over.set()
            self._changed.set()
            self._thread.join(_STOP_SECONDS)
            self._thread = None

    def _next_path(self) -> Path:
        self._count += 1
        if self._path is None:
            return Path(time.strftime("pixeltree-%Y%m%d-%H%M%S.mcap"))
        if self._count == 1:
            return self._path
        return self._path.with_stem(f"{self._path.stem}-{self._count}")

    def _run(self, recording: Recording, path: Path) -> None:
        end = self._board.listen(lambda _: self._changed.set())
        try:
            with recording:
                left_out = self._record(recording)
            self._board.notice(f"Recorded {recording.updates} updates to {path}; {left_out} were left out")
        except PixeltreeError as error:
            logger.warning("%s", error)
            self._board.notice(f"{error}\nThe recording has ended.")
            self._board.force("record", False)
        finally:
            end()
            self._board.watch(self, ())

    def _record(self, recording: Recording) -> int:
        """Until it is over; returns how many updates of what is seen were left out."""
        edition, number, left_out = 0, 0, 0
        have: dict[str, int] = {}
        while not self._over.is_set():
            self._changed.wait()
            self._changed.clear()
            layout = self._board.layout
            now = time.time_ns()
            if layout.edition != edition:
                edition = layout.edition
                settings = {control.name: control.value for control in layout.controls}
                recording.layout(now, layout.title, [panel.to_json() for panel in layout.panels], settings)
                shown = [panel.name for panel in layout.panels if panel.shown or panel.kind != "plane"]
                self._board.watch(self, [*shown, CLOCK])
            have = {name: have.get(name, number) for name in self._board.watched()}
            update = self._board.update_after(have)
            if update is None:
                continue
            left_out += max(0, update.number - number - 1) if number else 0
            number = update.number
            have = dict.fromkeys(have, number)
            values = dict(update.values) | {name: _joined(points) for name, points in update.series.items()}
            clock = values.get(CLOCK)
            device_ns = None if clock is None else round(clock * _NS)
            recording.update(round(update.time * _NS), update.number, values, device_ns)
        return left_out


def _joined(points: Sequence[tuple[float, Any]]) -> Any:  # noqa: ANN401 - as the panel has it
    """The last point of a curve; all events of a timeline."""
    if isinstance(points[-1][1], list):
        return [event for _, events in points for event in events]
    return points[-1][1]
