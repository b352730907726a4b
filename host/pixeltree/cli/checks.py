"""What options of several commands have in common."""

from __future__ import annotations

import math

import typer

LARGEST_SEED = 2**32 - 1
"""Every generator of random numbers that is used takes seeds up to this one."""


def finite(value: float | None) -> float | None:
    """The value of an option, unless it is no number: ``nan`` passes every comparison with a bound.

    Raises:
        typer.BadParameter: it is nan or infinite.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number that can be counted with; give a finite one")
    return value
