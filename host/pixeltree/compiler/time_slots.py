"""Channels that have no room on the array together share it in time slots: time multiplexing.

The activations of each slot are read into the controller's bit buffer before the next slot begins, so no slot
needs a register of another. The head is applied once, to all activations.
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


def time_slots(model: FoldedModel, layout: Layout) -> list[FoldedModel]:
    """The model's time slots, each with the head's weights for its channels; itself alone if they have room.

    Time slots have equally many channels, but for the last, which may have fewer. A model whose channels mix
    has no time slots and is returned as it is.
    """
    there = layout.grid.positions
    if not are_apart(model) or (channels := model.shapes[-1][0]) <= there:
        return [model]
    return [with_channels(model, each) for each in slices(channels, math.ceil(channels / there))]
