"""What flows through a graph: the image, signs, and sums, each with its exact values.

A value is kept as a function of what is whole: of the brightness, of a bit, or of the sum s of a layer's
signs. So nothing is rounded on the way, and a threshold can be asked for at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pixeltree.interchange.exact import Exact
from pixeltree.interchange.file import Constant, Node
from pixeltree.model import ConvolutionGeometry, Layer
from pixeltree.model.geometry import Shape

IMAGE_ORDER = (0, 1, 2, 3)
"""Batch, channels, rows, columns: how convolutions want their input."""


@dataclass(frozen=True)
class Form:
    """How a feature map lies in a tensor.

    Attributes:
        shape: channels, rows, columns.
        axes: which of batch (0), channels (1), rows (2), columns (3) each dimension is, in order.
        flat: whether all but the batch were made one dimension, in this order.
        batch: the first dimension; 1 where the file leaves it open.
    """

    shape: Shape
    axes: tuple[int, ...] = IMAGE_ORDER
    flat: bool = False
    batch: int = 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the dimensions of the tensor."""
        if self.flat:
            return self.batch, math.prod(self.shape)
        return tuple((self.batch, *self.shape)[axis] for axis in self.axes)

    @property
    def channel_axis(self) -> int | None:
        """The dimension along which channels lie; None where it has pixels too."""
        if not self.flat:
            return self.axes.index(1)
        return 1 if self.shape[1:] == (1, 1) else None

    def in_order(self, node: Node) -> None:
        """Refuse a tensor that is not batch, channels, rows, columns.

        Raises:
            ModelError: it is another.
        """
        if self.flat or self.axes != IMAGE_ORDER:
            raise node.refuse(
                "its input is not batch, channels, rows, columns, in this order: leave out the reshape or "
                "transpose before it"
            )

    def by_channel(self, node: Node, constant: Constant) -> list[Exact]:
        """One number for each channel, of a constant that is combined with the tensor.

        Raises:
            ModelError: the constant differs within a channel, makes the tensor larger, or is not finite.
        """
        if constant.dtype.kind not in "fiu" or not np.all(np.isfinite(constant)):
            raise node.refuse("its constants must be finite numbers")
        axis, rank, channels = self.channel_axis, len(self.sizes), self.shape[0]
        if constant.size == 1 and constant.ndim <= rank:
            return [Exact.of(_number(constant.ravel()[0]))] * channels
        shape = (1,) * (rank - constant.ndim) + constant.shape
        wanted = tuple(channels if index == axis else 1 for index in range(rank))
        if axis is None or shape != wanted:
            raise node.refuse(
                f"its constant has shape {constant.shape}; here it must be one number, or one for each of "
                f"the {channels} channels, since all pixels of a channel are treated alike"
            )
        return [Exact.of(_number(value)) for value in constant.ravel()]


def _number(value: np.generic) -> float:
    number: float = value.item()
    return number


@dataclass(frozen=True)
class Line:
    """The value of a channel, ``slope * x + offset`` for a whole number x.

    Attributes:
        slope, offset: exact.
        size: sum of the absolute values of all that was added, which bounds the rounding of a float.
    """

    slope: Exact
    offset: Exact
    size: float = 0.0

    def at(self, x: int) -> Exact:
        """The value at x."""
        return self.slope * Exact.of(Fraction(x)) + self.offset

    def times(self, factor: Exact) -> Line:
        """The value, multiplied."""
        return Line(self.slope * factor, self.offset * factor, self.size * abs(float(factor)))

    def plus(self, term: Exact) -> Line:
        """The value with something added."""
        return Line(self.slope, self.offset + term, self.size + abs(float(term)))


@dataclass(frozen=True)
class Past:
    """What has been made so far.

    Attributes:
        threshold: of the input; None before there is one.
        layers: of the model.
        labels: for each layer, the node that ended it.
        ties: channels in which the value can be exactly 0 where its sign is asked for.
        near: channels in which a float of 32 bits may have the other sign, those with ties included.
    """

    threshold: int | None = None
    layers: tuple[Layer, ...] = ()
    labels: tuple[str, ...] = ()
    ties: int = 0
    near: int = 0

    def with_layers(self, node: Node, *layers: Layer) -> Past:
        """The same with more layers, ended by this node."""
        return replace(self, layers=self.layers + layers, labels=self.labels + (node.label,) * len(layers))


@dataclass(frozen=True, eq=False)
class Grey:
    """The image: the value of a pixel of brightness b, 0 to 255, is ``line.at(b)``."""

    form: Form
    past: Past
    line: Line

    def scaled(self, node: Node, factors: Sequence[Exact]) -> Grey:
        """See :data:`Signal`."""
        return replace(self, line=self.line.times(factors[0]))

    def shifted(self, node: Node, terms: Sequence[Exact]) -> Grey:
        """See :data:`Signal`."""
        return replace(self, line=self.line.plus(terms[0]))


@dataclass(frozen=True, eq=False)
class Signs:
    """Activations of two values.

    Attributes:
        low, high: the value of each channel where its bit is 0 and where it is 1.
        before, after: rows and columns that were put around the map, of the value of bit 0.
    """

    form: Form
    past: Past
    low: tuple[Exact, ...]
    high: tuple[Exact, ...]
    before: int = 0
    after: int = 0

    def scaled(self, node: Node, factors: Sequence[Exact]) -> Signs:
        """See :data:`Signal`."""
        low, high = (
            tuple(value * factor for value, factor in zip(values, factors, strict=True))
            for values in (self.low, self.high)
        )
        return self.with_values(node, low, high)

    def shifted(self, node: Node, terms: Sequence[Exact]) -> Signs:
        """See :data:`Signal`."""
        low, high = (
            tuple(value + term for value, term in zip(values, terms, strict=True))
            for values in (self.low, self.high)
        )
        return self.with_values(node, low, high)

    def with_values(self, node: Node, low: tuple[Exact, ...], high: tuple[Exact, ...]) -> Signs:
        """The same bits, which stand for other values.

        Raises:
            ModelError: a channel has the same value for both.
        """
        same = [number for number, (a, b) in enumerate(zip(low, high, strict=True)) if not (b - a).sign()]
        if same:
            raise node.refuse(f"it makes channel {same[0]} constant: take the channel out of the network")
        return replace(self, low=low, high=high)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of a layer, and what was done to them since.

    A channel's sum s of ``weights * X`` is a whole number from -K to K of K's parity, X being -1 or +1.

    Attributes:
        geometry: of a convolution; None for a fully connected layer.
        weights: int8 (outputs, inputs / groups, rows, columns), odd numbers.
        lines: the value of each channel as a function of s.
        pools: sides of the cells of which the greatest value was taken, in order.
        since: for each channel, the sign by which its values were multiplied after the first of these.
        only_signs: whether values have been bent so that only their signs are still right.
        rounding: float operations in the sums, each of which may round.
    """

    form: Form
    past: Past
    geometry: ConvolutionGeometry | None
    weights: npt.NDArray[np.int8]
    lines: tuple[Line, ...]
    pools: tuple[int, ...] = ()
    since: tuple[int, ...] = ()
    only_signs: bool = False
    rounding: int = 0

    @property
    def greatest(self) -> int:
        """The greatest |s|."""
        return int(np.abs(self.weights.astype(np.int64)).sum(axis=(1, 2, 3)).max())

    def scaled(self, node: Node, factors: Sequence[Exact]) -> Sums:
        """See :data:`Signal`."""
        signs = [factor.sign() for factor in factors]
        if self.only_signs and min(signs) <= 0:
            raise node.refuse("it turns values round of which only the signs are known after the node before")
        lines = tuple(line.times(factor) for line, factor in zip(self.lines, factors, strict=True))
        since = tuple(a * b for a, b in zip(self.since or (1,) * len(signs), signs, strict=True))
        return replace(self, lines=lines, since=since if self.pools else ())

    def shifted(self, node: Node, terms: Sequence[Exact]) -> Sums:
        """See :data:`Signal`."""
        if self.only_signs and any(term.sign() for term in terms):
            raise node.refuse("it adds to values of which only the signs are known after the node before")
        return replace(
            self, lines=tuple(line.plus(term) for line, term in zip(self.lines, terms, strict=True))
        )


Signal: TypeAlias = Grey | Signs | Sums
"""A value that depends on the image. Each kind has three things in common:

- ``form`` and ``past``: how it lies in a tensor, and what made it;
- ``scaled(node, factors)``: each channel multiplied by its factor;
- ``shifted(node, terms)``: something added to each channel. Both raise a ModelError where this cannot be
  expressed.
"""
