"""The ways of many images through a tree by the integer reference, in batches. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.tree.node import TreeNode
from pixeltree_protocol.objects import Digest, Label

_BATCH_PIXELS = 1 << 16
"""Input pixels that a node's model sees at once. More images of 32 x 32 than 64 do not make it faster."""


@dataclass(frozen=True)
class ReferenceVisit:
    """One node on the integer reference's path; the outcome is the index of the exit that it took.

    A node that proceeds has no logits here, as in RESULT: they are in the sums of the next.
    """

    node: str
    outcome: int
    logits: tuple[int, ...]


Way = tuple[int, tuple[ReferenceVisit, ...]]
"""Index of the label that was decided, and the nodes before it."""


@dataclass
class _Image:
    """An image on its way: what the next node sees of it, the sums so far, and the nodes so far."""

    bits: npt.NDArray[np.bool_]
    seen: npt.NDArray[np.bool_]
    sums: npt.NDArray[np.int32]
    visits: list[ReferenceVisit]


def walk(
    nodes: Mapping[Digest, TreeNode],
    root: TreeNode,
    bits: npt.NDArray[np.bool_],
    progress: Callable[[int], None] = lambda done: None,
    before: int = 0,
) -> list[Way]:
    """The way of each image from the root to its label.

    Images that have come to the same node go through its model together.

    Args:
        nodes: of the tree, by digest.
        root: where all images begin.
        bits: bool (N, size, size), the input plane of each image.
        progress: called with the number of images that have a label.
        before: how many had one before these.

    Returns:
        N ways, in the order of the images.
    """
    step = max(1, _BATCH_PIXELS // bits[0].size) if len(bits) else 1
    images = [_Image(each, each, np.zeros(0, np.int32), []) for each in bits]
    labels: dict[int, int] = {}
    waiting: dict[Digest, list[int]] = {root.digest: list(range(len(images)))} if images else {}
    while waiting:
        digest = next(iter(waiting))  # the one that was found first: windows come before what is below them
        here = waiting.pop(digest)
        for start in range(0, len(here), step):
            batch = here[start : start + step]
            _visit(nodes[digest], [images[index] for index in batch])
            for index in batch:
                exit_ = nodes[digest].manifest.exits[images[index].visits[-1].outcome]
                if isinstance(exit_, Label):
                    labels[index] = exit_.value
                else:
                    waiting.setdefault(exit_.node, []).append(index)
            progress(before + len(labels))
    return [(labels[index], tuple(image.visits)) for index, image in enumerate(images)]


def _visit(node: TreeNode, images: list[_Image]) -> None:
    if node.is_window and node.window is not None:
        for image in images:
            image.seen = node.window.cut(image.bits)
    before = np.stack([image.sums for image in images])
    sums = node.sums(np.stack([image.seen for image in images]), before)
    for image, own in zip(images, sums, strict=True):
        outcome = node.outcome(own)
        told = () if node.ending.proceeds else tuple(own.tolist())
        image.sums = own
        image.visits.append(ReferenceVisit(node.name, outcome, told))
