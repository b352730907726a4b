"""All measurements of a chip in turn, and the numbers of the noise model that they give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pixeltree.calibrate.chain import WriteErrors, moments
from pixeltree.calibrate.copies import Grid, Sampled, as_read, copies_kernel, division_kernel, sample
from pixeltree.calibrate.decay import LEVEL, Drift, Retention, measure_drift, measure_retention
from pixeltree.calibrate.fit import Fit, fit_copies, fit_division, spread_of
from pixeltree.calibrate.floods import CORNERS, FARTHEST, flood_distances
from pixeltree.calibrate.sums import measure_sums
from pixeltree.device.device import Device
from pixeltree.errors import DeviceError
from pixeltree_protocol.chip.nonidealities import SUM_SCALES, TYPICAL, Nonidealities
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.link.messages import ErrorCode

Floats = npt.NDArray[np.float64]

_MODEL_ACCURACY = 0.005
"""Of a sigma: what the fit's own approximations are good for, and an emulated chip's pool of draws."""

_AS_IT_IS = "light as it is"

Progress = Callable[[str, int, int], None]
"""Takes what is measured, how much of it is done, and how much there is (0 where that is not known)."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often.

    Attributes:
        step: every how many rows and columns a PE is sampled.
        lengths: words of the chains of copies.
        levels: where chains begin.
        repeats: how often each is run.
        divided: levels that are divided.
        summed: levels of the planes that are summed.
        longest: seconds that registers may be left alone at once.
        drift_looks, retention_looks: how often is looked at registers that wait.
    """

    step: int = 3
    lengths: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    levels: tuple[int, ...] = (-90, -45, 0, 45, 90)
    repeats: int = 8
    divided: tuple[int, ...] = (-96, -64, -32, 0, 32, 64, 96)
    summed: tuple[int, ...] = tuple(sorted({*range(-100, 101, 5), *range(-3, 4)}))
    longest: float = 60.0
    drift_looks: int = 20
    retention_looks: int = 12

    @property
    def ends(self) -> tuple[int, int]:
        """Words of the shortest and the longest chain that end in A."""
        return (2, max(length for length in self.lengths if length % 2 == 0))


QUICK = Plan(
    step=5,
    lengths=(1, 2, 3, 4, 8),
    levels=(-90, 0, 90),
    repeats=4,
    divided=(-96, 0, 96),
    drift_looks=8,
    retention_looks=5,
)
"""Half of the time, and standard errors that are about twice as large."""


@dataclass(frozen=True)
class Number:
    """A number that was measured.

    Attributes:
        value: of the number, in its unit.
        error: its standard error.
        said: what a reader should know of how it was measured; often nothing.
    """

    value: float
    error: float
    said: str = ""


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes:
        errors: numbers of the noise model that were measured, by name.
        sums: scales of global sums that were measured, by name.
        kept: why a number was not measured and keeps the base preset's value, by name.
        checks: figures for which the model has no number, by what they are.
        copies: the chains that were sampled, and what the fitted model gives: for pictures.
        expected: float (3, lengths, levels), see ``copies.Sampled.moments``.
    """

    errors: Mapping[str, Number]
    sums: Mapping[str, Number]
    kept: Mapping[str, str]
    checks: Mapping[str, Number]
    copies: Sampled
    expected: Floats


@dataclass
class _Found:
    """What is being collected."""

    errors: dict[str, Number] = field(default_factory=dict)
    sums: dict[str, Number] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    checks: dict[str, Number] = field(default_factory=dict)


def calibrate(
    device: Device,
    plan: Plan | None = None,
    base: Nonidealities = TYPICAL,
    progress: Progress = lambda what, done, total: None,
    darken: Callable[[bool], bool] | None = None,
) -> Calibration:
    """Measure a device's chip and fit the numbers of the noise model.

    It changes A, B, NEWS, R0 to R5, R12, FLAG, SELECT and IN. Nothing else should drive the device meanwhile.

    Args:
        device: connected.
        plan: what is measured.
        base: where fits begin.
        progress: called often.
        darken: called with True and with False, makes it dark or lit before the sensor, and returns whether
            it could; None for an emulated sensor, which is shown black and white.

    Raises:
        DeviceError, LinkError: the device refuses, or is gone.
    """
    plan = plan or Plan()
    found = _Found()
    sampled, expected = _analog(device, plan, base, progress, found)
    _floods(device, progress, found)
    _sums(device, plan, progress, found)
    _times(device, plan, progress, found, darken or (lambda dark: _shown(device, dark)))
    return Calibration(found.errors, found.sums, found.kept, found.checks, sampled, expected)


class _Steps:
    """Counts what is done of one kind of measurement."""

    def __init__(self, progress: Progress, what: str, total: int = 0) -> None:
        self._progress, self._what, self._total, self._done = progress, what, total, 0
        progress(what, 0, total)

    def __call__(self) -> None:
        self._done += 1
        self._progress(self._what, self._done, self._total)


def _analog(
    device: Device, plan: Plan, base: Nonidealities, progress: Progress, found: _Found
) -> tuple[Sampled, Floats]:
    chip, grid = device.chip, Grid(plan.step)
    count = len(plan.lengths) * len(plan.levels) * plan.repeats
    kernels = {length: copies_kernel(length) for length in plan.lengths}
    steps = _Steps(progress, "copies", count)
    own = sample(chip, grid, kernels, plan.levels, plan.repeats, steps)
    ends = plan.ends
    outer = (min(plan.levels), max(plan.levels))
    kernels = {length: copies_kernel(length, neighbour=True) for length in ends}
    steps = _Steps(progress, "transfers from neighbours", len(ends) * 2 * plan.repeats)
    transfers = sample(chip, grid, kernels, outer, plan.repeats, steps)
    steps = _Steps(progress, "divisions", 2 * len(plan.divided) * plan.repeats)
    divided = sample(chip, grid, {1: division_kernel()}, plan.divided, 2 * plan.repeats, steps)
    progress("fitting the numbers", 0, 0)
    plain = fit_copies(own, base)
    division = fit_division(divided, plain, base)
    _take(plain, division, found)
    found.checks["gain_per_copy"] = _gain(own, ends, outer)
    found.checks["gain_per_transfer_from_a_neighbour"] = _gain(transfers, ends, outer)
    return own, _expected(plain, own)


def _expected(plain: Fit, own: Sampled) -> Floats:
    names = ("gain_error", "gain_spread", "offset", "offset_spread", "noise")
    errors = WriteErrors(*(plain.values[name] for name in names))
    read = plain.values["read_gain"], plain.values["read_zero"]
    return as_read(moments(errors, own.levels, own.lengths), *read)


def _take(plain: Fit, division: Fit, found: _Found) -> None:
    values, errors = {**plain.values, **division.values}, {**plain.errors(), **division.errors()}
    read = {"read_gain": "ADC counts a level", "read_zero": "ADC counts at level 0, less 128"}
    floors = _floors(values)
    for name, value in values.items():
        number = Number(value, math.hypot(errors[name], floors.get(name, 0.0)), read.get(name, ""))
        (found.checks if name in read else found.errors)[name] = number
    said = "taken as if IN were exact at level 0"
    found.errors["offset"] = replace(found.errors["offset"], said=said)
    found.checks["worst_misfit"] = Number(
        max(plain.worst, division.worst), 0.0, "standard errors; above 5 the model does not fit this chip"
    )


def _floors(values: Mapping[str, float]) -> dict[str, float]:
    """Below which no standard error is: what the fit's approximations are good for."""
    plain = _MODEL_ACCURACY * math.hypot(values["offset_spread"], values["noise"])
    spread = math.hypot(values["offset_spread"], values["division_spread"])
    noise = math.hypot(values["noise"], values["division_noise"])
    return {
        "gain_spread": _MODEL_ACCURACY * values["gain_spread"],
        **dict.fromkeys(("offset", "offset_spread", "noise"), plain),
        "division_offset": _MODEL_ACCURACY * math.hypot(spread, noise),
        "division_spread": _of_part(spread, values["division_spread"]),
        "division_noise": _of_part(noise, values["division_noise"]),
    }


def _of_part(whole: float, part: float) -> float:
    """How well a sigma is known that is a part of another, which is known to the accuracy of the model."""
    return _MODEL_ACCURACY * whole**2 / max(part, whole / 10, 1e-6)


def _gain(sampled: Sampled, ends: tuple[int, int], outer: tuple[int, int]) -> Number:
    """Mean relative change of a level a word, from chains of two lengths; neither ADC nor IN counts."""
    rows = [sampled.lengths.index(length) for length in ends]
    columns = [sampled.levels.index(level) for level in outer]
    words = ends[1] - ends[0]

    def gain(means: Floats) -> float:
        short, long_ = (means[row, columns[1]] - means[row, columns[0]] for row in rows)
        return float((long_ / short) ** (1 / words) - 1) if long_ * short > 0 else math.nan

    without = np.array([[gain(each[0])] for each in sampled.without_each_group()])
    return Number(gain(sampled.moments()[0]), float(spread_of(without)[0]), "of the level, a word")


def _floods(device: Device, progress: Progress, found: _Found) -> None:
    distances = flood_distances(device.chip, _Steps(progress, "floods", len(CORNERS)))
    said = f"the least of {', '.join(map(str, distances))}, from the four corners"
    if min(distances) == FARTHEST:
        said = "one word crosses the whole array; it may reach farther"
    found.errors["flood_distance"] = Number(min(distances), 0.0, said)


def _sums(device: Device, plan: Plan, progress: Progress, found: _Found) -> None:
    steps = _Steps(progress, "global sums", len(plan.summed))
    scales = measure_sums(device.chip, Grid(plan.step), plan.summed, steps)
    for name in SUM_SCALES:
        scale = scales[name]
        if scale is None:
            found.kept[name] = "the sums do not change, or are cut off at nearly all levels"
        else:
            found.sums[name] = Number(scale.value, scale.error, f"a sum of 0 reads {scale.zero:.2f}")


def _times(
    device: Device, plan: Plan, progress: Progress, found: _Found, darken: Callable[[bool], bool]
) -> None:
    """Drift and retention in the dark and in light; the preset takes those in light, where a sensor works."""
    drifts: dict[str, Drift | None] = {}
    retentions: dict[str, Retention | None] = {}
    grid = Grid(plan.step)
    for light in ("dark", "lit", _AS_IT_IS):
        if light == _AS_IT_IS:
            if drifts:
                break
            found.kept["dark"] = (
                "the sensor can be shown nothing, so that only the light that was there counts"
            )
        elif not darken(light == "dark"):
            continue
        steps = _Steps(progress, f"drift of AREGs, {light}")
        drifts[light] = measure_drift(device.chip, grid, plan.longest, plan.drift_looks, steps)
        steps = _Steps(progress, f"retention of DREGs, {light}")
        retentions[light] = measure_retention(device.chip, plan.longest, plan.retention_looks, steps)
    light = "lit" if "lit" in drifts else next(iter(drifts))
    _take_drift(drifts[light], light, plan, found)
    _take_retention(retentions[light], light, plan, found)
    if light == "dark":
        return
    if (dark := drifts.get("dark")) is not None:
        found.checks["areg_decay_dark"] = Number(dark.rate, dark.rate_error, "counts a second")
    if (kept := retentions.get("dark")) is not None:
        found.checks["dreg_retention_dark"] = Number(kept.least, kept.least_error, "s")
        found.checks["dreg_retention_spread_dark"] = Number(kept.beyond, kept.beyond_error, "s")


def _take_drift(drift: Drift | None, light: str, plan: Plan, found: _Found) -> None:
    if drift is None:
        found.kept["areg_decay"] = found.kept["areg_rest"] = "no AREG has drifted by 6 counts in 6.4 s"
        return
    above, below = drift.sides
    said = f"{light}; {above:.1f} from {LEVEL}, {below:.1f} from {-LEVEL}"
    found.errors["areg_decay"] = Number(drift.rate, drift.rate_error, said)
    if drift.rest is None:
        found.kept["areg_rest"] = f"AREGs from {LEVEL} and {-LEVEL} do not meet within {plan.longest:g} s"
    else:
        found.errors["areg_rest"] = Number(round(drift.rest), drift.rest_error, light)


def _take_retention(retention: Retention | None, light: str, plan: Plan, found: _Found) -> None:
    if retention is None:
        for name in ("dreg_retention", "dreg_retention_spread"):
            found.kept[name] = f"more than a tenth of the ones stay for {plan.longest:g} s"
        return
    found.errors["dreg_retention"] = Number(retention.least, retention.least_error, light)
    found.errors["dreg_retention_spread"] = Number(retention.beyond, retention.beyond_error, light)


def _shown(device: Device, dark: bool) -> bool:
    """Show an emulated sensor black or white; False where the device has optics of its own."""
    try:
        device.show(np.full((ARRAY_SIZE, ARRAY_SIZE), 0 if dark else 255, np.uint8))
    except DeviceError as error:
        if error.code == ErrorCode.UNSUPPORTED.name:
            return False
        raise
    return True
