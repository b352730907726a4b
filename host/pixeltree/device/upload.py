"""Uploads: objects on their way to the device while other things go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from pixeltree.device.exchange import Exchange, device_error
from pixeltree.errors import DeviceError, SessionLostError
from pixeltree_protocol.link.bundles import MOST_BUNDLED, PUT_HEAD, fit_together
from pixeltree_protocol.link.connection import Ticket
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.messages import (
    WHOLE,
    Error,
    ErrorCode,
    Holdings,
    Put,
    PutSeveral,
    Query,
    Stored,
    StoredSeveral,
    head_bytes,
    item_bytes,
)
from pixeltree_protocol.objects import Digest, digest_of, short

_QUERY_BATCH = 256
_UPLOAD_TRIES = 3

_PREFETCH_STEP = 2_048
"""Bytes of an object in one PUT of what may be useful: what is waited for overtakes it between two."""

_SOON = 32
"""This part of a window may go at once too: where that is more, the window is wide, as of a fast wire."""


@dataclass(frozen=True)
class Upload:
    """What an upload sent: how many objects, and their bytes on the wire, framing included."""

    objects: int
    wire_bytes: int


def holdings(exchange: Exchange, digests: Iterable[Digest]) -> dict[Digest, int]:
    """Bytes that the device has of each object; see :meth:`pixeltree.Device.holdings`."""
    wanted = list(digests)
    fitting = (exchange.welcome.capabilities.max_body - head_bytes(Query)) // item_bytes(Query, "digests")
    batch = min(_QUERY_BATCH, fitting)
    held: dict[Digest, int] = {}
    for start in range(0, len(wanted), batch):
        part = wanted[start : start + batch]
        answer = exchange.ask(Query(tuple(part)), Holdings)
        if len(answer.received) != len(part):
            raise DeviceError(
                "UNEXPECTED",
                f"asked about {len(part)} objects, the device at {exchange.session.url} answered about "
                f"{len(answer.received)}",
            )
        held.update(zip(part, answer.received, strict=True))
    return held


def upload(exchange: Exchange, objects: Mapping[Digest, bytes]) -> Upload:
    """Make objects resident; see :meth:`pixeltree.Device.upload`."""
    for _ in range(_UPLOAD_TRIES - 1):
        try:
            return Uploading(exchange, objects).wait()
        except SessionLostError:
            continue
    return Uploading(exchange, objects).wait()


class Uploading:
    """An upload under way.

    Args:
        exchange: where to send it.
        objects: by digest, in the order in which they are to be sent.
        priority: DEMAND for what is waited for, PREFETCH for what may be useful.
    """

    def __init__(
        self, exchange: Exchange, objects: Mapping[Digest, bytes], priority: Priority = Priority.DEMAND
    ) -> None:
        held = holdings(exchange, objects)
        self._exchange = exchange
        self._wanted = [digest for digest in objects if held[digest] != WHOLE]
        self._tickets: list[Ticket] = []
        self._requests: set[int] = set()
        self._unfinished: dict[int, tuple[Digest, ...]] = {}
        """By the request that will be answered, the objects that are whole with it."""
        capabilities = exchange.welcome.capabilities
        step = capabilities.max_body - PUT_HEAD
        soon = capabilities.credit_window // _SOON
        if priority is Priority.PREFETCH:
            step = min(step, max(_PREFETCH_STEP, soon))
        bundled = min(step + PUT_HEAD, max(MOST_BUNDLED, soon))
        try:
            for message, whole in _messages(objects, held, self._wanted, step, bundled):
                ticket = exchange.send(message, priority)
                self._tickets.append(ticket)
                self._requests.add(ticket.request)
                if whole:
                    self._unfinished[ticket.request] = whole
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
            self._stored(event.request, event.message)
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
                request, answer = self._exchange.next(self._requests, Stored | StoredSeveral)
                self._stored(request, answer)
        finally:
            self._exchange.forget(self._requests)
        return Upload(len(self._wanted), sum(ticket.wire_bytes for ticket in self._tickets))

    def _stored(self, request: int, answer: object) -> None:
        whole = self._unfinished.pop(request, ())
        if isinstance(answer, StoredSeveral):
            check_names(whole, answer)


def check_names(sent: tuple[Digest, ...], answer: StoredSeveral) -> None:
    """See that a device has made of the bytes what was sent.

    Raises:
        DeviceError: it names other objects.
    """
    if answer.digest != digest_of(b"".join(sent)):
        names = ", ".join(short(digest) for digest in sent)
        raise DeviceError(
            ErrorCode.DIGEST_MISMATCH.name,
            f"the device made other objects of the bytes that were sent for {names}; its firmware or the "
            "link is at fault",
        )


_Message = tuple[Put | PutSeveral, tuple[Digest, ...]]
"""What to send, and which objects are whole with it."""


def _messages(
    objects: Mapping[Digest, bytes],
    held: Mapping[Digest, int],
    wanted: list[Digest],
    step: int,
    bundled: int,
) -> Iterator[_Message]:
    """Everything that is wanted, in order: whole objects together where they fit, others in parts."""
    at = 0
    while at < len(wanted):
        fresh = takewhile(lambda digest: held[digest] == 0, wanted[at:])
        count = fit_together((len(objects[digest]) for digest in fresh), bundled)
        if count:
            together = tuple(wanted[at : at + count])
            yield PutSeveral(tuple(objects[digest] for digest in together)), together
        else:
            digest, count = wanted[at], 1
            for part in _parts(digest, objects[digest], held[digest], step):
                last = part.offset + len(part.data) == part.total
                yield part, (digest,) if last else ()
        at += count


def _parts(digest: Digest, data: bytes, held: int, step: int) -> Iterator[Put]:
    """The rest of an object, in parts; what cannot be continued begins anew."""
    offset = held if held < len(data) else 0
    for start in range(offset, len(data), step):
        yield Put(digest, len(data), start, data[start : start + step])
