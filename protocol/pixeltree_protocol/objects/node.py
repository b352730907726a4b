"""Nodes and trees: manifests that name other objects by digest.

A child is named by its digest inside its parent's exits, so the digest of a tree names everything below
it, a tree can have no cycle, and a device never needs a table of all nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import construct as c

from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects.layout import DIGEST_BYTES, Digest, ObjectKind, build, object_layout, parse

MAX_DEPTH = 128
"""Nodes on a path from the root to a label; a device ends a frame that goes deeper."""

MAX_OUTCOMES = 1024
"""Outcomes of a node: a heat map of 32 x 32 cells, whose logits are 4 KiB of a result message."""

MAX_PATH_LOGITS = 15_000
"""Logits of all nodes on a path together, so that a result always fits into one message."""

_DIGEST = c.Bytes(DIGEST_BYTES)

_EXIT_LABEL, _EXIT_CHILD = 0, 1

EXIT = c.Struct(
    "kind" / c.Int8ul * "0 a label, which ends the frame; 1 a child node",
    "target"
    / c.Switch(c.this.kind, {_EXIT_LABEL: c.Int16ul, _EXIT_CHILD: _DIGEST}, default=c.Error)
    * "a label is a uint16_t, a child the 16 bytes of its digest",
)

NODE_LAYOUT = object_layout(
    ObjectKind.NODE,
    "program" / _DIGEST * "digest of the program object",
    "blocks"
    / c.PrefixedArray(c.Int8ul, _DIGEST)
    * "in the order of the slots by which the program names them",
    "segments" / c.PrefixedArray(c.Int8ul, _DIGEST) * "likewise",
    "dregs" / c.Int16ul * "bit i: the node may write Ri, 0 to 12; other bits are 0",
    "aregs" / c.Int8ul * "bit i: the node may write the i-th of A B C D E F NEWS; bit 7 is 0",
    "exits" / c.PrefixedArray(c.Int16ul, EXIT) * "one per outcome, at most 1,024; none for a capture node",
)

TREE_LAYOUT = object_layout(
    ObjectKind.TREE,
    "input_plane" / c.Int8ul * "index of the DREG that holds the thresholded frame, 0 to 12",
    "capture" / _DIGEST * "digest of the capture node",
    "root" / _DIGEST * "digest of the first node",
)


@dataclass(frozen=True)
class Label:
    """An exit that ends the frame with a label, 0 to 65,535."""

    value: int


@dataclass(frozen=True)
class Child:
    """An exit that continues with another node."""

    node: Digest


Exit = Label | Child


@dataclass(frozen=True)
class Node:
    """The manifest of a node: what it needs, which planes it uses, and where each outcome leads.

    Attributes:
        program: digest of its program.
        blocks, segments: digests, in the order of the slots by which the program names them.
        dregs, aregs: registers that the node may write, and read as its own.
        exits: one per outcome; empty for a capture node, which decides nothing.
    """

    program: Digest
    blocks: tuple[Digest, ...]
    segments: tuple[Digest, ...]
    dregs: frozenset[Digital]
    aregs: frozenset[Analog]
    exits: tuple[Exit, ...] = ()

    def __post_init__(self) -> None:
        if len(self.exits) > MAX_OUTCOMES:
            raise ObjectError(f"a node has at most {MAX_OUTCOMES} exits, not {len(self.exits)}")
        strangers = [*(self.dregs - set(DREGS)), *(self.aregs - set(AREGS))]
        if strangers:
            raise ObjectError(
                f"{', '.join(sorted(strangers))} cannot be planes of a node; R0-R12, A-F, NEWS can"
            )

    @cached_property
    def needs(self) -> tuple[Digest, ...]:
        """Digests of all objects the node needs beside its manifest, without repetition."""
        return tuple(dict.fromkeys((self.program, *self.blocks, *self.segments)))

    @property
    def children(self) -> tuple[Digest, ...]:
        """Digests of the nodes that its exits lead to, without repetition."""
        return tuple(dict.fromkeys(exit_.node for exit_ in self.exits if isinstance(exit_, Child)))

    def encode(self) -> bytes:
        """The manifest's object bytes."""
        exits = [
            {"kind": _EXIT_CHILD, "target": exit_.node}
            if isinstance(exit_, Child)
            else {"kind": _EXIT_LABEL, "target": exit_.value}
            for exit_ in self.exits
        ]
        values = {
            "program": self.program,
            "blocks": self.blocks,
            "segments": self.segments,
            "dregs": sum(1 << DREGS.index(reg) for reg in self.dregs),
            "aregs": sum(1 << AREGS.index(reg) for reg in self.aregs),
            "exits": exits,
        }
        return build(NODE_LAYOUT, "node", values)

    @classmethod
    def decode(cls, data: bytes) -> Node:
        """Read a node.

        Raises:
            ObjectError: the bytes are not a node.
        """
        fields = parse(NODE_LAYOUT, "node", data)
        if fields.dregs >> len(DREGS) or fields.aregs >> len(AREGS):
            raise ObjectError("a node claims a register that the chip does not have")
        return cls(
            fields.program,
            tuple(fields.blocks),
            tuple(fields.segments),
            frozenset(reg for i, reg in enumerate(DREGS) if fields.dregs >> i & 1),
            frozenset(reg for i, reg in enumerate(AREGS) if fields.aregs >> i & 1),
            tuple(
                Child(exit_.target) if exit_.kind == _EXIT_CHILD else Label(exit_.target)
                for exit_ in fields.exits
            ),
        )


@dataclass(frozen=True)
class TreeRoot:
    """Entry point of a tree.

    Attributes:
        input_plane: the DREG that holds the thresholded frame; only the capture node writes it.
        capture: digest of the node that fills the input plane, run once per frame.
        root: digest of the node that looks first.
    """

    input_plane: Digital
    capture: Digest
    root: Digest

    def __post_init__(self) -> None:
        if self.input_plane not in DREGS:
            raise ObjectError(f"{self.input_plane} cannot be the input plane; R0 to R12 can")

    def encode(self) -> bytes:
        """The tree's object bytes."""
        values = {"input_plane": DREGS.index(self.input_plane), "capture": self.capture, "root": self.root}
        return build(TREE_LAYOUT, "tree", values)

    @classmethod
    def decode(cls, data: bytes) -> TreeRoot:
        """Read a tree.

        Raises:
            ObjectError: the bytes are not a tree.
        """
        fields = parse(TREE_LAYOUT, "tree", data)
        if fields.input_plane >= len(DREGS):
            raise ObjectError(f"a tree's input plane is R{fields.input_plane}; the chip has R0 to R12")
        return cls(DREGS[fields.input_plane], fields.capture, fields.root)
