"""How good a tree is: on the integer reference, on a device, and whether the two agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pixeltree.datasets import NOWHERE, Dataset, Task
from pixeltree.errors import DataError
from pixeltree.model import HeatMap
from pixeltree.model.heat_maps import WITHIN, CellGrid, mean_iou
from pixeltree.run import TreeRunner
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import Tree
from pixeltree.tree.walk import ReferenceVisit
from pixeltree_protocol.objects import Label

Progress = Callable[[int], None]


METRICS = {
    Task.CLASSIFICATION: "accuracy",
    Task.LOCALIZATION: f"objects within {WITHIN:g} pixels",
    Task.SEGMENTATION: "mean IoU",
}
"""What the score of each task is."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one pass over some images gave.

    Attributes:
        decided: int64 (N,), index of the label of each image.
        paths: the nodes each image went through, with outcomes and logits.
        score: by the task's metric, 0 to 1; see :data:`METRICS`.
    """

    decided: npt.NDArray[np.int64]
    paths: tuple[tuple[ReferenceVisit, ...], ...]
    score: float

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
    """Take images through the integer reference.

    Args:
        tree: what to evaluate.
        dataset: images, with classes named as the tree's labels if they are to be classified.
        progress: called now and then with the number of images done.

    Raises:
        DataError: classes and labels differ, images have another size, or the tree does another task.
    """
    check_fits(tree, dataset)
    with threadpool_limits(1):  # products as small as these wait for their threads where other programs run
        return evaluation_of(tree, dataset, tree.references(dataset.images, progress))


def evaluate_device(
    runner: TreeRunner, tree: Tree, dataset: Dataset, progress: Progress = lambda done: None
) -> Evaluation:
    """Take images through a device; see :func:`evaluate_reference`.

    Args:
        runner: with the tree opened on the device.
        tree: the same tree.
        dataset: the images.
        progress: called with the number of images done.

    Raises:
        DataError: see :func:`evaluate_reference`.
        DeviceError: the device ended a frame with an error.
    """
    check_fits(tree, dataset)
    results = []
    for image in dataset.images:
        results.append(decided_by(runner, image))
        progress(len(results))
    return evaluation_of(tree, dataset, results)


def decided_by(runner: TreeRunner, image: npt.NDArray[np.uint8]) -> tuple[int, tuple[ReferenceVisit, ...]]:
    """What a device makes of an image: the label, and the nodes that it went through."""
    result = runner.infer(image)
    visits = (ReferenceVisit(visit.node, visit.outcome, visit.logits) for visit in result.path)
    return result.label, tuple(visits)


def confusion(tree: Tree, dataset: Dataset, evaluation: Evaluation) -> npt.NDArray[np.int64]:
    """Images of each class (row) for which each label was decided: int64 (labels, labels).

    Raises:
        DataError: classes and labels differ.
    """
    matrix = np.zeros((len(tree.labels), len(tree.labels)), np.int64)
    np.add.at(matrix, (_labels(tree, dataset)[dataset.targets], evaluation.decided), 1)
    return matrix


def balanced(matrix: npt.NDArray[np.int64]) -> float:
    """Class-balanced accuracy: the mean of the classes' accuracies, each of which counts the same.

    Args:
        matrix: as :func:`confusion` has it; classes without images do not count.
    """
    images = matrix.sum(axis=1)
    return float((matrix.diagonal()[images > 0] / images[images > 0]).mean())


def accuracy_by_node(tree: Tree, dataset: Dataset, evaluation: Evaluation) -> dict[str, float]:
    """How often each node was right: its outcome leads to the image's label, at once or further down.

    Only images that came to a node count, those that its parent sent there wrongly included, unless no
    outcome of the node could have been right. Nodes all of whose outcomes lead to the same labels, such as
    windows and the localizer above them, can neither be right nor wrong and are left out.

    Args:
        tree: the tree.
        dataset: the images of the evaluation.
        evaluation: of the tree.

    Returns:
        Share of right outcomes, 0 to 1, of every node that an image came to.
    """
    truth = _labels(tree, dataset)[dataset.targets]
    known: dict[TreeNode, list[set[int]]] = {}
    below = {node.name: _labels_below(tree, node, known) for node in tree.depth_first}
    right: dict[str, list[bool]] = {}
    for label, path in zip(truth, evaluation.paths, strict=True):
        for visit in path:
            reachable = below[visit.node]
            differ = any(labels != reachable[0] for labels in reachable)
            if differ and any(int(label) in labels for labels in reachable):
                right.setdefault(visit.node, []).append(int(label) in reachable[visit.outcome])
    return {name: float(np.mean(each)) for name, each in right.items()}


def _labels_below(tree: Tree, node: TreeNode, known: dict[TreeNode, list[set[int]]]) -> list[set[int]]:
    """The labels that each outcome of a node can lead to; ``known`` has those that were found before."""
    if node not in known:
        known[node] = [
            {exit_.value}
            if isinstance(exit_, Label)
            else set().union(*_labels_below(tree, tree.nodes[exit_.node], known))
            for exit_ in node.manifest.exits
        ]
    return known[node]


def evaluation_of(
    tree: Tree, dataset: Dataset, results: Sequence[tuple[int, tuple[ReferenceVisit, ...]]]
) -> Evaluation:
    """The evaluation of images: the label that was decided for each, and its path."""
    decided = np.array([label for label, _ in results], np.int64)
    paths = tuple(path for _, path in results)
    return Evaluation(decided, paths, _score(tree, dataset, decided, paths))


def check_fits(tree: Tree, dataset: Dataset) -> None:
    """Refuse what the tree cannot do before an hour of frames.

    Raises:
        DataError: the images have another size than the tree's input, classes and labels differ, or the tree
            does another task.
    """
    dataset.require_size(tree.geometry.size, tree.geometry.size)
    if dataset.task is Task.CLASSIFICATION:
        _labels(tree, dataset)
    elif not _grids(tree):
        raise DataError(f"{dataset.name} is for {dataset.task}; no node of {tree.name} makes a heat map")


def _grids(tree: Tree) -> dict[str, CellGrid]:
    """The cells of every node that makes a heat map, by name."""
    return {
        node.name: CellGrid.of(node.model)
        for node in tree.nodes.values()
        if node.model is not None and isinstance(node.model.head, HeatMap)
    }


def _score(
    tree: Tree,
    dataset: Dataset,
    decided: npt.NDArray[np.int64],
    paths: tuple[tuple[ReferenceVisit, ...], ...],
) -> float:
    """The score of a task. Where no node made a heat map, because the tree saw nothing, nothing was found."""
    if dataset.task is Task.CLASSIFICATION:
        return float((_labels(tree, dataset)[dataset.targets] == decided).mean())
    grids = _grids(tree)
    maps = [next((visit for visit in path[::-1] if visit.node in grids), None) for path in paths]
    if dataset.task is Task.SEGMENTATION:
        shape = dataset.targets.shape[1:]
        cells = [np.zeros(shape) if heat is None else np.reshape(heat.logits, shape) > 0 for heat in maps]
        return mean_iou(np.array(cells, np.int64), dataset.targets, len(dataset.classes))
    found = [
        np.zeros((positions[:, 0] != NOWHERE).sum(), np.bool_)
        if heat is None
        else grids[heat.node].found(np.array(heat.logits, np.float64), positions)
        for heat, positions in zip(maps, dataset.targets, strict=True)
    ]
    return float(np.concatenate(found).mean())


def _labels(tree: Tree, dataset: Dataset) -> npt.NDArray[np.int64]:
    """The tree's label of each class of the dataset."""
    if dataset.task is not Task.CLASSIFICATION:
        raise DataError(f"{dataset.name} is for {dataset.task}; a tree of labels classifies")
    if set(dataset.classes) != set(tree.labels):
        odd = sorted(set(dataset.classes) ^ set(tree.labels))
        raise DataError(f"{dataset.name} and the tree {tree.name} differ in the classes {', '.join(odd)}")
    return np.array([tree.labels.index(name) for name in dataset.classes], np.int64)
