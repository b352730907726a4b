"""Numbers that come from outside: what makes no sense is refused, and said by its name."""

from __future__ import annotations

import math

import numpy as np

from pixeltree.errors import DataError

LONGEST_S = 1e6
"""Seconds that anything may be told to wait, 11 days: the systems' own timers take no more than 24."""


def check_number(
    what: str,
    value: float,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> None:
    """See that a value is a finite number within its range.

    Args:
        what: its name, for the message.
        value: the value.
        least: the least that it may be; None for no bound.
        above: what it must be greater than; None for no bound.
        most: the greatest that it may be; None for no bound.

    Raises:
        DataError: it is no number, is not finite, or lies outside.
    """
    wanted = [
        f"{word} {bound:,g}"
        for word, bound in (("of at least", least), ("above", above), ("of at most", most))
        if bound is not None
    ]
    try:
        good = (
            math.isfinite(value)
            and (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
        )
    except (TypeError, OverflowError):
        good = False
    if not good:
        raise DataError(
            f"{' '.join((what, 'must be a number', ' and '.join(wanted))).rstrip()}, not {value!r}"
        )


def check_count(what: str, value: int, least: int, most: int | None = None) -> None:
    """See that a value is a whole number within its range.

    Raises:
        DataError: it is not.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limits = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise DataError(f"{what} must be a whole number {limits}, not {value!r}")


def check_seconds(what: str, value: float, least: float = 0.0) -> None:
    """See that a value is a time to wait, in seconds, at most :data:`LONGEST_S`.

    Raises:
        DataError: it is not.
    """
    check_number(f"{what}, in seconds,", value, least=least, most=LONGEST_S)
