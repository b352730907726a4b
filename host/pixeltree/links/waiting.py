"""Waiting for a descriptor, and writing to one that takes as much as it likes.

Descriptors of links never block. A poll object made once costs half a microsecond a wait, and a wait of
0 seconds is one: no time-out needs to be set on the descriptor before each call.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

_LONGEST = 86_400.0
"""Seconds: more than anybody waits, less than poll can take."""


class Waiter:
    """Waits until a descriptor can be read or written.

    A descriptor whose other end is gone counts as ready: the read or write that follows says what happened.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        if hasattr(select, "poll"):
            self._read, self._write = select.poll(), select.poll()
            self._read.register(descriptor, select.POLLIN)
            self._write.register(descriptor, select.POLLOUT)
            self.readable = self._poll_readable
            self.writable = self._poll_writable
        else:  # Windows, where select takes sockets, as many as we like
            self.readable = self._select_readable
            self.writable = self._select_writable

    def _poll_readable(self, timeout: float) -> bool:
        return bool(self._read.poll(_milliseconds(timeout)))

    def _poll_writable(self, timeout: float) -> bool:
        return bool(self._write.poll(_milliseconds(timeout)))

    def _select_readable(self, timeout: float) -> bool:
        return bool(select.select([self._descriptor], [], [], max(0.0, timeout))[0])

    def _select_writable(self, timeout: float) -> bool:
        return bool(select.select([], [self._descriptor], [], max(0.0, timeout))[1])


def _milliseconds(timeout: float) -> float:
    return min(max(timeout, 0.0), _LONGEST) * 1000.0


def write_all(write: Callable[[memoryview], int], wait: Waiter, data: bytes, timeout: float) -> int:
    """Write until all is taken or the time is over.

    Args:
        write: takes the front of what it is given, without blocking; returns how many bytes, 0 for none.
        wait: waits for the descriptor that ``write`` writes to.
        data: what to write.
        timeout: seconds for all of it.

    Returns:
        How many bytes were taken.
    """
    view = memoryview(data)
    taken = write(view)
    if taken == len(data):
        return taken
    deadline = time.monotonic() + timeout
    while taken < len(data):
        left = deadline - time.monotonic()
        if left <= 0 or not wait.writable(left):
            break
        taken += write(view[taken:])
    return taken
