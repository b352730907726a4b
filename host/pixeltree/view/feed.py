"""What fills a board: something with panels and controls that goes on frame by frame.

:class:`Running` drives a feed in a thread of its own: pace, pause, single steps, connections that are lost
and come back. A feed only says what its panels and controls are, and how one frame is taken.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pixeltree.errors import LinkError, PixeltreeError
from pixeltree.view.board import Board
from pixeltree.view.panels import Control, Panel, Setting
from pixeltree.view.recorder import Recorder

logger = logging.getLogger(__name__)

RATE = 30
_MOST_RATE = 200
_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 1.0
_STOP_SECONDS = 20.0
_STOP_SECONDS_OPENING = 0.5
_SMOOTHING = 0.1
_FRAMES = Panel("frames per second", "plot", group="frames per second", shown=False, details={"unit": "1/s"})


class Feed(ABC):
    """See the module. All methods are called from one thread.

    Attributes:
        words: whether it can be stepped word by word.
        changed: whether its panels or controls are others than when they were asked for last.
        said: what the page shall say, until there is something else to say; empty for nothing.
    """

    words = False
    changed = False
    said = ""

    @property
    @abstractmethod
    def title(self) -> str:
        """What the page shows."""

    @abstractmethod
    def open(self) -> None:
        """Make ready: connect.

        Raises:
            PixeltreeError: that cannot be. It is tried again after a while.
        """

    @abstractmethod
    def close(self) -> None:
        """Let everything go; again is harmless."""

    @abstractmethod
    def panels(self) -> list[Panel]:
        """Its panels; asked once it is open."""

    @abstractmethod
    def controls(self) -> list[Control]:
        """Its controls, with the values in force."""

    @abstractmethod
    def turn(self, name: str, value: Setting) -> bool:
        """A control was turned; True where the feed must be opened anew for that."""

    @abstractmethod
    def frame(self, watched: frozenset[str], period: float) -> dict[str, Any]:
        """Take a frame.

        Args:
            watched: panels that somebody looks at; no others cost anything.
            period: seconds since the frame before, about.

        Returns:
            Values by panel.
        """

    @abstractmethod
    def read(self, watched: frozenset[str]) -> dict[str, Any]:
        """The planes that somebody looks at, as they are, without a frame."""

    def word(self, watched: frozenset[str]) -> dict[str, Any]:
        """Execute one word, and read the planes; only where :attr:`words` is true."""
        raise NotImplementedError

    def moved(self) -> dict[str, Setting]:
        """Controls that move by themselves, and where they are after a frame."""
        return {}

    @property
    def ended(self) -> bool:
        """Whether there are no more frames."""
        return False


class Running:
    """Drives a feed from ``__enter__`` to ``__exit__``.

    Args:
        feed: what is driven.
        board: what it fills.
        rate: frames per second, at most.
        paused: whether the first frame waits to be asked for.
        recorder: what the page's switch starts and stops; None for no such switch.
        told: is called once, when the feed is open for the first time or could not be opened. A feed that
            could not is given up then; without ``told`` it is tried again and again, as one that was lost.

    Attributes:
        frames: how many were taken.
        held: whether it waits for a step, or for anything to do.
        failure: why the feed could not be opened the first time, where it was given up; else None.
    """

    def __init__(
        self,
        feed: Feed,
        board: Board,
        rate: int = RATE,
        paused: bool = False,
        recorder: Recorder | None = None,
        told: Callable[[], object] | None = None,
    ) -> None:
        self._recorder = recorder
        self._told = told
        self.failure: PixeltreeError | None = None
        self.frames = 0
        self.held = False
        self._feed = feed
        self._board = board
        self._rate = rate
        self._paused = paused
        self._steps: list[str] = []
        self._again = False
        self._fps = 0.0
        self._said = ""
        self._last = 0.0
        self._seen: frozenset[str] = frozenset()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeds the page", daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._board.wake()
        waits_for_device = self._told is not None  # which may take long, and ends with the process
        self._thread.join(_STOP_SECONDS_OPENING if waits_for_device else _STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._feed.open()
                self._tell()
                self._lay_out()
                self._said = self._feed.said
                self._board.notice(self._said)
                self._go_on()
            except PixeltreeError as error:
                if self._told is not None:
                    self.failure = error
                    self._tell()
                    return
                logger.info("the feed broke off: %s", error)
                self._board.notice(f"{error}\nTrying again.")
                self._stop.wait(_RETRY_SECONDS)
            finally:
                self._feed.close()

    def _tell(self) -> None:
        if self._told is not None:
            self._told()
            self._told = None

    def _go_on(self) -> None:
        """Frame after frame, until the feed has to be opened anew."""
        self._again = False
        while not (self._stop.is_set() or self._again):
            turned = self._take_settings()
            if self._again:
                return
            watched = self._board.watched()
            try:
                idle = not self._advance(watched, turned)
            except LinkError:
                raise
            except PixeltreeError as error:
                self._board.notice(str(error))
                idle = True
            self.held = idle
            if self._feed.said != self._said:
                self._said = self._feed.said
                self._board.notice(self._said)
            if self._feed.changed:
                self._feed.changed = False
                self._lay_out()
            if idle:
                self._board.wait(_IDLE_SECONDS)
            else:
                self._board.wait_until(self._last + 1 / self._rate)

    def _advance(self, watched: frozenset[str], turned: bool) -> bool:
        """Do what is to be done now; False where that is nothing."""
        if self._steps:
            step = self._steps.pop(0)
            values = self._feed.word(watched) if step == "step_word" else self._frame(watched)
        elif not (self._paused or self._feed.ended):
            values = self._frame(watched)
        else:
            fresh = watched if turned else watched - self._seen
            self._seen = watched
            if fresh:
                self._board.publish(self._feed.read(fresh))
            return False
        self._seen = watched
        self._board.publish(values)
        for name, value in self._feed.moved().items():
            self._board.force(name, value)
        return bool(self._steps or not (self._paused or self._feed.ended))

    def _frame(self, watched: frozenset[str]) -> dict[str, Any]:
        now = time.monotonic()
        period = now - self._last if self._last else 1 / self._rate
        self._last = max(now, self._last + 1 / self._rate) if period < 2 / self._rate else now
        values = self._feed.frame(watched, period)
        self.frames += 1
        self._fps += _SMOOTHING * (1 / max(period, 1e-6) - self._fps) if self._fps else 1 / max(period, 1e-6)
        return {_FRAMES.name: round(self._fps, 2), **values}

    def _take_settings(self) -> bool:
        """Do what was asked for; whether anything was."""
        settings = self._board.take_settings()
        for name, value in settings.items():
            if name == "pause":
                self._paused = bool(value)
            elif name == "rate":
                self._rate = int(value)
            elif name == "record":
                self._record(bool(value))
            elif name in ("step", "step_word"):
                if not self._paused:
                    self._paused = True
                    self._board.force("pause", True)
                self._steps.append(name)
            else:
                self._again |= self._feed.turn(name, value)
        return bool(settings)

    def _record(self, wanted: bool) -> None:
        assert self._recorder is not None
        try:
            if wanted:
                self._recorder.start()
            else:
                self._recorder.stop()
        except PixeltreeError as error:
            self._board.notice(str(error))
            self._board.force("record", False)

    def _lay_out(self) -> None:
        controls = [
            Control("pause", "switch", self._paused, "Pause", hint="the space bar does it too"),
            Control("step", "button", title="Next frame", hint="the key . does it too"),
        ]
        if self._feed.words:
            controls.append(Control("step_word", "button", title="Next word", hint="the key , does it too"))
        if self._recorder is not None:
            running = self._recorder.running
            controls.append(Control("record", "switch", running, "Record", hint="what is seen, as MCAP"))
        controls.append(Control("rate", "slider", self._rate, "frames per second", "", 1, _MOST_RATE))
        self._board.lay_out(
            self._feed.title, [*self._feed.panels(), _FRAMES], [*controls, *self._feed.controls()]
        )
