"""Objects cut into the chunks that are sent, and what their sending does to the memory and the counters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from pixeltree.errors import NoRoomError
from pixeltree.swapping.account import Counters
from pixeltree.swapping.line import bundle_bytes, put_bytes, query_bytes
from pixeltree.swapping.memory import ControllerMemory
from pixeltree_protocol.link.bundles import LENGTH_BYTES, MOST_BUNDLED, PUT_HEAD, fit_together

IDLE_CHUNK = 2_048
"""Bytes of an object in one chunk while nothing can interrupt."""

BUSY_CHUNK = 512
"""The same while a frame is in hand, which may fault: what a demand may have to wait for."""

LEAST_CHUNK = 64
"""A chunk that is smaller than this is not worth its framing, unless it is the rest of its object."""

_FIRST_BUNDLE = 490
"""Bytes of the body of the first bundle for a fault: what is answered so soon tells the line's latency
(:mod:`pixeltree.swapping.line_meter`)."""

_QUERY_DIGESTS = 256
"""Digests in one question at most."""


@dataclass(frozen=True)
class Chunk:
    """Part of an object to send.

    Attributes:
        object_id: the object.
        offset: where in it the chunk begins.
        size: bytes of it.
        last: whether it completes the object.
        keep: objects to ask about before, so that the device evicts others.
    """

    object_id: int
    offset: int
    size: int
    last: bool
    keep: tuple[int, ...] = ()

    @property
    def wire_bytes(self) -> int:
        """Bytes on the wire, the question about what to keep not included."""
        return put_bytes(self.size)

    @property
    def objects(self) -> tuple[int, ...]:
        """The one object."""
        return (self.object_id,)

    @property
    def whole(self) -> tuple[int, ...]:
        """What the device has whole with it."""
        return self.objects if self.last else ()


@dataclass(frozen=True)
class Bundle:
    """Whole objects to send together.

    Attributes:
        objects: which, in order.
        sizes: bytes of each.
        keep: objects to ask about before, so that the device evicts others.
    """

    objects: tuple[int, ...]
    sizes: tuple[int, ...]
    keep: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the objects."""
        return sum(self.sizes)

    @property
    def wire_bytes(self) -> int:
        """Bytes on the wire, the question about what to keep not included."""
        return bundle_bytes(self.sizes)

    @property
    def whole(self) -> tuple[int, ...]:
        """What the device has whole with it."""
        return self.objects


Parcel = Chunk | Bundle
"""What goes on the line in one message."""


class Cutter:
    """Cuts chunks off objects; each is taken for sent.

    Args:
        sizes: bytes of each object.
        memory: what the device holds, as far as the host knows.
        counters: where the bytes go.
        max_chunk: bytes of an object in one message at most.

    Attributes:
        expected: what the host takes for evicted by the upload of each object.
    """

    def __init__(
        self, sizes: Sequence[int], memory: ControllerMemory, counters: Counters, max_chunk: int
    ) -> None:
        self.expected: dict[int, list[int]] = {}
        self._sizes = sizes
        self._memory = memory
        self._counters = counters
        self._max_chunk = max_chunk

    def left(self, object_id: int) -> int:
        """Bytes of an object that have not been sent."""
        return self._sizes[object_id] - self._memory.uploads.get(object_id, 0)

    def begin(self, object_id: int) -> None:
        """Take room for an object, unless it is on its way already.

        Raises:
            NoRoomError: it does not fit.
        """
        if object_id in self._memory.uploads:
            return
        before = list(self._memory.uploads)
        self.expected[object_id] = self._memory.begin(object_id)
        for gone in self.expected[object_id]:
            self._counters.lost(gone)
        for upload in before:
            if upload not in self._memory.uploads:
                self._counters.lost(upload)

    def all(self, objects: Sequence[int], keep: tuple[int, ...]) -> Iterator[Parcel]:
        """All that objects lack, in their order, for who waits for it."""
        at, first = 0, _FIRST_BUNDLE
        while at < len(objects):
            left = objects[at:]
            count = self.together(left, first) or self.together(left, MOST_BUNDLED)
            first = 0
            if count:
                yield self.bundle(left[:count], hidden=False, keep=keep)
            else:
                count = 1
                yield from self.rest(left[0], keep)
            at += count
            keep = ()

    def together(self, objects: Sequence[int], most: int) -> int:
        """How many of these, from the first on, can go in one bundle with ``most`` bytes of body at most."""
        fresh = takewhile(lambda object_id: object_id not in self._memory.uploads, objects)
        return fit_together(
            (self._sizes[object_id] for object_id in fresh), min(most, self._max_chunk + PUT_HEAD)
        )

    def bundle(self, objects: Sequence[int], hidden: bool, keep: tuple[int, ...]) -> Bundle:
        """Objects that go :meth:`together`; of those that nobody waits for, as many as there is room for.

        Raises:
            NoRoomError: there is not for the first one, or for one that is waited for.
        """
        taken: list[int] = []
        for object_id in objects:
            try:
                self.begin(object_id)
            except NoRoomError:
                if not (taken and hidden):
                    raise
                break
            self._counters.sent(object_id, LENGTH_BYTES + self._sizes[object_id], hidden)
            self._finish(object_id)
            taken.append(object_id)
        sizes = tuple(self._sizes[object_id] for object_id in taken)
        bundle = Bundle(tuple(taken), sizes, keep)
        framing = bundle.wire_bytes - sum(LENGTH_BYTES + size for size in sizes)
        self._counters.sent(taken[0], framing, hidden)
        return bundle

    def rest(self, object_id: int, keep: tuple[int, ...]) -> Iterator[Chunk]:
        """The chunks that an object lacks, for who waits for it."""
        self.begin(object_id)
        while True:
            chunk = self.chunk(object_id, self._max_chunk, hidden=False, keep=keep)
            keep = ()
            yield chunk
            if chunk.last:
                return

    def chunk(self, object_id: int, most: int, hidden: bool, keep: tuple[int, ...]) -> Chunk:
        """The next chunk of an object that has been begun, of ``most`` bytes at most."""
        offset = self._memory.uploads[object_id]
        size = min(most, self._max_chunk, self._sizes[object_id] - offset)
        last = offset + size == self._sizes[object_id]
        chunk = Chunk(object_id, offset, size, last, keep)
        self._counters.sent(object_id, chunk.wire_bytes, hidden)
        if last:
            self._finish(object_id)
        else:
            self._memory.uploads[object_id] = offset + size
        return chunk

    def _finish(self, object_id: int) -> None:
        """An object is whole."""
        evicted = self._memory.finish(object_id)
        self.expected.setdefault(object_id, []).extend(evicted)
        for gone in evicted:
            self._counters.lost(gone)


def batches(objects: Sequence[int]) -> list[Sequence[int]]:
    """Objects as questions take them."""
    return [objects[start : start + _QUERY_DIGESTS] for start in range(0, len(objects), _QUERY_DIGESTS)]


def steering_bytes(keep: Sequence[int]) -> int:
    """Bytes on the wire of the questions about what is to be kept."""
    return sum(query_bytes(len(batch)) for batch in batches(keep))


def names_of(parcel: Parcel) -> str:
    """What a message carries, as traces call it."""
    first, *more = parcel.objects
    return f"object {first}" if not more else f"object {first} and {len(more)} more"
