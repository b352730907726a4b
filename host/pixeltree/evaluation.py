"""How good a tree is: on the integer reference, on a device, and whether the two agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset, Task
from pixeltree.errors import DataError
from pixeltree.scheduler import TreeRunner
from pixeltree.tree import ReferenceVisit, Tree
from pixeltree_protocol.objects import Digest, Label

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one pass over some images gave.

    Attributes:
        decided: int64 (N,), index of the label of each image.
        paths: the nodes each image went through, with outcomes and logits.
        confusion: int64 (labels, labels), images of each class (row) for which each label was decided.
    """

    decided: npt.NDArray[np.int64]
    paths: tuple[tuple[ReferenceVisit, ...], ...]
    confusion: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share of images with the right label, 0 to 1."""
        return float(np.trace(self.confusion) / len(self.decided))

    def visits(self) -> dict[str, int]:
        """How many images went through each node."""
        names = [visit.node for path in self.paths for visit in path]
        return {name: names.count(name) for name in dict.fromkeys(names)}

    def differences(self, other: Evaluation) -> int:
        """Images of which label, path or any logit differs in another evaluation of the same images."""
        return sum(
            mine != theirs or bool(label != another)
            for mine, theirs, label, another in zip(
                self.paths, other.paths, self.decided, other.decided, strict=True
            )
        )


def evaluate_reference(tree: Tree, dataset: Dataset, progress: Progress = lambda done: None) -> Evaluation:
    """Classify images by the integer reference.

    Args:
        tree: what to evaluate.
        dataset: images with classes named as the tree's labels.
        progress: called with the number of images done.

    Raises:
        DataError: classes and labels differ, or images have another size.
    """
    return _evaluate(tree, dataset, tree.reference, progress)


def evaluate_device(
    runner: TreeRunner, tree: Tree, dataset: Dataset, progress: Progress = lambda done: None
) -> Evaluation:
    """Classify images on a device; see :func:`evaluate_reference`.

    Args:
        runner: with the tree opened on the device.
        tree: the same tree.
        dataset: images with classes named as the tree's labels.
        progress: called with the number of images done.

    Raises:
        DataError: classes and labels differ, or images have another size.
        DeviceError: the device ended a frame with an error.
    """

    def decide(image: npt.NDArray[np.uint8]) -> tuple[int, tuple[ReferenceVisit, ...]]:
        result = runner.infer(image)
        visits = (ReferenceVisit(visit.node, visit.outcome, visit.logits) for visit in result.path)
        return result.label, tuple(visits)

    return _evaluate(tree, dataset, decide, progress)


def accuracy_by_node(tree: Tree, dataset: Dataset, evaluation: Evaluation) -> dict[str, float]:
    """How often each node was right: its outcome leads to the image's label, at once or further down.

    Only images that came to a node count, those that its parent sent there wrongly included, unless no
    outcome of the node could have been right.

    Args:
        tree: the tree.
        dataset: the images of the evaluation.
        evaluation: of the tree.

    Returns:
        Share of right outcomes, 0 to 1, of every node that an image came to.
    """
    truth = _labels(tree, dataset)[dataset.targets]
    below = {name: _labels_below(tree, digest) for digest, name in tree.names.items()}
    right: dict[str, list[bool]] = {}
    for label, path in zip(truth, evaluation.paths, strict=True):
        for visit in path:
            reachable = below[visit.node]
            if any(int(label) in labels for labels in reachable):
                right.setdefault(visit.node, []).append(int(label) in reachable[visit.outcome])
    return {name: float(np.mean(each)) for name, each in right.items()}


def _labels_below(tree: Tree, digest: Digest) -> list[set[int]]:
    """The labels that each outcome of a node can lead to."""
    return [
        {exit_.value} if isinstance(exit_, Label) else set().union(*_labels_below(tree, exit_.node))
        for exit_ in tree.nodes[digest].exits
    ]


def _evaluate(
    tree: Tree,
    dataset: Dataset,
    decide: Callable[[npt.NDArray[np.uint8]], tuple[int, tuple[ReferenceVisit, ...]]],
    progress: Progress,
) -> Evaluation:
    labels = _labels(tree, dataset)
    results = []
    for image in dataset.images:
        results.append(decide(image))
        progress(len(results))
    decided = np.array([label for label, _ in results], np.int64)
    confusion = np.zeros((len(tree.labels), len(tree.labels)), np.int64)
    np.add.at(confusion, (labels[dataset.targets], decided), 1)
    return Evaluation(decided, tuple(path for _, path in results), confusion)


def _labels(tree: Tree, dataset: Dataset) -> npt.NDArray[np.int64]:
    """The tree's label of each class of the dataset."""
    if dataset.task is not Task.CLASSIFICATION:
        raise DataError(f"{dataset.name} is for {dataset.task}; a tree of labels classifies")
    if set(dataset.classes) != set(tree.labels):
        odd = sorted(set(dataset.classes) ^ set(tree.labels))
        raise DataError(f"{dataset.name} and the tree {tree.name} differ in the classes {', '.join(odd)}")
    return np.array([tree.labels.index(name) for name in dataset.classes], np.int64)
