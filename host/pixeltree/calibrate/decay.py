"""What time does to registers that wait: how fast AREGs drift and to where, how long DREGs keep their ones.

Times are the device's own. A measurement writes a register, waits, and samples it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from pixeltree.calibrate.copies import IN, NEWS, A, Grid
from pixeltree.calibrate.lines import line_through
from pixeltree.device.chip import Chip
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import ARRAY_SIZE, DREGS, Digital
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import Launch, ScanDreg, SetIn
from pixeltree_protocol.objects.step import Step

Floats = npt.NDArray[np.float64]

LEVEL = 100
"""AREGs are watched from this level and from its negative."""
_PROBES = (0.1, 0.4, 1.6, 6.4)
"""Seconds after which a first look is taken."""
_CLEAR_DRIFT = 6.0
"""Counts of drift that a first look has to show."""
_USED_DRIFT = 60.0
"""Counts over which the rate is measured."""
_AGREED = 2.0
"""Counts within which both sides have come to rest."""
_LONGEST_WAIT_US = 10_000_000
TICK = 0.005
"""Seconds within which times of retention are known: half a tick of an emulated device."""
_LATEST_SHARE = 0.1
"""Share of ones left at the last look."""


@dataclass(frozen=True)
class Drift:
    """How AREGs drift.

    Attributes:
        rate: counts a second toward the level of rest.
        rate_error: its standard error.
        rest: that level; None where it was not reached within the time.
        rest_error: half the distance of what came from above and from below.
        sides: the rate from above and from below.
    """

    rate: float
    rate_error: float
    rest: float | None
    rest_error: float
    sides: tuple[float, float]


@dataclass(frozen=True)
class Retention:
    """How long DREGs keep a one.

    Attributes:
        least: seconds for which all PEs do.
        least_error: its standard error.
        beyond: mean of the further seconds, which are exponential over PEs.
        beyond_error: its standard error.
    """

    least: float
    least_error: float
    beyond: float
    beyond_error: float


def _waits(seconds: float) -> list[Step]:
    """Steps that wait so long."""
    left = round(seconds * 1e6)
    waits: list[Step] = []
    while left > 0:
        waits.append(s.Wait(min(left, _LONGEST_WAIT_US)))
        left -= _LONGEST_WAIT_US
    return waits


def _odd_shares(looks: int) -> Floats:
    """Shares of a time, rising and at odd places, so that rounding to whole counts averages out."""
    return (np.arange(looks) + np.random.default_rng(1).random(looks)) / looks


def measure_drift(
    chip: Chip, grid: Grid, longest: float, looks: int, done: Callable[[], None]
) -> Drift | None:
    """How AREGs drift; None where nothing has moved after the longest first look.

    Args:
        chip: of the device.
        grid: which PEs.
        longest: seconds that may be waited for the level of rest.
        looks: from how many the rate is taken, on each side.
        done: called after each look.
    """
    kernel = Kernel()
    kernel.all()
    kernel.bus(NEWS, IN)
    kernel.bus(A, NEWS)

    def look(level: int, seconds: float) -> float:
        steps = (SetIn(level), Launch(0), *_waits(seconds), grid.scan(A))
        mean = float(grid.levels(chip.execute(*steps, kernels=[kernel]).read_outs[0]).mean())
        done()
        return mean

    starts = {level: look(level, 0) for level in (LEVEL, -LEVEL)}
    for probe in _PROBES:
        moved = max(abs(start - look(level, probe)) for level, start in starts.items())
        if moved >= _CLEAR_DRIFT:
            break
    else:
        return None
    span = probe * _USED_DRIFT / moved
    times = span * _odd_shares(looks)
    fall, rise = (line_through(times, np.array([look(level, t) for t in times])) for level in starts)
    down, up = -fall.slope, rise.slope
    rest, apart = None, 0.0
    wait = span / _USED_DRIFT * (LEVEL + 40)
    while wait <= longest:
        high, low = (look(level, wait) for level in starts)
        if abs(high - low) <= _AGREED:
            rest, apart = (high + low) / 2, abs(high - low) / 2
            break
        wait *= 1.5
    error = float(np.hypot(fall.error, rise.error)) / 2
    return Drift((down + up) / 2, error, rest, max(apart, 0.5), (down, up))


def measure_retention(chip: Chip, longest: float, looks: int, done: Callable[[], None]) -> Retention | None:
    """How long DREGs keep a one; None where nearly all do for the longest time.

    Args:
        chip: of the device.
        longest: seconds that may be waited at once.
        looks: how often ones are counted, beside those that find the range.
        done: called after each look.
    """
    register = Digital("R5")
    kernel = Kernel()
    kernel.SET(register)
    total = ARRAY_SIZE**2

    def left(seconds: float) -> int:
        scan = ScanDreg(DREGS.index(register), 0, 1, ARRAY_SIZE)
        data = chip.execute(Launch(0), *_waits(seconds), scan, kernels=[kernel]).read_outs[0]
        done()
        return int(np.unpackbits(np.frombuffer(data, np.uint8)).sum())

    late = 0.25
    while left(late) > _LATEST_SHARE * total:
        late *= 2
        if late > longest:
            return None
    early = late
    while left(early) < total and early > TICK:
        early /= 1.5
    times = np.concatenate([[early], early + (late - early) * np.arange(1, looks + 1) / looks])
    return _retention(times, np.array([left(time) for time in times]), total)


def _retention(times: Floats, left: npt.NDArray[np.int64], total: int) -> Retention:
    """The likeliest times, of how many ones were left when: each loss lies between two looks."""
    left = np.minimum.accumulate(left)
    lost = np.array([before - after for before, after in pairwise([total, *left, 0])])
    edges = np.concatenate([[0.0], times, [np.inf]])

    def unlikely(numbers: Floats) -> float:
        least, beyond = numbers
        survive = np.exp(-np.maximum(edges - least, 0) / beyond)
        shares = np.maximum(survive[:-1] - survive[1:], 1e-12)
        return -float((lost * np.log(shares)).sum())

    first = np.array([times[0], max((times[-1] - times[0]) / 2, TICK)])
    bounds = [(0, float(times[-1])), (1e-4, 1e4)]
    found = minimize(unlikely, first, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-5}).x
    step = np.maximum(1e-3 * found, 1e-4)
    curved = _curvature(unlikely, found, step)
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(curved)), 0))
    least, beyond = (float(value) for value in found)
    return Retention(least, float(np.hypot(errors[0], TICK)), beyond, float(np.hypot(errors[1], TICK)))


def _curvature(function: Callable[[Floats], float], at: Floats, step: Floats) -> Floats:
    """Second derivatives of a function of two numbers."""
    curved = np.empty((2, 2))
    for row in range(2):
        for column in range(2):
            one, two = np.eye(2)[row] * step, np.eye(2)[column] * step
            ahead = function(at + one + two) - function(at + one - two)
            curved[row, column] = (ahead - function(at - one + two) + function(at - one - two)) / (
                4 * step[row] * step[column]
            )
    return curved
