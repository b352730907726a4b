"""The integer reference: what a device must reproduce bit for bit. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

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
        raise ModelError(f"the node adds {len(own)} logits, but the node before it gave {len(earlier)}")
    return np.asarray(np.asarray(own, np.int32) + np.asarray(earlier, np.int32), np.int32)


def infer(model: FoldedModel, bits: BitPlane) -> Inference:
    """Run a model on one input.

    Args:
        model: the model.
        bits: bool (size, size), its input plane.

    Raises:
        ModelError: the input has another shape.
    """
    many = infer_many(model, np.asarray(bits)[None])
    return Inference(tuple(layer[0] for layer in many.activations), many.logits[0])


def infer_many(model: FoldedModel, bits: Bits) -> Inference:
    """Run a model on many inputs at once, which takes less time for each.

    Args:
        model: the model.
        bits: bool (inputs, size, size), input planes.

    Returns:
        Activations bool (inputs, channels, rows, columns) and logits int32 (inputs, outcomes).

    Raises:
        ModelError: the inputs have another shape.
    """
    size = model.input.size
    if bits.shape[1:] != (size, size):
        raise ModelError(f"input bits have shape {bits.shape[1:]}; expected {(size, size)}")
    activations = [np.asarray(bits, np.bool_)[:, None]]
    for layer in model.layers:
        activations.append(apply_layer(layer, activations[-1]))
    return Inference(tuple(activations), _logits(model, activations[-1]))


def _logits(model: FoldedModel, bits: Bits) -> Sums:
    head = model.head
    if isinstance(head, FullyConnected):
        signs = _signs(bits.reshape(len(bits), -1))
        return _integers(signs @ head.weights.reshape(head.outcomes, -1).T.astype(np.float32)) + head.bias
    return convolve(head, bits).reshape(len(bits), -1) + head.bias


def apply_layer(layer: Layer, bits: Bits) -> Bits:
    """Activations after a layer: bool (inputs, channels, rows, columns)."""
    if isinstance(layer, Pooling):
        return pool(layer, bits)
    sums = convolve(layer, bits) + layer.bias[:, None, None]
    return np.where(layer.falling[:, None, None], sums < 0, sums > 0)


def pool(layer: Pooling, bits: Bits) -> Bits:
    """Pooled activations: bool (inputs, channels, rows, columns)."""
    channels, rows, columns = layer.output_shape((bits.shape[1], bits.shape[2], bits.shape[3]))
    side = layer.side
    cells = bits[:, :, : rows * side, : columns * side].reshape(-1, channels, rows, side, columns, side)
    return np.asarray(cells.any(axis=(3, 5)))


def convolve(layer: Convolution | HeatMap, bits: Bits) -> Sums:
    """Pre-activations s, without bias: int32 (inputs, outputs, rows, columns), each -K to K.

    One matrix product for each group of channels, in float32. It is exact: every partial sum is an integer
    of at most K, and K is far below 2^24.
    """
    geometry = layer.geometry
    outputs, rows, columns = layer.output_shape((bits.shape[1], bits.shape[2], bits.shape[3]))
    count, groups, side = len(bits), geometry.groups, geometry.kernel
    inputs = layer.weights.shape[1]
    taps = inputs * side * side
    signs = np.pad(_signs(bits), ((0, 0), (0, 0), geometry.borders, geometry.borders), constant_values=-1)
    windows = sliding_window_view(signs, (side, side), axis=(2, 3))
    windows = windows[:, :, :: geometry.stride, :: geometry.stride]
    windows = windows.reshape(count, groups, inputs, rows, columns, side, side)
    seen = windows.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, count * rows * columns, taps)
    weights = layer.weights.reshape(groups, outputs // groups, taps).astype(np.float32)
    sums = (seen @ weights.transpose(0, 2, 1)).reshape(groups, count, rows, columns, outputs // groups)
    return _integers(sums.transpose(1, 0, 4, 2, 3).reshape(count, outputs, rows, columns))


def _signs(bits: Bits) -> npt.NDArray[np.float32]:
    return bits.astype(np.float32) * 2 - 1


def _integers(sums: npt.NDArray[np.float32]) -> Sums:
    return sums.astype(np.int32)
