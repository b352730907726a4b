"""The trainable network of one node: the layer stack of ``pixeltree.network`` with latent weights."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from pixeltree.network import INPUT_SIZE, KERNEL_COUNT
from pixeltree.train.binarize import sign
from pixeltree.train.digits_demo.layers import BinaryConvolution, BinaryLinear


class ExactBatchNorm(nn.BatchNorm2d):
    """Batch normalization whose evaluation mode is the formula itself, in float64.

    BN(S) = gamma (S - mu) / sqrt(var + eps) + beta. PyTorch's own evaluation rearranges this to
    S alpha + (beta - mu alpha) in float32, which can miss a tie BN(S) = 0 that the formula hits; written
    out in float64, each operation rounds the same way everywhere, and the fold reproduces every bit.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalized sums: (batch, 16, rows, columns); float64 in evaluation mode.

        Args:
            input: float (batch, 16, rows, columns), kernel sums.
        """
        if self.training:
            return super().forward(input)
        shape = (1, -1, 1, 1)
        mean = cast(Tensor, self.running_mean).double().view(shape)
        deviation = torch.sqrt(cast(Tensor, self.running_var).double() + self.eps).view(shape)
        centred = (input.double() - mean) / deviation
        return self.weight.double().view(shape) * centred + self.bias.double().view(shape)


class NodeNetwork(nn.Module):
    """Binary convolution, batch norm, sign, max pooling, binary linear layer, scaled logits.

    Max pooling comes before the sign here: the sign is monotone, so sign(max v) = max sign(v) is the same
    OR pooling, and the gradient goes to the strongest activation of a cell instead of an arbitrary one.

    Attributes:
        pool: side of a pooling cell, in pixels.
        log_scale: float (), the logits' learned log inverse temperature.
    """

    def __init__(self, outcomes: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        cells = INPUT_SIZE // pool
        self.convolution = BinaryConvolution()
        self.norm = ExactBatchNorm(KERNEL_COUNT)
        self.linear = BinaryLinear(KERNEL_COUNT * cells * cells, outcomes)
        self.log_scale = nn.Parameter(torch.tensor(0.0))

    @property
    def outcomes(self) -> int:
        """Number of outputs."""
        return self.linear.latent.shape[0]

    def activations(self, bits: Tensor) -> Tensor:
        """Binarized, unpooled kernel sums: bool (batch, 16, 64, 64).

        Args:
            bits: float (batch, 1, 64, 64), values 0 or 1.
        """
        return cast(Tensor, self.norm(self.convolution(bits)) > 0)

    def integer_logits(self, bits: Tensor) -> Tensor:
        """The output sums the device computes: float (batch, outcomes), integers.

        Args:
            bits: float (batch, 1, 64, 64), values 0 or 1.
        """
        pooled = nn.functional.max_pool2d(self.norm(self.convolution(bits)), self.pool)
        return cast(Tensor, self.linear(sign(pooled).flatten(1).to(self.linear.latent.dtype)))

    def forward(self, bits: Tensor) -> Tensor:
        """Logits for the loss: ``exp(log_scale) * integer_logits / sqrt(inputs)``, float (batch, outcomes).

        Args:
            bits: float (batch, 1, 64, 64), values 0 or 1.
        """
        scale = self.log_scale.exp() / math.sqrt(self.linear.latent.shape[1])
        return self.integer_logits(bits) * scale
