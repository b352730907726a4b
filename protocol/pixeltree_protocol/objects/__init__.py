"""Objects: immutable bytes, named by the digest of their contents.

Every object starts with one byte of kind and one byte of layout version; the rest is declared once, as
a construct, in the module of its kind. :func:`parse_object` reads any of them.
"""

from pixeltree_protocol.objects.block import MAX_BLOCK_WORDS, Block
from pixeltree_protocol.objects.layout import (
    DIGEST_BYTES,
    Digest,
    ObjectKind,
    digest_of,
    short,
)
from pixeltree_protocol.objects.node import (
    MAX_DEPTH,
    MAX_OUTCOMES,
    MAX_PATH_LOGITS,
    Child,
    Exit,
    Label,
    Node,
    TreeRoot,
)
from pixeltree_protocol.objects.parse import AnyObject, parse_object
from pixeltree_protocol.objects.segment import (
    ALL_COLUMNS,
    MOST_WEIGHT_PLANES,
    BlockPlanes,
    FullyConnected,
    PackedBits,
    Segment,
    TernaryWeights,
)

__all__ = [
    "ALL_COLUMNS",
    "DIGEST_BYTES",
    "MAX_BLOCK_WORDS",
    "MAX_DEPTH",
    "MAX_OUTCOMES",
    "MAX_PATH_LOGITS",
    "MOST_WEIGHT_PLANES",
    "AnyObject",
    "Block",
    "BlockPlanes",
    "Child",
    "Digest",
    "Exit",
    "FullyConnected",
    "Label",
    "Node",
    "ObjectKind",
    "PackedBits",
    "Segment",
    "TernaryWeights",
    "TreeRoot",
    "digest_of",
    "parse_object",
    "short",
]
