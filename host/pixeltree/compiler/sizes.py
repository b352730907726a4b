"""Sizes of a node's objects."""

from __future__ import annotations

from pixeltree.compiler.node import CompiledNode
from pixeltree_protocol.objects import Block, BlockPlanes, FullyConnected
from pixeltree_protocol.objects.segment import decode_segment


def block_bytes(node: CompiledNode) -> int:
    """Bytes of a node's kernel blocks, tables included."""
    return sum(len(node.objects[digest]) for digest in set(node.manifest.blocks))


def block_words(node: CompiledNode) -> int:
    """Instruction words that a node's blocks hold."""
    return sum(len(Block.decode(node.objects[digest]).words) for digest in set(node.manifest.blocks))


def segment_bytes(node: CompiledNode) -> int:
    """Bytes of a node's weight segments; the mask segment holds shape, no weights, and is shared."""
    segments = {digest: decode_segment(node.objects[digest]) for digest in node.manifest.segments}
    return sum(
        len(node.objects[digest])
        for digest, segment in segments.items()
        if not isinstance(segment, BlockPlanes)
    )


def head_bytes(node: CompiledNode) -> int:
    """Bytes of a fully connected head's segment; 0 without one."""
    segments = {digest: decode_segment(node.objects[digest]) for digest in node.manifest.segments}
    return sum(
        len(node.objects[digest])
        for digest, segment in segments.items()
        if isinstance(segment, FullyConnected)
    )


def program_bytes(node: CompiledNode) -> int:
    """Bytes of a node's program."""
    return len(node.objects[node.manifest.program])
