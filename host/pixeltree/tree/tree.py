"""A tree: nodes joined by exits, as it is built, saved, loaded, and run by the integer reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path, write_whole
from pixeltree.compiler import CaptureGeometry, Ending, compile_capture
from pixeltree.compiler.layout import INPUT
from pixeltree.datasets.record import TrainingData
from pixeltree.errors import DataError, PixeltreeError, TreeError
from pixeltree.model import (
    FoldedModel,
    Window,
    add_logits,
    decide,
    decode_model,
    encode_model,
    fields_of,
    infer,
)
from pixeltree.tree.builder import NodeSpec, TreeBuilder
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects import Block, Digest, Label, Node, TreeRoot, digest_of
from pixeltree_protocol.objects.program import AddLogits, Proceed, Program
from pixeltree_protocol.objects.treefile import TreeFile

_MODEL = "model "
"""Attachments of this name and a node's hold its folded model."""

_DATA = "training data"
"""The attachment of this name says which images the tree was made with."""

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ReferenceVisit:
    """One node on the integer reference's path; the outcome is the index of the exit that it took.

    A node that proceeds has no logits here, as in RESULT: they are in the sums of the next.
    """

    node: str
    outcome: int
    logits: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """A compiled tree with everything the host knows about it.

    Attributes:
        name: what it is called.
        labels: names of the labels.
        geometry: the part of the picture that is the input, and its threshold.
        digest: name of the tree object.
        objects: all objects, by digest.
        nodes: manifest of every node, by digest; the capture node included.
        names: name of every node but the capture node, by digest.
        models: folded model of every node that is no window, by name.
        windows: the window of every other node, by name.
        data: the images that it was made with; None if nobody has said. No object depends on it.
    """

    name: str
    labels: tuple[str, ...]
    geometry: CaptureGeometry
    digest: Digest
    objects: dict[Digest, bytes]
    nodes: dict[Digest, Node]
    names: dict[Digest, str]
    models: dict[str, FoldedModel]
    windows: dict[str, Window] = field(default_factory=dict)
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
        capture = compile_capture(geometry).node
        builder.add(capture)
        below, _ = builder.node(specs[0].name, None, ())
        encoded = TreeRoot(INPUT, capture.digest, below).encode()
        builder.objects[digest_of(encoded)] = encoded
        tree = cls(
            name,
            tuple(labels),
            geometry,
            digest_of(encoded),
            builder.objects,
            builder.nodes,
            builder.names,
            builder.models,
            {spec.name: spec.network for spec in specs if isinstance(spec.network, Window)},
        )
        tree._check_sums()
        return tree

    @cached_property
    def root(self) -> TreeRoot:
        """The tree object."""
        return TreeRoot.decode(self.objects[self.digest])

    @property
    def total_bytes(self) -> int:
        """Bytes of all objects."""
        return sum(map(len, self.objects.values()))

    def needs(self, node: Digest) -> tuple[Digest, ...]:
        """Digests of a node's objects and, last, of its manifest."""
        return (*self.nodes[node].needs, node)

    def bytes_of(self, digests: Sequence[Digest]) -> int:
        """Bytes of some objects together."""
        return sum(len(self.objects[digest]) for digest in digests)

    def words_of(self, node: Digest) -> int:
        """Instruction words of a node's blocks together."""
        return sum(len(Block.decode(self.objects[digest]).words) for digest in set(self.nodes[node].blocks))

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
            "nodes": {digest.hex(): name for digest, name in self.names.items()},
        }
        if self.windows:
            description["windows"] = {name: asdict(window) for name, window in self.windows.items()}
        attachments = {_MODEL + name: encode_model(model) for name, model in self.models.items()}
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
        names = {bytes.fromhex(key): value for key, value in description["nodes"].items()}
        root = TreeRoot.decode(file.objects[file.tree])
        nodes = {digest: Node.decode(file.objects[digest]) for digest in (root.capture, *names)}
        tree = cls(
            description["name"],
            tuple(description["labels"]),
            CaptureGeometry(**description["geometry"]),
            file.tree,
            file.objects,
            nodes,
            names,
            {
                name.removeprefix(_MODEL): decode_model(data)
                for name, data in file.attachments.items()
                if name.startswith(_MODEL)
            },
            {name: Window(**window) for name, window in description.get("windows", {}).items()},
            TrainingData.decode(file.attachments[_DATA]) if _DATA in file.attachments else None,
        )
        tree._check()
        return tree

    def _check(self) -> None:
        if not all(isinstance(each, str) for each in (self.name, *self.labels, *self.names.values())):
            raise TreeError("the names of the tree, its labels and its nodes must be text")
        exits = [exit_ for node in self.nodes.values() for exit_ in node.exits]
        if any(isinstance(exit_, Label) and exit_.value >= len(self.labels) for exit_ in exits):
            raise TreeError(f"an exit leads to a label beyond the {len(self.labels)} that have a name")
        for window in self.windows.values():
            window.check_input(self.geometry.size)
        if self.root.root not in self.names:
            raise TreeError("the tree's root node is not among its nodes")
        for digest, node in self.nodes.items():
            lost = [need for need in node.needs if need not in self.objects]
            strangers = [child for child in node.children if child not in self.names]
            if lost or strangers:
                raise TreeError(
                    f"node {self.names.get(digest, 'capture')!r} names objects that are not there"
                )
        missing = set(self.names.values()) - set(self.models) - set(self.windows)
        if missing:
            raise TreeError(f"no model for {', '.join(sorted(missing))}")
        for digest, name in self.names.items():
            self._check_exits(digest, name)
        self._check_sums()
        for digest, seen in self.windows_above.items():
            if self.names[digest] in self.models:
                self.geometry.layout(self.models[self.names[digest]], seen)

    def _check_exits(self, digest: Digest, name: str) -> None:
        """Whether a node has an exit for every outcome of its model."""
        outcomes, exits = self.logits_of(digest), len(self.nodes[digest].exits)
        if exits != self.endings[digest].exits(outcomes):
            raise TreeError(f"node {name!r} has {exits} exits for {outcomes} outcomes")

    def _check_sums(self) -> None:
        """Whether every node that adds its logits to others has as many as the node before."""
        for digest, name in self.names.items():
            for child in set(self.nodes[digest].children):
                own, before = self.logits_of(child), self.logits_of(digest)
                if self.endings[child].adds and own != before:
                    raise TreeError(
                        f"node {self.names[child]!r} adds {own} logits to the {before} of {name!r}"
                    )
        if self.endings[self.root.root].adds:
            raise TreeError("the root adds its logits to those of the node before, and there is none")

    def logits_of(self, digest: Digest) -> int:
        """Logits of a node; a window has one."""
        name = self.names[digest]
        return 1 if name in self.windows else self.models[name].outcomes

    @cached_property
    def endings(self) -> dict[Digest, Ending]:
        """How the program of every node but the capture node ends."""
        found = {}
        for digest in self.names:
            *steps, last = Program.decode(self.objects[self.nodes[digest].program]).steps
            adds = any(isinstance(step, AddLogits) for step in steps)
            found[digest] = Ending(adds, isinstance(last, Proceed))
        return found

    @cached_property
    def windows_above(self) -> dict[Digest, Window | None]:
        """The last window above every node, one of several equally large ones; None if there is none."""
        found: dict[Digest, Window | None] = {}
        waiting: list[tuple[Digest, Window | None]] = [(self.root.root, None)]
        while waiting:
            digest, above = waiting.pop()
            if digest not in found:
                found[digest] = above
                own = self.windows.get(self.names[digest], above)
                waiting += [(child, own) for child in self.nodes[digest].children]
        return found

    def reference(self, image: Image) -> tuple[int, tuple[ReferenceVisit, ...]]:
        """Label and path of an image by the integer reference: NumPy only, no device.

        Args:
            image: as for :meth:`scene`.
        """
        bits = self.input_bits(image)
        seen = bits
        visits: list[ReferenceVisit] = []
        sums: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        digest = self.root.root
        while True:
            window = self.windows.get(self.names[digest])
            if window is not None:
                seen = window.cut(bits)
            sums = self.sums(digest, seen, sums)
            outcome = self.outcome(digest, sums)
            told = () if self.endings[digest].proceeds else tuple(int(v) for v in sums)
            visits.append(ReferenceVisit(self.names[digest], outcome, told))
            exit_ = self.nodes[digest].exits[outcome]
            if isinstance(exit_, Label):
                return exit_.value, tuple(visits)
            digest = exit_.node

    def sums(
        self, digest: Digest, seen: npt.NDArray[np.bool_], earlier: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.int32]:
        """Logits of a node by the integer reference, with what it adds to them: int32 (outcomes,).

        Args:
            digest: the node.
            seen: bool (size, size), its input plane.
            earlier: int32, the sums of the node before; none at the root.
        """
        name = self.names[digest]
        own = np.zeros(1, np.int32) if name in self.windows else infer(self.models[name], seen).logits
        return add_logits(own, earlier) if self.endings[digest].adds else own

    def outcome(self, digest: Digest, sums: npt.NDArray[np.int32]) -> int:
        """Index of the exit that a node takes with its sums."""
        return 0 if self.endings[digest].proceeds else decide(sums)

    def input_bits(self, image: Image) -> npt.NDArray[np.bool_]:
        """The input as the capture node makes it: bool (size, size)."""
        pixels, top, left = self.scene(image)
        full = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.uint8)
        full[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return self.geometry.input_bits(self.geometry.window(full))

    def scene(self, image: Image) -> tuple[Image, int, int]:
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
