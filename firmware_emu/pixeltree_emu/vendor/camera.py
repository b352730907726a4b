"""What a program's camera sees: the source of the sensor, restarted and displaced as the program asks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree_pictures.sources import Source


class ProgramCamera:
    """A source of frames before a program.

    USE_SUBPIX (row, column, division) is INFERRED: the array sees the scene displaced by row / division and
    column / division of a pixel, weighted linearly. RESET_VIDEO lets the source begin anew.

    Args:
        source: the frames.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.period_ns = source.period_ns
        self.count = source.count
        self.live = source.live
        self._first: int | None = None
        self._displaced = (0, 0, 1)

    def name(self, index: int) -> str:
        """What to call a picture; see :class:`Source`."""
        return self._source.name(index)

    def restart(self) -> None:
        """The next frame that is seen is the source's first."""
        self._first = None

    def displace(self, rows: int, columns: int, division: int) -> None:
        """See the scene displaced by so many parts of a pixel; a division below 2 ends it."""
        self._displaced = (rows % division, columns % division, division) if division > 1 else (0, 0, 1)

    def frame(self, index: int) -> npt.NDArray[np.uint8]:
        """The picture at an index; see :class:`Source`."""
        if self._first is None:
            self._first = index
        picture = self._source.frame(max(0, index - self._first))
        rows, columns, division = self._displaced
        if not rows and not columns:
            return picture
        return displaced(picture, rows, columns, division)


def displaced(
    picture: npt.NDArray[np.uint8], rows: int, columns: int, division: int
) -> npt.NDArray[np.uint8]:
    """A picture moved up and to the left by ``rows`` and ``columns`` parts of a pixel; its edge goes on."""
    wide = np.pad(picture, ((0, 1), (0, 1)), mode="edge").astype(np.uint32)
    upper = wide[:-1] * (division - rows) + wide[1:] * rows
    mixed = upper[:, :-1] * (division - columns) + upper[:, 1:] * columns
    return np.asarray((mixed + division * division // 2) // (division * division), np.uint8)
