"""Uploads: objects on their way to the device while other things go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pixeltree.exchange import Exchange
from pixeltree.session import device_error
from pixeltree_protocol.connection import Ticket
from pixeltree_protocol.delivery import Priority
from pixeltree_protocol.messages import WHOLE, Error, Put, Stored
from pixeltree_protocol.objects import Digest

_PUT_HEAD = 24
_PREFETCH_STEP = 2_048
"""Bytes of an object in one PUT of what may be useful: what is waited for overtakes it between two."""


@dataclass(frozen=True)
class Upload:
    """What an upload sent: how many objects, and their bytes on the wire, framing included."""

    objects: int
    wire_bytes: int


class Uploading:
    """An upload under way.

    Args:
        exchange: where to send it.
        objects: by digest, in the order in which they are to be sent.
        held: bytes that the device has of each; WHOLE where it is resident.
        max_body: greatest body of a message.
        priority: of its parts.
    """

    def __init__(
        self,
        exchange: Exchange,
        objects: Mapping[Digest, bytes],
        held: Mapping[Digest, int],
        max_body: int,
        priority: Priority,
    ) -> None:
        self._exchange = exchange
        self._wanted = [digest for digest in objects if held[digest] != WHOLE]
        self._tickets: list[Ticket] = []
        self._requests: set[int] = set()
        self._unfinished: set[int] = set()
        step = max_body - _PUT_HEAD
        if priority is Priority.PREFETCH:
            step = min(step, _PREFETCH_STEP)
        try:
            for digest in self._wanted:
                for part in _parts(digest, objects[digest], held[digest], step):
                    ticket = exchange.send(part, priority)
                    self._tickets.append(ticket)
                    self._requests.add(ticket.request)
                self._unfinished.add(ticket.request)
        except BaseException:
            exchange.forget(self._requests)
            raise

    @property
    def done(self) -> bool:
        """Whether all objects are resident, as far as is known without waiting.

        Raises:
            DeviceError: the device has refused an object.
            SessionLostError: the device was started anew.
        """
        while self._unfinished:
            event = self._exchange.take(self._requests)
            if event is None:
                return False
            if isinstance(event.message, Error):
                self._exchange.forget(self._requests)
                raise device_error(event.message)
            self._unfinished.discard(event.request)
        self._exchange.forget(self._requests)
        return True

    def wait(self) -> Upload:
        """Wait until all objects are resident.

        Raises:
            DeviceError: the device has refused an object.
            SessionLostError: the device was started anew.
            LinkError: the device is gone.
        """
        try:
            while self._unfinished:
                request, _ = self._exchange.next(self._requests, Stored)
                self._unfinished.discard(request)
        finally:
            self._exchange.forget(self._requests)
        return Upload(len(self._wanted), sum(ticket.wire_bytes for ticket in self._tickets))


def _parts(digest: Digest, data: bytes, held: int, step: int) -> Iterator[Put]:
    """The rest of an object, in parts; what cannot be continued begins anew."""
    offset = held if held < len(data) else 0
    for start in range(offset, len(data), step):
        yield Put(digest, len(data), start, data[start : start + step])
