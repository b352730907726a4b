"""A tree of random weights with the shape of a trained one, and a picture that leads to each of its ends."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import CaptureGeometry
from pixeltree.errors import DataError
from pixeltree.files import AnyPath, as_path
from pixeltree.network import INPUT_SIZE, KERNEL_COUNT, KERNEL_SIZE, FoldedNetwork
from pixeltree.swapping.describe import node_order
from pixeltree.tree import Tree
from pixeltree.tree_builder import NodeSpec
from pixeltree_protocol.objects import Digest, Label
from pixeltree_protocol.registers import ARRAY_SIZE

Pictures = npt.NDArray[np.uint8]

_POOL = 4
_THRESHOLD = 64
_MARGIN = 4
_TRIES = 2_000
_WHITE = 255


@dataclass(frozen=True)
class Album:
    """Pictures for the ends of a tree.

    Attributes:
        pictures: uint8 (count, 256, 256), for the emulator's ``--source``.
        of_end: per end, in the order of :attr:`SwapTree.ends`, the number of a picture that leads to it.
    """

    pictures: Pictures
    of_end: tuple[int, ...]

    def write(self, folder: AnyPath, ends: npt.NDArray[np.int64]) -> list[str]:
        """Files that show a sequence of ends to an emulated sensor; returns the emulator's options."""
        folder = as_path(folder)
        np.save(folder / "pictures.npy", self.pictures)
        order = "\n".join(str(self.of_end[end]) for end in ends)
        (folder / "order.txt").write_text(order + "\n")
        return [f"--source={folder / 'pictures.npy'}", f"--source-order={folder / 'order.txt'}"]


def random_tree(children: int = 12, labels_each: int = 16, seed: int = 0) -> Tree:
    """A root and children that each tell some labels apart; about 512 bytes of weights per label.

    The root's biases are such that random pictures come to every child.
    """
    random = np.random.default_rng(seed)
    root = _network(random, children)
    sums = np.array([root.logits(picture[:INPUT_SIZE] > 0) for picture in _windows(random, 64)])
    biases = -np.round(sums.mean(axis=0)).astype(np.int32)
    root = FoldedNetwork(root.kernels, root.thresholds, root.pool, root.weights, biases)
    specs = [NodeSpec("root", root, tuple(f"child {child}" for child in range(children)))]
    for child in range(children):
        labels = tuple(range(child * labels_each, (child + 1) * labels_each))
        specs.append(NodeSpec(f"child {child}", _network(random, labels_each), labels))
    names = [f"label {label}" for label in range(children * labels_each)]
    return Tree.build("random weights", names, CaptureGeometry(_THRESHOLD, margin=_MARGIN), specs)


def album(tree: Tree, ends: int, seed: int = 0) -> Album:
    """A picture for every end of a tree, found by trying random ones.

    Raises:
        DataError: some end is not found.
    """
    number = {digest: index for index, digest in enumerate(node_order(tree))}
    found: dict[int, Pictures] = {}
    done: set[Digest] = set()
    for picture in _windows(np.random.default_rng(seed), _TRIES, tree.geometry.size):
        path = _way(tree, picture, done)
        if path[-1] in done:
            continue
        found.setdefault(number[path[-1]], picture)
        for node in reversed(path):
            whole = number[node] in found or not _ends(tree, node)
            if whole and done.issuperset(tree.nodes[node].children):
                done.add(node)
        if len(found) == ends:
            break
    else:
        raise DataError(f"{_TRIES} random pictures came to {len(found)} of {ends} ends; try another seed")
    pictures = np.zeros((ends, ARRAY_SIZE, ARRAY_SIZE), np.uint8)
    for index, end in enumerate(sorted(found)):
        window, top, left = tree.scene(found[end])
        pictures[index, top : top + window.shape[0], left : left + window.shape[1]] = window
    return Album(pictures, tuple(range(ends)))


def _way(tree: Tree, picture: Pictures, done: Container[Digest]) -> list[Digest]:
    """The nodes on a picture's way, as far as it leads to something that has not been found.

    A node that has labels only is where the way ends, whatever it says.
    """
    bits = tree.input_bits(picture)
    way: list[Digest] = [tree.root.root]
    sums = np.zeros(0, np.int32)
    while way[-1] not in done and (node := tree.nodes[way[-1]]).children:
        sums = tree.sums(way[-1], bits, sums)
        exit_ = node.exits[tree.outcome(way[-1], sums)]
        if isinstance(exit_, Label):
            break
        way.append(exit_.node)
    return way


def _ends(tree: Tree, node: Digest) -> bool:
    """Whether a way may end at a node."""
    return any(isinstance(exit_, Label) for exit_ in tree.nodes[node].exits)


def _windows(random: np.random.Generator, count: int, size: int = INPUT_SIZE) -> list[Pictures]:
    """Random blotches, uint8 (size, size) each, black at the margin."""
    windows = []
    for _ in range(count):
        coarse = random.random((8, 8)) < random.uniform(0.1, 0.8)
        picture = np.kron(coarse, np.ones((size // 8, size // 8))).astype(np.uint8) * np.uint8(_WHITE)
        picture[:_MARGIN] = picture[-_MARGIN:] = 0
        picture[:, :_MARGIN] = picture[:, -_MARGIN:] = 0
        windows.append(picture)
    return windows


def _network(random: np.random.Generator, outcomes: int) -> FoldedNetwork:
    """Random signs; all networks share kernels of one drawing's shape, so that they share blocks."""
    signs = np.array([-1, 1], np.int8)
    cells = INPUT_SIZE // _POOL
    return FoldedNetwork(
        random.choice(signs, (KERNEL_COUNT, KERNEL_SIZE, KERNEL_SIZE)),
        random.integers(-2, 5, KERNEL_COUNT).astype(np.int16),
        _POOL,
        random.choice(signs, (outcomes, KERNEL_COUNT, cells, cells)),
        np.zeros(outcomes, np.int32),
    )
