"""Answers of a node for the one below it that is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from pixeltree.run.results import NodeVisit
from pixeltree.swapping.description import SwapTree
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Child


class CoarseAnswers:
    """Remembers which labels frames through each node had.

    Args:
        tree: the tree.
        swap_tree: the same with its nodes numbered.
    """

    def __init__(self, tree: Tree, swap_tree: SwapTree) -> None:
        self._tree = tree
        self._swap_tree = swap_tree
        self._seen: dict[int, Counter[int]] = {}

    def learn(self, nodes: Iterable[int], label: int) -> None:
        """A frame through these nodes had this label."""
        for node in nodes:
            self._seen.setdefault(node, Counter())[label] += 1

    def label(self, node: int) -> int:
        """The most frequent label below a node; before there is one, the first."""
        seen = self._seen.get(node)
        return seen.most_common(1)[0][0] if seen else self._swap_tree.nodes[node].label

    def path(self, node: int) -> tuple[NodeVisit, ...]:
        """The visits that led to a node; nothing is known of them but their outcomes."""
        way = self._swap_tree.path_to(node)
        return tuple(
            NodeVisit(self._swap_tree.nodes[above].name, self._outcome(above, below), (), 0.0)
            for above, below in pairwise(way)
        )

    def _outcome(self, above: int, below: int) -> int:
        exits = self._tree.by_level[above].manifest.exits
        wanted = self._tree.by_level[below].digest
        return next(i for i, exit_ in enumerate(exits) if isinstance(exit_, Child) and exit_.node == wanted)
