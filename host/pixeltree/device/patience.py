"""How long a session waits for its device, and the thread that answers the device's heartbeats meanwhile."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from pixeltree.arguments.numbers import check_seconds


@dataclass(frozen=True)
class Patience:
    """How long a session waits, in seconds.

    Attributes:
        connect: for a device to be found and to greet.
        answer: for the answer to a request, while the device gives signs of life.
        reconnect: for a lost device to come back; 0 to give up at once.

    Raises:
        DataError: a time below 0 or above 1,000,000, or not finite.
    """

    connect: float = 5.0
    answer: float = 60.0
    reconnect: float = 10.0

    def __post_init__(self) -> None:
        for name, seconds in vars(self).items():
            check_seconds(f"the patience to {name}", seconds)


class Keeper(threading.Thread):
    """The thread that keeps an idle session alive, until it is told to stop or the session is gone.

    Args:
        keep_alive: method of the session.
        url: of its device.
        interval: seconds from one call to the next.
    """

    def __init__(self, keep_alive: Callable[[], None], url: str, interval: float) -> None:
        super().__init__(name=f"keeps {url} alive", daemon=True)
        self._keep_alive = weakref.WeakMethod(keep_alive, lambda _: self._over.set())
        self._interval = interval
        self._over = threading.Event()

    def run(self) -> None:
        """The thread."""
        while not self._over.wait(self._interval):
            keep_alive = self._keep_alive()
            if keep_alive is not None:
                keep_alive()
            del keep_alive

    def stop(self) -> None:
        """End the thread, and wait until it has."""
        self._over.set()
        if threading.current_thread() is not self:
            self.join()
