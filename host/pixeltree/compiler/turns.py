"""Channels that have no room on the array together take turns.

Where no layer mixes channels, a network is several narrower ones beside each other, and one fully connected
head adds up what they say. Each turn's activations are read into the controller's bit buffer before the next
turn begins, so that a turn needs no register of another; the head is applied once, to all of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pixeltree.compiler.placement import Layout
from pixeltree.folded import Convolution, FoldedModel, FullyConnected, Layer, Pooling


def can_take_turns(model: FoldedModel) -> bool:
    """Whether the channels are apart from the input to a fully connected head."""
    convolutions = [layer for layer in model.layers if isinstance(layer, Convolution)]
    return (
        bool(convolutions)
        and isinstance(model.head, FullyConnected)
        and all(layer.outputs == convolutions[0].outputs for layer in convolutions)
        and all(layer.groups == layer.outputs for layer in convolutions[1:])
    )


def channels_at_once(model: FoldedModel, room: int) -> int:
    """Channels that must have a place on the array together; ``room`` is how many there are places for."""
    channels = max((layer.outputs for layer in model.layers if isinstance(layer, Convolution)), default=1)
    return min(channels, room) if can_take_turns(model) else channels


def turns(model: FoldedModel, layout: Layout) -> list[FoldedModel]:
    """The model's turns, each with the head's weights for its channels; itself alone if they have room.

    Turns have equally many channels, but for the last, which may have fewer. A model that cannot take turns
    is returned as it is.
    """
    there = layout.grid.positions
    if not can_take_turns(model) or (channels := model.shapes[-1][0]) <= there:
        return [model]
    each = math.ceil(channels / math.ceil(channels / there))
    return [_turn(model, slice(first, first + each)) for first in range(0, channels, each)]


def _turn(model: FoldedModel, channels: slice) -> FoldedModel:
    head = model.head
    assert isinstance(head, FullyConnected)
    own = replace(head, weights=head.weights[:, channels])
    return FoldedModel(model.input, tuple(_only(layer, channels) for layer in model.layers), own)


def _only(layer: Layer, channels: slice) -> Layer:
    """A layer's part in a turn."""
    if isinstance(layer, Pooling):
        return layer
    weights = layer.weights[channels]
    return replace(
        layer,
        weights=weights,
        bias=layer.bias[channels],
        falling=layer.falling[channels],
        groups=1 if layer.groups == 1 else len(weights),
    )
