"""A tree of random weights with the shape of a trained one, and a picture that leads to each of its ends."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.compiler import CaptureGeometry
from pixeltree.errors import DataError
from pixeltree.model import Convolution, ConvolutionGeometry, FoldedModel, FullyConnected, Pooling, infer
from pixeltree.tree.node import NodeSpec, TreeNode
from pixeltree.tree.tree import Tree
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.objects import Label

Pictures = npt.NDArray[np.uint8]

_GEOMETRY = CaptureGeometry(64, margin=4)
_CHANNELS = 16
_KERNEL = 4
_POOL = 4
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
    sums = np.array([infer(root, picture > 0).logits for picture in _windows(random, 64, _GEOMETRY.size)])
    biases = -np.round(sums.mean(axis=0)).astype(np.int32)
    assert isinstance(root.head, FullyConnected)
    root = replace(root, head=replace(root.head, bias=biases))
    specs = [NodeSpec("root", root, tuple(f"child {child}" for child in range(children)))]
    for child in range(children):
        labels = tuple(range(child * labels_each, (child + 1) * labels_each))
        specs.append(NodeSpec(f"child {child}", _network(random, labels_each), labels))
    names = [f"label {label}" for label in range(children * labels_each)]
    return Tree.build("random weights", names, _GEOMETRY, specs)


def album(tree: Tree, ends: int, seed: int = 0) -> Album:
    """A picture for every end of a tree, found by trying random ones.

    Raises:
        DataError: some end is not found.
    """
    number = {node: index for index, node in enumerate(tree.by_level)}
    found: dict[int, Pictures] = {}
    done: set[TreeNode] = set()
    for picture in _windows(np.random.default_rng(seed), _TRIES, tree.geometry.size):
        path = _way(tree, picture, done)
        if path[-1] in done:
            continue
        found.setdefault(number[path[-1]], picture)
        for node in reversed(path):
            whole = number[node] in found or not _ends(node)
            if whole and done.issuperset(tree.children(node)):
                done.add(node)
        if len(found) == ends:
            break
    else:
        raise DataError(f"{_TRIES} random pictures came to {len(found)} of {ends} ends; try another seed")
    pictures = np.zeros((ends, ARRAY_SIZE, ARRAY_SIZE), np.uint8)
    for index, end in enumerate(sorted(found)):
        window, top, left = tree.place(found[end])
        pictures[index, top : top + window.shape[0], left : left + window.shape[1]] = window
    return Album(pictures, tuple(range(ends)))


def _way(tree: Tree, picture: Pictures, done: Container[TreeNode]) -> list[TreeNode]:
    """The nodes on a picture's way, as far as it leads to something that has not been found.

    A node that has labels only is where the way ends, whatever it says.
    """
    bits = tree.input_bits(picture)
    way = [tree.root]
    sums = np.zeros((1, 0), np.int32)
    while way[-1] not in done and way[-1].manifest.children:
        sums = way[-1].sums(bits[None], sums)
        exit_ = way[-1].manifest.exits[way[-1].outcome(sums[0])]
        if isinstance(exit_, Label):
            break
        way.append(tree.nodes[exit_.node])
    return way


def _ends(node: TreeNode) -> bool:
    """Whether a way may end at a node."""
    return any(isinstance(exit_, Label) for exit_ in node.manifest.exits)


def _windows(random: np.random.Generator, count: int, size: int) -> list[Pictures]:
    """Random blotches, uint8 (size, size) each, black at the margin."""
    margin, windows = _GEOMETRY.margin, []
    for _ in range(count):
        coarse = random.random((8, 8)) < random.uniform(0.1, 0.8)
        picture = np.kron(coarse, np.ones((size // 8, size // 8))).astype(np.uint8) * np.uint8(_WHITE)
        picture[:margin] = picture[-margin:] = 0
        picture[:, :margin] = picture[:, -margin:] = 0
        windows.append(picture)
    return windows


def _network(random: np.random.Generator, outcomes: int) -> FoldedModel:
    """Random signs; all networks share kernels of one drawing's shape, so that they share blocks.

    A kernel fires where at least so many more of its +1 than of its -1 lie on bright pixels: -2 to 4.
    """
    signs = np.array([-1, 1], np.int8)
    cells = _GEOMETRY.size // _POOL
    kernels = random.choice(signs, (_CHANNELS, 1, _KERNEL, _KERNEL))
    least = random.integers(-2, 5, _CHANNELS)
    bias = (kernels.sum(axis=(1, 2, 3)) - 2 * least + 1).astype(np.int32)  # in sums of -1 and +1
    geometry = ConvolutionGeometry(_CHANNELS, _KERNEL, before=0, after=_KERNEL - 1)
    convolution = Convolution(geometry, kernels, bias, np.zeros(_CHANNELS, np.bool_))
    weights = random.choice(signs, (outcomes, _CHANNELS, cells, cells))
    head = FullyConnected(weights, np.zeros(outcomes, np.int32))
    return FoldedModel(_GEOMETRY.spec, (convolution, Pooling(_POOL)), head)
