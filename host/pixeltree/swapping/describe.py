"""A compiled tree as swapping sees it."""

from __future__ import annotations

from collections.abc import Mapping

from pixeltree.arguments.numbers import check_number
from pixeltree.swapping.array_time import array_us_of
from pixeltree.swapping.description import SwapNode, SwapObject, SwapTree
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Child, Label


def describe(tree: Tree, array_us: Mapping[str, float] | None = None) -> SwapTree:
    """Sizes, needs and times of a compiled tree.

    Args:
        tree: the tree.
        array_us: measured device time of nodes by name (``capture`` for the capture node), in microseconds;
            of the others it is worked out from their programs.

    Raises:
        DataError: a time that is not above 0, or not finite.
    """
    for name, time in (array_us or {}).items():
        check_number(f"the device time of node {name!r}, in microseconds,", time, above=0)
    order, known = tree.by_level, array_us or {}
    digests = list(dict.fromkeys(need for node in order for need in (node.digest, *node.manifest.needs)))
    index = {digest: number for number, digest in enumerate(digests)}
    objects = [
        SwapObject(digest, len(tree.objects[digest]), tree.block_words.get(digest, 0))
        for digest in (*digests, tree.digest)
    ]
    parents: dict[TreeNode, int] = {}
    for number, node in enumerate(order):
        for child in tree.children(node):
            parents.setdefault(child, number)
    nodes = [
        SwapNode(
            name=node.name,
            needs=tuple(index[digest] for digest in (node.digest, *node.manifest.needs)),
            array_us=known[node.name] if node.name in known else array_us_of(tree, node),
            parent=parents.get(node),
            outcomes=0 if node.ending.proceeds else node.outcomes,
            ends=any(isinstance(exit_, Label) for exit_ in node.manifest.exits),
            label=_some_label(tree, node),
        )
        for node in order
    ]
    return SwapTree(tuple(objects), tuple(nodes), len(tree.labels))


def _some_label(tree: Tree, node: TreeNode) -> int:
    """The first label below a node; 0 for the capture node."""
    for exit_ in node.manifest.exits:
        return exit_.value if isinstance(exit_, Label) else _some_label(tree, tree.nodes[exit_.node])
    return 0


def children_of(tree: Tree, node: TreeNode) -> tuple[int | None, ...]:
    """Per exit of a node, the number of the node it leads to; None for a label."""
    number = {other.digest: index for index, other in enumerate(tree.by_level)}
    return tuple(number[exit_.node] if isinstance(exit_, Child) else None for exit_ in node.manifest.exits)
