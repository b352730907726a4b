"""Trainable networks: a specification as a binary PyTorch module, and as the float one of the same shape."""

from __future__ import annotations

import hashlib
import math
from typing import cast

import torch
from torch import Tensor, nn

from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, Pooling
from pixeltree.train.binarize import sign
from pixeltree.train.first_layer import exact_sums, learned_sums
from pixeltree.train.input import InputBinarization
from pixeltree.train.layers import (
    BinaryConvolution,
    BinaryFullyConnected,
    BinaryHeatMap,
    LatentActivation,
    OrPooling,
)
from pixeltree.train.noise import AnalogNoise
from pixeltree.train.specification import NetworkSpecification
from pixeltree_protocol.chip.nonidealities import AnalogErrors

_HEAD = "head"


class BinaryNetwork(nn.Module):
    """The binary network of a specification.

    Attributes:
        specification: what it was made from.
        input: brightness to signs.
        layers: a BinaryConvolution and a LatentActivation for each convolution; a pooling for each pooling.
        head: signs to integer logits.
        noise: the errors of each convolution's sums in training, by its index in ``layers``, and of a heat
            map's; empty without errors.
        log_scale: float (), the logits' learned log inverse temperature, in training only.
        counts_flips: whether training counts ``flips``.
        flips: float (), the share of bits that a chip may get wrong, summed over the convolutions that are
            noisy, of the last batch; see :meth:`AnalogNoise.flips`.
    """

    def __init__(self, specification: NetworkSpecification, errors: AnalogErrors | None = None) -> None:
        super().__init__()
        self.specification = specification
        self.input = InputBinarization(specification.input)
        self.layers = nn.ModuleList()
        self.noise = nn.ModuleDict()
        following = (*specification.layers[1:], None)
        for layer, after, (channels, _, _) in zip(
            specification.layers, following, specification.shapes, strict=False
        ):
            if isinstance(layer, ConvolutionGeometry):
                pooled = after.side if isinstance(after, Pooling) else 1
                convolution = BinaryConvolution(channels, layer)
                if errors is not None:
                    self.noise[str(len(self.layers))] = AnalogNoise(convolution.taps, errors)
                self.layers.append(convolution)
                self.layers.append(LatentActivation(layer.channels, pooled))
            else:
                self.layers.append(OrPooling(layer.side))
        head, shape = specification.head, specification.head_inputs
        self.head: BinaryFullyConnected | BinaryHeatMap
        if isinstance(head, FullyConnectedGeometry):
            self.head = BinaryFullyConnected(shape, head.outcomes, head.planes, kind=head.weights)
        else:
            self.head = BinaryHeatMap(shape[0], head)
            if errors is not None:
                self.noise[_HEAD] = AnalogNoise(self.head.taps, errors, has_bias=False)
        self.log_scale = nn.Parameter(torch.tensor(0.0))
        self.counts_flips = False
        self.flips = torch.tensor(0.0)

    def activations(self, brightness: Tensor) -> list[Tensor]:
        """Signs of the input and after every layer, as the folded model's reference has them.

        Args:
            brightness: (batch, rows, columns), whole numbers 0 to 255.

        Returns:
            float32, each (batch, channels, rows, columns), -1 or +1.
        """
        signs = [cast(Tensor, self.input(brightness))]
        latent = signs[0]
        for layer in self.layers:
            if isinstance(layer, BinaryConvolution):
                latent = layer(sign(latent, self.specification.estimator).float())
            else:
                latent = layer(latent)
                signs.append(sign(latent, self.specification.estimator).float())
        return signs

    def integer_logits(self, brightness: Tensor) -> Tensor:
        """The sums that the device computes: float32 (batch, outcomes), integers.

        Args:
            brightness: (batch, rows, columns), whole numbers 0 to 255.
        """
        latent = cast(Tensor, self.input(brightness))
        flips, done = latent.new_zeros(()), 0
        if latent.device.type == "cpu" and not latent.requires_grad:
            latent, flips, done = self.first(latent)
        for index, layer in enumerate(self.layers):
            if index < done:
                continue
            if isinstance(layer, BinaryConvolution) and index:
                latent = sign(latent, self.specification.estimator).float()
            latent = layer(latent)
            if str(index) in self.noise:
                if self.training and self.counts_flips:
                    flips = flips + self._flips(index, latent)
                latent = self.noise[str(index)](latent)
        self.flips = flips
        logits = cast(Tensor, self.head(sign(latent, self.specification.estimator).float()))
        if isinstance(self.head, BinaryHeatMap) and _HEAD in self.noise:
            bias = self.head.integer_bias()  # is added to what was read, and does not err
            logits = cast(Tensor, self.noise[_HEAD](logits - bias)) + bias
        return logits

    def first(self, signs: Tensor) -> tuple[Tensor, Tensor, int]:
        """The first convolution, what follows it, and its pooling, in one step on the processor.

        Returns:
            Latent activations, flips, and how many layers are done.
        """
        convolution, activation, *after = self.layers[:3]
        assert isinstance(convolution, BinaryConvolution)
        assert isinstance(activation, LatentActivation)
        pooling = after[0] if after and isinstance(after[0], OrPooling) else None
        side, done = (1, 2) if pooling is None else (pooling.side, 3)
        noise = cast("AnalogNoise | None", dict(self.noise.items()).get("0"))
        geometry = cast(ConvolutionGeometry, convolution.geometry)
        seen = convolution.weights(), signs, activation.directions, geometry, side
        flips = signs.new_zeros(())
        errs = noise is not None and noise.training
        if not self.training and not errs:
            return activation(exact_sums(*seen)), flips, done
        reach = convolution.taps if self.training and self.counts_flips and noise is not None else 0
        sums = learned_sums(*seen, noise.sum_errors if noise is not None and errs else None, reach)
        if not self.training:
            return activation(sums.greatest), flips, done
        if noise is not None and reach:
            flips = noise.flips_of_counts(sums.counts, activation.threshold_of_sums())
        rows, columns = self.specification.shapes[1][1:]
        return activation.of_sums(sums, len(signs) * rows * columns), flips, done

    def _flips(self, index: int, sums: Tensor) -> Tensor:
        noise, activation = self.noise[str(index)], self.layers[index + 1]
        assert isinstance(noise, AnalogNoise)
        assert isinstance(activation, LatentActivation)
        return noise.flips(sums, activation.threshold_of_sums())

    def forward(self, brightness: Tensor) -> Tensor:
        """Logits for the loss: ``exp(log_scale) * integer_logits / spread``, float32 (batch, outcomes).

        Args:
            brightness: (batch, rows, columns), whole numbers 0 to 255.
        """
        return self.integer_logits(brightness) * (self.log_scale.exp() / self.head.spread)


def inherit(child: BinaryNetwork, parent: BinaryNetwork) -> str:
    """Give a network the layers of another, up to the first that differs; the head stays its own.

    Returns:
        Hexadecimal digest of what it was given, of nothing if the first layers differ.
    """
    digest = hashlib.blake2b(digest_size=16)
    for own, given in zip(child.layers, parent.layers, strict=False):
        state = given.state_dict()
        if {name: each.shape for name, each in own.state_dict().items()} != {
            name: each.shape for name, each in state.items()
        }:
            break
        own.load_state_dict(state)
        for name in sorted(state):
            digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


class FloatNetwork(nn.Module):
    """The float network of a specification's layer shapes: ReLU for signs, grey levels for input bits.

    It is the teacher of a distillation, and what a binary network is compared with.
    """

    def __init__(self, specification: NetworkSpecification) -> None:
        super().__init__()
        self.specification = specification
        self.layers = nn.Sequential()
        for layer, (channels, _, _) in zip(specification.layers, specification.shapes, strict=False):
            if isinstance(layer, Pooling):
                self.layers.append(nn.MaxPool2d(layer.side))
                continue
            self.layers.append(nn.ZeroPad2d(layer.borders * 2))
            self.layers.append(
                nn.Conv2d(
                    channels, layer.channels, layer.kernel, layer.stride, groups=layer.groups, bias=False
                )
            )
            self.layers.append(nn.BatchNorm2d(layer.channels))
            self.layers.append(nn.ReLU())
        head, shape = specification.head, specification.head_inputs
        if isinstance(head, FullyConnectedGeometry):
            self.layers.append(nn.Flatten())
            self.layers.append(nn.Linear(math.prod(shape), head.outcomes))
        else:
            self.layers.append(nn.ZeroPad2d(head.borders * 2))
            self.layers.append(nn.Conv2d(shape[0], 1, head.kernel, head.stride))
            self.layers.append(nn.Flatten())

    def forward(self, brightness: Tensor) -> Tensor:
        """Logits: float32 (batch, outcomes).

        Args:
            brightness: (batch, rows, columns), 0 to 255.
        """
        return cast(Tensor, self.layers(brightness.float().unsqueeze(1) / 127.5 - 1))
