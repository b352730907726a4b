"""What a network is trained for: targets, loss and score of each task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pixeltree.datasets import NOWHERE, Dataset, Task
from pixeltree.errors import DataError
from pixeltree.train.specification import FullyConnected, NetworkSpecification

IGNORED = -1.0
"""Target of a cell that may be anything."""

WITHIN = 4.0
"""An object counts as found by a peak at most so many pixels from its centre."""

Logits = npt.NDArray[np.float64]


class Objective(Protocol):
    """A task as training sees it."""

    def targets(self, dataset: Dataset) -> Tensor:
        """What :meth:`loss` compares logits with, one row per image."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch; logits are float (batch, outcomes)."""

    def score(self, logits: Logits, dataset: Dataset) -> float:
        """How good logits (N, outcomes) are, 0 to 1; more is better."""


@dataclass(frozen=True)
class Classification:
    """One of several outcomes; several may be right, as for the root of a tree whose children share a class.

    Attributes:
        groups: classes of the dataset that each outcome stands for. A class in no group must not occur.
    """

    groups: tuple[tuple[int, ...], ...]

    def targets(self, dataset: Dataset) -> Tensor:
        """Outcomes that are right: bool (N, outcomes).

        Raises:
            DataError: an image's class is in no group.
        """
        allowed = self._allowed(dataset)
        if not allowed.any(axis=1).all():
            lost = dataset.classes[int(dataset.targets[~allowed.any(axis=1)][0])]
            raise DataError(f"{dataset.name}: no outcome stands for class {lost}")
        return torch.from_numpy(allowed)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """-log of the probability of a right outcome: L = logsumexp(z) - logsumexp(z over right outcomes)."""
        right = logits.masked_fill(~targets, -math.inf).logsumexp(dim=1)
        return (logits.logsumexp(dim=1) - right).mean()

    def score(self, logits: Logits, dataset: Dataset) -> float:
        """Accuracy: share of images whose greatest logit (the lowest of equals) is a right outcome."""
        decided = logits.argmax(axis=1)
        return float(self._allowed(dataset)[np.arange(len(decided)), decided].mean())

    def _allowed(self, dataset: Dataset) -> npt.NDArray[np.bool_]:
        return np.stack([np.isin(dataset.targets, group) for group in self.groups], axis=1)


@dataclass(frozen=True)
class CellMap:
    """A heat map: objects in cells (segmentation), or the cells of their centres (localization).

    Attributes:
        rows: cells from top to bottom.
        columns: cells from left to right.
        first: row and column that the first cell's window is centred on, in pixels.
        distance: of neighbouring cells, in pixels.
        positive_weight: weight of a cell with an object, against 1 of one without.
    """

    rows: int
    columns: int
    first: float
    distance: float
    positive_weight: float = 4.0

    def centres(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Row and column of each cell's centre, in pixels: float64 (rows,) and (columns,)."""
        return (
            self.first + self.distance * np.arange(self.rows, dtype=np.float64),
            self.first + self.distance * np.arange(self.columns, dtype=np.float64),
        )

    def targets(self, dataset: Dataset) -> Tensor:
        """1 with an object, 0 without, :data:`IGNORED` for neighbours of a centre: float32 (N, cells).

        Raises:
            DataError: a segmentation has other cells or more than two classes.
        """
        if dataset.task is Task.SEGMENTATION:
            if dataset.targets.shape[1:] != (self.rows, self.columns) or len(dataset.classes) != 2:
                raise DataError(
                    f"{dataset.name} has {dataset.targets.shape[1:]} cells of {len(dataset.classes)} "
                    f"classes; the network's heat map tells {(self.rows, self.columns)} cells of 2 apart"
                )
            return torch.from_numpy(dataset.targets).flatten(1).float()
        cells = np.zeros((len(dataset), self.rows, self.columns), np.float32)
        centre_rows, centre_columns = self.centres()
        images, objects = np.nonzero(dataset.targets[:, :, 0] != NOWHERE)
        places = [
            (image, int(np.abs(centre_rows - row).argmin()), int(np.abs(centre_columns - column).argmin()))
            for image, (row, column) in zip(images, dataset.targets[images, objects], strict=True)
        ]
        for image, row, column in places:
            cells[image, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = IGNORED
        for place in places:
            cells[place] = 1
        return torch.from_numpy(cells).flatten(1)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy of the cells that are not ignored, weighted."""
        weights = torch.where(targets > 0, self.positive_weight, 1.0) * (targets != IGNORED)
        each = nn.functional.binary_cross_entropy_with_logits(logits, targets.clamp(min=0), reduction="none")
        return (each * weights).sum() / weights.sum()

    def score(self, logits: Logits, dataset: Dataset) -> float:
        """Mean IoU of segmentation (objects are where logits are above 0), recall of localization."""
        if dataset.task is Task.SEGMENTATION:
            decided = (logits > 0).reshape(dataset.targets.shape)
            return mean_iou(decided.astype(np.int64), dataset.targets, 2)
        return self.recall(logits, dataset)

    def peaks(self, logits: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
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

    def recall(self, logits: Logits, dataset: Dataset) -> float:
        """Share of objects within :data:`WITHIN` pixels of a peak; an image has as many peaks as objects."""
        found = total = 0
        for heat, positions in zip(logits, dataset.targets, strict=True):
            objects = positions[positions[:, 0] != NOWHERE]
            peaks = self.peaks(heat, len(objects))
            distances = np.hypot(*(objects[:, None] - peaks[None]).transpose(2, 0, 1))
            found += int((distances <= WITHIN).any(axis=1).sum())
            total += len(objects)
        return found / max(total, 1)


def mean_iou(decided: npt.NDArray[np.int64], truth: npt.NDArray[np.int64], classes: int) -> float:
    """Mean over classes of intersection over union, over all images together; absent classes are left out."""
    ious = []
    for index in range(classes):
        union = ((decided == index) | (truth == index)).sum()
        if union:
            ious.append(((decided == index) & (truth == index)).sum() / union)
    return float(np.mean(ious))


def objective_for(dataset: Dataset, specification: NetworkSpecification) -> Objective:
    """The objective of a dataset's task with a network's head.

    Raises:
        DataError: head and task do not fit each other, or images have another size than the input.
    """
    size = specification.input.size
    dataset.require_size(size, size)
    head = specification.head
    if dataset.task is Task.CLASSIFICATION:
        if not isinstance(head, FullyConnected) or head.outcomes != len(dataset.classes):
            raise DataError(
                f"{dataset.name} has {len(dataset.classes)} classes; the head must be fully connected "
                f"with as many outcomes, not {head}"
            )
        return Classification(tuple((index,) for index in range(len(dataset.classes))))
    if isinstance(head, FullyConnected):
        raise DataError(f"{dataset.name}: {dataset.task} needs a heat map for its head")
    _, rows, columns = specification.shapes[-1]
    return CellMap(rows, columns, *specification.cell_grid)
