"""A grown tree before compilation: trained networks, and the classes that lie below each outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset
from pixeltree.train.capacity import Capacity
from pixeltree.train.export import in_parts
from pixeltree.train.folding import fold
from pixeltree.train.grouping import Groups
from pixeltree.train.network import BinaryNetwork
from pixeltree.train.training import integer_logits_of
from pixeltree.tree.node import NodeSpec

Branches = tuple[int, ...]
"""Per outcome, the branch that it takes; outcomes may share one."""


@dataclass(frozen=True, eq=False)
class GrownNode:
    """One node and what lies below it.

    Attributes:
        network: trained, in evaluation mode.
        groups: classes below each branch.
        children: of each branch, None where it is one class and ends there.
        branches: of each outcome. Several outcomes of a router may share a child.
        score: accuracy of this node alone on validation images of its classes.
    """

    network: BinaryNetwork
    groups: Groups
    children: tuple[GrownNode | None, ...]
    branches: Branches
    score: float

    def logits(
        self, images: npt.NDArray[np.uint8], allowed: frozenset[int] | None = None
    ) -> npt.NDArray[np.float64]:
        """Integer logits of images: float64 (N, outcomes); arguments as in :meth:`decide`."""
        logits = integer_logits_of(self.network, images)
        if allowed is not None:
            logits[:, [not allowed.intersection(self.groups[branch]) for branch in self.branches]] = -np.inf
        return logits

    def taken(self, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Branch that each row of logits takes: int64 (N,), from float64 (N, outcomes)."""
        return np.asarray(np.asarray(self.branches)[logits.argmax(axis=1)], np.int64)

    def routing(self, groups: Groups) -> GrownNode:
        """A leaf as a router: each of its outcomes takes the branch of the group that its classes are in."""
        branch_of = {index: branch for branch, group in enumerate(groups) for index in group}
        branches = tuple(branch_of[classes[0]] for classes in self.groups)
        return replace(self, groups=groups, children=(None,) * len(groups), branches=branches)

    def decide(
        self, images: npt.NDArray[np.uint8], allowed: frozenset[int] | None = None
    ) -> npt.NDArray[np.int64]:
        """Class of each image: int64 (N,).

        Args:
            images: uint8 (N, rows, columns).
            allowed: classes to decide between; None for all that are below this node.
        """
        return self._below(images, self.logits(images, allowed), (allowed,) * len(self.groups))

    def decide_apart(self, images: npt.NDArray[np.uint8], groups: Groups) -> npt.NDArray[np.int64]:
        """As :meth:`decide`, but each child decides between the classes of its entry in ``groups`` only."""
        return self._below(images, self.logits(images), tuple(map(frozenset, groups)))

    def _below(
        self,
        images: npt.NDArray[np.uint8],
        logits: npt.NDArray[np.float64],
        allowed: tuple[frozenset[int] | None, ...],
    ) -> npt.NDArray[np.int64]:
        taken = self.taken(logits)
        decided = np.empty(len(images), np.int64)
        for branch, (group, child) in enumerate(zip(self.groups, self.children, strict=True)):
            own = taken == branch
            if own.any():
                decided[own] = group[0] if child is None else child.decide(images[own], allowed[branch])
        return decided

    def nodes(self, capacity: Capacity, name: str = "root") -> list[NodeSpec]:
        """This node and all below, folded; the names say the path.

        Args:
            capacity: for which it was grown; a network that only fits in parts becomes several nodes.
            name: of this node.
        """
        leads = tuple(
            group[0] if child is None else f"{name}.{branch}"
            for branch, (group, child) in enumerate(zip(self.groups, self.children, strict=True))
        )
        own = tuple(leads[branch] for branch in self.branches)
        count = capacity.parts_of(self.network.specification)
        assert count is not None  # it was grown for this capacity
        result = in_parts(NodeSpec(name, fold(self.network)[0], own), count)
        for branch, child in enumerate(self.children):
            if child is not None:
                result += child.nodes(capacity, f"{name}.{branch}")
        return result


def accuracy(node: GrownNode, dataset: Dataset) -> float:
    """Share of images whose class a tree tells."""
    return float((node.decide(dataset.images) == dataset.targets).mean())
