"""Heat maps as the host reads them: where cells lie in the picture, peaks, recall and overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import NOWHERE
from pixeltree.datasets.dataset import Targets
from pixeltree.errors import DataError
from pixeltree.model import FoldedModel, FullyConnected, Pooling

WITHIN = 4.0
"""An object counts as found by a peak at most so many pixels from its centre."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CellGrid:
    """The cells of a heat map.

    Attributes:
        rows: cells from top to bottom.
        columns: cells from left to right.
        first: row and column that the first cell's window is centred on, in pixels.
        distance: of neighbouring cells, in pixels.
    """

    rows: int
    columns: int
    first: float
    distance: float

    @classmethod
    def behind(cls, windows: Iterable[tuple[int, int, int]], rows: int, columns: int) -> CellGrid:
        """The cells behind some layers.

        A window of k that begins at ``r stride - before`` has its centre at
        ``r stride - before + (k - 1) / 2``, in units of its input's distance; layer by layer.

        Args:
            windows: side, rows before, and stride of each layer's windows.
            rows: cells from top to bottom.
            columns: cells from left to right.
        """
        first, distance = 0.0, 1.0
        for side, before, stride in windows:
            first += distance * ((side - 1) / 2 - before)
            distance *= stride
        return cls(rows, columns, first, distance)

    @classmethod
    def of(cls, model: FoldedModel) -> CellGrid:
        """The cells of a folded model's heat map.

        Raises:
            DataError: the model has none.
        """
        if isinstance(model.head, FullyConnected):
            raise DataError("the network tells classes apart and has no heat map")
        layers = (*model.layers, model.head)
        windows = [layer.window if isinstance(layer, Pooling) else layer.geometry.window for layer in layers]
        return cls.behind(windows, *model.shapes[-1][1:])

    def centres(self) -> tuple[Floats, Floats]:
        """Row and column of each cell's centre, in pixels: float64 (rows,) and (columns,)."""
        return (
            self.first + self.distance * np.arange(self.rows, dtype=np.float64),
            self.first + self.distance * np.arange(self.columns, dtype=np.float64),
        )

    def peaks(self, logits: Floats, count: int) -> Floats:
        """Row and column of the ``count`` highest peaks, in pixels: float64 (count, 2).

        Peaks are taken one by one; cells within 2 :data:`WITHIN` pixels of one are out of the next choice.
        A peak's place is the mean of its 3 x 3 cells, weighted by what each has above the least of them.

        Args:
            logits: float64 (cells,).
            count: how many objects there are.
        """
        heat = logits.reshape(self.rows, self.columns).astype(np.float64)
        rows, columns = np.broadcast_arrays(self.centres()[0][:, None], self.centres()[1][None, :])
        free = np.ones_like(heat, np.bool_)
        found = np.empty((count, 2))
        for index in range(count):
            row, column = divmod(int(np.where(free, heat, -np.inf).argmax()), self.columns)
            near = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
            weights = heat[near] - heat[near].min()
            total = weights.sum()
            centre = rows[row, column], columns[row, column]
            if total > 0:
                centre = (weights * rows[near]).sum() / total, (weights * columns[near]).sum() / total
            found[index] = centre
            free &= np.hypot(rows - rows[row, column], columns - columns[row, column]) > 2 * WITHIN
        return found

    def found(self, logits: Floats, positions: Targets) -> npt.NDArray[np.bool_]:
        """Which objects of an image lie within :data:`WITHIN` pixels of a peak.

        There are as many peaks as objects, so the number of objects is taken as known.

        Args:
            logits: float64 (cells,).
            positions: int64 (objects, 2), pixels; :data:`NOWHERE` for absent ones.

        Returns:
            bool (objects that are there,).
        """
        objects = positions[positions[:, 0] != NOWHERE]
        peaks = self.peaks(logits, len(objects))
        distances = np.hypot(*(objects[:, None] - peaks[None]).transpose(2, 0, 1))
        return np.asarray((distances <= WITHIN).any(axis=1), np.bool_)


def mean_iou(decided: npt.NDArray[np.int64], truth: npt.NDArray[np.int64], classes: int) -> float:
    """Mean over classes of intersection over union, over all images together; absent classes are left out."""
    ious = []
    for index in range(classes):
        union = ((decided == index) | (truth == index)).sum()
        if union:
            ious.append(((decided == index) & (truth == index)).sum() / union)
    return float(np.mean(ious))
