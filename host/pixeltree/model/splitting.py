"""Networks whose channels do not mix: several narrower ones beside each other, whose logits add up.

Where each convolution but the first is depthwise, one fully connected head adds up what the channels say. So
such a network can be cut between its channels, by those who run it and by those who keep it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pixeltree.errors import ModelError
from pixeltree.model.geometry import ConvolutionGeometry, Pooling
from pixeltree.model.layers import Convolution, FullyConnected, Layer
from pixeltree.model.model import FoldedModel


def are_apart(model: FoldedModel) -> bool:
    """Whether the channels are apart from the input to a fully connected head."""
    convolutions = [layer for layer in model.layers if isinstance(layer, Convolution)]
    return (
        bool(convolutions)
        and isinstance(model.head, FullyConnected)
        and channels_do_not_mix([layer.geometry for layer in convolutions])
    )


def channels_do_not_mix(convolutions: Sequence[ConvolutionGeometry]) -> bool:
    """Whether every convolution but the first is depthwise, and has as many channels as the first."""
    first, *others = convolutions
    return all(layer.groups == layer.channels == first.channels for layer in others)


def slices(channels: int, count: int) -> list[slice]:
    """Equally many channels each, but for the last slice, which may have fewer; no more than ``count``."""
    each = math.ceil(channels / count)
    return [slice(first, first + each) for first in range(0, channels, each)]


def with_channels(model: FoldedModel, channels: slice) -> FoldedModel:
    """Some channels of a model whose channels are apart, with the head's weights for them and its biases."""
    head = model.head
    assert isinstance(head, FullyConnected)
    own = replace(head, weights=head.weights[:, channels])
    return FoldedModel(model.input, tuple(_only(layer, channels) for layer in model.layers), own)


def parts(model: FoldedModel, count: int) -> list[FoldedModel]:
    """Models with some of the channels each, whose logits add up to those of the whole.

    The first part has the head's biases, the others 0.

    Args:
        model: the whole.
        count: most parts, 1 to the number of channels.

    Raises:
        ModelError: channels mix, so that it has no parts.
    """
    if count == 1:
        return [model]
    if not are_apart(model):
        raise ModelError(
            "only a model whose channels do not mix after the first layer, and whose head is fully "
            "connected, can be divided into parts"
        )
    first, *others = (with_channels(model, each) for each in slices(model.shapes[-1][0], count))
    return [first, *map(_without_bias, others)]


def _without_bias(model: FoldedModel) -> FoldedModel:
    head = model.head
    assert isinstance(head, FullyConnected)
    return replace(model, head=replace(head, bias=np.zeros_like(head.bias)))


def _only(layer: Layer, channels: slice) -> Layer:
    """A layer's part of the channels."""
    if isinstance(layer, Pooling):
        return layer
    weights = layer.weights[channels]
    return Convolution(
        narrowed(layer.geometry, len(weights)), weights, layer.bias[channels], layer.falling[channels]
    )


def narrowed(geometry: ConvolutionGeometry, channels: int) -> ConvolutionGeometry:
    """A convolution, of a network whose channels do not mix, with so many channels."""
    return replace(geometry, channels=channels, groups=1 if geometry.groups == 1 else channels)
