"""Trees for trying things out: the shapes of trained ones, without weights."""

from __future__ import annotations

from pixeltree.swapping.description import SwapNode, SwapObject, SwapTree


def uniform_tree(
    children: int = 12,
    own_bytes: int = 8_192,
    shared_bytes: int = 900,
    capture_us: float = 130.0,
    node_us: float = 700.0,
    labels_each: int = 16,
) -> SwapTree:
    """A root and equal children: each has weights, a program and a manifest; all share their blocks.

    Args:
        children: how many.
        own_bytes: weights of each child.
        shared_bytes: blocks that all nodes but the capture node share.
        capture_us: array time of the capture node.
        node_us: array time of every other node.
        labels_each: outcomes of each child.
    """
    objects: list[SwapObject] = []

    def add(size: int, words: int = 0) -> int:
        objects.append(SwapObject(len(objects).to_bytes(16, "little"), size, words))
        return len(objects) - 1

    capture = (add(168), add(71), add(220, 92))
    shared = add(shared_bytes, 132)
    nodes = [SwapNode("capture", capture, capture_us, outcomes=0, ends=False)]
    nodes.append(
        SwapNode(
            "root", (add(267), add(208), shared, add(514 * children)), node_us, None, children, ends=False
        )
    )
    for child in range(children):
        needs = (add(228), add(208), shared, add(own_bytes))
        nodes.append(SwapNode(f"child {child}", needs, node_us, 1, labels_each, True, child * labels_each))
    return SwapTree(tuple(objects), tuple(nodes), children * labels_each)
