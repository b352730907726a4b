"""Channels that have no room on the array together take turns.

Each turn's activations are read into the controller's bit buffer before the next turn begins, so that a turn
needs no register of another; the head is applied once, to all of them.
"""

from __future__ import annotations

import math

from pixeltree.compiler.layout import Layout
from pixeltree.model import Convolution, FoldedModel
from pixeltree.model.splitting import are_apart, slices, with_channels


def channels_at_once(model: FoldedModel, room: int) -> int:
    """Channels that must have a place on the array together; ``room`` is how many there are places for."""
    channels = max(
        (layer.geometry.channels for layer in model.layers if isinstance(layer, Convolution)), default=1
    )
    return min(channels, room) if are_apart(model) else channels


def turns(model: FoldedModel, layout: Layout) -> list[FoldedModel]:
    """The model's turns, each with the head's weights for its channels; itself alone if they have room.

    Turns have equally many channels, but for the last, which may have fewer. A model that cannot take turns
    is returned as it is.
    """
    there = layout.grid.positions
    if not are_apart(model) or (channels := model.shapes[-1][0]) <= there:
        return [model]
    return [with_channels(model, each) for each in slices(channels, math.ceil(channels / there))]
