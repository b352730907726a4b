"""The integer reference: what a device must reproduce bit for bit. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree.model.geometry import Pooling
from pixeltree.model.layers import Convolution, FullyConnected, HeatMap, Layer
from pixeltree.model.model import BitPlane, FoldedModel

Bits = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Inference:
    """What a model makes of one input.

    Attributes:
        activations: bool (channels, rows, columns) after the input and after every layer.
        logits: int32 (outcomes,); of a heat map row by row from the top left.
    """

    activations: tuple[Bits, ...]
    logits: Sums

    @property
    def outcome(self) -> int:
        """Index of the greatest logit, the lowest of equals."""
        return decide(self.logits)


def decide(logits: Sequence[int] | Sums) -> int:
    """Outcome of a node: the index of its greatest logit, the lowest of equals.

    Args:
        logits: at least one.
    """
    return int(np.asarray(logits, np.int64).argmax())


def add_logits(own: Sequence[int] | Sums, earlier: Sequence[int] | Sums) -> Sums:
    """Sums of logits one by one, int32 (outcomes,), as 32-bit numbers that wrap.

    Raises:
        ModelError: they are not equally many.
    """
    if len(own) != len(earlier):
        raise ModelError(f"{len(own)} logits are to be added to {len(earlier)}")
    return np.asarray(np.asarray(own, np.int32) + np.asarray(earlier, np.int32), np.int32)


def infer(model: FoldedModel, bits: BitPlane) -> Inference:
    """Run a model.

    Args:
        model: the model.
        bits: bool (size, size), its input plane.

    Raises:
        ModelError: the input has another shape.
    """
    size = model.input.size
    if bits.shape != (size, size):
        raise ModelError(f"input bits have shape {bits.shape}; expected {(size, size)}")
    activations = [np.asarray(bits, np.bool_)[None]]
    for layer in model.layers:
        activations.append(apply_layer(layer, activations[-1]))
    return Inference(tuple(activations), _logits(model, activations[-1]))


def _logits(model: FoldedModel, bits: Bits) -> Sums:
    head = model.head
    if isinstance(head, FullyConnected):
        signs = bits.astype(np.int32).ravel() * 2 - 1
        return np.asarray(
            head.weights.reshape(head.outcomes, -1).astype(np.int32) @ signs + head.bias, np.int32
        )
    return np.asarray((convolve(head, bits)[0] + head.bias[0]).ravel(), np.int32)


def apply_layer(layer: Layer, bits: Bits) -> Bits:
    """Activations after a layer: bool (channels, rows, columns)."""
    if isinstance(layer, Pooling):
        return pool(layer, bits)
    sums = convolve(layer, bits) + layer.bias[:, None, None]
    return np.where(layer.falling[:, None, None], sums < 0, sums > 0)


def pool(layer: Pooling, bits: Bits) -> Bits:
    """Pooled activations."""
    channels, rows, columns = layer.output_shape((bits.shape[0], bits.shape[1], bits.shape[2]))
    side = layer.side
    cells = bits[:, : rows * side, : columns * side].reshape(channels, rows, side, columns, side)
    return np.asarray(cells.any(axis=(2, 4)))


def convolve(layer: Convolution | HeatMap, bits: Bits) -> Sums:
    """Pre-activations s, without bias: int32 (outputs, rows, columns), each -K to K."""
    outputs, rows, columns = layer.output_shape((bits.shape[0], bits.shape[1], bits.shape[2]))
    pad, stride = layer.geometry.borders, layer.geometry.stride
    signs = np.pad(bits.astype(np.int32) * 2 - 1, ((0, 0), pad, pad), constant_values=-1)
    inputs = layer.weights.shape[1]
    result = np.zeros((outputs, rows, columns), np.int32)
    for output in range(outputs):
        first = output * layer.geometry.groups // outputs * inputs
        for (channel, i, j), weight in np.ndenumerate(layer.weights[output]):
            plane = signs[first + channel, i:, j:]
            result[output] += int(weight) * plane[::stride, ::stride][:rows, :columns]
    return result
