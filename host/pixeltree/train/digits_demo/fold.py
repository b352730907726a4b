"""The exact fold of a trained node to integers.

A kernel fires where BN(S) = gamma (S - mu) / sqrt(var + eps) + beta > 0. With the crossing point
x = mu - beta sqrt(var + eps) / gamma, and S an integer in [-16, 16]:

    gamma > 0:  S > x    <=>   S >= floor(x) + 1
    gamma < 0:  S < x    <=>  -S >= floor(-x) + 1    (-S is the sum of the negated kernel)
    gamma = 0:  always if beta > 0, else never

BN(S) = 0 is a tie and does not fire (hence floor + 1 and not ceil). A threshold <= -16 fires always and one
>= 17 never, so thresholds are clipped to [-16, 17]. As S has only 33 values, :func:`fold` does not divide
by gamma, which may be tiny: it evaluates BN at all 33 in float64, by the code that evaluation mode runs,
and counts. The firing sums are the top ``count`` values of the (negated) sums, so the threshold is
``17 - count``, which is the algebra above and identical to the module bit for bit.
"""

from __future__ import annotations

import numpy as np
import torch

from pixeltree.network import INPUT_SIZE, KERNEL_COUNT, KERNEL_SIZE, FoldedNetwork
from pixeltree.train.binarize import sign
from pixeltree.train.digits_demo.model import NodeNetwork

LARGEST_SUM = KERNEL_SIZE * KERNEL_SIZE


@torch.no_grad()
def fold(module: NodeNetwork) -> FoldedNetwork:
    """The integer network that decides as the module does in evaluation mode.

    Args:
        module: a node, trained or not; its mode is left as it was.

    Returns:
        Its binary kernels (negated where gamma < 0), thresholds, weights and integer biases.
    """
    flipped = module.norm.weight < 0
    directions = torch.where(flipped, -1.0, 1.0).view(-1, 1, 1, 1)
    kernels = (sign(module.convolution.latent) * directions).view(KERNEL_COUNT, KERNEL_SIZE, KERNEL_SIZE)
    cells = INPUT_SIZE // module.pool
    weights = sign(module.linear.latent).view(module.outcomes, KERNEL_COUNT, cells, cells)
    return FoldedNetwork(
        kernels=kernels.numpy().astype(np.int8),
        thresholds=(LARGEST_SUM + 1 - _firing_sums(module)).numpy().astype(np.int16),
        pool=module.pool,
        weights=weights.numpy().astype(np.int8),
        biases=module.linear.integer_bias().numpy().astype(np.int32),
    )


def _firing_sums(module: NodeNetwork) -> torch.Tensor:
    """How many of the sums -16 to 16 fire each kernel: int64 (16,), 0 to 33."""
    was_training = module.training
    module.eval()
    sums = torch.arange(-LARGEST_SUM, LARGEST_SUM + 1, dtype=torch.float64)
    normalized: torch.Tensor = module.norm(sums.view(1, 1, -1, 1).expand(1, KERNEL_COUNT, -1, 1))
    module.train(was_training)
    return (normalized > 0).sum(dim=(0, 2, 3))
