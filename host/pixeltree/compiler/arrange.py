"""Which channel goes where on its grid: a free choice that decides how many selections the weights take."""

from __future__ import annotations

from pixeltree.compiler.placement import Layout
from pixeltree.errors import CompileError
from pixeltree.folded import Convolution, FoldedModel

Arrangement = list[tuple[int, ...]]


def arrange(model: FoldedModel, layout: Layout) -> Arrangement:
    """Grid positions of every layer's output channels.

    Raises:
        CompileError: a layer has more channels than the grid has positions.
    """
    there = layout.grid.positions
    result: Arrangement = []
    for index, layer in enumerate(model.layers):
        if isinstance(layer, Convolution) and layer.outputs > there:
            raise CompileError(
                f"layer {index}: {layer.outputs} channels, and {layout} has room for {there}: use fewer "
                "channels, or a smaller input"
            )
        channels = layer.outputs if isinstance(layer, Convolution) else 0
        result.append(tuple(range(channels)))
    return result
