"""A session with a device in this process (``inproc:``): no link, no bytes, no waiting."""

from __future__ import annotations

import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import metadata

from pixeltree.device.patience import Patience
from pixeltree.errors import DataError, LinkError, SessionLostError
from pixeltree.links.emulator import daemon_options
from pixeltree.links.url import LinkUrl
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.connection import Received, Ticket
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.in_process import ENTRY_POINTS, InProcessDevice, OpenInProcess
from pixeltree_protocol.link.messages import Request, Welcome, encode_body

KIND = "inproc"
"""The kind of a URL that asks for a device in this process."""

_IDS = 65_535
"""Ids of requests are 1 to this."""

_PAUSE = 0.001
"""Seconds between two looks at a device that waits for its host, while its host waits for it."""


class InProcessSession:
    """One conversation with a device in this process; has what :class:`pixeltree.device.session.Session` has.

    Args:
        url: as it was given.
        device: what a package offers.
        patience: how long to wait; only ``answer`` counts.
    """

    generation = 0
    restarted = False
    cuts = 0
    wire_bytes_sent = 0
    wire_bytes_received = 0
    resent_bytes = 0

    def __init__(self, url: str, device: InProcessDevice, patience: Patience | None = None) -> None:
        self.url = url
        self.patience = patience or Patience()
        self._device: InProcessDevice | None = device
        self._ready: deque[Received] = deque()
        self._last = 0

    def greet(self) -> Welcome:
        """What the device says of itself."""
        return self._need().welcome

    def send(self, message: Request, priority: Priority, generation: int) -> Ticket:
        """Hand a request over.

        Raises:
            DataError: it does not fit its declaration, as on a wire.
            LinkError: the session is closed.
        """
        device = self._need()
        try:
            body = encode_body(message)
        except MessageError as error:
            raise DataError(f"this cannot be sent to {self.url}: {error}") from error
        self._last = self._last % _IDS + 1
        ticket = Ticket(self._last)
        ticket.wire_bytes = len(body)
        device.take(message, ticket.request, len(body))
        return ticket

    def together(self) -> AbstractContextManager[None]:
        """There is no wire on which it would make a difference."""
        return nullcontext()

    def lost(self) -> SessionLostError:
        """What to raise for requests of an earlier generation; there is none."""
        return SessionLostError(f"the device at {self.url} is gone", True)

    @property
    def now(self) -> float:
        """Seconds on the clock of the session."""
        return time.monotonic()

    @property
    def deadline(self) -> float:
        """When to give up waiting for an answer that is asked for now."""
        return self.deadline_in(self.patience.answer)

    def deadline_in(self, seconds: float) -> float:
        """When so many seconds from now will have passed."""
        return time.monotonic() + seconds

    def receive(self, deadline: float, until: float | None = None) -> list[Received]:
        """Let the device work, and take its answers; none come back only where ``until`` has come.

        Raises:
            LinkError: there is no answer until the deadline.
        """
        while True:
            self.poll()
            if self._ready or (until is not None and time.monotonic() >= until):
                return self.waiting()
            if time.monotonic() >= deadline:
                raise LinkError(
                    f"the device at {self.url} has nothing to answer: it waits for objects that the frame "
                    "needs"
                )
            time.sleep(_PAUSE)

    def poll(self) -> None:
        """Let the device work until it has something to say."""
        for message, request in self._need().answers():
            self._ready.append(Received(message, request, 0))

    def waiting(self) -> list[Received]:
        """Answers that nobody has taken yet."""
        answers = list(self._ready)
        self._ready.clear()
        return answers

    def close(self) -> None:
        """Let the device go; again is harmless."""
        self._device = None

    def _need(self) -> InProcessDevice:
        if self._device is None:
            raise LinkError(f"the connection to {self.url} is closed")
        return self._device


def open_session(url: LinkUrl, patience: Patience | None) -> InProcessSession:
    """A session with a new device.

    Args:
        url: ``inproc:`` with the options of ``emu:``, as in ``inproc:?preset=typical&chip=3``.
        patience: how long to wait.

    Raises:
        LinkError: no installed package offers a device.
        PixeltreeError: an option that does not exist or makes no sense.
    """
    if url.address:
        raise LinkError(f"{url.text}: {KIND}: takes options only, as in {KIND}:?preset=typical&chip=3")
    make = _offered()
    if make is None:
        raise LinkError(
            f"{url.text}: no installed package offers a device; install Pixeltree with its emulator"
        )
    return InProcessSession(url.text, make(daemon_options(url)), patience)


@cache
def _offered() -> OpenInProcess | None:
    """What makes a device; None where no installed package offers one. To look for it takes a while."""
    for found in metadata.entry_points(group=ENTRY_POINTS):
        make: OpenInProcess = found.load()
        return make
    return None
