"""A first convolution and its pooling in one step, which takes nearly all the time of a training.

The step gives the greatest sum of each pooling cell (the least where batch normalization turns the comparison
round), and mean and variance of all sums. Batch normalization, threshold and sign follow on what is left, in
PyTorch: they are monotone, so that the greatest sum of a cell has the greatest latent activation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pixeltree.model.geometry import ConvolutionGeometry, HeatMapGeometry
from pixeltree.train import array_sums
from pixeltree.train.threads import in_parts

_WORDS = 3
"""Random words for the errors of an image: two keys, and how much of the mean gain there is."""


@dataclass(frozen=True)
class SumErrors:
    """How sums err; see :class:`pixeltree.train.noise.AnalogNoise`.

    Attributes:
        lost: 1 - A, the greatest share of a sum that is lost.
        drawn: variance of the error of a sum of 0.
        growth: its growth with the square of the sum.
    """

    lost: float
    drawn: float
    growth: float

    def of_images(self, images: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
        """Keys, uint32 (N, 2), and errors, float32 (N, 3), drawn by PyTorch's global generator."""
        drawn = torch.randint(-(1 << 31), 1 << 31, (images, _WORDS), dtype=torch.int32).numpy()
        words = drawn.view(np.uint32)
        errors = np.empty((images, 3), np.float32)
        errors[:, 0] = self.lost * (words[:, 2] / 2**32)
        errors[:, 1:] = self.drawn, self.growth
        return np.ascontiguousarray(words[:, :2]), errors


class Sums(NamedTuple):
    """What is left of the sums of a batch.

    Attributes:
        greatest: float32 (batch, channels, rows // side, columns // side), of each cell.
        mean: float32 (channels,), of all sums.
        variance: float32 (channels,), of all sums, divided by how many there are.
        counts: float32 (channels, 2 K + 1), how often each sum from -K to K was there before it erred; empty
            if that was not asked for.
    """

    greatest: Tensor
    mean: Tensor
    variance: Tensor
    counts: Tensor


@dataclass(frozen=True)
class _Plan:
    """Where taps and outputs lie in a flat image; see :mod:`pixeltree.train.array_sums`."""

    offsets: npt.NDArray[np.int32]
    shape: tuple[int, int, int]
    side: int

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        rows, columns, _ = self.shape
        return rows // self.side, columns // self.side


def _flat(signs: Tensor, geometry: ConvolutionGeometry | HeatMapGeometry, side: int) -> tuple[Any, _Plan]:
    """Images as :mod:`pixeltree.train.array_sums` wants them, float32 (batch, pixels), and their plan."""
    before, after = geometry.borders
    kernel, stride = geometry.kernel, geometry.stride
    _, _, size, _ = signs.shape
    padded = size + before + after
    outputs = (padded - kernel) // stride + 1
    width = -(-padded // stride)
    beyond = after + width * stride - padded
    planes = nn.functional.pad(signs, (before, beyond) * 2, value=-1.0)
    images = planes.view(len(signs), width, stride, width, stride).permute(0, 2, 4, 1, 3)
    taps = np.arange(kernel)
    lines = (taps % stride) * stride * width * width + taps // stride * width
    places = (taps % stride) * width * width + taps // stride
    offsets = np.zeros(-(-kernel * kernel // array_sums.TAPS_AT_ONCE) * array_sums.TAPS_AT_ONCE, np.int32)
    offsets[: kernel * kernel] = (lines[:, None] + places).ravel()
    return images.reshape(len(signs), -1).numpy(), _Plan(offsets, (outputs, outputs, width), side)


def _padded(weights: Tensor, taps: int) -> npt.NDArray[np.float32]:
    """Weights of the taps of each channel, and zeros: float32 (channels, taps)."""
    own = weights.detach().flatten(1)
    return np.asarray(nn.functional.pad(own, (0, taps - own.shape[1])).numpy(), np.float32)


class _Learn(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - PyTorch keeps what is put there
        weights: Tensor,
        signs: Tensor,
        directions: Tensor,
        geometry: ConvolutionGeometry,
        side: int,
        errors: SumErrors | None,
        reach: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        images, plan = _flat(signs, geometry, side)
        kernels, batch = _padded(weights, len(plan.offsets)), len(images)
        keys, spread = (np.zeros((batch, 2), np.uint32), np.zeros((batch, 0), np.float32))
        if errors is not None:
            keys, spread = errors.of_images(batch)
        channels = len(kernels)
        found = np.empty((batch, channels, *plan.cells), np.float32)
        places = np.empty(found.shape, np.int32)
        turned = directions.numpy()

        def learn(part: slice) -> tuple[npt.NDArray[Any], ...]:
            moments, crossed = np.zeros((channels, 2)), np.zeros((channels + 1, len(plan.offsets)))
            counts = np.zeros((channels, 2 * reach + 1) if reach else (0, 0), np.int64)
            seen = images[part], plan.offsets, kernels, turned, plan.shape, side, keys[part], spread[part]
            array_sums.forward(*seen, found[part], places[part], moments, crossed, counts)
            return moments, crossed, counts

        moments, crossed, counts = (
            np.sum(each, axis=0) for each in zip(*in_parts(learn, batch), strict=True)
        )
        count = batch * plan.shape[0] * plan.shape[1]
        mean = moments[:, 0] / count
        ctx.saved = images, plan, places, crossed, mean, count, weights.shape
        variance = np.maximum(moments[:, 1] / count - mean**2, 0)
        centre, spreads, often = (
            torch.from_numpy(each.astype(np.float32)) for each in (mean, variance, counts)
        )
        ctx.mark_non_differentiable(often)
        return torch.from_numpy(found), centre, spreads, often

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        images, plan, places, crossed, mean, count, shape = ctx.saved
        batch, channels = places.shape[:2]
        given = np.ascontiguousarray(gradients[0].numpy()).reshape(batch, channels, -1)
        lies = places.reshape(given.shape)

        def go_back(part: slice) -> npt.NDArray[np.float64]:
            result = np.zeros((channels, len(plan.offsets)))
            array_sums.backward(images[part], plan.offsets, plan.shape, lies[part], given[part], result)
            return result

        of_mean, of_variance = (each.double().numpy()[:, None] for each in gradients[1:3])
        alone = crossed[channels]
        result = np.sum(in_parts(go_back, batch), axis=0)
        result = result + of_mean / count * alone
        result = result + of_variance * 2 / count * (crossed[:channels] - mean[:, None] * alone)
        taps = shape[1:].numel()
        weights = torch.from_numpy(result[:, :taps].astype(np.float32)).view(shape)
        return weights, None, None, None, None, None, None


def learned_sums(
    weights: Tensor,
    signs: Tensor,
    directions: Tensor,
    geometry: ConvolutionGeometry,
    side: int = 1,
    errors: SumErrors | None = None,
    reach: int = 0,
) -> Sums:
    """The sums of a first convolution, on the processor, with gradients for its weights.

    Args:
        weights: float32 (channels, 1, k, k).
        signs: float32 (batch, 1, size, size); no gradient passes to them.
        directions: float32 (channels,), -1 where the least of a cell counts, else 1.
        geometry: of the convolution; -1 lies beyond the map.
        side: of the pooling cells; 1 for none.
        errors: how the sums err; None for exact ones. Draws come from PyTorch's global generator.
        reach: K, to count how often each sum from -K to K is there; 0 for no counts.
    """
    results = _Learn.apply(weights, signs, directions, geometry, side, errors, reach)  # type: ignore[no-untyped-call]
    return Sums(*cast(tuple[Tensor, Tensor, Tensor, Tensor], results))


def exact_sums(
    weights: Tensor, signs: Tensor, directions: Tensor, geometry: ConvolutionGeometry, side: int = 1
) -> Tensor:
    """As :func:`learned_sums`, but nothing errs and nothing is learned: the greatest sums of cells alone."""
    images, plan = _flat(signs, geometry, side)
    kernels = _padded(weights, len(plan.offsets))
    found = np.empty((len(images), len(kernels), *plan.cells), np.float32)
    places = np.empty(found.shape, np.int32)
    turned = directions.numpy()

    keys, spread = np.zeros((len(images), 2), np.uint32), np.zeros((len(images), 0), np.float32)
    unlearned = np.zeros((0, 2)), np.zeros((0, len(plan.offsets))), np.zeros((0, 0), np.int64)

    def forward(part: slice) -> None:
        seen = images[part], plan.offsets, kernels, turned, plan.shape, side, keys[part], spread[part]
        array_sums.forward(*seen, found[part], places[part], *unlearned)

    in_parts(forward, len(images))
    return torch.from_numpy(found)
