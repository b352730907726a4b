"""Binarized layers with latent weights, for every layer that a folded model has.

Activations are signs X in {-1, +1}; everything outside a feature map is -1, as on the array. Between a
convolution and the next layer that takes signs, a network carries *latent activations* v, whose sign is the
activation: OR pooling is then max pooling of v, because sign(max v) = max sign(v), and the gradient goes to
the strongest activation of a cell instead of an arbitrary one.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import cast

import torch
from torch import Tensor, nn

from pixeltree.model.geometry import HeatMapGeometry, KernelGeometry, Shape, Weights
from pixeltree.train.binarize import odd_through, round_through, sign, ternary
from pixeltree.train.first_layer import Sums


class BinaryConvolution(nn.Module):
    """s_o(r, c) = sum over channels and taps of w * X, X = -1 beyond the map; w = sign(latent), or ternary.

    Attributes:
        geometry: everything but the weights.
        latent: float (outputs, inputs / groups, k, k), the latent weights, in [-1, 1].
    """

    def __init__(self, inputs: int, geometry: KernelGeometry) -> None:
        super().__init__()
        self.geometry = geometry
        shape = geometry.weight_shape((inputs, 0, 0))
        self.latent = nn.Parameter(torch.empty(shape).uniform_(-1, 1))

    @property
    def taps(self) -> int:
        """K: weights of one output channel; sums are integers from -K to K."""
        return math.prod(self.latent.shape[1:])

    def weights(self) -> Tensor:
        """The weights: float (outputs, inputs / groups, k, k), -1 or +1; ternary ones also 0."""
        return ternary(self.latent) if self.geometry.weights is Weights.TERNARY else sign(self.latent)

    def forward(self, signs: Tensor) -> Tensor:
        """Sums: float (batch, outputs, rows, columns), integers in [-K, K].

        Args:
            signs: float (batch, inputs, rows, columns), values -1 or +1.
        """
        geometry = self.geometry
        padded = nn.functional.pad(signs, geometry.borders * 2, value=-1.0)
        sums = nn.functional.conv2d(padded, self.weights(), stride=geometry.stride, groups=geometry.groups)
        return sums.contiguous(memory_format=torch.channels_last)  # what follows takes half the time so


class ExactBatchNorm(nn.BatchNorm2d):
    """Batch normalization whose evaluation mode is the formula itself, in float64.

    BN(s) = gamma (s - mu) / sqrt(var + eps) + beta (Ioffe, Szegedy 2015, arXiv:1502.03167). PyTorch's own
    evaluation rearranges this to s alpha + (beta - mu alpha) in float32, which can miss a tie that the
    formula hits; written out in float64, each operation is monotone in s and rounds the same way
    everywhere.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalized sums: (batch, channels, rows, columns); float64 in evaluation mode.

        Args:
            input: float (batch, channels, rows, columns), sums.
        """
        if self.training:
            return super().forward(input)
        shape = (1, -1, 1, 1)
        mean = cast(Tensor, self.running_mean).double().view(shape)
        deviation = torch.sqrt(cast(Tensor, self.running_var).double() + self.eps).view(shape)
        centred = (input.double() - mean) / deviation
        return self.weight.double().view(shape) * centred + self.bias.double().view(shape)


def balanced_threshold(side: int) -> float:
    """The threshold at which half of the cells of an OR pooling fire, before anything is learned.

    Normalized sums are taken as Gaussian, and as so alike along one axis that a cell of side^2 is worth
    ``side`` independent ones: P(none fires) = P(v < t)^side = 1 / 2. Without it nearly all cells fire at
    first, and carry no information.
    """
    return NormalDist().inv_cdf(0.5 ** (1 / side))


_LEAST_SCALE = 0.01
"""A batch normalization that scales by less says nothing about where the threshold should be."""


class LatentActivation(nn.Module):
    """v = BN(s) - threshold, with a threshold learned per channel; the activation is sign(v).

    The learned threshold is RSign of Liu et al. 2020, "ReActNet" (arXiv:2003.03488).

    Attributes:
        norm: the batch normalization.
        threshold: float (channels,); begins at :func:`balanced_threshold` of the OR pooling that follows.
    """

    def __init__(self, channels: int, pooled: int = 1) -> None:
        super().__init__()
        self.norm = ExactBatchNorm(channels)
        self.threshold = nn.Parameter(torch.full((channels,), balanced_threshold(pooled)))

    def threshold_of_sums(self) -> Tensor:
        """Where v is 0, in units of the sum: float (channels,), with a gradient for the threshold alone."""
        norm = self.norm
        deviation = torch.sqrt(cast(Tensor, norm.running_var) + norm.eps)
        scale = norm.weight.detach()
        scale = torch.where(scale < 0, -1.0, 1.0) * scale.abs().clamp(min=_LEAST_SCALE)
        return cast(Tensor, norm.running_mean) + deviation * (self.threshold - norm.bias.detach()) / scale

    def forward(self, sums: Tensor) -> Tensor:
        """Latent activations, same shape as the sums; float64 in evaluation mode."""
        normalized = cast(Tensor, self.norm(sums))
        return normalized - self.threshold.to(normalized.dtype).view(1, -1, 1, 1)

    @property
    def directions(self) -> Tensor:
        """-1 where latent activations fall as sums grow, else 1: float32 (channels,)."""
        return torch.where(self.norm.weight.detach() < 0, -1.0, 1.0)

    def of_sums(self, sums: Sums, count: int) -> Tensor:
        """Latent activations in training, of sums whose mean and variance are known.

        Where the batch normalization itself is in evaluation mode, it keeps its mean and variance.

        Args:
            sums: what is left of them.
            count: how many there were of each channel.
        """
        norm = self.norm
        if not norm.training:
            mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
            return self._scaled(sums.greatest, mean, variance)
        with torch.no_grad():
            momentum = cast(float, norm.momentum)
            cast(Tensor, norm.running_mean).lerp_(sums.mean, momentum)
            cast(Tensor, norm.running_var).lerp_(sums.variance * (count / (count - 1)), momentum)
            cast(Tensor, norm.num_batches_tracked).add_(1)
        return self._scaled(sums.greatest, sums.mean, sums.variance)

    def _scaled(self, sums: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Latent activations of sums, by a mean and a variance."""
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        shift = self.norm.bias - self.threshold - mean * scale
        return torch.addcmul(shift.view(1, -1, 1, 1), sums, scale.view(1, -1, 1, 1))


class OrPooling(nn.Module):
    """Any activation of a cell: the greatest latent activation; incomplete cells are dropped."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, latent: Tensor) -> Tensor:
        """Latent activations of cells: (batch, channels, rows // side, columns // side)."""
        return nn.functional.max_pool2d(latent, self.side)


LATENT_REACH = 0.2
"""The latent weight that has the greatest weight of several planes."""


class BinaryFullyConnected(nn.Module):
    """z_n = sum_i w_ni * X_i + round(latent_bias_n * spread), not binarized; w = sign(latent) with one plane.

    With p planes of signs a weight is one of 2^p odd numbers, among which latent weights up to
    :data:`LATENT_REACH` either way are divided evenly; beyond it they have the greatest. The gradient passes
    as if there were no rounding. Or weights are ternary. The bias is kept in units of ``spread``, so that one
    learning rate fits weights and biases.

    Attributes:
        latent: float (outcomes, channels, rows, columns), the latent weights, in [-1, 1].
        latent_bias: float (outcomes,).
        planes: p, 1 to 7.
        kind: of the weights; ternary ones have 1 plane.
    """

    def __init__(
        self,
        shape: Shape,
        outcomes: int,
        planes: int = 1,
        latent_range: float = 0.1,
        kind: Weights = Weights.BINARY,
    ) -> None:
        super().__init__()
        self.planes = planes
        self.kind = kind
        self.latent = nn.Parameter(torch.empty((outcomes, *shape)).uniform_(-latent_range, latent_range))
        self.latent_bias = nn.Parameter(torch.zeros(outcomes))

    @property
    def taps(self) -> int:
        """Inputs of one outcome."""
        return math.prod(self.latent.shape[1:])

    @property
    def spread(self) -> float:
        """Spread of a sum of random weights: sqrt(K (4^p - 1) / 3), which is sqrt(K) for signs."""
        return math.sqrt(self.taps * (4**self.planes - 1) / 3)

    def weights(self) -> Tensor:
        """The weights: float (outcomes, channels, rows, columns), odd, up to 2^p - 1; or -1, 0, +1."""
        if self.kind is Weights.TERNARY:
            return ternary(self.latent)
        if self.planes == 1:
            return sign(self.latent)
        half = 1 << self.planes - 1
        return odd_through(self.latent * (half / LATENT_REACH), half)

    def integer_bias(self) -> Tensor:
        """The integer biases: float (outcomes,)."""
        return round_through(self.latent_bias * self.spread)

    def forward(self, signs: Tensor) -> Tensor:
        """Sums: float (batch, outcomes), integers.

        Args:
            signs: float (batch, channels, rows, columns), values -1 or +1.
        """
        return nn.functional.linear(signs.flatten(1), self.weights().flatten(1), self.integer_bias())


class BinaryHeatMap(nn.Module):
    """A binary convolution to one channel, plus an integer bias, not binarized; its cells are the outcomes.

    Attributes:
        convolution: with the latent weights.
        latent_bias: float (1,), in units of ``spread``.
    """

    def __init__(self, inputs: int, head: HeatMapGeometry) -> None:
        super().__init__()
        self.convolution = BinaryConvolution(inputs, head)
        self.latent_bias = nn.Parameter(torch.zeros(1))

    @property
    def taps(self) -> int:
        """K: weights of a cell."""
        return self.convolution.taps

    @property
    def spread(self) -> float:
        """Spread of a sum of random signs: sqrt(K)."""
        return math.sqrt(self.taps)

    def integer_bias(self) -> Tensor:
        """The integer bias: float (1,)."""
        return round_through(self.latent_bias * self.spread)

    def forward(self, signs: Tensor) -> Tensor:
        """Sums: float (batch, cells), integers, row by row from the top left.

        Args:
            signs: float (batch, channels, rows, columns), values -1 or +1.
        """
        return cast(Tensor, self.convolution(signs)).flatten(1) + self.integer_bias()


@torch.no_grad()
def clip_latent_weights(module: nn.Module) -> None:
    """Clip the latent weights of every binary layer of a module to [-1, 1], in place."""
    for layer in module.modules():
        if isinstance(layer, BinaryConvolution | BinaryFullyConnected):
            layer.latent.clamp_(-1, 1)


def settle(module: nn.Module) -> None:
    """Let every batch normalization of a module keep its mean and variance, until it trains again."""
    for layer in module.modules():
        if isinstance(layer, ExactBatchNorm):
            layer.eval()
