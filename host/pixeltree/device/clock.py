"""What tells the time, so that tests can bring their own."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The part of the module :mod:`time` that waiting needs; the module itself is one."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait so long."""
        ...
