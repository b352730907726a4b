"""Noise-aware training: sums err as they do on a chip, so that thresholds keep clear of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pixeltree_protocol.nonidealities import GREATEST_SUM, AnalogErrors

WRITES_PER_TAP = 2
"""An analog add is a macro of two words, each of which writes once."""


class AnalogNoise(nn.Module):
    """s + e in training, s in evaluation; the gradient passes unchanged, de/ds = 0.

    The array counts the D = (K - s) / 2 taps at which input and weight differ, in an AREG, u levels each,
    with u the most that keeps K counts within reach, so e is twice the error of D. Each of its 2 K writes
    adds Gaussian noise, and multiplies what is there by a gain that is fixed for the PE; D grows evenly
    from 0, so that its mean over the writes is D / 2::

        sigma_e = 2 / u * sqrt(2 K noise^2 + (2 K gain_spread u D / 2)^2)

    The mean gain is left out: a compiler knows it and can correct the bias for it. Offsets cancel in macros
        of two
    words.
    """

    def __init__(self, taps: int, errors: AnalogErrors) -> None:
        super().__init__()
        self.taps = taps
        self.errors = errors
        self.unit = max(1, GREATEST_SUM // taps)

    def sigma(self, sums: Tensor) -> Tensor:
        """Standard deviation of the error of each sum, in units of the sum; same shape."""
        writes = WRITES_PER_TAP * self.taps
        levels = (self.taps - sums) / 2 * self.unit
        drawn = math.sqrt(writes) * self.errors.noise
        return (
            2
            / self.unit
            * torch.hypot(torch.full_like(sums, drawn), writes * self.errors.gain_spread * levels / 2)
        )

    def forward(self, sums: Tensor) -> Tensor:
        """Sums with errors, same shape.

        Args:
            sums: float, integers from -K to K.
        """
        if not self.training:
            return sums
        return sums + torch.randn_like(sums) * self.sigma(sums.detach())
