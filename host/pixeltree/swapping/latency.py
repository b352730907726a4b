"""Latencies of any number of frames in fixed memory."""

from __future__ import annotations

import math

_PER_OCTAVE = 128
"""Buckets per factor of two: a quantile is right within 0.3 %."""

_OCTAVES = 40


class Latencies:
    """A histogram with logarithmic buckets, of microseconds from 1 up.

    Attributes:
        count: how many there are.
        total_us: their sum.
        most_us: the greatest.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total_us = 0.0
        self.most_us = 0.0
        self._buckets = [0] * (_PER_OCTAVE * _OCTAVES)

    @property
    def mean_us(self) -> float:
        """The mean; 0 where there are none."""
        return self.total_us / self.count if self.count else 0.0

    def add(self, us: float) -> None:
        """Count one."""
        self.count += 1
        self.total_us += us
        self.most_us = max(self.most_us, us)
        index = int(_PER_OCTAVE * math.log2(us)) if us > 1 else 0
        self._buckets[min(index, len(self._buckets) - 1)] += 1

    def up_to(self, us: float) -> int:
        """How many do not exceed a latency; those within 0.6 % of it may be on either side."""
        last = int(_PER_OCTAVE * math.log2(us)) if us > 1 else 0
        return sum(self._buckets[: last + 1])

    def quantile(self, share: float) -> float:
        """The latency that ``share`` of all do not exceed, in microseconds; 0 where there are none."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return min(float(2 ** ((index + 0.5) / _PER_OCTAVE)), self.most_us)
        return 0.0
