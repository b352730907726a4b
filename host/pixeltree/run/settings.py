"""What a run asks of its frames."""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree.arguments.numbers import check_seconds

LEAST_PERIOD = 1e-6
"""The shortest period, in seconds."""


@dataclass(frozen=True)
class FrameSettings:
    """The settings of a frame. A run has one value, which goes with each of its frames and never changes.

    Nothing of it stays with the runner: the next run, or a single frame, has its own.

    Attributes:
        period: seconds from one frame's start to the next, 0.000001 or more; None starts each when it is
            asked for.
        deadline: seconds from a frame's first start in which it must end, 0 or more; None: it waits.

    Raises:
        DataError: a time out of range, or not finite.
    """

    period: float | None = None
    deadline: float | None = None

    def __post_init__(self) -> None:
        if self.period is not None:
            check_seconds("a period", self.period, LEAST_PERIOD)
        if self.deadline is not None:
            check_seconds("a deadline", self.deadline)

    @property
    def period_us(self) -> float | None:
        """The period in microseconds."""
        return None if self.period is None else self.period * 1e6

    @property
    def deadline_us(self) -> float | None:
        """The deadline in microseconds."""
        return None if self.deadline is None else self.deadline * 1e6


ONE_FRAME = FrameSettings()
"""A frame outside any run: it starts when it is asked for, and waits for what it needs."""
