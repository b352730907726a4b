"""Turns: how the daemon shares its time among its connections.

The session that drives is served whenever it has something. Observers together have a part of the time while
it works, and all of the time while it does not. Connections without a session together have a small part,
however many they are and whatever they send; accepting new ones counts too. The connection that was served
the longest time ago comes first. So a host that comes amid a flood waits for one turn of each of the others.
"""

from __future__ import annotations

from enum import StrEnum

_LONGEST_WAIT = 0.5
"""Seconds without a turn at most, however long the last one took: the machine may have been busy."""


class Standing(StrEnum):
    """What a client is to the device: each has its part of the time and is read so many bytes at a time."""

    DRIVES = "drives"
    OBSERVES = "observes"
    STRANGER = "stranger"


class Share:
    """A part of the time that its users have together.

    Args:
        part: of all time, 0 to 1.
        burst: seconds that may be used at once after a pause.
    """

    def __init__(self, part: float, burst: float) -> None:
        self._part = part
        self._pause = burst / part
        self._opens_at = 0.0

    @property
    def opens_at(self) -> float:
        """From when on it may be used again (monotonic seconds)."""
        return self._opens_at

    def charge(self, seconds: float, now: float) -> None:
        """So much was used, up to now."""
        begins = max(self._opens_at, now - self._pause)
        self._opens_at = min(begins + seconds / self._part, now + _LONGEST_WAIT)


class Turns:
    """Which connections may be served, and in which order."""

    def __init__(self) -> None:
        self._strangers = Share(0.06, 0.001)
        self._observers = Share(0.06, 0.001)
        self._last: dict[object, float] = {}
        self._driver_until = 0.0

    def driver_works(self, now: float) -> None:
        """The session that drives is being served, or waits for the device."""
        self._driver_until = now + _THINKING

    def opens_at(self, standing: Standing, now: float) -> float:
        """When clients of a standing may be served; not after ``now`` where they may be at once."""
        if standing is Standing.STRANGER:
            return self._strangers.opens_at
        if standing is Standing.OBSERVES and now < self._driver_until:
            return min(self._observers.opens_at, self._driver_until)
        return now

    def may(self, standing: Standing, now: float) -> bool:
        """Whether clients of a standing may be served now."""
        return self.opens_at(standing, now) <= now

    def enter(self, who: object, now: float) -> None:
        """Somebody waits for the first turn from now on."""
        self._last[who] = now

    def leave(self, who: object) -> None:
        """Somebody wants no further turn."""
        self._last.pop(who, None)

    def last(self, who: object) -> float:
        """When somebody had the last turn; who had it the longest time ago comes first."""
        return self._last.get(who, 0.0)

    def took(self, who: object, standing: Standing, seconds: float, now: float) -> None:
        """A turn is over."""
        if who in self._last:
            self._last[who] = now
        self.charge(standing, seconds, now)

    def charge(self, standing: Standing, seconds: float, now: float) -> None:
        """Something was done for clients of a standing."""
        if standing is Standing.STRANGER:
            self._strangers.charge(seconds, now)
        elif standing is Standing.OBSERVES:
            self._observers.charge(seconds, now)


_THINKING = 0.25
"""Seconds for which a host that drives may be busy with itself between two messages of a frame."""
