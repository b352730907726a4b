"""Fit the numbers of analog writes to sampled chains, with standard errors.

Numbers are found by weighted least squares on means, variances and agreements (``copies.Sampled``). All
lengths of a chain visit the same PEs, so their figures are not independent. Standard errors therefore come
from the jackknife: one group of PEs after the other is left out, and the fit is followed by its derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from pixeltree.calibrate.chain import WriteErrors, moments, spacing_for
from pixeltree.calibrate.copies import GROUPS, Sampled, as_read
from pixeltree_protocol.chip.nonidealities import Nonidealities

Floats = npt.NDArray[np.float64]

_LEAST_SIGMA = np.array([0.002, 0.002, 0.002])
"""Of a mean, a variance, an agreement, below which the model's own roundings count; the last two relative."""

_TOLERANCE = 1e-4
"""Where a fit stops: far within the standard errors."""
_FINE_ENOUGH = 0.7


@dataclass(frozen=True)
class Fit:
    """Numbers that were fitted together.

    Attributes:
        values: by name.
        without: float (groups, numbers): the same without each group of PEs.
        worst: largest distance of a figure from what the model gives with these values, in its sigmas.
    """

    values: dict[str, float]
    without: Floats
    worst: float

    def errors(self) -> dict[str, float]:
        """Standard error of each number."""
        return dict(zip(self.values, spread_of(self.without), strict=True))


def spread_of(without: Floats) -> Floats:
    """Standard errors from the values without each group."""
    groups = len(without)
    squares = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt((groups - 1) / groups * squares), np.float64)


def fit_copies(sampled: Sampled, base: Nonidealities) -> Fit:
    """Gain, offset and noise of plain writes, and how the ADC reads: its gain and zero.

    The ADC's gain and zero are told from the array's by the length of the chain. IN is taken as exact at 0.
    """

    def errors_of(numbers: Floats) -> WriteErrors:
        return WriteErrors(*(float(number) for number in numbers[:5]))

    def expected(numbers: Floats, spacing: float) -> Floats:
        found = moments(errors_of(numbers), sampled.levels, sampled.lengths, spacing=spacing)
        return as_read(found, *numbers[5:])

    start = {
        "gain_error": (base.gain_error, -0.05, 0.05),
        "gain_spread": (max(base.gain_spread, 5e-4), 0, 0.03),
        "offset": (base.offset, -4, 4),
        "offset_spread": (max(base.offset_spread, 0.02), 0, 4),
        "noise": (max(base.noise, 0.02), 0, 6),
        "read_gain": (1.0, 0.5, 2),
        "read_zero": (0.0, -30, 30),
    }
    return _fit(sampled, _Model(errors_of, expected), start)


def fit_division(sampled: Sampled, plain: Fit, base: Nonidealities) -> Fit:
    """What a word with two destinations adds to a plain write's errors.

    The values are those of the model: an offset, its spread, and noise, each beyond that of a plain write.
    """
    known = plain.values
    starts = [int(level / 2) for level in sampled.levels]  # toward zero, as the array divides

    def errors_of(numbers: Floats) -> WriteErrors:
        return WriteErrors(known["gain_error"], known["gain_spread"], *(float(number) for number in numbers))

    def expected(numbers: Floats, spacing: float) -> Floats:
        found = moments(errors_of(numbers), starts, (1,), spacing=spacing)
        return as_read(found, known["read_gain"], known["read_zero"])

    start = {
        "offset": (known["offset"] + base.division_offset, -8, 8),
        "offset_spread": (float(np.hypot(known["offset_spread"], base.division_spread)), 0, 8),
        "noise": (max(0.02, float(np.hypot(known["noise"], base.division_noise))), 0, 8),
    }
    whole = _fit(sampled, _Model(errors_of, expected), start)
    order = list(known)
    plain_without = dict(zip(order, plain.without.T, strict=True))
    offset, spread, noise = whole.without.T
    without = np.stack(
        [
            offset - plain_without["offset"],
            _beyond(spread, plain_without["offset_spread"]),
            _beyond(noise, plain_without["noise"]),
        ],
        axis=1,
    )
    values = {
        "division_offset": whole.values["offset"] - known["offset"],
        "division_spread": float(_beyond(whole.values["offset_spread"], known["offset_spread"])),
        "division_noise": float(_beyond(whole.values["noise"], known["noise"])),
    }
    return Fit(values, without, whole.worst)


def _beyond(whole: Floats | float, part: Floats | float) -> Floats:
    """The sigma that makes ``whole`` of ``part``; 0 where there is none."""
    squares = np.maximum(np.asarray(whole) ** 2 - np.asarray(part) ** 2, 0.0)
    return np.asarray(np.sqrt(squares), np.float64)


@dataclass(frozen=True)
class _Model:
    """What is fitted: errors of the numbers, and what they let expect with nodes so far apart."""

    errors_of: Callable[[Floats], WriteErrors]
    expected: Callable[[Floats, float], Floats]


def _fit(sampled: Sampled, model: _Model, start: Mapping[str, tuple[float, float, float]]) -> Fit:
    measured, without = sampled.moments(), sampled.without_each_group()
    sigma = spread_of(without.reshape(GROUPS, -1)).reshape(measured.shape)
    scale = np.stack([np.ones_like(measured[1]), measured[1], measured[1]])
    sigma = np.hypot(sigma, _LEAST_SIGMA[:, None, None] * scale)
    numbers, low, high = (np.array(each) for each in zip(*start.values(), strict=True))
    spacing = spacing_for(model.errors_of(numbers))
    while True:

        def residuals(numbers: Floats, spacing: float = spacing) -> Floats:
            return np.asarray((model.expected(numbers, spacing) - measured) / sigma, np.float64).ravel()

        found = least_squares(
            residuals,
            numbers,
            bounds=(low, high),
            x_scale=np.maximum(np.abs(numbers), 0.01),
            diff_step=1e-3,
            ftol=_TOLERANCE,
            xtol=_TOLERANCE,
        )
        numbers, finer = found.x, spacing_for(model.errors_of(found.x))
        if finer > _FINE_ENOUGH * spacing:
            break
        spacing = finer  # there is less noise than was thought, so that nodes have to be closer
    follow = np.linalg.pinv(found.jac)
    shifts = ((without - measured) / sigma).reshape(GROUPS, -1) @ follow.T
    return Fit(
        dict(zip(start, (float(value) for value in numbers), strict=True)),
        numbers + shifts,
        float(np.abs(found.fun).max()),
    )
