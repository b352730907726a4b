"""What a training says of itself while it goes on: values for whoever shows or keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Doing:
    """Something that takes a while has begun, or is so far.

    Attributes:
        what: in words, for example ``reading pictures``.
        done: how much of it is done.
        total: how much there is; 0 where that is not known.
    """

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class BatchReport:
    """How a run stands within an epoch.

    Attributes:
        epoch: the epoch, from 1.
        epochs: epochs in all.
        batch: batches done in this epoch.
        batches: batches of an epoch.
        images: images seen by this run since it was started, or went on.
        left: images that it has yet to see, in this epoch and the others.
        loss: mean training loss of this epoch so far.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    images: int
    left: int
    loss: float


@dataclass(frozen=True)
class EpochReport:
    """How a run stands after an epoch.

    Attributes:
        epoch: epochs done.
        epochs: epochs in all.
        loss: mean training loss.
        score: on the validation images, 0 to 1.
        best: the best score so far.
        restored: whether the epoch was trained before, and comes from a checkpoint.
    """

    epoch: int
    epochs: int
    loss: float
    score: float
    best: float
    restored: bool = False


Report = Doing | BatchReport | EpochReport

Progress = Callable[[str, Report], None]
"""Is told who works, by the name of the network or node or with no name, and how it stands."""


def silent(who: str, report: Report) -> None:
    """Says nothing."""
