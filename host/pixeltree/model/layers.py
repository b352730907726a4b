"""The layers of a folded model, as data.

Activations are signs X in {-1, +1}, kept as bits (1 is +1); everything outside a feature map is -1. With
weights w in {-1, +1}, a layer's pre-activation is an integer and so is everything that is added to it: batch
normalization, learned thresholds and binarization fold into one integer ``bias`` and one direction of
comparison (``falling``) per channel::

    s = sum of w * X over the window          (K taps: -K to K, of K's parity)
    bit = s + bias > 0                        (rising)
    bit = s + bias < 0                        (falling: the batch normalization's scale is negative)

Rows grow downward and columns to the right. The window of output (r, c) begins at input
``(r * stride - before, c * stride - before)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES

SignArray = npt.NDArray[np.int8]
BiasArray = npt.NDArray[np.int32]
Shape = tuple[int, int, int]
"""Channels, rows, columns of a feature map."""

KERNEL_SIDES = range(1, 8)
"""Sides of a kernel: 2 to 7, and 1 for a layer that only mixes channels."""

MOST_CLASSES = 255
"""Outcomes of a classifier."""

MOST_CELLS = 1024
"""Cells of a heat map: 16 x 16 for a coarse segmentation, up to 32 x 32."""

GREATEST_BIAS = 2**24
"""Sums stay far inside 32 bits."""

_ODD = np.arange(1, 1 << MOST_WEIGHT_PLANES, 2)
"""What a weight of several planes may be, or less than 0 by as much."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """A binary convolution with its folded batch normalization and binarization.

    Attributes:
        weights: int8 (outputs, inputs / groups, k, k), -1 or +1. Output channel o belongs to group
            ``o * groups // outputs`` and sees that group's input channels only.
        bias: int32 (outputs,).
        falling: bool (outputs,), the direction of comparison.
        stride: distance of neighbouring windows, 1 to 8.
        groups: 1 is dense across channels, the number of channels is depthwise.
        before: rows and columns of -1 assumed above and to the left, 0 to k - 1.
        after: the same below and to the right.
    """

    weights: SignArray
    bias: BiasArray
    falling: npt.NDArray[np.bool_]
    stride: int = 1
    groups: int = 1
    before: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        check_kernel(self)
        expect("bias", self.bias, (self.outputs,))
        expect("falling", self.falling, (self.outputs,))
        if self.outputs % self.groups:
            raise ModelError(f"{self.outputs} output channels do not divide into {self.groups} groups")

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.weights.shape[0])

    @property
    def side(self) -> int:
        """Side of the kernel."""
        return int(self.weights.shape[2])

    @property
    def taps(self) -> int:
        """K: weights of one output channel."""
        return int(np.prod(self.weights.shape[1:]))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output, for an input of this shape.

        Raises:
            ModelError: the layer cannot take such an input.
        """
        return (self.outputs, *windows(self, shape))

    @property
    def weight_bits(self) -> int:
        """Information content of the weights, in bits."""
        return int(self.weights.size)


@dataclass(frozen=True)
class Pooling:
    """Cells of ``side`` x ``side`` activations become their OR: +1 where any of them is.

    Cells do not overlap; incomplete ones are dropped.
    """

    side: int

    def __post_init__(self) -> None:
        if not 2 <= self.side <= 16:
            raise ModelError(f"a pooling cell's side is 2 to 16, not {self.side}")

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output, for an input of this shape.

        Raises:
            ModelError: not one whole cell fits.
        """
        channels, rows, columns = shape
        if min(rows, columns) < self.side:
            raise ModelError(f"pooling cells of {self.side} x {self.side} do not fit into {rows} x {columns}")
        return channels, rows // self.side, columns // self.side


@dataclass(frozen=True, eq=False)
class FullyConnected:
    """The output layer of a classifier: logit_n = sum of w_n * X over all activations, plus bias_n.

    A weight is -1 or +1, or with several *planes* a sum of signs, the j-th times 2^j: an odd number.

    Attributes:
        weights: int8 (outcomes, channels, rows, columns), odd, -127 to 127.
        bias: int32 (outcomes,).
    """

    weights: SignArray
    bias: BiasArray

    def __post_init__(self) -> None:
        check_odd("fully connected weights", self.weights, 4)
        expect("bias", self.bias, (self.outcomes,))
        if not 2 <= self.outcomes <= MOST_CLASSES:
            raise ModelError(
                f"the model has {self.outcomes} classes; a node decides among 2 to {MOST_CLASSES}"
            )
        check_bias(self.bias)

    @property
    def outcomes(self) -> int:
        """Number of logits."""
        return int(self.weights.shape[0])

    @cached_property
    def planes(self) -> int:
        """Planes of signs that the weights take, 1 to 7."""
        return int(np.abs(self.weights.astype(np.int16)).max()).bit_length()

    def signs(self) -> npt.NDArray[np.bool_]:
        """The weights' planes, the one that counts 1 first: bool (planes, *weights.shape), true for +1."""
        steps = (self.weights.astype(np.int16) + (1 << self.planes) - 1) // 2
        each = np.arange(self.planes).reshape(-1, 1, 1, 1, 1)
        return np.asarray(steps >> each & 1, np.bool_)

    def check_input(self, shape: Shape) -> None:
        """Refuse an input of another shape than the weights'.

        Raises:
            ModelError: it has one.
        """
        if tuple(self.weights.shape[1:]) != shape:
            expected = self.weights.shape[1:]
            raise ModelError(f"the weights are for activations {expected}; the layers before make {shape}")

    @property
    def weight_bits(self) -> int:
        """Information content of the weights, in bits."""
        return int(self.weights.size) * self.planes


@dataclass(frozen=True, eq=False)
class HeatMap:
    """The output layer of a localizer: one dense convolution, not binarized; its cells are the logits.

    Attributes:
        weights: int8 (1, channels, k, k), -1 or +1.
        bias: int32 (1,), added to every cell.
        stride, before, after: as for :class:`Convolution`.
    """

    weights: SignArray
    bias: BiasArray
    stride: int = 1
    before: int = 0
    after: int = 0
    groups: int = 1

    def __post_init__(self) -> None:
        check_kernel(self)
        expect("bias", self.bias, (1,))
        if self.weights.shape[0] != 1 or self.groups != 1:
            raise ModelError("a heat map has one output channel, dense across its input channels")

    @property
    def side(self) -> int:
        """Side of the kernel."""
        return int(self.weights.shape[2])

    @property
    def taps(self) -> int:
        """K: number of weights."""
        return int(self.weights.size)

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the map, for an input of this shape.

        Raises:
            ModelError: the layer cannot take such an input.
        """
        return (1, *windows(self, shape))

    @property
    def weight_bits(self) -> int:
        """Information content of the weights, in bits."""
        return int(self.weights.size)


Layer = Convolution | Pooling
Head = FullyConnected | HeatMap


def windows(layer: Convolution | HeatMap, shape: Shape) -> tuple[int, int]:
    """Rows and columns of a convolution's output.

    Raises:
        ModelError: the input has other channels than the weights, or not one window fits.
    """
    channels, rows, columns = shape
    expected = int(layer.weights.shape[1]) * layer.groups
    if channels != expected:
        raise ModelError(f"the weights are for {expected} input channels; the layer before makes {channels}")
    height, width = (
        (size + layer.before + layer.after - layer.side) // layer.stride + 1 for size in (rows, columns)
    )
    if min(height, width) < 1:
        raise ModelError(f"a {layer.side} x {layer.side} kernel does not fit into {rows} x {columns}")
    return height, width


def check_kernel(layer: Convolution | HeatMap) -> None:
    """Refuse kernels, strides and borders that no layer has."""
    check_signs("weights", layer.weights, 4)
    _, _, height, width = layer.weights.shape
    if height != width or height not in KERNEL_SIDES:
        raise ModelError(f"a kernel is square, 1 x 1 to 7 x 7, not {height} x {width}")
    for name, least, most in (("stride", 1, 8), ("before", 0, height - 1), ("after", 0, height - 1)):
        if not least <= getattr(layer, name) <= most:
            raise ModelError(f"{name} is {getattr(layer, name)}; here it must be {least} to {most}")
    if layer.groups < 1:
        raise ModelError(f"groups is {layer.groups}; it must be at least 1")
    check_bias(layer.bias)


def check_bias(bias: BiasArray) -> None:
    """Refuse biases with which a sum would not fit 32 bits."""
    if np.any(np.abs(bias.astype(np.int64)) > GREATEST_BIAS):
        raise ModelError(f"a bias is beyond +-{GREATEST_BIAS:,}")


def check_signs(name: str, array: SignArray, dimensions: int) -> None:
    """Refuse anything but -1 and +1 in so many dimensions."""
    _check_dimensions(name, array, dimensions)
    if not np.all(np.abs(array.astype(np.int16)) == 1):
        raise ModelError(f"{name} must hold only -1 and +1")


def _check_dimensions(name: str, array: SignArray, dimensions: int) -> None:
    if array.ndim != dimensions or not array.size:
        raise ModelError(f"{name} have shape {array.shape}; expected {dimensions} dimensions, none empty")


def check_odd(name: str, array: SignArray, dimensions: int) -> None:
    """Refuse anything but odd numbers of -127 to 127 in so many dimensions."""
    _check_dimensions(name, array, dimensions)
    if not np.all(np.isin(np.abs(array), _ODD)):
        raise ModelError(f"{name} must be odd numbers of {-_ODD[-1]} to {_ODD[-1]}")


def expect(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    """Refuse another shape."""
    if array.shape != shape:
        raise ModelError(f"{name} has shape {array.shape}; expected {shape}")
