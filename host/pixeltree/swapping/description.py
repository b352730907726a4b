"""A tree as swapping sees it: which nodes need which objects, how large those are, how long nodes compute.

Objects and nodes are small integers here: they index :attr:`SwapTree.objects` and :attr:`SwapTree.nodes`.
Node 0 is the capture node, node 1 the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.numbers import check_count, check_number
from pixeltree.errors import TreeError

CAPTURE, ROOT = 0, 1


@dataclass(frozen=True)
class SwapObject:
    """An object.

    Attributes:
        digest: its name.
        size: bytes that it takes in the controller's memory.
        words: instruction words that it takes in the ICW store; 0 unless it is a block.

    Raises:
        DataError: fewer bytes or words than 0.
    """

    digest: bytes
    size: int
    words: int = 0

    def __post_init__(self) -> None:
        check_count("the size of an object", self.size, 0)
        check_count("the instruction words of an object", self.words, 0)


@dataclass(frozen=True)
class SwapNode:
    """A node.

    Attributes:
        name: what it is called.
        needs: its objects, in the order in which the device looks at them: the manifest first.
        array_us: device time that it takes, in microseconds.
        parent: the node that leads to it; None for the capture node and the root.
        outcomes: how many logits its visit carries.
        ends: whether an outcome of it is a label.
        label: most likely label below it, for coarse answers.

    Raises:
        DataError: a device time below 0, or not finite.
    """

    name: str
    needs: tuple[int, ...]
    array_us: float
    parent: int | None = None
    outcomes: int = 2
    ends: bool = True
    label: int = 0

    def __post_init__(self) -> None:
        check_number(f"the device time of node {self.name!r}, in microseconds,", self.array_us, least=0)


@dataclass(frozen=True)
class SwapTree:
    """The tree.

    Attributes:
        objects: all objects that nodes need.
        nodes: capture, root, and the others.
        labels: how many labels it has.
    """

    objects: tuple[SwapObject, ...]
    nodes: tuple[SwapNode, ...]
    labels: int = 2

    def __post_init__(self) -> None:
        for node in self.nodes:
            if not all(0 <= need < len(self.objects) for need in node.needs):
                raise TreeError(f"node {node.name!r} needs objects that the tree does not have")
        if len(self.nodes) < 2 or not self.ends:
            raise TreeError("a tree for swapping needs a capture node, a root, and an exit that is a label")

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The nodes where a frame may end; outcome sequences are made of indices into this."""
        return tuple(index for index, node in enumerate(self.nodes) if index != CAPTURE and node.ends)

    @cached_property
    def end_of(self) -> dict[int, int]:
        """The index in :attr:`ends` of each node where a frame may end."""
        return {node: end for end, node in enumerate(self.ends)}

    @cached_property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """Per end, the nodes that a frame visits: capture, root, and down to the end."""
        return tuple((CAPTURE, *self.path_to(node)) for node in self.ends)

    @cached_property
    def trunk(self) -> tuple[int, ...]:
        """The nodes that every frame passes, whatever they decide."""
        return self.way_from(ROOT)

    @cached_property
    def uses(self) -> npt.NDArray[np.float64]:
        """float64 (objects, ends): 1 where a frame with that end needs the object."""
        matrix = np.zeros((len(self.objects), len(self.ends)))
        for end, path in enumerate(self.paths):
            for node in path:
                matrix[list(self.nodes[node].needs), end] = 1.0
        return matrix

    @cached_property
    def below(self) -> tuple[tuple[int, ...], ...]:
        """Per node, the ends whose paths lead through it."""
        return tuple(
            tuple(end for end, path in enumerate(self.paths) if node in path)
            for node in range(len(self.nodes))
        )

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each object."""
        return tuple(one.size for one in self.objects)

    @cached_property
    def words(self) -> tuple[int, ...]:
        """Instruction words of each object."""
        return tuple(one.words for one in self.objects)

    @cached_property
    def total_bytes(self) -> int:
        """Bytes of all objects."""
        return sum(self.sizes)

    def way_from(self, node: int) -> tuple[int, ...]:
        """A node and those that always follow it, up to the first node with more than one next."""
        way = [node]
        while not self.nodes[way[-1]].ends:
            below = [index for index, node in enumerate(self.nodes) if node.parent == way[-1]]
            if len(below) != 1:
                break
            way += below
        return tuple(way)

    def path_to(self, node: int) -> tuple[int, ...]:
        """The nodes from the root down to one."""
        path = [node]
        while (parent := self.nodes[path[0]].parent) is not None:
            path.insert(0, parent)
        return tuple(path)

    def bytes_of(self, node: int) -> int:
        """Bytes of a node's objects together."""
        return sum(self.sizes[need] for need in self.nodes[node].needs)

    def with_array_us(self, times: Mapping[str, float]) -> SwapTree:
        """The same tree with other array times, by node name; those of no node of it are left out.

        Raises:
            DataError: a time below 0, or not finite.
        """
        nodes = tuple(
            SwapNode(**{**vars(node), "array_us": times.get(node.name, node.array_us)}) for node in self.nodes
        )
        return SwapTree(self.objects, nodes, self.labels)
