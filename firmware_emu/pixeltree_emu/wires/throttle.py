"""A wire as slow as a real line, around any other wire."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from pixeltree_emu.errors import WireClosed
from pixeltree_emu.wires.base import READ_BYTES, Data, Wants, Wire
from pixeltree_emu.wires.line import Line, LineSettings


class ThrottledWire:
    """Gives the bytes of another wire their time on a line, each direction on its own.

    It reads and takes only a little ahead (:attr:`LineSettings.ahead`), so that back pressure stays.

    Args:
        inner: the wire that moves the bytes; owned from now on.
        settings: how slow the line is.
        clock: what tells the time in seconds.
    """

    def __init__(
        self, inner: Wire, settings: LineSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = inner.name
        self.persistent = inner.persistent
        self.local = False
        self._inner = inner
        self._clock = clock
        self._incoming = Line(settings)
        self._outgoing = Line(settings)
        self._refill = settings.ahead // 2
        """Bytes are put on the line when there is room for so many, not one by one."""
        self._blocked = False
        """Whether bytes have arrived that the inner wire did not take."""
        self._end: bytes | WireClosed | None = None
        """How the inner wire ended, to be told after the bytes that came before."""

    def fileno(self) -> int:
        """Descriptor for a selector."""
        return self._inner.fileno()

    def wants(self, reading: bool, writing: bool) -> Wants:
        """Events of the inner wire where it is its turn, and the time at which the lines are next due."""
        now = self._clock()
        fills = reading and self._end is None and self._incoming.room(now) >= self._refill
        inner = self._inner.wants(fills, self._blocked)
        dues = [inner.due]
        if reading:
            dues.append(self._incoming.due)
            if self._end is not None and not self._incoming:
                dues.append(0.0)
            elif self._end is None:
                dues.append(self._refill_due(self._incoming, now))
        if not self._blocked:
            dues.append(self._outgoing.due)
        if writing:
            fits = self._outgoing.room(now) >= self._refill
            dues.append(0.0 if fits else self._refill_due(self._outgoing, now))
        return Wants(inner.mask, min((due for due in dues if due is not None), default=None))

    def _refill_due(self, line: Line, now: float) -> float | None:
        """When a line that is full now has room again; None when that waits for something else."""
        due = line.room_at(self._refill)
        return due if due > now else None

    def read(self, limit: int = READ_BYTES) -> bytes | None:
        """Take what has arrived."""
        now = self._clock()
        data = self._take_arrived(limit, now)
        if data:
            return data
        if self._end is None or self._incoming:
            return None
        if isinstance(self._end, WireClosed):
            raise self._end
        self._end = None
        self._outgoing.clear()  # it was for the user who left
        return b""

    def _take_arrived(self, limit: int, now: float) -> bytes:
        """Take bytes and make use of the room; again after a late call, when those have arrived too."""
        data = b""
        while True:
            part = self._incoming.take(min(limit - len(data), self._incoming.arrived(now)))
            data += part
            if self._end is None and self._incoming.room(now) >= self._refill:
                self._fill(now)
            if not part:
                return data

    def _fill(self, now: float) -> None:
        """Put on the line what the inner wire has, as far as there is room."""
        while room := self._incoming.room(now):
            try:
                data = self._inner.read(min(room, READ_BYTES))
            except WireClosed as error:
                self._end = error
                return
            if data is None:
                self._incoming.sender_waits(False)
                return
            if not data:
                self._end = data
                return
            self._incoming.put(data, now)
        self._incoming.sender_waits(True)

    def write(self, data: Data) -> int:
        """Pass on what has arrived; put new bytes on the line as far as there is room."""
        now = self._clock()
        taken = 0
        while True:
            passed_on = self._pass_on(now)
            part = data[taken : taken + self._outgoing.room(now)]
            self._outgoing.put(part, now)
            taken += len(part)
            self._outgoing.sender_waits(taken < len(data) and not self._blocked)
            if not passed_on or not part:  # else this call is late, and those may have arrived too
                return taken

    def _pass_on(self, now: float) -> int:
        """Give the inner wire what has arrived, or let it move on what is inside; returns how many bytes."""
        arrived = self._outgoing.arrived(now)
        passed_on = self._inner.write(self._outgoing.peek(arrived))
        self._outgoing.take(passed_on)
        self._blocked = passed_on < arrived
        return passed_on

    def close(self) -> None:
        """Pass on what is on the line, whatever the time; close the inner wire."""
        with contextlib.suppress(WireClosed, OSError, ValueError):
            self._inner.write(self._outgoing.peek(len(self._outgoing)))
        self._inner.close()
