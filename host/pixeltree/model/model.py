"""A folded model: input, layers, head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree.model.geometry import Shape, shapes_of
from pixeltree.model.layers import MOST_CELLS, FullyConnected, Head, Layer

__all__ = ["FoldedModel", "Head", "InputSpec", "ModelError"]

INPUT_SIZES = range(16, 257)

MOST_EXCESSES = 16
"""Mean excesses above the mean at which a threshold that follows the image may lie."""

BitPlane = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class InputSpec:
    """The input plane and how the array binarizes it.

    Attributes:
        size: rows and columns, 16 to 256.
        margin: pixels at every edge that are forced to 0.
        threshold: bit = half-range brightness (0 to 127) greater than this; with a local mean, greater than
            the mean plus this, which may then be negative.
        local_mean: 0 for a fixed (or learned) threshold; j > 0 for an adaptive one, the mean of the
            2^j x 2^j pixels that begin at the pixel and go right and down.
        excess: 0 for a threshold that is the same for all images; k > 0 for one that follows the image: its
            mean, plus k times how far a pixel exceeds the mean on average (0 where it does not), plus the
            threshold, which may then be negative. Both averages are over what lies within the margin.
    """

    size: int = 64
    margin: int = 0
    threshold: int = 63
    local_mean: int = 0
    excess: int = 0

    def __post_init__(self) -> None:
        values = (self.size, self.margin, self.threshold, self.local_mean, self.excess)
        if not all(isinstance(value, int) for value in values):
            raise ModelError(
                f"size, margin, threshold, local mean and excess must be whole numbers, not {values}"
            )
        if self.size not in INPUT_SIZES:
            raise ModelError(f"the input has {self.size} x {self.size} pixels; it may have 16 to 256 rows")
        if not 0 <= self.margin < self.size // 2:
            raise ModelError(f"a margin of {self.margin} leaves nothing of {self.size} x {self.size} pixels")
        if not 0 <= self.local_mean <= 5:
            raise ModelError(f"the local mean is over 2^{self.local_mean} pixels; it may be over 2^1 to 2^5")
        if not 0 <= self.excess <= MOST_EXCESSES or (self.excess and self.local_mean):
            raise ModelError(
                f"a threshold {self.excess} excesses above the mean; it may be 0 to {MOST_EXCESSES}, "
                "and 0 with a local mean"
            )
        least = -127 if self.local_mean or self.excess else 0
        if not least <= self.threshold <= 127:
            raise ModelError(f"threshold {self.threshold} is outside {least} to 127")

    def binarize(self, brightness: npt.NDArray[np.uint8]) -> BitPlane:
        """Input bits of an image, as the array computes them.

        The local mean is built by halving as the array does: j times, average every pixel with the one
        2^i to its right, then with the one 2^i below, rounding toward zero; 0 beyond the edge.

        A threshold that follows the image is built from two global sums: of the levels, and then of
        ``min(mean - level, 0)``.

        Args:
            brightness: uint8 (size, size).

        Returns:
            bool (size, size).

        Raises:
            ModelError: another shape.
        """
        if brightness.shape != (self.size, self.size):
            raise ModelError(f"the image has shape {brightness.shape}; expected {(self.size, self.size)}")
        level = (brightness >> 1).astype(np.int16)
        bits = level > self._local_means(level) + self._image_level(level) + self.threshold
        if self.margin:
            inside = np.zeros_like(bits)
            inside[self._inside] = True
            bits &= inside
        return np.asarray(bits, np.bool_)

    @property
    def _inside(self) -> tuple[slice, slice]:
        window = slice(self.margin, self.size - self.margin)
        return window, window

    def _image_level(self, level: npt.NDArray[np.int16]) -> int:
        """What a threshold that follows the image adds to it; 0 for any other."""
        if not self.excess:
            return 0
        within = level[self._inside].astype(np.int64)
        mean = _mean(within)
        return mean - self.excess * _mean(np.minimum(mean - within, 0))

    def _local_means(self, level: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        if not self.local_mean:
            return np.zeros_like(level)
        mean = level
        for power in range(self.local_mean):
            for axis in (1, 0):
                mean = (mean + _from_beyond(mean, 1 << power, axis)) >> 1
        return mean


def _mean(values: npt.NDArray[np.int64]) -> int:
    """The mean to the nearest integer, halves up: what a global sum reads."""
    return int((2 * values.sum() + values.size) // (2 * values.size))


def _from_beyond(plane: npt.NDArray[np.int16], distance: int, axis: int) -> npt.NDArray[np.int16]:
    """Every pixel's neighbour at a distance to the right (axis 1) or below (axis 0); 0 outside."""
    result = np.zeros_like(plane)
    if axis == 1:
        result[:, :-distance] = plane[:, distance:]
    else:
        result[:-distance] = plane[distance:]
    return result


@dataclass(frozen=True, eq=False)
class FoldedModel:
    """A network with binary activations, batch normalization and binarization folded into integers.

    Attributes:
        input: the input plane.
        layers: convolutions and poolings, in order.
        head: what makes the logits.
    """

    input: InputSpec
    layers: tuple[Layer, ...]
    head: Head

    def __post_init__(self) -> None:
        if not 2 <= self.outcomes <= MOST_CELLS:
            raise ModelError(
                f"the heat map has {self.outcomes:,} cells; it may have 2 to {MOST_CELLS:,}: change its "
                "stride, or the pooling before it"
            )

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of the input and of what each layer, and a heat map, makes of it."""
        layers = self.layers if isinstance(self.head, FullyConnected) else (*self.layers, self.head)
        shapes = shapes_of(self.input.size, layers)
        if isinstance(self.head, FullyConnected):
            try:
                self.head.check_input(shapes[-1])
            except ModelError as error:
                raise ModelError(f"layer {len(layers)} ({self.head.kind}): {error}") from error
        return shapes

    @property
    def outcomes(self) -> int:
        """Number of logits: one per class, or one per cell of the heat map."""
        _, rows, columns = self.shapes[-1]
        return self.head.outcomes if isinstance(self.head, FullyConnected) else rows * columns
