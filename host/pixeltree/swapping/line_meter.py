"""How fast the line is, measured by what is sent anyway. No I/O, no clock: times are microseconds, given.

A *span* begins when something is sent while no answer is awaited, and ends when none is any more. What went
out in one go at its beginning tells the rate: bytes against the time until the device says that they are
there. What was sent later in the span, at the pace of the line as it is believed to be, can only tell that
the line is slower.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from pixeltree.swapping.line import LineRate

_SMALL = 512
"""Up to so many bytes tell the round trip."""

_LARGE = 2_048
"""From so many bytes on they tell the rate."""

_SAMPLES = 9
"""The median of so many counts: one that was held up by the host's machine does not."""

_LEAST_SAMPLES = 2
_SLOWER = 1.5
"""A line counts as slower than believed if its bytes take so many times as long."""

_TOGETHER_US = 500.0
"""What is sent so soon after what came before was sent in one go: the host takes time to pack it."""

_NEAR = 0.1
"""A measured rate is kept while new samples are so near to it."""


class LineMeter:
    """The line as it shows itself.

    Args:
        line: what is said of it; None where nothing is.

    Attributes:
        line: what is to be believed; None until enough was seen. A rate that was given is believed until the
            line turns out much slower; from then on, the measured one is.
    """

    def __init__(self, line: LineRate | None) -> None:
        self.line = line
        self._given = line is not None
        self._small: deque[tuple[int, float]] = deque(maxlen=_SAMPLES)
        self._large: deque[tuple[int, float]] = deque(maxlen=_SAMPLES)
        self._began: float | None = None
        self._last = 0.0
        self._bytes = 0
        self._paced = False
        self._pause_us = 0.0

    def sent(self, now: float, line_free: float, wire_bytes: int, awaited: bool) -> int | None:
        """Bytes go on the line.

        Args:
            now: the time.
            line_free: when what was sent before is off the line, as far as is believed.
            wire_bytes: how many.
            awaited: whether answers to earlier ones are awaited.

        Returns:
            How many were sent in this span, to be given to :meth:`arrived`; None where that tells nothing.
        """
        if not awaited and self._began != now:
            self._began = now if line_free <= now else None  # behind others, it would seem slow
            self._last = now
            self._bytes = 0
            self._paced = False
            self._pause_us = 0.0
        if self._began is None:
            return None
        self._paced |= now > self._last + _TOGETHER_US
        self._last = now
        self._pause_us += max(0.0, now - max(line_free, self._began))
        self._bytes += wire_bytes
        return self._bytes

    def arrived(self, now: float, sent: int | None, answer_bytes: int = 0) -> None:
        """The device has what was sent up to there in this span, and its answer of so many bytes is here."""
        if self._began is None or sent is None:
            return
        took = now - self._began
        if not self._paced:
            self._note(sent, took, answer_bytes)
        elif self.line is not None and sent >= _LARGE:
            at_least = took - self._pause_us - 2 * self.line.latency_us
            if at_least > _SLOWER * (sent + answer_bytes) * self.line.us_per_byte:
                self._note(sent, took - self._pause_us, answer_bytes)

    def stop_timing(self) -> None:
        """Nobody listens for a while: when what is under way arrives will not be known."""
        self._began = None

    def _note(self, sent: int, took: float, answer_bytes: int) -> None:
        if sent <= _SMALL:
            self._small.append((sent + answer_bytes, took))
        elif sent >= _LARGE:
            self._large.append((sent + answer_bytes, took))
            self._judge()

    def _judge(self) -> None:
        if len(self._large) < _LEAST_SAMPLES:
            return
        known_us = 2 * self.line.latency_us if self.line is not None else 0.0
        base, base_us = min(self._small, key=lambda sample: sample[1], default=(0, known_us))
        per_byte = median((took - base_us) / (count - base) for count, took in self._large)
        if per_byte <= 0:
            return  # faster than this machine can tell
        latency = max(0.0, base_us - base * per_byte) / 2
        if self._is_news(per_byte):
            self.line = LineRate("measured", 8e6 / per_byte, 8.0, latency)
            self._given = False

    def _is_news(self, per_byte: float) -> bool:
        if self.line is None:
            return True
        ratio = per_byte / self.line.us_per_byte
        return ratio > _SLOWER if self._given else abs(ratio - 1) > _NEAR
