"""The seam between training and compilation: folded models become what the compiler of this release takes.

Today that is :class:`pixeltree.network.FoldedNetwork`: one dense convolution of 16 kernels 4 x 4 on 64 x 64
pixels, OR pooling, a fully connected head. When the compiler takes folded models, :func:`compile_tree` is
all that changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pixeltree.compiler import CaptureGeometry
from pixeltree.errors import CompileError
from pixeltree.folded import Convolution, FoldedModel, FullyConnected, Pooling, PoolingKind
from pixeltree.network import KERNEL_COUNT, KERNEL_SIZE, POOLS, FoldedNetwork
from pixeltree.tree import Leads, NodeSpec, Tree

_TAPS = KERNEL_SIZE * KERNEL_SIZE


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
        CompileError: a node does not fit the compiler of this release, or sees another input than the root.
        TreeError: a lead leads nowhere.
    """
    inputs = {node.model.input for node in nodes.values()}
    if len(inputs) > 1:
        raise CompileError(
            f"the nodes see {len(inputs)} different inputs; a tree's nodes share one input plane"
        )
    (source,) = inputs
    if source.size != 64 or source.local_mean:
        raise CompileError("this release captures 64 x 64 pixels with one threshold, no local mean")
    geometry = CaptureGeometry(source.threshold, margin=source.margin)
    specs = [NodeSpec(key, folded_network(node.model), node.leads) for key, node in nodes.items()]
    return Tree.build(name, labels, geometry, specs)


def folded_network(model: FoldedModel) -> FoldedNetwork:
    """The same network with bits x in {0, 1} in place of signs X = 2 x - 1.

    With W the sum of a kernel's weights and S = sum w x, the sum of signs is ``s = 2 S - W``, so::

        rising:   s + bias > 0  <=>   S >= floor((W - bias) / 2) + 1
        falling:  s + bias < 0  <=>  -S >= floor((bias - W) / 2) + 1   (-S is the sum of the negated kernel)

    Raises:
        CompileError: the model is not of the one shape that this release compiles.
    """
    _check_shape(model)
    convolution, pooling = model.layers
    assert isinstance(convolution, Convolution)
    assert isinstance(pooling, Pooling)
    assert isinstance(model.head, FullyConnected)
    direction = np.where(convolution.falling, -1, 1)
    kernels = convolution.weights[:, 0] * direction[:, None, None].astype(np.int8)
    excess = (convolution.weights.sum(axis=(1, 2, 3), dtype=np.int64) - convolution.bias) * direction
    thresholds = np.clip(excess // 2 + 1, -_TAPS, _TAPS + 1).astype(np.int16)
    return FoldedNetwork(kernels, thresholds, pooling.side, model.head.weights, model.head.bias)


def _check_shape(model: FoldedModel) -> None:
    match model.layers:
        case (Convolution() as convolution, Pooling(kind=PoolingKind.OR) as pooling):
            shape = (convolution.weights.shape, convolution.stride, convolution.before, convolution.after)
            expected = ((KERNEL_COUNT, 1, KERNEL_SIZE, KERNEL_SIZE), 1, 0, KERNEL_SIZE - 1)
            fits = shape == expected and pooling.side in POOLS and isinstance(model.head, FullyConnected)
        case _:
            fits = False
    if not fits:
        kinds = ", ".join(type(layer).__name__ for layer in (*model.layers, model.head))
        raise CompileError(
            f"this release compiles one convolution of {KERNEL_COUNT} kernels {KERNEL_SIZE} x {KERNEL_SIZE} "
            f"(before = 0, after = {KERNEL_SIZE - 1}), OR pooling of side {', '.join(map(str, POOLS))}, "
            f"and a fully connected head, not {kinds}; save the folded model instead (-o NAME.folded)"
        )
