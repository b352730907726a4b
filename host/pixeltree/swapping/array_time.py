"""How long a node computes, worked out from its program and the default device cost model.

Loading a plane of weights depends on its bits; it is taken for :data:`LOADS_PER_PLANE` selections. Where
times were measured, use those.
"""

from __future__ import annotations

from pixeltree.tree import Tree
from pixeltree_protocol.objects import Block, Digest
from pixeltree_protocol.objects.program import (
    ApplyFullyConnected,
    LoadPlane,
    Program,
    Run,
    ScanDreg,
    SelectPattern,
    SelectRect,
    SetIn,
)

WORD_US, LAUNCH_US, SELECT_US, RECT_US, SET_IN_US, SCAN_BYTE_US = 0.1, 1.0, 0.5, 1.0, 2.0, 0.15
OPERATION_US, FULLY_CONNECTED_OPERATIONS = 0.005, 16
LOADS_PER_PLANE = 3
_ROW_BYTES = 32


def array_us_of(tree: Tree, node: Digest) -> float:
    """Device time of a node in microseconds."""
    manifest = tree.nodes[node]
    words = [len(Block.decode(tree.objects[block]).words) for block in manifest.blocks]
    total = 0.0
    for step in Program.decode(tree.objects[manifest.program]).steps:
        match step:
            case Run():
                total += step.times * (LAUNCH_US + words[step.block] * WORD_US)
            case SelectPattern():
                total += SELECT_US
            case SelectRect():
                total += RECT_US
            case SetIn():
                total += SET_IN_US
            case LoadPlane():
                total += LOADS_PER_PLANE * (LAUNCH_US + SELECT_US + 2 * WORD_US)
            case ScanDreg():
                total += step.rows * _ROW_BYTES * SCAN_BYTE_US
            case ApplyFullyConnected():
                size = len(tree.objects[manifest.segments[step.segment]])
                total += size / 4 * FULLY_CONNECTED_OPERATIONS * OPERATION_US
    return total
