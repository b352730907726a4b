"""One direction of a slow line: when each byte arrives. Knows the time only as it is told; does no I/O."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.wires.base import Data

AHEAD_SECONDS = 0.010
AHEAD_BYTES = 4096
"""What a sender may put on the line before its turn: the greater of the two. It bridges a late event loop."""

_UNLIMITED_BYTES = 1 << 20
"""The same for a line that has latency but no rate."""

_CATCH_UP = 0.100
"""Seconds by which bytes that were waiting all along may be put on the line late and lose no time."""

_QUANTUM = 0.001
"""Seconds of line whose bytes arrive together when there are many, so that not each byte wakes the loop."""

_ROUNDING = 1e-6
"""Bytes."""


@dataclass(frozen=True)
class LineSettings:
    """How slow a line is, in each direction.

    Attributes:
        bits_per_second: rate, above 0; None is without limit.
        bits_per_byte: bits on the line for one byte, 1 to 100: 8, or 10 for a serial port with 8N1.
        latency: seconds from one end to the other, 0 to 60.

    Raises:
        EmulatorError: a value out of range.
    """

    bits_per_second: float | None = None
    bits_per_byte: float = 8
    latency: float = 0

    def __post_init__(self) -> None:
        rate = self.bits_per_second
        if rate is not None and not 1 <= rate < math.inf:
            raise EmulatorError(f"a line carries at least 1 bit per second, not {rate:g}")
        if not 1 <= self.bits_per_byte <= 100:
            raise EmulatorError(f"a byte takes 1 to 100 bits on the line, not {self.bits_per_byte:g}")
        if not 0 <= self.latency <= 60:
            raise EmulatorError(f"the latency of a line is 0 to 60 s, not {self.latency:g} s")

    @property
    def slows(self) -> bool:
        """Whether the line differs from none."""
        return self.bits_per_second is not None or self.latency > 0

    @property
    def seconds_per_byte(self) -> float:
        """Time that one byte takes; 0 without a limit."""
        return 0.0 if self.bits_per_second is None else self.bits_per_byte / self.bits_per_second

    @property
    def ahead(self) -> int:
        """Bytes that a sender may put on the line before their turn."""
        if self.bits_per_second is None:
            return _UNLIMITED_BYTES
        return max(AHEAD_BYTES, round(AHEAD_SECONDS / self.seconds_per_byte))

    @property
    def capacity(self) -> int:
        """Bytes that the line holds at most: those, and those on their way."""
        if self.bits_per_second is None:
            return self.ahead
        return self.ahead + math.ceil(self.latency / self.seconds_per_byte)


class Line:
    """Bytes on their way.

    Byte i put on the line at t, counted from 0, arrives at max(t, end of the bytes before) + (i + 1) x
    seconds per byte + latency. Times are absolute: a late caller gets more at once, never a slower line.

    Args:
        settings: how slow it is.
    """

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._per_byte = settings.seconds_per_byte
        self._bytes = bytearray()
        self._runs: deque[tuple[float, int]] = deque()
        """Start and length of each run of bytes without a gap between them; the first may be partly taken."""
        self._taken = 0
        """Bytes of the first run that were taken."""
        self._free_at = 0.0
        self._sender_waits = False

    def __len__(self) -> int:
        return len(self._bytes)

    def room(self, now: float) -> int:
        """How many bytes may be put on the line now."""
        ahead = math.ceil((self._free_at - now) / self._per_byte - _ROUNDING) if self._free_at > now else 0
        return max(0, min(self._settings.ahead - ahead, self._settings.capacity - len(self._bytes)))

    def room_at(self, count: int) -> float:
        """When so many bytes, at most ``ahead``, may be put on the line, if those that arrive are taken."""
        return self._free_at - (self._settings.ahead - count) * self._per_byte

    def put(self, data: Data, now: float) -> None:
        """Put bytes on the line, no more than there is room for."""
        if not data:
            return
        waited = self._sender_waits and self._per_byte > 0 and now - self._free_at < _CATCH_UP
        start = self._free_at if waited else max(now, self._free_at)
        self._bytes += data
        self._runs.append((start, len(data)))
        self._free_at = start + len(data) * self._per_byte

    def sender_waits(self, waits: bool) -> None:
        """Say whether the sender has more bytes than there was room for: then the line is never idle.

        A line that waits for its receiver is idle too.
        """
        self._sender_waits = waits

    def arrived(self, now: float) -> int:
        """How many bytes have arrived."""
        count = -self._taken
        for start, length in self._runs:
            passed = now - self._settings.latency - start
            if self._per_byte > 0:
                of_run = min(length, math.floor(passed / self._per_byte + _ROUNDING))
            else:
                of_run = length if passed >= 0 else 0
            count += max(0, of_run)
            if of_run < length:
                break
        return max(0, count)

    def peek(self, count: int) -> bytes:
        """The first so many bytes."""
        return bytes(self._bytes[:count])

    def take(self, count: int) -> bytes:
        """Take the first so many bytes off the line."""
        data = self.peek(count)
        del self._bytes[:count]
        self._taken += count
        while self._runs and self._taken >= self._runs[0][1]:
            self._taken -= self._runs.popleft()[1]
        return data

    def clear(self) -> None:
        """Lose what is on the line."""
        self.take(len(self._bytes))

    @property
    def due(self) -> float | None:
        """When it is worth taking bytes: when the first run has arrived, or a good part of it."""
        if not self._runs:
            return None
        start, length = self._runs[0]
        whole = start + length * self._per_byte
        part = start + (self._taken + 1) * self._per_byte + _QUANTUM
        return min(whole, part) + self._settings.latency
