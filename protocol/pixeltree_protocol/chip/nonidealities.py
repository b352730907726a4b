"""Errors of a typical chip that both sides know: the emulator adds them, noise-aware training expects them.

Levels are ADC counts, the unit of an AREG. The emulator's own model has more (decay, flood distance,
division); what is here is what a sum of many analog words suffers from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AnalogErrors:
    """Errors of one write to an AREG.

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


TYPICAL_ERRORS = AnalogErrors(gain_error=-0.0072, gain_spread=0.002, offset_spread=0.3, noise=0.2)
"""gain_error is fitted to the published repeated-copy experiment; the others are assumed."""
