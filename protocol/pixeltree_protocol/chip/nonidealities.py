"""The errors of a chip as numbers, and named sets of them: the presets.

Both sides know them. The emulator adds such errors to what an array computes, noise-aware training expects
them, and ``pixeltree calibrate`` measures them. What each number does to a register is in the emulator's
``array.nonidealities``. Levels are ADC counts, the unit of an AREG. Files of presets: ``preset_file``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from pixeltree_protocol.errors import PresetError
from pixeltree_protocol.names import known_names

AREG_MIN, AREG_MAX = -128, 127


def _number(value: float, unit: str, source: str) -> Any:  # noqa: ANN401 - a field of any type
    """A parameter with its unit and where its value comes from."""
    return field(default=value, metadata={"unit": unit, "source": source})


@dataclass(frozen=True)
class Nonidealities:
    """Every number of a non-ideal mode; the defaults are the preset ``typical``.

    'fitted' values reproduce the published repeated-copy experiment (fact sheet section 7) with
    ``tools/repeated_copy.py``; 'assumed' ones wait for a measurement. ``noise`` is about what the chip
    authors' MNIST network bears, which is published to work on chips (docs/concepts/numbers_and_noise.md).
    """

    gain_error: float = _number(-0.0072, "of the value, per write", "fitted")
    gain_spread: float = _number(0.002, "sigma over PEs", "assumed")
    offset: float = _number(0.0, "counts per write", "assumed; cancels in two-word macros")
    offset_spread: float = _number(
        0.3, "counts, sigma over PEs", "assumed, so that the published spread is met"
    )
    noise: float = _number(0.2, "counts, sigma per write", "fitted to the chip authors' network")
    division_offset: float = _number(1.83, "counts per dividing write", "fitted")
    division_spread: float = _number(0.25, "counts, sigma over PEs", "assumed")
    division_noise: float = _number(0.4, "counts, sigma per dividing write", "assumed")
    flood_distance: int = _number(
        64, "PEs per propagation word", "assumed: one fills a block of 64 x 64 from four seeds, 54 PEs"
    )
    areg_decay: float = _number(10.0, "counts per second since the last write", "assumed; constant OPEN")
    areg_rest: int = _number(0, "counts; AREGs drift toward it", "assumed")
    dreg_retention: float = _number(
        1.5, "s, least over PEs", "assumed: refreshing is advised when idle for longer"
    )
    dreg_retention_spread: float = _number(3.0, "s, mean beyond the least, exponential over PEs", "assumed")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            signed = item.name in ("gain_error", "offset", "division_offset", "areg_rest")
            if not signed and value < 0:
                raise PresetError(f"{item.name} is {value}; it must be at least 0")
        if self.flood_distance < 1:
            raise PresetError(f"flood_distance is {self.flood_distance}; it must be at least 1")
        if not AREG_MIN <= self.areg_rest <= AREG_MAX:
            raise PresetError(f"areg_rest is {self.areg_rest}; it must be from {AREG_MIN} to {AREG_MAX}")


TYPICAL = Nonidealities()
HARSH = replace(
    TYPICAL,
    gain_error=-0.012,
    gain_spread=0.005,
    offset_spread=0.8,
    noise=1.0,
    division_offset=3.0,
    division_spread=1.0,
    division_noise=1.2,
    flood_distance=54,
    areg_decay=50.0,
    dreg_retention=1.0,
    dreg_retention_spread=1.5,
)

PRESETS: dict[str, Nonidealities | None] = {"ideal": None, "typical": TYPICAL, "harsh": HARSH}
"""Presets by name; None is exact arithmetic. ``harsh`` is assumed, and worse than what is published."""

SUM_SCALES = ("sum_16_scale", "sum_64_scale", "sum_fast_scale", "sum_sparse_scale", "sum_region_scale")
"""Further numbers of a chip: units of a global sum for which its byte rises by one count, by the function."""

WHOLE_NUMBERS = (*SUM_SCALES, "flood_distance", "areg_rest")
"""Numbers of a chip that have no fraction."""


def preset(name: str) -> Nonidealities | None:
    """A preset by name.

    Raises:
        PresetError: no preset has this name.
    """
    if name not in PRESETS:
        raise PresetError(f"no preset is named {name!r}; {known_names(name, PRESETS)}")
    return PRESETS[name]


@dataclass(frozen=True)
class AnalogErrors:
    """Errors of one write to an AREG: what a sum of many analog words suffers from.

    Attributes:
        gain_error: mean relative change of the value.
        gain_spread: its sigma over PEs.
        offset_spread: sigma over PEs of what is added, in counts; it cancels in macros of two words.
        noise: sigma of what is added at random, in counts.
    """

    gain_error: float
    gain_spread: float
    offset_spread: float
    noise: float


def analog_errors(model: Nonidealities) -> AnalogErrors:
    """Those of a model's numbers that noise-aware training expects."""
    return AnalogErrors(model.gain_error, model.gain_spread, model.offset_spread, model.noise)


TYPICAL_ERRORS = analog_errors(TYPICAL)
"""gain_error is fitted to the published repeated-copy experiment; the others are assumed."""
