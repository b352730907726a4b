"""How a figure spreads over chips: mean, worst, and the share of chips that is good enough, with intervals.

The chips that were tried stand for all chips of their preset; the intervals say how far that can be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
_RESAMPLES = 10_000
_Z = 1.959964
"""97.5% quantile of the normal distribution, for :data:`CONFIDENCE`."""


@dataclass(frozen=True)
class Spread:
    """Scores of many chips, each 0 to 1.

    Attributes:
        scores: one per chip.
        mean: of the chips.
        mean_low, mean_high: bounds of the mean over all chips of the kind, at 95% confidence.
        worst, best: of the chips that were tried.
        quantiles: the scores that 5%, 50% and 95% of the chips do not reach.
    """

    scores: tuple[float, ...]
    mean: float
    mean_low: float
    mean_high: float
    worst: float
    best: float
    quantiles: tuple[float, float, float]


@dataclass(frozen=True)
class Yield:
    """The share of chips that reach a score.

    Attributes:
        required: the score, 0 to 1.
        good: how many of the chips reach it.
        share: of them, 0 to 1.
        low, high: bounds of the share among all chips of the kind, at 95% confidence.
    """

    required: float
    good: int
    share: float
    low: float
    high: float


def spread(scores: Sequence[float]) -> Spread:
    """The spread of some chips' scores.

    The interval of the mean is a bootstrap over chips (percentiles of 10,000 resamples, seed fixed).

    Args:
        scores: at least one, 0 to 1 each.
    """
    values = np.asarray(scores, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(values), (_RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), (tail, 1 - tail))
    five, half, most = (float(value) for value in np.quantile(values, (0.05, 0.5, 0.95)))
    return Spread(
        tuple(float(value) for value in values),
        float(values.mean()),
        float(low),
        float(high),
        float(values.min()),
        float(values.max()),
        (five, half, most),
    )


def chip_yield(scores: Sequence[float] | npt.NDArray[np.float64], required: float) -> Yield:
    """The share of chips whose score is at least ``required``, with Wilson's interval.

    Source of the interval: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    count, good = len(scores), sum(score >= required for score in scores)
    share = good / count
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return Yield(required, good, share, max(0.0, middle - half), min(1.0, middle + half))
