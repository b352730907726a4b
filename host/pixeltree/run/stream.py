"""Puts on the line what the planner decides, and keeps the planner's picture of the device true."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from pixeltree.device.exchange import Exchange, device_error
from pixeltree.device.upload import check_names, holdings
from pixeltree.errors import DeviceError
from pixeltree.swapping.chunking import Bundle, Chunk, Parcel, batches, names_of, steering_bytes
from pixeltree.swapping.line import stored_bytes
from pixeltree.swapping.line_meter import LineMeter
from pixeltree.swapping.planner import Planner
from pixeltree.swapping.trace import LINK, Trace
from pixeltree_protocol.link.connection import Received, Ticket
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.messages import (
    WHOLE,
    Error,
    Message,
    Put,
    PutSeveral,
    Query,
    Stored,
    StoredSeveral,
)
from pixeltree_protocol.objects import Digest

logger = logging.getLogger(__name__)

_TRIES = 3
"""Times that the device may refuse an object that a frame waits for."""


@dataclass
class Sending:
    """What was sent for one fault.

    Attributes:
        objects: how many.
        tickets: of all messages.
    """

    objects: int
    tickets: list[Ticket]

    @property
    def wire_bytes(self) -> int:
        """Bytes on the wire, once all chunks are."""
        return sum(ticket.wire_bytes for ticket in self.tickets)


@dataclass(frozen=True)
class _Awaited:
    """A message whose answer is awaited.

    Attributes:
        objects: which objects, or chunks of one, it carries.
        begun: the count of objects begun when its last one was.
    """

    objects: tuple[int, ...]
    begun: int


class Streamer:
    """Sends objects and their chunks and hears what becomes of them; microseconds on the connection's clock.

    Args:
        exchange: requests to the device, and its answers.
        planner: decides.
        meter: measures the line.
        objects: bytes of all objects, by digest.
        trace: collects what goes over the line, if given.

    Attributes:
        line_free: when the line will have carried what was sent so far, by its rate.
    """

    def __init__(
        self,
        exchange: Exchange,
        planner: Planner,
        meter: LineMeter,
        objects: Mapping[Digest, bytes],
        trace: Trace | None,
    ) -> None:
        self.line_free = 0.0
        self._exchange = exchange
        self._planner = planner
        self._meter = meter
        self._digests = [one.digest for one in planner.tree.objects]
        self._index = {digest: object_id for object_id, digest in enumerate(self._digests)}
        self._objects = objects
        self._trace = trace
        self._given = meter.line
        self._waiting: dict[int, _Awaited] = {}
        self._metered: dict[int, int | None] = {}
        self._chunks: dict[int, set[int]] = {}
        self._begun: dict[int, int] = {}
        self._count = 0
        self._refusals = 0
        self._latest: dict[int, Ticket] = {}
        """The last chunk that was given out of each object."""
        self._unbilled: list[Ticket] = []
        self._billed = 0

    @property
    def requests(self) -> frozenset[int]:
        """Requests whose answers are awaited."""
        return frozenset(self._waiting)

    @property
    def wire_bytes(self) -> int:
        """Bytes of objects put on the wire so far, framing included."""
        late = [ticket for ticket in self._unbilled if not ticket.wire_bytes]
        self._billed += sum(ticket.wire_bytes for ticket in self._unbilled)
        self._unbilled = late
        return self._billed

    @property
    def now(self) -> float:
        """The time."""
        return self._exchange.session.now * 1e6

    def begin(self) -> None:
        """A tree was opened: ask the device what it holds of it."""
        self._waiting.clear()
        self._metered.clear()
        self._meter.stop_timing()
        self._chunks.clear()
        self._begun.clear()
        self._planner.restart()
        self._latest.clear()
        self._ask_about(self._digests)
        self.line_free = self.now

    def _ask_about(self, digests: Sequence[Digest]) -> None:
        for digest, received in holdings(self._exchange, digests).items():
            object_id = self._index[digest]
            if received != WHOLE:
                self._planner.evicted(object_id)
            self._planner.holds(
                object_id, self._planner.tree.sizes[object_id] if received == WHOLE else received
            )

    def sent(self, wire_bytes: int) -> int | None:
        """Something went on the line; returns what the meter makes of it."""
        now = self.now
        metered = self._meter.sent(now, self.line_free, wire_bytes, bool(self._waiting))
        self.line_free = max(now, self.line_free) + wire_bytes * self._planner.line.us_per_byte
        return metered

    def stop_timing(self) -> None:
        """Nobody listens for a while: answers are heard later than they come."""
        self._meter.stop_timing()

    # -- sending -----------------------------------------------------------------------------------

    def demand(self, node: int, missing: tuple[Digest, ...]) -> Sending:
        """Send what a node lacks at once.

        Args:
            node: the node that the frame in hand waits for.
            missing: what the device says that it lacks.
        """
        on_their_way = self._on_their_way()
        lacking = [self._index[digest] for digest in missing if digest in self._index]
        parcels = self._planner.demand(
            node, [object_id for object_id in lacking if object_id not in on_their_way]
        )
        whole = all(isinstance(parcel, Bundle) for parcel in parcels)
        # a chunk asks whether what it continues is on the wire
        with self._exchange.session.together() if whole else nullcontext():
            tickets = [self._put(parcel, Priority.DEMAND) for parcel in parcels]
        return Sending(len({object_id for parcel in parcels for object_id in parcel.objects}), tickets)

    def _on_their_way(self) -> set[int]:
        return {object_id for awaited in self._waiting.values() for object_id in awaited.objects}

    def ahead(self, limit: float, most: int, early_us: float = 1.0) -> float | None:
        """Send chunks of what may be useful, as soon as the line is free, if it will be again at ``limit``.

        Args:
            limit: in microseconds.
            most: bytes of a chunk at most.
            early_us: microseconds before the line is free that the next chunk is sent.

        Returns:
            When to call again; None where that has no use before something happens.
        """
        planner = self._planner
        while not planner.idle:
            now = self.now
            if now + early_us < self.line_free:
                return self.line_free
            room = int((limit - max(now, self.line_free)) / planner.line.us_per_byte)
            parcel = planner.prefetch(room, most)
            if parcel is None:
                return None
            self._put(parcel, Priority.PREFETCH)
        return None

    def _put(self, parcel: Parcel, priority: Priority) -> Ticket:
        with self._exchange.session.together():
            return self._put_after_what_is_kept(parcel, priority)

    def _put_after_what_is_kept(self, parcel: Parcel, priority: Priority) -> Ticket:
        for batch in batches(parcel.keep):
            query = Query(tuple(self._digests[object_id] for object_id in batch))
            self._exchange.forget({self._exchange.send(query).request})  # nothing waits for the answer
        if parcel.keep:
            self.sent(steering_bytes(parcel.keep))
        began = max(self.now, self.line_free)
        for object_id in parcel.objects:
            if isinstance(parcel, Bundle) or parcel.offset == 0 or object_id not in self._begun:
                self._count += 1
                self._begun[object_id] = self._count
        if isinstance(parcel, Bundle):
            objects = tuple(self._objects[self._digests[object_id]] for object_id in parcel.objects)
            ticket = self._exchange.send(PutSeveral(objects), priority)
        else:
            ticket = self._put_chunk(parcel, priority)
        self._unbilled.append(ticket)
        self._metered[ticket.request] = self.sent(parcel.wire_bytes)
        self._waiting[ticket.request] = _Awaited(parcel.objects, self._begun[parcel.objects[-1]])
        for object_id in parcel.objects:
            self._latest[object_id] = ticket
            self._chunks.setdefault(object_id, set()).add(ticket.request)
        if self._trace is not None:
            busy = self.line_free - began
            self._trace.add(LINK, names_of(parcel), began, busy, {"bytes": parcel.size})
        return ticket

    def _put_chunk(self, chunk: Chunk, priority: Priority) -> Ticket:
        digest = self._digests[chunk.object_id]
        before = self._latest.get(chunk.object_id)
        if chunk.offset and before is not None and not before.wire_bytes:
            priority = Priority.PREFETCH  # what it continues still waits there, and is not to be overtaken
        data = self._objects[digest]
        piece = data[chunk.offset : chunk.offset + chunk.size]
        return self._exchange.send(Put(digest, len(data), chunk.offset, piece), priority)

    # -- hearing -----------------------------------------------------------------------------------

    def heard(self, event: Received) -> bool:
        """Take the answer to a message with objects: to the last chunk of one, to a bundle, or a refusal.

        Returns:
            Whether the objects are there.

        Raises:
            DeviceError: the device refuses objects again and again.
        """
        awaited = self._waiting[event.request]
        requests = {event.request}
        for object_id in awaited.objects:
            requests |= self._chunks.pop(object_id, set())
        for request in requests:
            self._waiting.pop(request, None)
            metered = self._metered.pop(request, None)
            if request == event.request:
                self._meter.arrived(self.now, metered, _answer_bytes(event.message))
        self._exchange.forget(requests)
        if isinstance(event.message, Error):
            self._refused(awaited.objects, device_error(event.message))
            return False
        if not isinstance(event.message, Stored | StoredSeveral):
            raise DeviceError("UNEXPECTED", f"the answer to an upload was {type(event.message).__name__}")
        if isinstance(event.message, StoredSeveral):
            try:
                check_names(tuple(self._digests[object_id] for object_id in awaited.objects), event.message)
            except DeviceError as error:
                self._refused(awaited.objects, error)
                return False
        self._refusals = 0
        self._believe()
        self._compare(awaited, set(event.message.evicted))
        return True

    def _refused(self, objects: Sequence[int], error: DeviceError) -> None:
        """See what the device has after it refused these; it may have evicted others for some of them."""
        logger.info("object %s was refused: %s", ", ".join(str(object_id) for object_id in objects), error)
        for object_id in objects:
            self._planner.expected.pop(object_id, None)
            self._planner.evicted(object_id)
        here = [
            object_id for object_id in self._planner.memory.resident if object_id not in self._on_their_way()
        ]
        self._ask_about(
            [self._digests[object_id] for object_id in [*here, *objects]]
        )  # the oldest first: order stays
        self._refusals += 1
        if self._refusals > _TRIES:
            self._refusals = 0
            raise error

    def _believe(self) -> None:
        """Go by what the meter has found."""
        found, line = self._meter.line, self._planner.line
        if found is None or found is line:
            return
        before = f"not {line.bits_per_second / 1e6:.3g} Mbit/s as "
        said = before + ("given" if line is self._given else "measured before") if line.known else "measured"
        rate, latency = found.bits_per_second / 1e6, found.latency_us
        logger.info("the line: %.3g Mbit/s, %.0f us from end to end (%s)", rate, latency, said)
        self._planner.line = found

    def _compare(self, awaited: _Awaited, evicted: set[Digest]) -> None:
        """What the device evicted for objects, against what we took for evicted.

        It evicts when the first chunk comes in: what was sent after that is there again.
        """
        memory, begun = self._planner.memory, awaited.begun
        for gone in (self._index[digest] for digest in evicted if digest in self._index):
            if gone in memory.resident and self._begun.get(gone, 0) < begun:
                logger.debug("object %d was evicted for object %d", gone, awaited.objects[-1])
                self._planner.evicted(gone)
        expected = [
            kept for object_id in awaited.objects for kept in self._planner.expected.pop(object_id, ())
        ]
        for kept in expected:
            if self._digests[kept] not in evicted and self._begun.get(kept, 0) < begun:
                logger.debug("object %d was not evicted for object %d", kept, awaited.objects[-1])
                self._planner.stayed(kept)


def _answer_bytes(answer: Message) -> int:
    """Bytes on the wire of the answer to what was uploaded."""
    return stored_bytes(len(answer.evicted)) if isinstance(answer, Stored | StoredSeveral) else 0
