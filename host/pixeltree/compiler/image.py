"""Putting a node image together: kernels, segments and steps become objects and a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pixeltree.compiler.plan import INPUT
from pixeltree.errors import CompileError
from pixeltree.kernels import Kernel
from pixeltree_protocol.errors import ProtocolError
from pixeltree_protocol.objects import Block, Digest, Exit, Node, Segment, digest_of
from pixeltree_protocol.objects.program import LoadPlane, Program, Run, Step
from pixeltree_protocol.registers import DREGS, Analog, Digital
from pixeltree_protocol.verify import registers_written, step_writes, verify_node


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


def make_image(
    steps: Sequence[Step],
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    exits: Sequence[Exit],
    is_capture: bool = False,
) -> CompiledNode:
    """A node image, verified as the device will verify it.

    Raises:
        CompileError: the image breaks one of the device's rules.
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
            frozenset(reg for reg in written if isinstance(reg, Digital)),
            frozenset(reg for reg in written if isinstance(reg, Analog)),
            tuple(exits),
        )
        verify_node(node, program, blocks, segments, INPUT, is_capture)
        manifest = node.encode()
    except ProtocolError as error:
        raise CompileError(f"the compiled node breaks a rule of the device: {error}") from error
    objects = dict(zip(digests, parts, strict=True)) | {digest_of(manifest): manifest}
    words = sum(step.times * len(blocks[step.block].words) for step in steps if isinstance(step, Run))
    return CompiledNode(node, objects, words)


@dataclass
class ImageBuilder:
    """Collects the steps of a program; equal blocks share a slot."""

    steps: list[Step] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    def run(self, kernel: Kernel, times: int = 1) -> None:
        """Execute a kernel."""
        block = kernel.block()
        if block not in self.blocks:
            self.blocks.append(block)
        self.steps.append(Run(self.blocks.index(block), times))

    def add_segment(self, segment: Segment) -> int:
        """Add a weight segment; returns its slot."""
        self.segments.append(segment)
        return len(self.segments) - 1

    def build(self, exits: Sequence[Exit], is_capture: bool = False) -> CompiledNode:
        """The finished image, verified as the device will verify it.

        Raises:
            CompileError: the image breaks one of the device's rules.
        """
        program = Program(tuple(self.steps))
        parts = [part.encode() for part in (program, *self.blocks, *self.segments)]
        digests = [digest_of(part) for part in parts]
        first_segment = 1 + len(self.blocks)
        dregs, aregs = self._registers()
        node = Node(
            digests[0],
            tuple(digests[1:first_segment]),
            tuple(digests[first_segment:]),
            dregs,
            aregs,
            tuple(exits),
        )
        try:
            verify_node(node, program, self.blocks, self.segments, INPUT, is_capture)
        except ProtocolError as error:
            raise CompileError(f"the compiled node breaks a rule of the device: {error}") from error
        manifest = node.encode()
        objects = dict(zip(digests, parts, strict=True)) | {digest_of(manifest): manifest}
        return CompiledNode(node, objects, self._words())

    def _registers(self) -> tuple[frozenset[Digital], frozenset[Analog]]:
        written = frozenset().union(
            *(registers_written(word) for block in self.blocks for word in block.words),
            {DREGS[step.dreg] for step in self.steps if isinstance(step, LoadPlane)},
        )
        return (
            frozenset(reg for reg in written if isinstance(reg, Digital)),
            frozenset(reg for reg in written if isinstance(reg, Analog)),
        )

    def _words(self) -> int:
        return sum(
            step.times * len(self.blocks[step.block].words) for step in self.steps if isinstance(step, Run)
        )
