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
from pixeltree.model.geometry import FullyConnectedGeometry
from pixeltree.model.heat_maps import CellGrid, mean_iou
from pixeltree.train.specification import NetworkSpecification

IGNORED = -1.0
"""Target of a cell that may be anything."""

POSITIVE_WEIGHTS = {Task.LOCALIZATION: 4.0, Task.SEGMENTATION: 1.0}
"""Weight of a cell with an object, against 1 of one without. Peaks are sought among few such cells. A
segmentation is to say neither too much nor too little: a chip tends to say more than an ideal array."""

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
            raise DataError(f"{dataset.name}: the network has no outcome for class {lost}")
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
        grid: where the cells lie.
        positive_weight: weight of a cell with an object, against 1 of one without.
    """

    grid: CellGrid
    positive_weight: float = POSITIVE_WEIGHTS[Task.LOCALIZATION]

    def targets(self, dataset: Dataset) -> Tensor:
        """1 with an object, 0 without, :data:`IGNORED` for neighbours of a centre: float32 (N, cells).

        Raises:
            DataError: a segmentation has other cells or more than two classes.
        """
        if dataset.task is Task.SEGMENTATION:
            shape = self.grid.rows, self.grid.columns
            if dataset.targets.shape[1:] != shape or len(dataset.classes) != 2:
                raise DataError(
                    f"{dataset.name} has {dataset.targets.shape[1:]} cells of {len(dataset.classes)} "
                    f"classes; the network's heat map tells {shape} cells of 2 apart"
                )
            return torch.from_numpy(dataset.targets).flatten(1).float()
        cells = np.zeros((len(dataset), self.grid.rows, self.grid.columns), np.float32)
        centre_rows, centre_columns = self.grid.centres()
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

    def recall(self, logits: Logits, dataset: Dataset) -> float:
        """Share of objects within 4 pixels of a peak; an image has as many peaks as objects."""
        found = [self.grid.found(*each) for each in zip(logits, dataset.targets, strict=True)]
        return float(np.concatenate(found).mean())


def objective_for(dataset: Dataset, specification: NetworkSpecification) -> Objective:
    """The objective of a dataset's task with a network's head.

    Raises:
        DataError: head and task do not fit each other, or images have another size than the input.
    """
    size = specification.input.size
    dataset.require_size(size, size)
    head = specification.head
    if dataset.task is Task.CLASSIFICATION:
        if not isinstance(head, FullyConnectedGeometry) or head.outcomes != len(dataset.classes):
            raise DataError(
                f"{dataset.name} has {len(dataset.classes)} classes; the head must be fully connected "
                f"with as many outcomes, not {head}"
            )
        return Classification(tuple((index,) for index in range(len(dataset.classes))))
    if isinstance(head, FullyConnectedGeometry):
        raise DataError(f"{dataset.name}: {dataset.task} needs a heat map for its head")
    return CellMap(specification.cell_grid, POSITIVE_WEIGHTS[dataset.task])
