"""A line through readings that are rounded to whole counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDING = 12**-0.5
"""Sigma of a reading that is rounded to a whole count."""
_MOST_ALIKE = 0.9


@dataclass(frozen=True)
class Line:
    """A line.

    Attributes:
        slope: counts for one unit of x.
        error: its standard error.
        zero: count at x = 0.
    """

    slope: float
    error: float
    zero: float


def line_through(x: Floats, y: Floats) -> Line:
    """The line with least squares; x rises, and y has as many values, three or more.

    A reading is known to half a count on either side, whatever the residuals say. Neighbouring readings are
    rounded alike, which makes the standard error larger.
    """
    (slope, zero), covariance = np.polyfit(x, y, 1, cov="unscaled")
    residuals = y - slope * x - zero
    scatter = max(float(np.sqrt((residuals**2).sum() / (len(x) - 2))), _ROUNDING)
    return Line(float(slope), scatter * float(np.sqrt(covariance[0, 0])) * _alike(residuals), float(zero))


def _alike(residuals: Floats) -> float:
    """By how much a standard error grows because neighbours err in the same direction."""
    power = float((residuals**2).sum())
    if power < 1e-6:
        return 1.0
    share = float(np.clip((residuals[1:] * residuals[:-1]).sum() / power, 0, _MOST_ALIKE))
    return float(np.sqrt((1 + share) / (1 - share)))
