"""Which images reach a node: what it learns from, and is judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset
from pixeltree.train.augment import Augmentation
from pixeltree.train.fit import logits_of, varied_logits_of
from pixeltree.train.grouping import Groups
from pixeltree.train.grown import GrownNode

VARIED_VIEWS = 4
"""Looks at a router's choices for changed images, beside one for each as it is."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The images of a node.

    Attributes:
        training: what it learns from.
        validation: what it is judged by.
        routed: names what was left out, empty where nothing was: networks that learned from other images
            are others.
    """

    training: Dataset
    validation: Dataset
    routed: str = ""

    def among(self, classes: Sequence[int]) -> Reach:
        """The images of some classes."""
        training, validation = (
            part.subset(np.isin(part.targets, list(classes))) for part in (self.training, self.validation)
        )
        return Reach(training, validation, self.routed)

    def below(
        self, router: GrownNode, own: Groups, wider: Groups, augmentation: Augmentation
    ) -> tuple[Reach, ...]:
        """What reaches each child of a router.

        All images of its own classes do, since others of their kind may, and of classes that stray to it
        those that the router sends there as they are, or changed as in training, with a chip's errors where
        its training knows of them. Nothing is to be learned without images: a class of which none of the
        training part is sent comes with all of them, and so does a validation part that would be empty.

        Args:
            router: of the children.
            own: the classes of each child, each in one only.
            wider: the same with the classes that stray there.
            augmentation: how images are changed.
        """
        training_sent, validation_sent = (
            _sent(router, part, augmentation) for part in (self.training, self.validation)
        )
        reaches = []
        for branch, (base, classes) in enumerate(zip(own, wider, strict=True)):
            learned = _reaching(self.training, base, classes, training_sent[:, branch])
            learned |= _those_without(self.training, classes, learned)
            judged = _reaching(self.validation, base, classes, validation_sent[:, branch])
            if not judged.any():
                judged = np.isin(self.validation.targets, classes)
            chosen = np.packbits(np.concatenate([learned, judged])).tobytes()
            name = hashlib.blake2b(chosen, digest_size=16).hexdigest()
            reaches.append(Reach(self.training.subset(learned), self.validation.subset(judged), name))
        return tuple(reaches)


def _reaching(
    part: Dataset, own: Sequence[int], classes: Sequence[int], sent: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Images that reach a child with some classes: all of its own, of others those that are sent to it."""
    return np.isin(part.targets, classes) & (sent | np.isin(part.targets, own))


def _those_without(
    part: Dataset, classes: Sequence[int], chosen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """All images of those of some classes of which none is chosen."""
    return np.isin(part.targets, [index for index in classes if not chosen[part.targets == index].any()])


def _sent(router: GrownNode, part: Dataset, augmentation: Augmentation) -> npt.NDArray[np.bool_]:
    """Whether a router sends an image to a branch, in any view of it: bool (images, branches)."""
    result = np.zeros((len(part), len(router.groups)), np.bool_)
    views = [logits_of(router.network, part.images)]
    views += [
        varied_logits_of(router.network, part.images, augmentation, seed) for seed in range(VARIED_VIEWS)
    ]
    for view in views:
        result[np.arange(len(part)), router.taken(view)] = True
    return result
