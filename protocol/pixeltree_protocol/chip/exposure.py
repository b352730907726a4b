"""Auto-exposure: how bright one frame was decides how long the next is exposed. Ours, no fact of the chip."""

from __future__ import annotations

TARGET = 64
"""Mean counts above the reset level that are aimed at: half of the half range (assumed)."""

_NEAR = 0.08
"""Share of the target within which the exposure stays."""

_GREATEST_STEP = 2.0
"""Factor by which the exposure changes from one frame to the next, at most."""


def next_exposure(counts: int, exposure: int, least: int, most: int) -> int:
    """How long to expose the next frame.

    Args:
        counts: mean of the frame before, in counts above the reset level of PIX.
        exposure: of the frame before, in any unit.
        least: shortest exposure, in that unit.
        most: longest one.
    """
    factor = TARGET / max(1, counts)
    if abs(factor - 1) <= _NEAR:
        return exposure
    factor = min(max(factor, 1 / _GREATEST_STEP), _GREATEST_STEP)
    return min(max(round(exposure * factor), least), most)
