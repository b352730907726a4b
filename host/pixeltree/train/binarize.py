"""Binary and ternary values in training, and the straight-through estimators (STE) of their gradients.

The rules are those of Courbariaux, Hubara et al. 2016, "Binarized Neural Networks" (arXiv:1602.02830):
binarize in the forward pass, let the gradient through as if nothing had happened where the latent value is
small, and clip latent weights to [-1, 1] after every step. Ternary weights keep to the same rules, with the
threshold of Li, Zhang, Liu 2016, "Ternary Weight Networks" (arXiv:1605.04711).
"""

from __future__ import annotations

import enum
from typing import cast

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class Estimator(enum.StrEnum):
    """What stands for the derivative of the sign.

    CLIPPED: 1 where |v| <= 1, else 0, the clipped identity of Hubara et al. 2016.
    SMOOTH: 2 - 2 |v| where |v| <= 1, else 0, of Liu et al. 2018, "Bi-Real Net" (arXiv:1808.00278), eq. 5: the
        derivative of a parabola on each side of 0, closer to the sign where it matters.
    """

    CLIPPED = "clipped"
    SMOOTH = "smooth"


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor, estimator: Estimator) -> Tensor:
        ctx.save_for_backward(values)
        ctx.estimator = estimator  # type: ignore[attr-defined]
        return (values > 0).to(values.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        (values,) = cast(tuple[Tensor], ctx.saved_tensors)  # type: ignore[attr-defined]
        if ctx.estimator is Estimator.SMOOTH:  # type: ignore[attr-defined]
            return gradient * (2 - 2 * values.abs()).clamp(min=0), None
        return gradient * (values.abs() <= 1), None


TERNARY_THRESHOLD = 0.7
"""Of the mean absolute latent weight, below which a weight is 0: Li, Zhang, Liu 2016, eq. 6."""


class _Ternary(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        size = values.abs()
        threshold = TERNARY_THRESHOLD * size.flatten(1).mean(1).view(-1, *(1,) * (values.ndim - 1))
        return values.sign().mul_(size > threshold)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return gradient


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return gradient


class _Odd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor, half: int) -> Tensor:
        return values.floor().clamp(-half, half - 1).mul_(2).add_(1)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def sign(values: Tensor, estimator: Estimator = Estimator.CLIPPED) -> Tensor:
    """Binarize: +1 where v > 0, else -1 (so 0 gives -1).

    Args:
        values: float, any shape.
        estimator: of the gradient.

    Returns:
        Same shape and type, values -1 or +1.
    """
    return cast(Tensor, _Sign.apply(values, estimator))  # type: ignore[no-untyped-call]


def ternary(values: Tensor) -> Tensor:
    """-1, 0 or +1: 0 where |v| is at most 0.7 times the mean |v| of its channel, else the sign.

    Li, Zhang and Liu take the mean of a layer; the mean of a channel leaves no channel without weights. The
    gradient passes unchanged: latent weights are clipped to [-1, 1] as binary ones are.

    Args:
        values: float (channels, ...), latent weights.
    """
    return cast(Tensor, _Ternary.apply(values))  # type: ignore[no-untyped-call]


def round_through(values: Tensor) -> Tensor:
    """Round to the nearest integer, half to even; the gradient passes unchanged, dL/dv = dL/dr."""
    return cast(Tensor, _Round.apply(values))  # type: ignore[no-untyped-call]


def odd_through(values: Tensor, half: int) -> Tensor:
    """Each value's odd number: 2 floor(v) + 1, from 1 - 2 half to 2 half - 1; the gradient passes unchanged.

    Args:
        values: float, any shape.
        half: how many odd numbers there are above 0.
    """
    return cast(Tensor, _Odd.apply(values, half))  # type: ignore[no-untyped-call]
