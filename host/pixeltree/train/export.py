"""The seam between training and compilation: folded models become a compiled tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixeltree.compiler import CaptureGeometry
from pixeltree.compiler.placement import grid_side
from pixeltree.errors import CompileError
from pixeltree.folded import Convolution, FoldedModel
from pixeltree.tree import Leads, NodeSpec, Tree
from pixeltree_protocol.registers import ARRAY_SIZE


@dataclass(frozen=True)
class FoldedNode:
    """A node before compilation: its model, and the class (an index) or node (a name) of each outcome."""

    model: FoldedModel
    leads: tuple[Leads, ...]


def compile_tree(name: str, labels: Sequence[str], nodes: Mapping[str, FoldedNode]) -> Tree:
    """Compile a tree; the first node is the root.

    Args:
        name: of the tree.
        labels: names of the classes.
        nodes: every node, by name; all must see the same input plane.

    Raises:
        CompileError: a node does not fit the array, or sees another input than the root.
        TreeError: a lead leads nowhere.
    """
    geometry = geometry_of([node.model for node in nodes.values()])
    return Tree.build(
        name, labels, geometry, [NodeSpec(key, node.model, node.leads) for key, node in nodes.items()]
    )


def geometry_of(models: Sequence[FoldedModel]) -> CaptureGeometry:
    """How the input of all nodes lies on the array.

    Blocks, one per channel, hold networks whose only convolution is the first layer and whose channels find
    room; all others lie in cells.

    Raises:
        CompileError: the models see different inputs, or one that the capture node does not make.
    """
    inputs = {model.input for model in models}
    if len(inputs) > 1:
        raise CompileError(
            f"the nodes see {len(inputs)} different inputs; a tree's nodes share one input plane"
        )
    (source,) = inputs
    if source.local_mean:
        raise CompileError("the capture node compares with one threshold, not with a local mean")
    in_cells = not all(_fits_blocks(model) for model in models)
    geometry = CaptureGeometry(
        source.threshold, 0, 0, margin=source.margin, size=source.size, in_cells=in_cells
    )
    if in_cells or geometry.grid < 2:
        return geometry
    return CaptureGeometry(source.threshold, margin=source.margin, size=source.size)


def _fits_blocks(model: FoldedModel) -> bool:
    """Whether only the first layer convolves, and each of its channels has a block as large as the input."""
    first, *others = model.layers
    assert isinstance(first, Convolution)
    alone = not any(isinstance(layer, Convolution) for layer in others)
    room = 1 << (model.input.size - 1).bit_length()
    return alone and room * grid_side(first.outputs) <= ARRAY_SIZE
