"""Objects cut into the parts that are sent, and what their sending does to the memory and the counters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pixeltree.swapping.account import Counters
from pixeltree.swapping.line import put_bytes, query_bytes
from pixeltree.swapping.memory import ControllerMemory

IDLE_PART = 2_048
"""Bytes of an object in one part while nothing can interrupt."""

BUSY_PART = 512
"""The same while a frame is in hand, which may fault: what a demand may have to wait for."""

LEAST_PART = 64
"""A part that is smaller than this is not worth its framing, unless it is the rest of its object."""

_QUERY_DIGESTS = 256
"""Digests in one question at most."""


@dataclass(frozen=True)
class Part:
    """Part of an object to send.

    Attributes:
        each: the object.
        offset: where in it the part begins.
        size: bytes of it.
        last: whether it completes the object.
        keep: objects to ask about before, so that the device evicts others.
    """

    each: int
    offset: int
    size: int
    last: bool
    keep: tuple[int, ...] = ()

    @property
    def wire_bytes(self) -> int:
        """Bytes on the wire, the question about what to keep not included."""
        return put_bytes(self.size)


class Cutter:
    """Cuts parts off objects; each is taken for sent.

    Args:
        sizes: bytes of each object.
        memory: what the device holds, as far as the host knows.
        counters: where the bytes go.
        max_part: bytes of an object in one message at most.

    Attributes:
        expected: what the host takes for evicted by the upload of each object.
    """

    def __init__(
        self, sizes: Sequence[int], memory: ControllerMemory, counters: Counters, max_part: int
    ) -> None:
        self.expected: dict[int, list[int]] = {}
        self._sizes = sizes
        self._memory = memory
        self._counters = counters
        self._max_part = max_part

    def left(self, each: int) -> int:
        """Bytes of an object that have not been sent."""
        return self._sizes[each] - self._memory.uploads.get(each, 0)

    def begin(self, each: int) -> None:
        """Take room for an object, unless it is on its way already.

        Raises:
            NoRoomError: it does not fit.
        """
        if each in self._memory.uploads:
            return
        before = list(self._memory.uploads)
        self.expected[each] = self._memory.begin(each)
        for gone in self.expected[each]:
            self._counters.lost(gone)
        for upload in before:
            if upload not in self._memory.uploads:
                self._counters.lost(upload)

    def rest(self, each: int, keep: tuple[int, ...]) -> Iterator[Part]:
        """The parts that an object lacks, for who waits for it."""
        self.begin(each)
        while True:
            part = self.part(each, self._max_part, hidden=False, keep=keep)
            keep = ()
            yield part
            if part.last:
                return

    def part(self, each: int, most: int, hidden: bool, keep: tuple[int, ...]) -> Part:
        """The next part of an object that has been begun, of ``most`` bytes at most."""
        offset = self._memory.uploads[each]
        size = min(most, self._max_part, self._sizes[each] - offset)
        last = offset + size == self._sizes[each]
        part = Part(each, offset, size, last, keep)
        self._counters.sent(each, part.wire_bytes, hidden)
        if last:
            evicted = self._memory.finish(each)
            self.expected.setdefault(each, []).extend(evicted)
            for gone in evicted:
                self._counters.lost(gone)
        else:
            self._memory.uploads[each] = offset + size
        return part


def batches(objects: Sequence[int]) -> list[Sequence[int]]:
    """Objects as questions take them."""
    return [objects[start : start + _QUERY_DIGESTS] for start in range(0, len(objects), _QUERY_DIGESTS)]


def steering_bytes(keep: Sequence[int]) -> int:
    """Bytes on the wire of the questions about what is to be kept."""
    return sum(query_bytes(len(batch)) for batch in batches(keep))
