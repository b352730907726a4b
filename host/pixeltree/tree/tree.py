"""A tree: nodes joined by exits, as it is built, saved, loaded, and run by the integer reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import islice

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path, write_whole
from pixeltree.compiler import CaptureGeometry
from pixeltree.compiler.layout import INPUT
from pixeltree.datasets.record import TrainingData
from pixeltree.errors import DataError, PixeltreeError, TreeError
from pixeltree.model import fields_of
from pixeltree.tree.builder import TreeBuilder
from pixeltree.tree.file import attachments_of, description_of, read_nodes
from pixeltree.tree.node import NodeSpec, TreeNode
from pixeltree.tree.sketch import svg
from pixeltree.tree.walk import Way, walk
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects import Block, Digest, Label, TreeRoot, digest_of
from pixeltree_protocol.objects.treefile import TreeFile

_DATA = "training data"
"""The attachment of this name says which images the tree was made with."""

GreyImage = npt.NDArray[np.uint8]
"""Brightness, (rows, columns), 0 to 255."""

_AT_ONCE = 1024
"""Images whose ways are followed together, so that many of them come to the same node."""

PlacedImage = tuple[GreyImage, int, int]
"""Pixels, and the row and column of the picture where the first of them goes."""


@dataclass(frozen=True)
class Tree:
    """A compiled tree with everything the host knows about it.

    Attributes:
        name: what it is called.
        labels: names of the labels.
        geometry: the part of the picture that is the input, and its threshold.
        digest: name of the tree object.
        objects: all objects, by digest.
        nodes: all nodes, by digest; the capture node included.
        data: the images that it was made with; None if nobody has said. No object depends on it.
    """

    name: str
    labels: tuple[str, ...]
    geometry: CaptureGeometry
    digest: Digest
    objects: dict[Digest, bytes]
    nodes: dict[Digest, TreeNode]
    data: TrainingData | None = None

    @classmethod
    def build(
        cls, name: str, labels: Sequence[str], geometry: CaptureGeometry, specs: Sequence[NodeSpec]
    ) -> Tree:
        """Compile a tree; the first spec is the root.

        Raises:
            TreeError: a child that is not there, a label out of range, a cycle, or a node that adds its
                logits to another number of them.
            CompileError: a node that does not fit.
        """
        builder = TreeBuilder(labels, geometry, specs)
        root, _ = builder.node(specs[0].name)
        encoded = TreeRoot(INPUT, builder.capture.digest, root.digest).encode()
        objects = builder.objects | {digest_of(encoded): encoded}
        tree = cls(name, tuple(labels), geometry, digest_of(encoded), objects, builder.nodes)
        tree._check_sums()
        return tree

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.name)}</b>: {len(self.depth_first)} nodes</p>{svg(self)}"

    @cached_property
    def _object(self) -> TreeRoot:
        return TreeRoot.decode(self.objects[self.digest])

    @property
    def capture(self) -> TreeNode:
        """The node that takes the picture."""
        return self.nodes[self._object.capture]

    @property
    def root(self) -> TreeNode:
        """The first node after the capture node."""
        return self.nodes[self._object.root]

    @cached_property
    def by_level(self) -> tuple[TreeNode, ...]:
        """The nodes that a frame may come to: capture, root, and then level by level."""
        order = [self.capture, self.root]
        at = 1
        while at < len(order):
            order += [child for child in self.children(order[at]) if child not in order]
            at += 1
        return tuple(order)

    @cached_property
    def depth_first(self) -> tuple[TreeNode, ...]:
        """The nodes below the capture node, each before those that it leads to."""
        found: dict[Digest, TreeNode] = {}
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if node.digest not in found:
                found[node.digest] = node
                waiting += reversed(self.children(node))
        return tuple(found.values())

    def named(self, name: str) -> TreeNode:
        """The node of this name; the first one, if it was compiled for windows of several sizes.

        Raises:
            TreeError: there is none.
        """
        for node in self.nodes.values():
            if node.name == name:
                return node
        raise TreeError(f"the tree {self.name!r} has no node {name!r}")

    def children(self, node: TreeNode) -> tuple[TreeNode, ...]:
        """The nodes that a node's exits lead to, without repetition."""
        return tuple(self.nodes[child] for child in node.manifest.children)

    @property
    def total_bytes(self) -> int:
        """Bytes of all objects."""
        return sum(map(len, self.objects.values()))

    def bytes_of(self, digests: Iterable[Digest]) -> int:
        """Bytes of some objects together."""
        return sum(len(self.objects[digest]) for digest in digests)

    def words_of(self, node: TreeNode) -> int:
        """Instruction words of a node's blocks together."""
        return sum(self.block_words[digest] for digest in set(node.manifest.blocks))

    @cached_property
    def block_words(self) -> dict[Digest, int]:
        """How many instruction words each block of its nodes has."""
        blocks = {digest for node in self.nodes.values() for digest in node.manifest.blocks}
        return {digest: len(Block.decode(self.objects[digest]).words) for digest in blocks}

    def save(self, path: AnyPath) -> None:
        """Write the tree file; an existing file is replaced only by a complete one.

        Raises:
            TreeError: the file cannot be written.
            DataError: ``path`` is no path.
        """
        target = as_path(path)
        try:
            write_whole(target, self.encode())
        except OSError as error:
            raise TreeError(f"{path}: cannot be written: {error.strerror}") from error

    def encode(self) -> bytes:
        """The bytes of the tree file."""
        description = {
            "name": self.name,
            "labels": self.labels,
            "geometry": fields_of(self.geometry),
            **description_of(self.nodes.values(), self.depth_first),
        }
        attachments = attachments_of(self.depth_first)
        if self.data is not None:
            attachments[_DATA] = self.data.encode()
        return TreeFile(self.digest, json.dumps(description), self.objects, attachments).encode()

    @classmethod
    def load(cls, path: AnyPath) -> Tree:
        """Read a tree file.

        Raises:
            TreeError: the file is missing, cut, damaged, or of another version.
            DataError: ``path`` is no path.
        """
        source = as_path(path)
        try:
            return cls.decode(source.read_bytes())
        except OSError as error:
            raise TreeError(f"{path}: cannot be read: {error.strerror}") from error
        except (ObjectError, PixeltreeError) as error:
            raise TreeError(f"{path}: {error}") from error

    @classmethod
    def decode(cls, data: bytes) -> Tree:
        """Read the bytes of a tree file.

        Raises:
            TreeError: they are cut, damaged, or of another version.
        """
        try:
            return cls._from_file(TreeFile.decode(data))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise TreeError(f"the tree file's description is malformed: {error!r}") from error
        except ObjectError as error:
            raise TreeError(str(error)) from error

    @classmethod
    def _from_file(cls, file: TreeFile) -> Tree:
        description = json.loads(file.description)
        tree = cls(
            description["name"],
            tuple(description["labels"]),
            CaptureGeometry(**description["geometry"]),
            file.tree,
            file.objects,
            read_nodes(file, description),
            TrainingData.decode(file.attachments[_DATA]) if _DATA in file.attachments else None,
        )
        tree._check()
        return tree

    def _check(self) -> None:
        names = [node.name for node in self.nodes.values()]
        if not all(isinstance(text, str) for text in (self.name, *self.labels, *names)):
            raise TreeError("the names of the tree, its labels and its nodes must be text")
        exits = [exit_ for node in self.nodes.values() for exit_ in node.manifest.exits]
        if any(isinstance(exit_, Label) and exit_.value >= len(self.labels) for exit_ in exits):
            raise TreeError(f"an exit leads to a label beyond the {len(self.labels)} that have a name")
        for node in self.nodes.values():
            if node.window is not None:
                node.window.check_input(self.geometry.size)
            found, expected = len(node.manifest.exits), node.ending.exits(node.outcomes)
            if found != expected:
                raise TreeError(f"node {node.name!r} has {found} exits for {node.outcomes} outcomes")
        self._check_sums()
        for above in self.depth_first:
            for node in self.children(above):
                if node.model is not None:  # the windows above it may not all have the size that it takes
                    self.geometry.layout(node.model, above.window)
        if self.root.model is not None:
            self.geometry.layout(self.root.model, None)

    def _check_sums(self) -> None:
        """Whether every node that adds its logits to others has as many as the node before."""
        for node in self.nodes.values():
            for child in self.children(node):
                own, before = child.outcomes, node.outcomes
                if child.ending.adds and own != before:
                    raise TreeError(
                        f"node {child.name!r} adds {own} logits, but {node.name!r} before it gives {before}"
                    )
        if self.root.ending.adds:
            raise TreeError("the root cannot add its logits to those of a node before it, as there is none")

    def reference(self, image: GreyImage) -> Way:
        """Label and path of an image by the integer reference: NumPy only, no device.

        Args:
            image: as for :meth:`place`.
        """
        return self.references([image])[0]

    def references(
        self, images: Iterable[GreyImage], progress: Callable[[int], None] = lambda done: None
    ) -> list[Way]:
        """As :meth:`reference`, for many images at once, which takes far less time for each.

        Args:
            images: as for :meth:`place`.
            progress: called now and then with the number of images that have a label.
        """
        ways: list[Way] = []
        waiting = iter(images)
        while bits := [self.input_bits(image) for image in islice(waiting, _AT_ONCE)]:
            ways += walk(self.nodes, self.root, np.stack(bits), progress, len(ways))
        return ways

    def input_bits(self, image: GreyImage) -> npt.NDArray[np.bool_]:
        """The input as the capture node makes it: bool (size, size)."""
        pixels, top, left = self.place(image)
        full = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.uint8)
        full[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return self.geometry.input_bits(self.geometry.window(full))

    def place(self, image: GreyImage) -> PlacedImage:
        """Where an image goes in the picture: the pixels, their top row and their left column.

        Args:
            image: uint8, (size, size) for the input alone or (256, 256) for the whole picture. Where the
                input lies in cells, each of its pixels fills a cell of the picture.

        Raises:
            DataError: another shape or type.
        """
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
            raise DataError(f"an image must be a NumPy array of uint8, not {kind}")
        size = self.geometry.size
        if image.shape == (ARRAY_SIZE, ARRAY_SIZE):
            return image, 0, 0
        if image.shape == (size, size):
            pixels = image.repeat(self.geometry.pitch, axis=0).repeat(self.geometry.pitch, axis=1)
            return pixels, self.geometry.top, self.geometry.left
        raise DataError(f"an image must have shape {(size, size)} or (256, 256), not {image.shape}")
