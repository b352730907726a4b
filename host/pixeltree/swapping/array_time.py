"""How long a node computes: what the compiler predicts of its program by the default device cost model."""

from __future__ import annotations

from pixeltree.compiler.cost import Predictor
from pixeltree.errors import TreeError
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Block, Digest, Segment, parse_object
from pixeltree_protocol.objects.program import Program

_MOST_KNOWN = 4_096
_known: dict[Digest, float] = {}
"""Times by the nodes' digests, so that a tree that is opened again and again is looked through once."""


def array_us_of(tree: Tree, node: TreeNode) -> float:
    """Device time of a node in microseconds.

    Raises:
        TreeError: a program with steps that no compiler makes; measure it then.
    """
    if node.digest not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[node.digest] = _worked_out(tree, node)
    return _known[node.digest]


def _worked_out(tree: Tree, node: TreeNode) -> float:
    manifest = node.manifest
    blocks = [Block.decode(tree.objects[digest]) for digest in manifest.blocks]
    parsed = [parse_object(tree.objects[digest]) for digest in manifest.segments]
    segments = [segment for segment in parsed if isinstance(segment, Segment)]
    predictor = Predictor(blocks, segments)
    steps = Program.decode(tree.objects[manifest.program]).steps
    try:
        return sum(predictor.cost(step).nanoseconds for step in steps) / 1_000
    except TypeError as error:
        raise TreeError(f"node {node.name!r}: {error}") from error
