"""The layers of a folded model, as data.

Activations are signs X in {-1, +1}, kept as bits (1 is +1); everything outside a feature map is -1. With
weights w in {-1, +1}, or ternary ones in {-1, 0, +1}, a layer's pre-activation is an integer and so is
everything that is added to it: batch normalization, learned thresholds and binarization fold into one integer
``bias`` and one direction of comparison (``falling``) per channel::

    s = sum of w * X over the window          (K taps that are not 0: -K to K, of K's parity)
    bit = s + bias > 0                        (rising)
    bit = s + bias < 0                        (falling: the batch normalization's scale is negative)

Where windows lie is said in :mod:`pixeltree.model.geometry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree.model.geometry import (
    ConvolutionGeometry,
    FullyConnectedGeometry,
    HeatMapGeometry,
    KernelGeometry,
    Pooling,
    Shape,
    Weights,
)
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES

SignArray = npt.NDArray[np.int8]
BiasArray = npt.NDArray[np.int32]

MOST_CELLS = 1024
"""Cells of a heat map: 16 x 16 for a coarse segmentation, up to 32 x 32."""

GREATEST_BIAS = 2**24
"""Sums stay far inside 32 bits."""

_ODD = np.arange(1, 1 << MOST_WEIGHT_PLANES, 2)
"""What a weight of several planes may be, or less than 0 by as much."""


class _WithKernels:
    """What folded convolutions and heat maps have in common: kernels of signs, and biases."""

    geometry: KernelGeometry
    weights: SignArray
    bias: BiasArray

    @property
    def kind(self) -> str:
        """What kind of layer it is."""
        return self.geometry.kind

    @property
    def inputs(self) -> int:
        """Input channels."""
        return int(self.weights.shape[1]) * self.geometry.groups

    @property
    def taps(self) -> int:
        """K: weights of one output channel."""
        return int(np.prod(self.weights.shape[1:]))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output, for an input of this shape.

        Raises:
            ModelError: the layer cannot take such an input.
        """
        if shape[0] != self.inputs:
            raise ModelError(
                f"the weights are for {self.inputs} input channels; the layer before makes {shape[0]}"
            )
        return self.geometry.output_shape(shape)

    def _check_arrays(self) -> None:
        check = check_ternary if self.geometry.weights is Weights.TERNARY else check_signs
        check("weights", self.weights, 4)
        expect("weights", self.weights, self.geometry.weight_shape((self.inputs, 0, 0)))
        expect("bias", self.bias, (self.geometry.channels,))
        check_bias(self.bias)


@dataclass(frozen=True, eq=False)
class Convolution(_WithKernels):
    """A convolution with its folded batch normalization and binarization.

    Attributes:
        geometry: everything but the numbers.
        weights: int8 (outputs, inputs / groups, k, k), -1 or +1; 0 too, if the geometry says ternary.
        bias: int32 (outputs,).
        falling: bool (outputs,), the direction of comparison.
    """

    geometry: ConvolutionGeometry
    weights: SignArray
    bias: BiasArray
    falling: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        self._check_arrays()
        expect("falling", self.falling, (self.geometry.channels,))


@dataclass(frozen=True, eq=False)
class FullyConnected:
    """The output layer of a classifier: logit_n = sum of w_n * X over all activations, plus bias_n.

    A weight is -1 or +1, or with several *planes* a sum of signs, the j-th times 2^j: an odd number. Or all
    weights are ternary: -1, 0 or +1.

    Attributes:
        weights: int8 (outcomes, channels, rows, columns), odd, -127 to 127; or -1, 0 or +1.
        bias: int32 (outcomes,).
    """

    weights: SignArray
    bias: BiasArray

    def __post_init__(self) -> None:
        check = check_ternary if self.is_ternary else check_odd
        check("fully connected weights", self.weights, 4)
        expect("bias", self.bias, (self.outcomes,))
        _ = self.geometry
        check_bias(self.bias)

    @property
    def outcomes(self) -> int:
        """Number of logits."""
        return int(self.weights.shape[0])

    @property
    def geometry(self) -> FullyConnectedGeometry:
        """Everything but the numbers."""
        weights = Weights.TERNARY if self.is_ternary else Weights.BINARY
        return FullyConnectedGeometry(self.outcomes, self.planes, weights)

    @property
    def kind(self) -> str:
        """What kind of layer it is."""
        return FullyConnectedGeometry.kind

    @cached_property
    def is_ternary(self) -> bool:
        """Whether some weights are 0."""
        return not np.all(self.weights)

    @cached_property
    def planes(self) -> int:
        """Planes of signs that the weights take, 1 to 7; 1 of ternary ones."""
        return max(1, int(np.abs(self.weights.astype(np.int16)).max()).bit_length())

    def signs(self) -> npt.NDArray[np.bool_]:
        """Of weights that are not ternary the planes, the one that counts 1 first.

        Returns:
            bool (planes, *weights.shape), true for +1.
        """
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


@dataclass(frozen=True, eq=False)
class HeatMap(_WithKernels):
    """The output layer of a localizer: one dense convolution, not binarized; its cells are the logits.

    Attributes:
        geometry: everything but the numbers.
        weights: int8 (1, channels, k, k), -1 or +1; 0 too, if the geometry says ternary.
        bias: int32 (1,), added to every cell.
    """

    geometry: HeatMapGeometry
    weights: SignArray
    bias: BiasArray

    def __post_init__(self) -> None:
        self._check_arrays()


Layer = Convolution | Pooling
Head = FullyConnected | HeatMap


def check_bias(bias: BiasArray) -> None:
    """Refuse biases with which a sum would not fit 32 bits."""
    if np.any(np.abs(bias.astype(np.int64)) > GREATEST_BIAS):
        raise ModelError(f"a bias lies outside -{GREATEST_BIAS:,} to {GREATEST_BIAS:,}")


def check_signs(name: str, array: SignArray, dimensions: int) -> None:
    """Refuse anything but -1 and +1 in so many dimensions."""
    _check_dimensions(name, array, dimensions)
    if not np.all(np.abs(array.astype(np.int16)) == 1):
        raise ModelError(f"{name} must hold only -1 and +1")


def check_ternary(name: str, array: SignArray, dimensions: int) -> None:
    """Refuse anything but -1, 0 and +1 in so many dimensions."""
    _check_dimensions(name, array, dimensions)
    if not np.all(np.abs(array.astype(np.int16)) <= 1):
        raise ModelError(f"{name} must hold only -1, 0 and +1")


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
