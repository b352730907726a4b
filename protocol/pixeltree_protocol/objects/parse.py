"""Reading an object of any kind from its bytes."""

from __future__ import annotations

from collections.abc import Callable

from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects.block import Block
from pixeltree_protocol.objects.layout import ObjectKind
from pixeltree_protocol.objects.node import Node, TreeRoot
from pixeltree_protocol.objects.program import Program
from pixeltree_protocol.objects.quick_segment import quick_segment
from pixeltree_protocol.objects.segment import Segment, decode_segment

AnyObject = Block | Segment | Program | Node | TreeRoot

_DECODERS: dict[ObjectKind, Callable[[bytes], AnyObject]] = {
    ObjectKind.BLOCK: Block.decode,
    ObjectKind.SEGMENT: decode_segment,
    ObjectKind.PROGRAM: Program.decode,
    ObjectKind.NODE: Node.decode,
    ObjectKind.TREE: TreeRoot.decode,
}


def parse_object(data: bytes) -> AnyObject:
    """Read any object.

    Raises:
        ObjectError: the bytes are not an object of a known kind.
    """
    kind = data[0] if data else None
    if kind not in _DECODERS:
        raise ObjectError(f"an object cannot start with {kind}; known kinds: {[int(k) for k in ObjectKind]}")
    if kind == ObjectKind.SEGMENT and (segment := quick_segment(data)) is not None:
        return segment
    parsed = _DECODERS[ObjectKind(kind)](data)
    if parsed.encode() != data:  # equal contents must have equal digests
        raise ObjectError(f"these {len(data)} bytes are not the canonical form of their contents")
    return parsed
