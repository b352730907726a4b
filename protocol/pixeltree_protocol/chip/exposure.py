"""Auto-exposure: how bright one frame was decides how long the next is exposed. Ours, no fact of the chip.

Whole numbers only, so that every controller, and the page that exposes for kernels, comes to the same time.
"""

from __future__ import annotations

LOOK = "all; bus(NEWS, PIX)"
"""Words before the sum: PIX leaves the array through another register, and NEWS takes its negative."""

DARK = 255
"""What the fast global sum of NEWS reads while PIX is at its reset level, -127 (see docs/decisions.md)."""

TARGET = 64
"""Mean counts above the reset level that are aimed at: half of the half range (assumed)."""

NEAR_PERCENT = 8
"""So near to the target, in percent of the mean, the exposure stays as it is (assumed)."""

GREATEST_STEP = 2
"""Factor by which the exposure changes from one frame to the next, at most (assumed)."""

LEAST_US, MOST_US = 1, 1_000_000
"""Shortest and longest exposure of a frame of a tree, in microseconds."""

DEFAULT_US = 16_666
"""Exposure of a frame of a tree where nobody wants another: 60 a second."""


def next_exposure(counts: int, exposure: int, least: int = LEAST_US, most: int = MOST_US) -> int:
    """How long to expose the next frame.

    >>> next_exposure(counts=32, exposure=1000), next_exposure(60, 1000), next_exposure(100, 1000)
    (2000, 1000, 640)

    Args:
        counts: mean of the frame before, in counts above the reset level of PIX.
        exposure: of the frame before, in whole microseconds.
        least: shortest exposure.
        most: longest one.
    """
    if 100 * abs(TARGET - counts) <= NEAR_PERCENT * counts:
        return exposure
    counts = min(max(counts, TARGET // GREATEST_STEP), TARGET * GREATEST_STEP)
    return min(max((2 * exposure * TARGET + counts) // (2 * counts), least), most)
