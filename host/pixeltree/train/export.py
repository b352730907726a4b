"""The seam between training and compilation: folded models become a compiled tree."""

from __future__ import annotations

from collections.abc import Sequence

from pixeltree.compiler import CaptureGeometry
from pixeltree.compiler.layout import block_side, grid_side
from pixeltree.compiler.time_slots import channels_at_once
from pixeltree.errors import CompileError
from pixeltree.model import Convolution, FoldedModel, HeatMap, Window
from pixeltree.model.ending import Ending
from pixeltree.model.splitting import parts
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree
from pixeltree_protocol.chip.registers import ARRAY_SIZE


def in_parts(node: NodeSpec, count: int) -> list[NodeSpec]:
    """A node as several whose logits add up; the first has its name, and the last one decides.

    Args:
        node: of a model, not of a window.
        count: most parts into which its channels are divided.

    Raises:
        ModelError: channels mix, so that it has no parts.
    """
    assert isinstance(node.model, FoldedModel)
    models = parts(node.model, count)
    names = [node.name, *(f"{node.name} part {number}" for number in range(2, len(models) + 1))]
    leads = [*((after,) for after in names[1:]), node.leads]
    last = len(models) - 1
    return [
        NodeSpec(name, model, lead, Ending(adds=index > 0, proceeds=index < last))
        for index, (name, model, lead) in enumerate(zip(names, models, leads, strict=True))
    ]


def compile_tree(name: str, labels: Sequence[str], nodes: Sequence[NodeSpec]) -> Tree:
    """Compile a tree; the first node is the root.

    Args:
        name: of the tree.
        labels: names of the classes.
        nodes: every node; all must see the same input plane, or a window of it.

    Raises:
        CompileError: a node does not fit the array, or sees another input than the root.
        TreeError: a lead leads nowhere.
    """
    return Tree.build(name, labels, geometry_of(*_models(nodes)), nodes)


def one_node(name: str, labels: Sequence[str], model: FoldedModel) -> Tree:
    """A tree of one node, each outcome of which is a label.

    Args:
        name: of the tree, and of its node.
        labels: names of the outcomes, in order.
        model: what the node computes.

    Raises:
        CompileError: the node does not fit the array.
        TreeError: there are fewer labels than outcomes.
    """
    return compile_tree(name, labels, [NodeSpec(name, model, tuple(range(model.outcomes)))])


def _models(nodes: Sequence[NodeSpec]) -> tuple[list[FoldedModel], list[FoldedModel]]:
    """The models that see the captured input, and those that see a window of it."""
    captured: list[FoldedModel] = []
    windowed: list[FoldedModel] = []
    by_name = {node.name: node for node in nodes}
    waiting, known = [(nodes[0].name, captured)], set[str]()
    while waiting:
        name, models = waiting.pop()
        if name in known or name not in by_name:
            continue
        known.add(name)
        node = by_name[name]
        if isinstance(node.model, Window):
            models = windowed
        else:
            models.append(node.model)
        waiting += [(lead, models) for lead in node.below]
    return captured, windowed


def geometry_of(models: Sequence[FoldedModel], windowed: Sequence[FoldedModel] = ()) -> CaptureGeometry:
    """How the input of all nodes lies on the array.

    Blocks, one per channel, hold networks whose only convolution is the first layer and whose channels find
    room, in time slots if need be; all others lie in cells.

    Args:
        models: of the nodes that see the captured input.
        windowed: of those that see a window of it.

    Raises:
        CompileError: the models see different inputs.
    """
    inputs = {model.input for model in models}
    if len(inputs) > 1:
        raise CompileError(
            f"the nodes see {len(inputs)} different inputs; a tree's nodes share one input plane"
        )
    (source,) = inputs
    room = block_side(source.size)
    in_cells = not all(_fits_blocks(model, room) for model in (*models, *windowed))
    middle = 0 if in_cells or room == ARRAY_SIZE else 1
    return CaptureGeometry(
        source.threshold,
        middle,
        middle,
        margin=source.margin,
        size=source.size,
        in_cells=in_cells,
        local_mean=source.local_mean,
        excess=source.excess,
    )


def _fits_blocks(model: FoldedModel, room: int) -> bool:
    """Whether only the first layer convolves, and the channels of a slot find a block of so many pixels."""
    first, *others = model.layers
    assert isinstance(first, Convolution)
    alone = not any(isinstance(layer, Convolution | HeatMap) for layer in (*others, model.head))
    at_once = channels_at_once(model, (ARRAY_SIZE // room) ** 2)
    return alone and room * grid_side(at_once) <= ARRAY_SIZE
