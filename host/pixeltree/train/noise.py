"""Noise-aware training: sums err as they do on a chip, so that thresholds keep clear of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pixeltree.compiler.lower import GREATEST_SUM, GREATEST_UNIT
from pixeltree.train.first_layer import SumErrors
from pixeltree_protocol.chip.nonidealities import AnalogErrors

WRITES_PER_TAP = 2
"""A tap that counts is a macro of two words, each of which writes once."""


_ROUNDING = 1 / 12
"""Variance of rounding to a whole level."""


class AnalogNoise(nn.Module):
    """s with the errors of a chip in training, s itself in evaluation.

    The array goes through the K taps of a channel and counts in an AREG, in units of u levels: up where a
    plus tap agrees, down where a minus tap differs. With every second tap a plus tap, P = K / 2, and D of K
    taps that differ, it ends at P - D = s / 2, and about K / 2 of the taps count, so that K words write. Each
    multiplies what is there by a gain, adds Gaussian noise, and rounds to a level. With a mean gain of 1 + g,
    what was counted is left, on average, with::

        A = mean of (1 + g)^(2 j) over j from 1 to K / 2

    and the spread of the sum is, as the count grows evenly from 0 to s / 2::

        sigma = 2 / u * sqrt((K + B) (noise^2 + 1 / 12) + (K gain_spread u s / 4)^2)

    Training draws, for each image, how much of the mean gain there is, ``a`` uniformly from A to 1: what is
    trained decides alike on an ideal array and on a chip. So ``s' = a s + sigma * normal``; gradients pass as
    if a were 1. B = 2 w words write the w digits of the bias. Offsets cancel in macros of two words. Of
    ternary weights all K taps are counted, though those that are 0 write nothing: a chip errs less than this.
    """

    def __init__(self, taps: int, errors: AnalogErrors, has_bias: bool = True) -> None:
        super().__init__()
        self.taps = taps
        self.has_bias = has_bias
        self.digits = (taps // 2 + 1).bit_length() + 1
        self.errors = errors
        self.unit = max(1, min(GREATEST_UNIT, GREATEST_SUM // (taps - taps // 2 + 1)))

    @property
    def remaining(self) -> float:
        """A: the share of a count that the mean gain leaves at the end, on average."""
        counted = max(1, self.taps // 2)
        left = [(1 + self.errors.gain_error) ** (WRITES_PER_TAP * later) for later in range(1, counted + 1)]
        return sum(left) / len(left)

    @property
    def sum_errors(self) -> SumErrors:
        """The errors as numbers."""
        writes = self.taps + (WRITES_PER_TAP * self.digits if self.has_bias else 0)
        drawn = (2 / self.unit) ** 2 * writes * (self.errors.noise**2 + _ROUNDING)
        return SumErrors(1 - self.remaining, drawn, (self.taps * self.errors.gain_spread / 2) ** 2)

    def sigma(self, sums: Tensor) -> Tensor:
        """Standard deviation of the error of each sum, in units of the sum; same shape."""
        errors = self.sum_errors
        return torch.sqrt(errors.drawn + errors.growth * sums**2)

    def flips(self, sums: Tensor, threshold: Tensor) -> Tensor:
        """Share of the sums that may fall on the other side of a threshold on a chip, to be made small.

        A sum keeps a share of itself between A and 1; of that range the end next to the threshold is a margin
        m away from it, less than 0 if the threshold lies within. So the share is the mean of Phi(-m / sigma).
        A threshold folds to the middle between two possible sums, and counts as if it were there.

        Args:
            sums: float (batch, channels, ...), integers from -K to K; no gradient passes to them.
            threshold: float (channels,), in units of the sum.

        Returns:
            float (), 0 to 1, with a gradient for the threshold.
        """
        return self.flips_of_counts(self._counts(sums.detach()), threshold)

    def flips_of_counts(self, counts: Tensor, threshold: Tensor) -> Tensor:
        """As :meth:`flips`, of how often a channel has each sum from -K to K: float (channels, 2 K + 1)."""
        folded = 2 * torch.floor((threshold.detach() - self.taps) / 2) + self.taps + 1
        threshold = threshold + (folded - threshold.detach())
        values = torch.arange(-self.taps, self.taps + 1, dtype=threshold.dtype, device=threshold.device)
        middle, reach = (1 + self.remaining) / 2 * values, (1 - self.remaining) / 2 * values.abs()
        margin = (middle - threshold.unsqueeze(1)).abs() - reach
        share: Tensor = (counts * torch.special.ndtr(-margin / self.sigma(values))).sum() / counts.sum()
        return share

    def _counts(self, sums: Tensor) -> Tensor:
        """How often each channel has each sum from -K to K: float32 (channels, 2 K + 1)."""
        channels, values = sums.shape[1], 2 * self.taps + 1
        first = self.taps + values * torch.arange(channels, dtype=torch.int32, device=sums.device)
        places = sums.to(torch.int32) + first.view(1, -1, *(1,) * (sums.ndim - 2))
        flat = places.as_strided((places.numel(),), (1,))  # in any order: they are only counted
        return torch.bincount(flat, minlength=channels * values).view(channels, values).float()

    def forward(self, sums: Tensor) -> Tensor:
        """Sums with errors, same shape.

        Args:
            sums: float (batch, ...), integers from -K to K.
        """
        if not self.training:
            return sums
        exact = sums.detach()
        lost = self.sum_errors.lost * torch.rand(len(sums), *(1,) * (sums.ndim - 1), device=sums.device)
        # randn_like is ten times slower where channels lie side by side
        normal = torch.randn(exact.numel(), device=exact.device).as_strided(exact.size(), exact.stride())
        return sums - lost * exact + normal * self.sigma(exact)
