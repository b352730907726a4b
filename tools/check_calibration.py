"""Calibrate emulated chips whose numbers are known, and compare: the table of docs/how-to/calibrate.md.

    python tools/check_calibration.py [--quick]

Exit status 1 if a number is further from the truth than four of its standard errors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import pixeltree as pt
from pixeltree.calibrate.calibration import QUICK, Calibration, Number, Plan, calibrate
from pixeltree_protocol.chip.nonidealities import preset

WITHIN = 4
"""Standard errors: of 90 numbers that are right, one in about 180 runs is further away."""
_SCALES = {
    "sum_16_scale": 4096,
    "sum_64_scale": 1024,
    "sum_fast_scale": 65_536,
    "sum_sparse_scale": 1024,
    "sum_region_scale": 4096,
}
_HEAD = "| number | true | measured | +- | away |\n|---|---:|---:|---:|---:|\n"
_LEAST_COUNT = 1.0
"""Whole numbers agree within one."""


@dataclass(frozen=True)
class KnownChip:
    """An emulated chip.

    Attributes:
        preset: whose numbers it has.
        chip: its number.
        changed: numbers that differ.
    """

    preset: str
    chip: int
    changed: Mapping[str, float]

    @property
    def url(self) -> str:
        """A device of its own."""
        changed = "".join(f"&set={name}={value}" for name, value in self.changed.items())
        return f"inproc:?preset={self.preset}&chip={self.chip}{changed}"

    @property
    def name(self) -> str:
        """For a table."""
        return f"{self.preset}, chip {self.chip}{', changed' if self.changed else ''}"

    @property
    def truth(self) -> dict[str, float]:
        """Its numbers."""
        model = preset(self.preset)
        assert model is not None
        return {**asdict(model), **_SCALES, **self.changed}


CHIPS = (
    KnownChip("typical", 3, {}),
    KnownChip("harsh", 5, {}),
    KnownChip(
        "typical",
        8,
        {
            "gain_error": -0.003,
            "gain_spread": 0.004,
            "offset": 0.3,
            "offset_spread": 0.5,
            "noise": 0.4,
            "division_offset": 1.0,
            "division_spread": 0.5,
            "division_noise": 0.3,
            "flood_distance": 30,
            "areg_decay": 25,
            "areg_rest": -12,
            "dreg_retention": 0.7,
            "dreg_retention_spread": 1.2,
            "sum_region_scale": 3000,
            "sum_sparse_scale": 400,
        },
    ),
    KnownChip(
        "harsh", 2, {"gain_error": 0.005, "offset": -0.5, "noise": 0.6, "areg_decay": 3, "areg_rest": 20}
    ),
)
"""Chips of both presets, and chips whose numbers nothing but the measurement can know."""


@dataclass(frozen=True)
class Recovered:
    """A number of a chip, and what was measured."""

    name: str
    truth: float
    found: Number

    @property
    def away(self) -> float:
        """Distance in standard errors; a whole number is known to one."""
        least = _LEAST_COUNT / WITHIN if self.found.error == 0 else self.found.error
        return (self.found.value - self.truth) / least


def recovered(found: Calibration, chip: KnownChip) -> Iterator[Recovered]:
    """Every number that was measured, beside the true one."""
    for name, number in {**found.errors, **found.sums}.items():
        yield Recovered(name, chip.truth[name], number)


def main() -> int:
    """Calibrate all chips; exit status 0 if everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true")
    plan = QUICK if parser.parse_args().quick else Plan()
    good = True
    for chip in CHIPS:
        sys.stdout.write(
            f"\n{chip.name}\n\n| number | true | measured | +- | away |\n|---|---:|---:|---:|---:|\n"
        )
        with pt.connect(chip.url) as device:
            for each in recovered(calibrate(device, plan), chip):
                good &= abs(each.away) <= WITHIN
                value, error = each.found.value, each.found.error
                sys.stdout.write(
                    f"| `{each.name}` | {each.truth:g} | {value:.5g} | {error:.2g} | {each.away:+.1f} |\n"
                )
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
