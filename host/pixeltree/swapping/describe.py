"""A compiled tree as swapping sees it."""

from __future__ import annotations

from collections.abc import Mapping

from pixeltree.arguments.numbers import check_number
from pixeltree.swapping.array_time import array_us_of
from pixeltree.swapping.description import SwapNode, SwapObject, SwapTree
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Block, Child, Digest, Label


def node_order(tree: Tree) -> list[Digest]:
    """The nodes in the order in which :class:`SwapTree` numbers them: capture, root, level by level."""
    order = [tree.root.capture, tree.root.root]
    at = 1
    while at < len(order):
        order += [child for child in tree.nodes[order[at]].children if child not in order]
        at += 1
    return order


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
    order = node_order(tree)
    number = {digest: index for index, digest in enumerate(order)}
    digests = list(dict.fromkeys(each for node in order for each in (node, *tree.nodes[node].needs)))
    index = {digest: each for each, digest in enumerate(digests)}
    blocks = {digest for node in tree.nodes.values() for digest in node.blocks}
    objects = [SwapObject(each, len(tree.objects[each]), _words(tree, each, blocks)) for each in digests]
    objects.append(SwapObject(tree.digest, len(tree.objects[tree.digest])))
    known = array_us or {}
    parents: dict[Digest, int] = {}
    for digest in order:
        for child in tree.nodes[digest].children:
            parents.setdefault(child, number[digest])
    nodes = []
    for digest in order:
        node = tree.nodes[digest]
        name = tree.names.get(digest, "capture")
        needs = tuple(index[each] for each in (digest, *node.needs))
        ends = any(isinstance(exit_, Label) for exit_ in node.exits)
        time = known[name] if name in known else array_us_of(tree, digest)
        label = _some_label(tree, digest)
        tells = digest in tree.names and not tree.endings[digest].proceeds
        logits = tree.logits_of(digest) if tells else 0
        nodes.append(SwapNode(name, needs, time, parents.get(digest), logits, ends, label))
    return SwapTree(tuple(objects), tuple(nodes), len(tree.labels))


def _words(tree: Tree, digest: Digest, blocks: set[Digest]) -> int:
    return len(Block.decode(tree.objects[digest]).words) if digest in blocks else 0


def _some_label(tree: Tree, digest: Digest) -> int:
    """The first label below a node; 0 for the capture node."""
    for exit_ in tree.nodes[digest].exits:
        return exit_.value if isinstance(exit_, Label) else _some_label(tree, exit_.node)
    return 0


def children_of(tree: Tree, digest: Digest) -> tuple[int | None, ...]:
    """Per exit of a node, the number of the node it leads to; None for a label."""
    number = {each: index for index, each in enumerate(node_order(tree))}
    exits = tree.nodes[digest].exits
    return tuple(number[exit_.node] if isinstance(exit_, Child) else None for exit_ in exits)
