"""Requests and what comes back: which are open, what answers which."""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet
from types import UnionType
from typing import Any, TypeVar

from pixeltree.device.in_process import InProcessSession
from pixeltree.device.session import Session
from pixeltree.errors import DataError, DeviceError
from pixeltree_protocol.link.connection import Received, Ticket
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.messages import Error, ErrorCode, Request, Result, Welcome

AnySession = Session | InProcessSession
"""A device's session: over a link, or in this process."""

_Reply = TypeVar("_Reply")

_GREATEST_VIEW = 1_024
"""Results of another session's frames that are kept for an observer that does not ask."""


class Exchange:
    """The open requests of a session.

    Args:
        session: moves the messages.
        welcome: what the device said of itself.

    Attributes:
        opened_by: whose tree is open on the device; None where nobody has opened one, or the device has lost
            this session and the tree with it.
        observed: results that answer no request of ours: those of the session that drives.
    """

    def __init__(self, session: AnySession, welcome: Welcome) -> None:
        self.session = session
        self.welcome = welcome
        self.opened_by: object = None
        self.observed: deque[Result] = deque(maxlen=_GREATEST_VIEW)
        self.open: set[int] = set()
        self._inbox: list[Received] = []
        self._lost: frozenset[int] = frozenset()
        self._generation = session.generation

    def send(self, message: Request, priority: Priority = Priority.REQUEST) -> Ticket:
        """Send a request whose answers are wanted.

        Raises:
            SessionLostError: the session was lost since the last call, even if nothing was under way: what
                the caller has set up may be gone.
        """
        try:
            ticket = self.session.send(message, priority, self._generation)
        finally:
            self._notice_loss()
        self.open.add(ticket.request)
        return ticket

    def ask(self, message: Request, kind: type[_Reply]) -> _Reply:
        """Send a request and wait for its one answer."""
        ticket = self.send(message)
        try:
            answer: _Reply = self.next({ticket.request}, kind)[1]
            return answer
        finally:
            self.forget({ticket.request})

    def next(
        self, requests: AbstractSet[int], kind: type[_Reply] | UnionType, extra: float = 0.0
    ) -> tuple[int, Any]:
        """Wait for the next answer to any of some requests.

        Answers to other open requests stay in the inbox: a fault may come while an upload is waited for.

        Raises:
            DataError: none of them is open.
            DeviceError: an ERROR answers one of them.
            SessionLostError: the device has lost the session, and the requests with it.
            LinkError: the device is gone, or does not answer in time.
        """
        deadline = self.session.deadline + extra
        while True:
            event = self._find(requests)
            if event is None:
                self._receive(deadline)
            elif isinstance(event.message, Error):
                raise device_error(event.message)
            elif isinstance(event.message, kind):
                return event.request, event.message

    def take(self, requests: AbstractSet[int]) -> Received | None:
        """An answer to any of some requests that is there already, or None; does not wait.

        Raises:
            SessionLostError: see :meth:`next`.
        """
        self.session.poll()
        self._collect(self.session.waiting())
        return self._find(requests)

    def wait(self, requests: AbstractSet[int], until: float | None) -> Received | None:
        """Wait for the next answer to any of some requests, an ERROR included; None where none came in time.

        Args:
            requests: may be empty: then it just waits, and keeps the link going.
            until: on the session's clock; None for as long as an answer may take.

        Raises:
            SessionLostError: the device has lost the session.
            LinkError: the device is gone, or does not answer in time.
        """
        # where nothing was asked, nothing is late
        deadline = self.session.deadline if requests or until is None else until
        while True:
            event = self._find(requests)
            if event is not None or (until is not None and self.session.now >= until):
                return event
            self._collect(self.session.receive(deadline, until))

    def watch(self, until: float) -> Result | None:
        """Wait for a result of another session's frame; None where none came until then.

        Raises:
            LinkError: the device is gone.
        """
        self.session.poll()
        self._collect(self.session.waiting())
        while not self.observed and self.session.now < until:
            self._collect(self.session.receive(until, until))
        return self.observed.popleft() if self.observed else None

    def forget(self, requests: AbstractSet[int]) -> None:
        """No more answers to these requests are wanted."""
        self.open -= requests
        self._inbox = [event for event in self._inbox if event.request in self.open]

    def _find(self, requests: AbstractSet[int]) -> Received | None:
        self._notice_loss()
        for index, event in enumerate(self._inbox):
            if event.request in requests:
                del self._inbox[index]
                return event
        if requests and not requests & self.open:
            if requests & self._lost:
                raise self.session.lost()
            raise DataError(
                "no answer to these requests will come: they were answered, given up, or never sent"
            )
        return None

    def _receive(self, deadline: float) -> None:
        self._collect(self.session.receive(deadline))

    def _collect(self, events: list[Received]) -> None:
        for event in events:
            if event.request in self.open:
                self._inbox.append(event)
            elif event.request == 0 and isinstance(event.message, Result):
                self.observed.append(event.message)

    def _notice_loss(self) -> None:
        if self._generation != self.session.generation:
            self._generation = self.session.generation
            self.opened_by = None
            self._lost = self._lost | self.open
            self.open.clear()
            self._inbox.clear()


def device_error(message: Error) -> DeviceError:
    """The exception for an ERROR message."""
    known = message.code in ErrorCode.__members__.values()
    return DeviceError(ErrorCode(message.code).name if known else str(message.code), message.detail)
