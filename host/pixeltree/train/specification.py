"""What a network is before it has weights: input, layers and head, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixeltree.errors import SpecificationError
from pixeltree.model import InputSpec, ModelError
from pixeltree.model.heat_maps import CellGrid
from pixeltree.train.binarize import Estimator
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES


@dataclass(frozen=True)
class Input:
    """How brightness becomes the input bits.

    Attributes:
        size: rows and columns of the image, 16 to 256.
        margin: pixels at every edge that are forced to 0.
        threshold: a pixel is 1 where its half-range brightness (0 to 127) is greater than this. If the
            threshold is learned, training starts here.
        learned: whether training moves the threshold.
        local_mean: j > 0 makes the threshold adaptive: brightness is compared with the mean of 2^j x 2^j
            pixels plus the threshold, which may then be negative.
        excess: k > 0 lets the threshold follow the image: it is the image's mean, plus k times the mean
            excess above that mean, plus the threshold.
    """

    size: int = 64
    margin: int = 4
    threshold: int = 63
    learned: bool = False
    local_mean: int = 0
    excess: int = 0

    def __post_init__(self) -> None:
        try:
            self.folded(self.threshold)
        except ModelError as error:
            raise SpecificationError(f"input: {error}") from error

    def folded(self, threshold: int) -> InputSpec:
        """The input of the folded model, with the threshold that training arrived at."""
        return InputSpec(self.size, self.margin, threshold, self.local_mean, self.excess)


@dataclass(frozen=True)
class Convolution:
    """A binary convolution, batch normalization, and a binary activation.

    Attributes:
        channels: output channels.
        kernel: side of the kernels, 2 to 7, or 1 to mix channels only.
        stride: distance of neighbouring windows, 1 to 8.
        groups: groups of channels that do not mix; must divide input and output channels. With 1, every
            output channel sees every input channel.
        before: rows and columns of -1 assumed above and to the left; if left out, ``(kernel - 1) // 2``.
        after: the same below and to the right; if left out, ``kernel // 2``, so that stride 1 keeps the size.
    """

    channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    before: int | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.kernel <= 7:
            raise SpecificationError(f"a kernel is 1 x 1 to 7 x 7, not {self.kernel} x {self.kernel}")
        check_borders(self)
        if min(self.channels, self.groups) < 1 or self.channels % self.groups:
            raise SpecificationError(f"{self.channels} channels do not divide into {self.groups} groups")

    @property
    def borders(self) -> tuple[int, int]:
        """``before`` and ``after``, with their defaults."""
        return borders(self)


@dataclass(frozen=True)
class Pooling:
    """Cells of activations become their OR.

    Attributes:
        side: rows and columns of a cell, 2 to 16.
    """

    side: int

    def __post_init__(self) -> None:
        if not 2 <= self.side <= 16:
            raise SpecificationError(f"a pooling cell's side is 2 to 16, not {self.side}")


@dataclass(frozen=True)
class FullyConnected:
    """A fully connected layer whose sums are the logits, one per class.

    Attributes:
        outcomes: number of classes, 2 to 255.
        planes: planes of signs that a weight has, 1 to 7. The j-th counts 2^j: with 1 plane a weight is -1 or
            1, with 2 planes it is -3, -1, 1 or 3.
    """

    outcomes: int
    planes: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.planes <= MOST_WEIGHT_PLANES:
            raise SpecificationError(f"weights have 1 to {MOST_WEIGHT_PLANES} planes, not {self.planes}")
        if not 2 <= self.outcomes <= 255:
            raise SpecificationError(f"a node has 2 to 255 outcomes, not {self.outcomes}")


@dataclass(frozen=True)
class HeatMap:
    """A binary convolution to one channel whose sums are the logits, one per cell.

    Attributes:
        kernel: side of the kernel, 2 to 7, or 1.
        stride: distance of neighbouring windows, 1 to 8.
        before: as for a convolution.
        after: as for a convolution.
    """

    kernel: int
    stride: int = 1
    before: int | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.kernel <= 7:
            raise SpecificationError(f"a kernel is 1 x 1 to 7 x 7, not {self.kernel} x {self.kernel}")
        check_borders(self)

    @property
    def borders(self) -> tuple[int, int]:
        """``before`` and ``after``, with their defaults."""
        return borders(self)


Layer = Convolution | Pooling
Head = FullyConnected | HeatMap
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class NetworkSpecification:
    """A network's input, layers and head. What does not fit together is a SpecificationError.

    Attributes:
        input: how brightness becomes bits.
        layers: convolutions and poolings, a convolution first.
        head: what makes the logits.
        estimator: what stands for the derivative of the sign: "clipped" is 1 and "smooth" is 2 - 2 |v| where
            |v| <= 1; both are 0 elsewhere.
    """

    input: Input
    layers: tuple[Layer, ...]
    head: Head
    estimator: Estimator = Estimator.CLIPPED

    def __post_init__(self) -> None:
        if not self.layers or not isinstance(self.layers[0], Convolution):
            raise SpecificationError("the first layer must be a convolution")
        _ = self.shapes

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Channels, rows and columns of the input, of what each layer makes, and of a heat map."""
        shapes: list[Shape] = [(1, self.input.size, self.input.size)]
        for index, layer in enumerate((*self.layers, self.head)):
            if isinstance(layer, FullyConnected):
                continue
            try:
                shapes.append(_output_shape(layer, shapes[-1]))
            except SpecificationError as error:
                raise SpecificationError(f"layer {index} ({type(layer).__name__}): {error}") from error
        return tuple(shapes)

    @property
    def cell_grid(self) -> CellGrid:
        """The cells of the heat map."""
        windows = [
            (layer.side, 0, layer.side)
            if isinstance(layer, Pooling)
            else (layer.kernel, layer.borders[0], layer.stride)
            for layer in (*self.layers, self.head)
            if not isinstance(layer, FullyConnected)
        ]
        return CellGrid.behind(windows, *self.shapes[-1][1:])

    def with_outcomes(self, outcomes: int) -> NetworkSpecification:
        """The same layers with a fully connected head for so many outcomes; its weights keep their planes."""
        planes = self.head.planes if isinstance(self.head, FullyConnected) else 1
        return replace(self, head=FullyConnected(outcomes, planes))

    @property
    def head_inputs(self) -> Shape:
        """Channels, rows and columns of what the head sees."""
        return self.shapes[len(self.layers)]

    @property
    def weight_bits(self) -> int:
        """Information content of all weights, in bits."""
        total = 0
        for layer, (channels, rows, columns) in zip((*self.layers, self.head), self.shapes, strict=False):
            if isinstance(layer, FullyConnected):
                total += layer.outcomes * channels * rows * columns * layer.planes
            elif isinstance(layer, HeatMap):
                total += channels * layer.kernel**2
            elif isinstance(layer, Convolution):
                total += layer.channels * channels // layer.groups * layer.kernel**2
        return total


def borders(layer: Convolution | HeatMap) -> tuple[int, int]:
    """``before`` and ``after`` of a layer, with their defaults."""
    before = (layer.kernel - 1) // 2 if layer.before is None else layer.before
    return before, layer.kernel // 2 if layer.after is None else layer.after


def check_borders(layer: Convolution | HeatMap) -> None:
    """Refuse strides and borders that no layer has."""
    before, after = borders(layer)
    for name, value, least, most in (
        ("stride", layer.stride, 1, 8),
        ("before", before, 0, layer.kernel - 1),
        ("after", after, 0, layer.kernel - 1),
    ):
        if not least <= value <= most:
            raise SpecificationError(f"{name} is {value}; here it must be {least} to {most}")


def _output_shape(layer: Layer | HeatMap, shape: Shape) -> Shape:
    channels, rows, columns = shape
    if isinstance(layer, Pooling):
        if min(rows, columns) < layer.side:
            raise SpecificationError(
                f"cells of {layer.side} x {layer.side} do not fit into {rows} x {columns}"
            )
        return channels, rows // layer.side, columns // layer.side
    if isinstance(layer, Convolution) and channels % layer.groups:
        raise SpecificationError(f"{channels} input channels do not divide into {layer.groups} groups")
    spare = sum(layer.borders) - layer.kernel
    if min(rows, columns) + spare < 0:
        raise SpecificationError(
            f"a {layer.kernel} x {layer.kernel} kernel does not fit into {rows} x {columns}"
        )
    outputs = layer.channels if isinstance(layer, Convolution) else 1
    return outputs, (rows + spare) // layer.stride + 1, (columns + spare) // layer.stride + 1
