"""What a layer is without its weights: sizes of kernels and cells, shapes, and how many weights there are.

Recipes and training, folded layers and the compiler all ask these classes. A feature map's shape is channels,
rows, columns. Rows grow downward and columns to the right. The window of output (r, c) begins at input
``(r * stride - before, c * stride - before)``; everything outside a feature map is -1.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pixeltree.errors import ModelError
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES
from pixeltree_protocol.objects.ternary import ternary_bytes

Shape = tuple[int, int, int]
"""Channels, rows, columns of a feature map."""

KERNEL_SIDES = range(1, 8)
"""Sides of a kernel: 2 to 7, and 1 for a layer that only mixes channels."""

POOLING_SIDES = range(2, 17)

STRIDES = range(1, 9)

CLASSES = range(2, 256)
"""Outcomes of a classifier."""


class Weights(enum.StrEnum):
    """What a weight may be: binary -1 or +1; ternary -1, 0 or +1, five of which take a byte."""

    BINARY = "binary"
    TERNARY = "ternary"

    @classmethod
    def named(cls, name: str) -> Weights:
        """The one of a name.

        Raises:
            ModelError: there is none.
        """
        try:
            return cls(name)
        except ValueError:
            raise ModelError(f"weights are {' or '.join(map(repr, map(str, cls)))}, not {name!r}") from None

    def bits(self, count: int) -> int:
        """Bits that so many weights take where they are kept."""
        return count if self is Weights.BINARY else 8 * ternary_bytes(count)


class _Kernel:
    """What convolutions and heat maps have in common."""

    kernel: int
    stride: int
    before: int | None
    after: int | None

    @property
    def borders(self) -> tuple[int, int]:
        """``before`` and ``after``, with their defaults."""
        before = (self.kernel - 1) // 2 if self.before is None else self.before
        return before, self.kernel // 2 if self.after is None else self.after

    @property
    def window(self) -> tuple[int, int, int]:
        """Side, rows before, and stride of the windows that outputs see."""
        return self.kernel, self.borders[0], self.stride

    def _check(self) -> None:
        if self.kernel not in KERNEL_SIDES:
            raise ModelError(f"a kernel is 1 x 1 to 7 x 7, not {self.kernel} x {self.kernel}")
        border = range(self.kernel)
        values = (self.stride, *self.borders)
        for name, value, allowed in zip(
            ("stride", "before", "after"), values, (STRIDES, border, border), strict=True
        ):
            if value not in allowed:
                raise ModelError(f"{name} is {value}; here it must be {allowed[0]} to {allowed[-1]}")

    def _outputs(self, channels: int, shape: Shape) -> Shape:
        spare = sum(self.borders) - self.kernel
        _, rows, columns = shape
        if min(rows, columns) + spare < 0:
            raise ModelError(f"a {self.kernel} x {self.kernel} kernel does not fit into {rows} x {columns}")
        return channels, (rows + spare) // self.stride + 1, (columns + spare) // self.stride + 1


@dataclass(frozen=True)
class ConvolutionGeometry(_Kernel):
    """A binary or ternary convolution, batch normalization, and a binary activation.

    Output channel o belongs to group ``o * groups // channels`` and sees that group's input channels only.

    Attributes:
        channels: output channels.
        kernel: side of the kernels, 2 to 7, or 1 to mix channels only.
        stride: distance of neighbouring windows, 1 to 8.
        groups: groups of channels that do not mix; must divide input and output channels. With 1, every
            output channel sees every input channel.
        before: rows and columns of -1 assumed above and to the left; if left out, ``(kernel - 1) // 2``.
        after: the same below and to the right; if left out, ``kernel // 2``, so that stride 1 keeps the size.
        weights: what a weight may be: -1 or +1, or with "ternary" 0 too.
    """

    kind: ClassVar[str] = "convolution"

    channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    before: int | None = None
    after: int | None = None
    weights: Weights = Weights.BINARY

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "weights", Weights.named(self.weights))
        if min(self.channels, self.groups) < 1 or self.channels % self.groups:
            raise ModelError(f"{self.channels} channels do not divide into {self.groups} groups")

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output, for an input of this shape.

        Raises:
            ModelError: the layer cannot take such an input.
        """
        if shape[0] % self.groups:
            raise ModelError(f"{shape[0]} input channels do not divide into {self.groups} groups")
        return self._outputs(self.channels, shape)

    def weight_shape(self, shape: Shape) -> tuple[int, ...]:
        """Shape of the weights, for an input of this shape."""
        return self.channels, shape[0] // self.groups, self.kernel, self.kernel

    def weight_bits(self, shape: Shape) -> int:
        """Bits that the weights take where they are kept, for an input of this shape."""
        return self.weights.bits(math.prod(self.weight_shape(shape)))


@dataclass(frozen=True)
class Pooling:
    """Cells of ``side`` x ``side`` activations become their OR: +1 where any of them is.

    Cells do not overlap; incomplete ones are dropped.

    Attributes:
        side: rows and columns of a cell, 2 to 16.
    """

    kind: ClassVar[str] = "pooling"

    side: int

    def __post_init__(self) -> None:
        if self.side not in POOLING_SIDES:
            raise ModelError(f"a pooling cell's side is 2 to 16, not {self.side}")

    @property
    def window(self) -> tuple[int, int, int]:
        """Side, rows before, and stride of the windows that outputs see."""
        return self.side, 0, self.side

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output, for an input of this shape.

        Raises:
            ModelError: not one whole cell fits.
        """
        channels, rows, columns = shape
        if min(rows, columns) < self.side:
            raise ModelError(f"cells of {self.side} x {self.side} do not fit into {rows} x {columns}")
        return channels, rows // self.side, columns // self.side

    def weight_bits(self, shape: Shape) -> int:
        """A pooling has no weights."""
        return 0


@dataclass(frozen=True)
class FullyConnectedGeometry:
    """A fully connected layer whose sums are the logits, one per class.

    Attributes:
        outcomes: number of classes, 2 to 255.
        planes: planes of signs that a weight has, 1 to 7. The j-th counts 2^j: with 1 plane a weight is -1 or
            1, with 2 planes it is -3, -1, 1 or 3.
        weights: "binary" for planes of signs, or "ternary" for -1, 0 or +1, which have one plane.
    """

    kind: ClassVar[str] = "fully connected"

    outcomes: int
    planes: int = 1
    weights: Weights = Weights.BINARY

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", Weights.named(self.weights))
        if self.weights is Weights.TERNARY and self.planes != 1:
            raise ModelError(f"ternary weights have 1 plane, not {self.planes}: leave planes out")
        if not 1 <= self.planes <= MOST_WEIGHT_PLANES:
            raise ModelError(f"weights have 1 to {MOST_WEIGHT_PLANES} planes, not {self.planes}")
        if self.outcomes not in CLASSES:
            raise ModelError(f"a node has 2 to 255 outcomes, not {self.outcomes}")

    def weight_bits(self, shape: Shape) -> int:
        """Bits that the weights take where they are kept, for an input of this shape."""
        return self.outcomes * self.weights.bits(math.prod(shape) * self.planes)


@dataclass(frozen=True)
class HeatMapGeometry(_Kernel):
    """A convolution to one channel, dense across its input, whose sums are the logits, one per cell.

    Attributes:
        kernel: side of the kernel, 2 to 7, or 1.
        stride: distance of neighbouring windows, 1 to 8.
        before: as for a convolution.
        after: as for a convolution.
        weights: as for a convolution.
    """

    kind: ClassVar[str] = "heat map"
    channels: ClassVar[int] = 1
    groups: ClassVar[int] = 1

    kernel: int
    stride: int = 1
    before: int | None = None
    after: int | None = None
    weights: Weights = Weights.BINARY

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "weights", Weights.named(self.weights))

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the map, for an input of this shape.

        Raises:
            ModelError: the layer cannot take such an input.
        """
        return self._outputs(1, shape)

    def weight_shape(self, shape: Shape) -> tuple[int, ...]:
        """Shape of the weights, for an input of this shape."""
        return 1, shape[0], self.kernel, self.kernel

    def weight_bits(self, shape: Shape) -> int:
        """Bits that the weights take where they are kept, for an input of this shape."""
        return self.weights.bits(math.prod(self.weight_shape(shape)))


KernelGeometry = ConvolutionGeometry | HeatMapGeometry
LayerGeometry = ConvolutionGeometry | Pooling
HeadGeometry = FullyConnectedGeometry | HeatMapGeometry


class Shaped(Protocol):
    """A layer that makes a feature map of another."""

    @property
    def kind(self) -> str:
        """What kind of layer it is."""

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output, for an input of this shape."""


def shapes_of(size: int, layers: Sequence[Shaped]) -> tuple[Shape, ...]:
    """Shape of an input of ``size`` x ``size`` pixels, and of what each layer makes of it.

    Raises:
        ModelError: a layer cannot take what it gets; says which.
    """
    shapes: list[Shape] = [(1, size, size)]
    for index, layer in enumerate(layers):
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ModelError as error:
            raise ModelError(f"layer {index} ({layer.kind}): {error}") from error
    return tuple(shapes)
