"""A calibration as a preset's file, and as figures for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pixeltree.calibrate.calibration import Calibration, Number
from pixeltree_protocol.chip.nonidealities import SUM_SCALES, WHOLE_NUMBERS
from pixeltree_protocol.chip.preset_file import ERRORS, PresetNumbers, all_numbers, written

_DIGITS = 2
"""Digits of a standard error that are written."""


def rounded(name: str, number: Number) -> Number:
    """A number without the digits that nobody can rely on."""
    if name in WHOLE_NUMBERS:
        return Number(round(number.value), number.error, number.said)
    if not number.error or not math.isfinite(number.error):
        return Number(float(f"{number.value:.4g}"), number.error, number.said)
    places = _DIGITS - 1 - math.floor(math.log10(number.error))
    return Number(round(number.value, places), round(number.error, places), number.said)


def to_toml(found: Calibration, base: PresetNumbers, told: Mapping[str, str]) -> str:
    """The preset's file.

    Args:
        found: what was measured.
        base: the preset whose numbers stand where none was measured.
        told: of the measurement, for its reader: device, date and the like.
    """
    before = all_numbers(base)
    numbers = {name: rounded(name, found.errors[name]) for name in ERRORS if name in found.errors}
    scales = {name: rounded(name, found.sums[name]) for name in SUM_SCALES if name in found.sums}
    checks = {name: rounded(name, number) for name, number in found.checks.items()}
    kept = {name: value for name, value in {**before, **base.sums}.items() if name in found.kept}
    parts = [
        "# A chip's numbers, measured by 'pixeltree calibrate'. Use it as --preset FILE.",
        *(f"# {name}: {value}" for name, value in told.items()),
        f'\nbase = "{base.base}"  # what is not named below has this preset\'s value',
        "\n[errors]",
        _table(numbers),
        "[sums]  # units of a global sum for one count",
        _table(scales),
    ]
    if kept:
        parts += [f"[kept]  # could not be measured from outside; the values are those of {base.base}"]
        parts += [written(kept, found.kept)]
    unmeasured = {name: why for name, why in found.kept.items() if name not in kept}
    parts += [f"# not measured: {name}: {why}" for name, why in unmeasured.items()]
    parts += ["[standard_errors]", written(_errors({**numbers, **scales}), {})]
    parts += ["[checks]  # seen, and no part of the noise model; each with its standard error"]
    parts += [_table(checks)]
    return "\n".join(parts)


def to_json(found: Calibration, base: PresetNumbers, told: Mapping[str, str]) -> dict[str, Any]:
    """All figures, as JSON can express them."""
    return {
        **told,
        "base": base.base,
        **{
            which: {name: asdict(number) for name, number in numbers.items()}
            for which, numbers in (("errors", found.errors), ("sums", found.sums), ("checks", found.checks))
        },
        "kept": dict(found.kept),
        "copies": {
            "lengths": list(found.copies.lengths),
            "levels": list(found.copies.levels),
            "measured": found.copies.moments().tolist(),
            "fitted": found.expected.tolist(),
        },
    }


def _table(numbers: Mapping[str, Number]) -> str:
    """Values, and behind each how sure it is and what is to be said of it."""
    comments = {name: ", ".join(filter(None, (_sure(each), each.said))) for name, each in numbers.items()}
    return written({name: each.value for name, each in numbers.items()}, comments)


def _sure(number: Number) -> str:
    return f"+- {number.error:.2g}" if number.error else ""


def _errors(numbers: Mapping[str, Number]) -> dict[str, float]:
    return {name: float(f"{number.error:.2g}") for name, number in numbers.items() if number.error}
