"""When frames start, and until when what may be useful can be on the line without being in the way."""

from __future__ import annotations

from pixeltree.arguments.numbers import check_number


class Pace:
    """Frames at a fixed period, or one after the other.

    All times are microseconds on one clock.

    Args:
        period_us: from one frame's start to the next; None to start each when the one before has ended.
        start_us: when the first frame may start.

    Raises:
        DataError: a period that is not above 0, or not finite.

    Attributes:
        frame_us: how long a frame takes from start to result, as long as none waits; 0 until that is known.
    """

    def __init__(self, period_us: float | None, start_us: float = 0.0) -> None:
        if period_us is not None:
            check_number("a frame period, in microseconds,", period_us, above=0)
        self.period_us = period_us
        self.frame_us = 0.0
        self._next = start_us
        self._started = start_us

    def due(self, now: float) -> float:
        """When the next frame starts: now, or when its turn has come."""
        return now if self.period_us is None else max(now, self._next)

    def started(self, now: float) -> float:
        """A frame starts. One that starts late does not make the following ones late: turns pass unused.

        Returns:
            Microseconds that it starts after its turn, 0 or more; 0 where there is no period.
        """
        self._started = now
        if self.period_us is None:
            return 0.0
        late = max(0.0, now - self._next)
        self._next += self.period_us * (1 + late // self.period_us)
        return late

    def ended(self, now: float, waited: bool) -> None:
        """A frame has ended."""
        if not waited:
            self.frame_us = now - self._started

    def limit(self, now: float) -> float:
        """Until when the line may be busy with what may be useful."""
        return self._next if self.period_us is not None else self._started + self.frame_us
