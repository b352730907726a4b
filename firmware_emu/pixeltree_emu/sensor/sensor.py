"""The photodiodes: what the sensor looks at, and the PIX level that exposing it leaves."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import AREG_MAX, SHAPE, plane_of
from pixeltree_emu.machine.defaults import EXPOSURE_NS, SOURCE_CLOCKS
from pixeltree_pictures.sources import Source

_MOST_PERIODS = 256
"""Periods of a source that one exposure looks at."""


_BEYOND_RANGE = 256
"""More counts than an analog register has."""

_WALL, _FRAME, _DEVICE = SOURCE_CLOCKS


class _Part(NamedTuple):
    """Rows and columns of a picture, the last ones not included."""

    top: int
    left: int
    bottom: int
    right: int

    def with_patch(self, top: int, left: int, rows: int, columns: int) -> _Part:
        """The smallest part that has a patch too."""
        patch = _Part(top, left, top + rows, left + columns)
        if self == _NOWHERE:
            return patch
        least, most = map(min, self[:2], patch[:2]), map(max, self[2:], patch[2:])
        return _Part(*least, *most)


_NOWHERE = _Part(0, 0, 0, 0)


class Sensor:
    """Looks at a still scene while a host paints one, else at a source of frames, else at darkness.

    Attributes:
        scene: the still scene, 256 x 256 8-bit brightness seen the right way round; dark before any.
        painted: whether it stands before the source.
        source: frames, 256 x 256; None for darkness.
        clock: what the source follows. ``wall``: an exposure sees the picture that the source shows when it
            is read, by the time of :attr:`now`, as a camera whose shutter is in step with a screen does.
            ``frame``: each exposure sees the next picture. ``device``: light is integrated over device time.
        order: for the clock ``frame``: which picture each exposure sees.
        now: seconds on the clock of the world, for the clock ``wall``; the source has begun at 0.
        exposure_ns: time in which white fills the half range (60 per second; the sensitivity of the chip is
            OPEN, so that the scale is assumed).
        frame_ns: exposure of a frame of a tree: as long, unless an auto-exposure changes it.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.clock = _WALL
        self.order: Iterator[int] = itertools.count()
        self.exposure_ns = EXPOSURE_NS
        self.frame_ns = EXPOSURE_NS
        self.scene: npt.NDArray[np.uint8] = np.zeros(SHAPE, np.uint8)
        self.painted = False
        self._lit = _NOWHERE
        began = time.monotonic()
        self.now: Callable[[], float] = lambda: time.monotonic() - began
        self._seen: int | None = None
        self._next: int | None = None

    def look_at(self, source: Source, clock: str = _WALL, order: Iterable[int] | None = None) -> None:
        """Look at a source.

        Args:
            source: frames, 256 x 256.
            clock: what it follows.
            order: for the clock ``frame``: which picture each exposure sees; by default each in turn.
        """
        self.source, self.clock = source, clock
        self.order = itertools.count() if order is None else iter(order)
        self._seen = self._next = None

    def show(self, top: int, left: int, patch: npt.NDArray[np.uint8], clear: bool) -> None:
        """Put a patch into the scene, before the source; ``clear`` darkens the rest.

        Args:
            top: first row of the patch, from the top of the picture.
            left: first column, from the left of the picture.
            patch: uint8 (rows, columns).
            clear: whether everything else becomes black.

        Raises:
            ValueError: the patch does not fit.
        """
        rows, columns = patch.shape
        if not rows or not columns or top + rows > SHAPE[0] or left + columns > SHAPE[1]:
            raise ValueError(f"a {rows} x {columns} patch at ({top}, {left}) does not fit into {SHAPE}")
        self.painted = True
        if clear:
            self._darken()
        self.scene[top : top + rows, left : left + columns] = patch
        self._lit = self._lit.with_patch(top, left, rows, columns)

    def give_back(self) -> None:
        """Take the scene away: the sensor looks at its source again, from where time or order has come to."""
        self.painted = False
        self._darken()

    def _darken(self) -> None:
        self.scene[:] = 0
        self._lit = _NOWHERE

    def begin_exposure(self) -> None:
        """A new exposure begins: by the clock ``frame`` it will see the next picture."""
        self._seen = None

    def integrate(
        self, start_ns: int, end_ns: int, reset_level: int, peek: bool = False
    ) -> npt.NDArray[np.integer[Any]]:
        """PIX after integrating light from ``start_ns`` to ``end_ns`` of device time.

        White (255) over :attr:`exposure_ns` gives the half range, 127 counts above the reset level; PIX goes
        on to the end of the analog range. Half range follows get_image: ``PIX_exposed - PIX_reset`` is
        [0, 127] (fact sheet 3.4).

        Args:
            start_ns: device time at which it begins.
            end_ns: device time at which it is read.
            reset_level: of PIX.
            peek: whether this only reads PIX, which uses up no picture of the source. Nor is one by an
                exposure so short that even white leaves no count, as when get_image reads the reset level.

        Returns:
            int8 (256, 256), or int16 where light is integrated over a source's frames.
        """
        end_ns = max(start_ns, end_ns)
        levels = _levels(end_ns - start_ns, self.exposure_ns, reset_level)
        if self.painted or self.source is None:
            return self._scene_through(levels)
        peek = peek or (end_ns - start_ns) * AREG_MAX < self.exposure_ns
        picture = self._one_picture(self.source, peek)
        if picture is None:
            counts = self._light(start_ns, end_ns) // (2 * self.exposure_ns)
            level = np.minimum(counts + reset_level, AREG_MAX).astype(np.int16)
            return plane_of(level).astype(np.int16, copy=False)
        seen: npt.NDArray[np.int8] = levels[plane_of(picture)]
        return seen

    def _scene_through(self, levels: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The scene's levels: looked up where it was painted, the same everywhere else."""
        seen = np.full(SHAPE, levels[0], np.int8)
        rows, columns = slice(self._lit.top, self._lit.bottom), slice(self._lit.left, self._lit.right)
        plane_of(seen)[rows, columns] = levels[self.scene[rows, columns]]
        return seen

    def _one_picture(self, source: Source, peek: bool) -> npt.NDArray[np.uint8] | None:
        """The picture that an exposure sees; None where it sees a source's frames over time."""
        if self.clock == _DEVICE:
            return None
        if self.clock == _WALL:
            return source.frame(int(max(self.now(), 0.0) * 1e9) // source.period_ns)
        return source.frame(self._number(peek))

    def _number(self, peek: bool) -> int:
        """The picture of the exposure in hand by the clock ``frame``."""
        if self._seen is None:
            if self._next is None:
                self._next = next(self.order)
            if peek:
                return self._next
            self._seen, self._next = self._next, None
        return self._seen

    def _light(self, start_ns: int, end_ns: int) -> npt.NDArray[np.int64]:
        """Brightness x nanoseconds that each pixel receives; a source shows one frame per period.

        Of an exposure over very many periods, the last ones stand for all: it must end in finite time.
        """
        assert self.source is not None
        period = self.source.period_ns
        begin_ns = max(start_ns, end_ns - _MOST_PERIODS * period)
        light = np.zeros(SHAPE, np.int64)
        for index in range(begin_ns // period, -(-end_ns // period)):
            shown = min(end_ns, (index + 1) * period) - max(begin_ns, index * period)
            light += self.source.frame(max(index, 0)).astype(np.int64) * shown
        if begin_ns > start_ns:
            longer = light * ((end_ns - start_ns) / (end_ns - begin_ns))
            light = np.minimum(longer, 2 * self.exposure_ns * _BEYOND_RANGE).astype(np.int64)
        return light


@lru_cache(maxsize=64)
def _levels(duration_ns: int, exposure_ns: int, reset_level: int) -> npt.NDArray[np.int8]:
    """The level of each of the 256 brightnesses after so long an exposure."""
    counts = [value * duration_ns // (2 * exposure_ns) for value in range(256)]
    return np.array([min(count + reset_level, AREG_MAX) for count in counts], np.int8)
