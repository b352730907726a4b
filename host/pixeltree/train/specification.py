"""What a network is before it has weights: input, layers and head, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixeltree.errors import SpecificationError
from pixeltree.model import InputSpec, ModelError
from pixeltree.model.geometry import (
    ConvolutionGeometry,
    FullyConnectedGeometry,
    HeadGeometry,
    HeatMapGeometry,
    LayerGeometry,
    Pooling,
    Shape,
    shapes_of,
)
from pixeltree.model.heat_maps import CellGrid
from pixeltree.train.binarize import Estimator


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
    layers: tuple[LayerGeometry, ...]
    head: HeadGeometry
    estimator: Estimator = Estimator.CLIPPED

    def __post_init__(self) -> None:
        if not self.layers or not isinstance(self.layers[0], ConvolutionGeometry):
            raise SpecificationError("the first layer must be a convolution")
        _ = self.shapes

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Channels, rows and columns of the input, of what each layer makes, and of a heat map."""
        try:
            return shapes_of(self.input.size, self._shaped)
        except ModelError as error:
            raise SpecificationError(str(error)) from error

    @property
    def _shaped(self) -> tuple[ConvolutionGeometry | Pooling | HeatMapGeometry, ...]:
        """The layers that make feature maps."""
        return self.layers if isinstance(self.head, FullyConnectedGeometry) else (*self.layers, self.head)

    @property
    def cell_grid(self) -> CellGrid:
        """The cells of the heat map."""
        return CellGrid.behind([layer.window for layer in self._shaped], *self.shapes[-1][1:])

    def with_outcomes(self, outcomes: int) -> NetworkSpecification:
        """The same layers with a fully connected head for so many outcomes, its weights as they were."""
        if isinstance(self.head, FullyConnectedGeometry):
            return replace(self, head=replace(self.head, outcomes=outcomes))
        return replace(self, head=FullyConnectedGeometry(outcomes))

    @property
    def head_inputs(self) -> Shape:
        """Channels, rows and columns of what the head sees."""
        return self.shapes[len(self.layers)]

    @property
    def weight_bits(self) -> int:
        """Bits that all weights take where they are kept."""
        layers = (*self.layers, self.head)
        return sum(layer.weight_bits(shape) for layer, shape in zip(layers, self.shapes, strict=False))
