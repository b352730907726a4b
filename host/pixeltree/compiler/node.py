"""Putting a node together: blocks, segments and steps become objects and a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree.compiler.layout import INPUT
from pixeltree.errors import CompileError
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.errors import ProtocolError
from pixeltree_protocol.objects import Block, Digest, Exit, Node, Segment, digest_of
from pixeltree_protocol.objects.program import Launch, Program, Step
from pixeltree_protocol.objects.verify import registers_written, step_writes, verify_node


@dataclass(frozen=True)
class CompiledNode:
    """A node's manifest and everything it needs.

    Attributes:
        manifest: the node.
        objects: bytes of the manifest and of all objects that it names, by digest; manifest last.
        words: instruction words that one run executes, weight expansion not included.
    """

    manifest: Node
    objects: dict[Digest, bytes]
    words: int

    @property
    def digest(self) -> Digest:
        """The node's name."""
        return digest_of(self.manifest.encode())


def make_node(
    steps: Sequence[Step],
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    exits: Sequence[Exit],
    is_capture: bool = False,
    source: Digital = INPUT,
) -> CompiledNode:
    """A compiled node, verified as the device will verify it.

    Args:
        steps: the program.
        blocks: in the order of their slots.
        segments: likewise.
        exits: one per outcome.
        is_capture: whether it writes the input plane.
        source: the DREG that it takes its input from; one of the node's planes unless it is the input plane.

    Raises:
        CompileError: the node breaks one of the device's rules.
    """
    try:
        program = Program(tuple(steps))
        parts = [part.encode() for part in (program, *blocks, *segments)]
        digests = [digest_of(part) for part in parts]
        first_segment = 1 + len(blocks)
        written = frozenset().union(
            *(registers_written(word) for block in blocks for word in block.words), *map(step_writes, steps)
        )
        node = Node(
            digests[0],
            tuple(digests[1:first_segment]),
            tuple(digests[first_segment:]),
            frozenset(reg for reg in written | {source} - {INPUT} if isinstance(reg, Digital)),
            frozenset(reg for reg in written if isinstance(reg, Analog)),
            tuple(exits),
        )
        verify_node(node, program, blocks, segments, INPUT, is_capture)
        manifest = node.encode()
    except ProtocolError as error:
        raise CompileError(f"the compiled node breaks a rule of the device: {error}") from error
    objects = dict(zip(digests, parts, strict=True)) | {digest_of(manifest): manifest}
    words = sum(step.times * len(blocks[step.block].words) for step in steps if isinstance(step, Launch))
    return CompiledNode(node, objects, words)
