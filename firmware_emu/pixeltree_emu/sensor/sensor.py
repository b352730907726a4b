"""The photodiodes: what the sensor looks at, and the PIX level that exposing it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import AREG_MAX, SHAPE, AnalogPlane, plane_of
from pixeltree_emu.machine.defaults import EXPOSURE_NS

_MOST_PERIODS = 256
"""Periods of a source that one exposure looks at."""


_BEYOND_RANGE = 256
"""More counts than an analog register has."""


class FrameSource(Protocol):
    """Pictures over time: frame ``index`` is before the sensor for one period."""

    period_ns: int

    def frame(self, index: int) -> npt.NDArray[np.uint8]:
        """uint8 (256, 256), the right way round; ``index`` counts from 0 without end."""
        ...


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
        source: frames; None for darkness.
        order: which frame of the source each exposure sees; None for what the time says.
        exposure_ns: time in which white fills the half range, and exposure of every frame of a tree (60 per
            second; the sensitivity of the chip is OPEN, so that the scale is assumed).
    """

    exposure_ns = EXPOSURE_NS

    def __init__(self) -> None:
        self.source: FrameSource | None = None
        self.order: Iterator[int] | None = None
        self.scene: npt.NDArray[np.uint8] = np.zeros(SHAPE, np.uint8)
        self.painted = False
        self._lit = _NOWHERE

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

    def integrate(self, start_ns: int, end_ns: int, reset_level: int) -> AnalogPlane:
        """PIX after integrating light from ``start_ns`` to ``end_ns`` of device time.

        White (255) over ``exposure_ns`` gives the half range, 127 counts above the reset level; PIX goes on
        to the end of the analog range. Half range follows get_image: ``PIX_exposed - PIX_reset`` is
        [0, 127] (fact sheet 3.4).
        """
        end_ns = max(start_ns, end_ns)
        levels = _levels(end_ns - start_ns, self.exposure_ns, reset_level)
        if self.painted or self.source is None:
            return self._scene_through(levels)
        if self.order is None:
            counts = self._light(start_ns, end_ns) // (2 * self.exposure_ns)
            level = np.minimum(counts + reset_level, AREG_MAX).astype(np.int16)
            return plane_of(level).astype(np.int16, copy=False)
        seen: AnalogPlane = levels[plane_of(self.source.frame(next(self.order)))]
        return seen

    def _scene_through(self, levels: npt.NDArray[np.int16]) -> AnalogPlane:
        """The scene's levels: looked up where it was painted, the same everywhere else."""
        seen: AnalogPlane = np.full(SHAPE, levels[0], np.int16)
        rows, columns = slice(self._lit.top, self._lit.bottom), slice(self._lit.left, self._lit.right)
        plane_of(seen)[rows, columns] = levels[self.scene[rows, columns]]
        return seen

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
def _levels(duration_ns: int, exposure_ns: int, reset_level: int) -> npt.NDArray[np.int16]:
    """The level of each of the 256 brightnesses after so long an exposure."""
    counts = [value * duration_ns // (2 * exposure_ns) for value in range(256)]
    return np.array([min(count + reset_level, AREG_MAX) for count in counts], np.int16)
