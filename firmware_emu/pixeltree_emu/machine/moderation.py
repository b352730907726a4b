"""Keeps a log short: an event that happens again and again is written in full at first, and then counted.

So nobody can fill a disk by what they send.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

IN_FULL = 30
"""Events of a kind that are written in full in a minute."""

REPORT_EVERY = 15.0
"""Seconds between two counts of the others."""

_MINUTE = 60.0


@dataclass
class _Kind:
    """What happened of a kind: since when, how often it was written, and how often it was not."""

    since: float
    written: int = 0
    left_out: int = 0


class Moderation(logging.Filter):
    """Lets the first events of a kind in each minute pass, and counts the others.

    A kind is what the code calls it: the logger's name, and the message before its particulars are put in.
    There are as many kinds as there are places in the code, whatever peers send; so the lines of a minute
    have a bound.

    Args:
        logger: where counts are told.
        now: monotonic seconds.
    """

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._logger = logger
        self._now = now
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._report_at: float | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written for this event."""
        if record.name == self._logger.name:
            return True
        now = self._now()
        kind = self._kinds.setdefault((record.name, str(record.msg)), _Kind(now))
        if now >= kind.since + _MINUTE:
            kind.since, kind.written = now, 0
        if kind.written < IN_FULL:
            kind.written += 1
            return True
        kind.left_out += 1
        if self._report_at is None:
            self._report_at = now + REPORT_EVERY
        return False

    @property
    def report_at(self) -> float | None:
        """When to call :meth:`report` (monotonic seconds); None while nothing was left out."""
        return self._report_at

    def report(self) -> None:
        """Tell how many events were left out since the last time: a line for each kind."""
        self._report_at = None
        for (name, event), kind in self._kinds.items():
            count, kind.left_out = kind.left_out, 0
            if count:
                particulars = {"of": event, "by": name, "count": count}
                self._logger.warning("more of the same", extra={"fields": particulars})
