"""Which classes belong together: those that a network confuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset
from pixeltree.errors import RecipeError, from_extra

Groups = tuple[tuple[int, ...], ...]

_FLOOR = 1e-4
"""Affinity of classes that are never confused, so that the graph of classes is connected."""


def confusion(logits: npt.NDArray[np.float64], dataset: Dataset, outcomes: int) -> npt.NDArray[np.float64]:
    """How probable a network finds each outcome for images of each class: float64 (classes, outcomes).

    Rows are means of softmax(logits) and sum to 1; a class without images has zeros.
    """
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    opinions = shifted / shifted.sum(axis=1, keepdims=True)
    result = np.zeros((len(dataset.classes), outcomes))
    for target in np.unique(dataset.targets):
        result[target] = opinions[dataset.targets == target].mean(axis=0)
    return result


def grouped(
    matrix: npt.NDArray[np.float64],
    count: int,
    seed: int,
    sizes: Sequence[int] | None = None,
    most: int | None = None,
) -> Groups:
    """Groups of indices such that what is confused lies in one group.

    Spectral clustering (Ng, Jordan, Weiss 2001) of the graph whose edges are the confusions, both ways
    added; the hierarchy by confusion is that of Griffin, Perona 2008, "Learning and using taxonomies for
    fast visual categorization".

    Args:
        matrix: float64 (n, n), as :func:`confusion` has it.
        count: number of groups, 2 to n.
        seed: of the clustering.
        sizes: what each index counts, at most ``most``; None counts 1 for each.
        most: what a group may count; None for no limit. What is least confused with the rest of a group that
            is too large goes where it is confused most and there is room, if need be to a new group.

    Returns:
        Groups in the order of their first members, none empty.

    Raises:
        RecipeError: scikit-learn is not installed.
    """
    groups = _clustered(matrix, count, seed)
    if most is None:
        return groups
    return _cut(groups, matrix + matrix.T, (1,) * len(matrix) if sizes is None else sizes, most)


def _clustered(matrix: npt.NDArray[np.float64], count: int, seed: int) -> Groups:
    try:
        from sklearn.cluster import SpectralClustering  # noqa: PLC0415 - slow to import, and few recipes need it
    except ImportError as error:
        raise RecipeError(f"grouping classes needs scikit-learn: {from_extra('train')}") from error
    affinity = matrix + matrix.T
    np.fill_diagonal(affinity, 0)
    affinity += _FLOOR
    clustering = SpectralClustering(
        count, affinity="precomputed", random_state=seed, assign_labels="cluster_qr"
    )
    labels = clustering.fit_predict(affinity)
    groups = [tuple(int(i) for i in np.flatnonzero(labels == label)) for label in range(count)]
    filled = sorted(group for group in groups if group)
    if len(filled) < 2:  # nothing tells the classes apart
        return tuple(tuple(int(i) for i in part) for part in np.array_split(np.arange(len(matrix)), count))
    return tuple(filled)


def _cut(groups: Groups, affinity: npt.NDArray[np.float64], sizes: Sequence[int], most: int) -> Groups:
    def counted(group: Sequence[int]) -> int:
        return sum(sizes[index] for index in group)

    def near(index: int, group: Sequence[int]) -> float:
        others = [other for other in group if other != index]
        return float(affinity[index, others].mean()) if others else 0.0

    result = [list(group) for group in groups]
    while (large := next((group for group in result if counted(group) > most), None)) is not None:
        leaving = min(large, key=lambda index: near(index, large))
        large.remove(leaving)
        room = [group for group in result if group is not large and counted(group) + sizes[leaving] <= most]
        if not room:
            result.append([])
            room = result[-1:]
        max(room, key=lambda group: near(leaving, group)).append(leaving)
    return tuple(sorted(tuple(sorted(group)) for group in result))


def overlapping(
    groups: Groups, routed: npt.NDArray[np.float64], share: float, most: int | None = None
) -> Groups:
    """Groups with classes added that a router often sends there.

    Args:
        groups: indices of classes.
        routed: float64 (classes, groups), the share of each class's images that goes to each group.
        share: from which a class is added.
        most: classes to which a group may grow, the greatest shares first; None for no limit.
    """
    return tuple(
        tuple(sorted({*group, *_misrouted(group, routed[:, index], share, most)}))
        for index, group in enumerate(groups)
    )


def _misrouted(
    group: tuple[int, ...], shares: npt.NDArray[np.float64], share: float, most: int | None
) -> list[int]:
    order = np.argsort(-shares, kind="stable")
    misrouted = [int(c) for c in order if shares[c] >= share and int(c) not in group]
    return misrouted if most is None else misrouted[: max(0, most - len(group))]
