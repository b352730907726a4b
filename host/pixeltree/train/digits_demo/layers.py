"""Binarized layers: the straight-through estimator, a binary convolution, a binary linear layer.

The rules are those of Courbariaux, Hubara et al. 2016, "Binarized Neural Networks" (arXiv:1602.02830):
binarize in the forward pass, let the gradient straight through (STE) where the latent value lies in
[-1, 1], and clip the latent weights to [-1, 1] after every step.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from pixeltree.network import KERNEL_COUNT, KERNEL_SIZE


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return torch.where(values > 0, 1.0, -1.0).to(values.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (values,) = cast(tuple[Tensor], ctx.saved_tensors)  # type: ignore[attr-defined]
        return gradient * (values.abs() <= 1)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return gradient


def sign(values: Tensor) -> Tensor:
    """Binarize: +1 where v > 0, else -1 (so 0 gives -1).

    The gradient is the straight-through estimator dL/dv = dL/ds * 1[|v| <= 1].

    Args:
        values: float, any shape.

    Returns:
        Same shape and type, values -1 or +1.
    """
    return cast(Tensor, _Sign.apply(values))  # type: ignore[no-untyped-call]


def round_through(values: Tensor) -> Tensor:
    """Round to the nearest integer, half to even; the gradient passes unchanged, dL/dv = dL/dr."""
    return cast(Tensor, _Round.apply(values))  # type: ignore[no-untyped-call]


class BinaryConvolution(nn.Module):
    """S_k(r, c) = sum_ij sign(latent_k[i, j]) * x(r + i, c + j), with x = 0 beyond the image.

    The image is padded at the bottom and on the right only, so a kernel looks down and to the right, as
    on the device.

    Attributes:
        latent: float (16, 1, 4, 4), the latent weights, in [-1, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.empty(KERNEL_COUNT, 1, KERNEL_SIZE, KERNEL_SIZE).uniform_(-1, 1))

    def forward(self, bits: Tensor) -> Tensor:
        """Kernel sums: float (batch, 16, 64, 64), integers in [-16, 16].

        Args:
            bits: float (batch, 1, 64, 64), values 0 or 1.
        """
        reach = KERNEL_SIZE - 1
        padded = nn.functional.pad(bits, (0, reach, 0, reach))
        return nn.functional.conv2d(padded, sign(self.latent))


class BinaryLinear(nn.Module):
    """z_n = sum_i sign(latent_ni) * x_i + round(latent_bias_n * sqrt(inputs)).

    The bias is kept in units of sqrt(inputs), the spread of a sum of that many random signs, so that one
    learning rate fits the weights and the biases.

    Attributes:
        latent: float (outputs, inputs), the latent weights, in [-1, 1].
        latent_bias: float (outputs,).
    """

    def __init__(self, inputs: int, outputs: int, latent_range: float = 0.1) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.empty(outputs, inputs).uniform_(-latent_range, latent_range))
        self.latent_bias = nn.Parameter(torch.zeros(outputs))

    def integer_bias(self) -> Tensor:
        """The integer biases the device adds: float (outputs,)."""
        return round_through(self.latent_bias * math.sqrt(self.latent.shape[1]))

    def forward(self, signs: Tensor) -> Tensor:
        """Output sums: float (batch, outputs), integers.

        Args:
            signs: float (batch, inputs), values -1 or +1.
        """
        return nn.functional.linear(signs, sign(self.latent), self.integer_bias())


@torch.no_grad()
def clip_latent_weights(module: nn.Module) -> None:
    """Clip the latent weights of every binary layer of a module to [-1, 1], in place."""
    for layer in module.modules():
        if isinstance(layer, BinaryConvolution | BinaryLinear):
            layer.latent.clamp_(-1, 1)
