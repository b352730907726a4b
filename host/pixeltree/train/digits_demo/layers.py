"""The demonstration's layers: 16 kernels 4 x 4 on bits in {0, 1}, and a binary linear layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pixeltree.network import KERNEL_COUNT, KERNEL_SIZE
from pixeltree.train.binarize import round_through, sign


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
