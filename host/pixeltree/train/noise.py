"""Noise-aware training: sums err as they do on a chip, so that thresholds keep clear of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pixeltree_protocol.nonidealities import GREATEST_SUM, AnalogErrors

WRITES_PER_TAP = 2
"""An analog add is a macro of two words, each of which writes once."""


class AnalogNoise(nn.Module):
    """s with the errors of a chip in training, s itself in evaluation.

    The array counts the D = (K - s) / 2 taps at which input and weight differ, in an AREG, u levels each,
    with u the most that keeps K counts within reach. Each of its 2 K writes multiplies what is there by a
    gain, and adds Gaussian noise. D grows evenly from 0, so with a mean gain of 1 + g a count is left, on
    average, with::

        A = mean of (1 + g)^(2 j) over j from 1 to K

    and the spread of the sum is, with D / 2 the mean of what each write finds::

        sigma = 2 / u * sqrt(2 K noise^2 + (2 K gain_spread u D / 2)^2)

    Training draws, for each image, how much of the mean gain there is, ``a`` uniformly from A to 1: what is
    trained decides alike on an ideal array and on a chip. So ``s' = K - 2 a D + sigma * normal``; gradients
    pass as if a were 1. Offsets cancel in macros of two words.
    """

    def __init__(self, taps: int, errors: AnalogErrors) -> None:
        super().__init__()
        self.taps = taps
        self.errors = errors
        self.unit = max(1, GREATEST_SUM // taps)

    @property
    def remaining(self) -> float:
        """A: the share of a count that the mean gain leaves at the end, on average."""
        left = [(1 + self.errors.gain_error) ** (WRITES_PER_TAP * later) for later in range(1, self.taps + 1)]
        return sum(left) / len(left)

    def sigma(self, sums: Tensor) -> Tensor:
        """Standard deviation of the error of each sum, in units of the sum; same shape."""
        writes = WRITES_PER_TAP * self.taps
        levels = (self.taps - sums) / 2 * self.unit
        drawn = torch.full_like(sums, math.sqrt(writes) * self.errors.noise)
        return 2 / self.unit * torch.hypot(drawn, writes * self.errors.gain_spread * levels / 2)

    def forward(self, sums: Tensor) -> Tensor:
        """Sums with errors, same shape.

        Args:
            sums: float (batch, channels, rows, columns), integers from -K to K.
        """
        if not self.training:
            return sums
        exact = sums.detach()
        lost = (1 - self.remaining) * torch.rand(len(sums), 1, 1, 1)
        return sums + lost * (self.taps - exact) + torch.randn_like(exact) * self.sigma(exact)
