"""The exact fold: normalization, threshold and sign become an integer bias and a direction per channel.

A channel fires where v(s) = BN(s) - t > 0, with BN(s) = gamma (s - mu) / sqrt(var + eps) + beta and t the
learned threshold. With the crossing point x = mu + (t - beta) sqrt(var + eps) / gamma, and s an integer in
[-K, K]::

    gamma > 0:  s > x  <=>  s + bias > 0   with bias = -floor(x)      (rising)
    gamma < 0:  s < x  <=>  s + bias < 0   with bias = -ceil(x)       (falling)
    gamma = 0:  always if beta > t, else never

That batch normalization before a sign folds into a threshold, and a negative gamma turns the comparison
round, is in Umuroglu et al. 2017, "FINN" (arXiv:1612.07119), section 4.2.2. v(s) = 0 is a tie and does not
fire, as sign(0) = -1.

As s has only 2 K + 1 values, :func:`fold` does not divide by gamma, which may be tiny: it evaluates v at
all of them in float64, by the code that evaluation mode runs, and counts. Each operation of v rounds
monotonically, so the n sums that fire are the top n (rising) or the bottom n (falling) of [-K, K]; the bias
is then ``n - K`` or ``K - n``. So the folded network and the module in evaluation mode give the same bits,
always.

The same network evaluated in float32, as other software would, may differ where v(s) lies within rounding
of 0. :class:`FoldReport` counts such channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from pixeltree import model as folded
from pixeltree.model.geometry import Weights
from pixeltree.train.layers import (
    BinaryConvolution,
    BinaryFullyConnected,
    LatentActivation,
    OrPooling,
)
from pixeltree.train.network import BinaryNetwork

FLOAT32_ROUNDING = 4 * 2.0**-24
"""Relative error of v in float32: four operations, each within half a unit in the last place (u = 2^-24)."""


@dataclass(frozen=True)
class LayerFold:
    """What happened to one convolution.

    Attributes:
        channels: how many there are.
        falling: channels with negative gamma, whose comparison is turned round.
        constant: channels that fire always or never.
        near: channels with a sum in [-K, K] at which v is within float32 rounding of 0; with binary weights,
            of K's parity.
    """

    channels: int
    falling: int
    constant: int
    near: int


@dataclass(frozen=True)
class FoldReport:
    """What happened in a fold, per convolution, in order."""

    layers: tuple[LayerFold, ...]

    @property
    def near(self) -> int:
        """Channels near their threshold, in all layers together."""
        return sum(layer.near for layer in self.layers)


@torch.no_grad()
def fold(network: BinaryNetwork) -> tuple[folded.FoldedModel, FoldReport]:
    """The folded model that computes what the network does in evaluation mode.

    Args:
        network: trained or not; left as it was.

    Returns:
        The model, and what happened on the way.

    Raises:
        ModelError: a folded model cannot express the network, for example a heat map of more than 255 cells.
    """
    layers: list[folded.Layer] = []
    reports: list[LayerFold] = []
    modules = list(network.layers)
    for module, following in zip(modules, [*modules[1:], None], strict=True):
        if isinstance(module, BinaryConvolution):
            assert isinstance(following, LatentActivation)
            layer, report = _fold_convolution(module, following)
            layers.append(layer)
            reports.append(report)
        elif isinstance(module, OrPooling):
            layers.append(folded.Pooling(module.side))
    source = network.specification.input.folded(network.input.folded_threshold())
    return folded.FoldedModel(source, tuple(layers), _fold_head(network)), FoldReport(tuple(reports))


def _fold_convolution(
    convolution: BinaryConvolution, activation: LatentActivation
) -> tuple[folded.Convolution, LayerFold]:
    taps, geometry = convolution.taps, convolution.geometry
    is_ternary = geometry.weights is Weights.TERNARY
    latent = _latent_activations(activation, taps)
    firing = (latent > 0).sum(axis=0)
    falling = activation.norm.weight.numpy() < 0
    bias = np.where(falling, taps - firing, firing - taps).astype(np.int32)
    report = LayerFold(
        channels=len(bias),
        falling=int(falling.sum()),
        constant=int(((firing == 0) | (firing == 2 * taps + 1)).sum()),
        near=int(_near(activation, latent[:: 1 if is_ternary else 2]).sum()),
    )
    assert isinstance(geometry, folded.ConvolutionGeometry)
    return folded.Convolution(geometry, _integers(convolution.weights()), bias, falling), report


def _latent_activations(activation: LatentActivation, taps: int) -> npt.NDArray[np.float64]:
    """v(s) for s from -K to K, by the code of evaluation mode: float64 (2 K + 1, channels)."""
    was_training = activation.training
    activation.eval()
    channels = len(activation.threshold)
    sums = torch.arange(-taps, taps + 1, dtype=torch.float64)
    latent: torch.Tensor = activation(sums.view(1, 1, -1, 1).expand(1, channels, -1, 1))
    activation.train(was_training)
    return np.asarray(latent[0, :, :, 0].T.numpy(), np.float64)


def _near(activation: LatentActivation, latent: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which channels have a sum at which float32 might round v, (sums, channels), to the other side of 0."""
    beta, threshold = activation.norm.bias.double().numpy(), activation.threshold.double().numpy()
    scaled = latent + threshold - beta
    bound = FLOAT32_ROUNDING * (np.abs(scaled) + np.abs(beta) + np.abs(threshold))
    return np.asarray((np.abs(latent) <= bound).any(axis=0))


def _fold_head(network: BinaryNetwork) -> folded.Head:
    head = network.head
    bias = head.integer_bias().numpy().astype(np.int32)
    if isinstance(head, BinaryFullyConnected):
        return folded.FullyConnected(_integers(head.weights()), bias)
    geometry = head.convolution.geometry
    assert isinstance(geometry, folded.HeatMapGeometry)
    return folded.HeatMap(geometry, _integers(head.convolution.weights()), bias)


def _integers(weights: torch.Tensor) -> npt.NDArray[np.int8]:
    return weights.numpy().astype(np.int8)


@dataclass(frozen=True)
class Agreement:
    """How a network in evaluation mode and its fold compare on some images.

    Attributes:
        images: how many were compared.
        bits: activations compared, the input's included.
        different_bits: of them, those that differ.
        different_logits: logits that differ.
    """

    images: int
    bits: int
    different_bits: int
    different_logits: int


@torch.no_grad()
def compare(network: BinaryNetwork, model: folded.FoldedModel, images: npt.NDArray[np.uint8]) -> Agreement:
    """Run a network and its folded model on the same images and count what differs.

    Args:
        network: its mode is left as it was.
        model: its fold.
        images: uint8 (N, size, size).
    """
    was_training = network.training
    network.eval()
    bits = different_bits = different_logits = 0
    for image in images:
        brightness = torch.from_numpy(image).unsqueeze(0)
        signs, logits = network.activations(brightness), network.integer_logits(brightness)
        reference = folded.infer(model, model.input.binarize(image))
        for ours, theirs in zip(signs, reference.activations, strict=True):
            bits += theirs.size
            different_bits += int(((ours[0] > 0).numpy() != theirs).sum())
        different_logits += int((logits[0].numpy() != reference.logits).sum())
    network.train(was_training)
    return Agreement(len(images), bits, different_bits, different_logits)
