"""The controller's object store as the host knows it: what is resident, in which order of use.

It follows the device's rules (PUT in docs/reference/protocol.md). Room is taken when an upload begins. Where
there is none, the least recently used objects go, never pinned ones. Other uploads in progress go only where
that is not enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pixeltree.errors import NoRoomError

MOST_OBJECTS = 1_024
"""Objects and uploads that a device holds at a time."""


class ControllerMemory:
    """The store.

    Args:
        sizes: bytes of each object.
        words: instruction words of each object.
        budget: bytes for all objects.
        icw_store: instruction words for all blocks.

    Attributes:
        resident: objects in memory, the least recently used first.
        uploads: bytes received of each upload in progress.
        used: bytes taken, uploads included.
        used_words: instruction words taken.
        pinned: what may not be evicted.
    """

    def __init__(self, sizes: Sequence[int], words: Sequence[int], budget: int, icw_store: int) -> None:
        self.budget = budget
        self.icw_store = icw_store
        self.resident: dict[int, None] = {}
        self.uploads: dict[int, int] = {}
        self.used = 0
        self.used_words = 0
        self.pinned: frozenset[int] = frozenset()
        self._sizes = sizes
        self._words = words

    @property
    def free(self) -> int:
        """Bytes that nothing takes."""
        return self.budget - self.used

    def touch(self, objects: Iterable[int]) -> None:
        """These are used, in this order: they become the most recently used."""
        resident = self.resident
        for object_id in objects:
            if object_id in resident:
                del resident[object_id]
                resident[object_id] = None

    def missing(self, objects: Iterable[int]) -> list[int]:
        """Which of these are not resident."""
        return [object_id for object_id in objects if object_id not in self.resident]

    def begin(self, object_id: int) -> list[int]:
        """An upload of an object begins: it takes its room; returns what is evicted for it.

        Raises:
            NoRoomError: it does not fit.
        """
        evicted = self._make_room(self._sizes[object_id], 0)
        self.uploads[object_id] = 0
        self.used += self._sizes[object_id]
        return evicted

    def finish(self, object_id: int) -> list[int]:
        """An object is whole; returns what is evicted so that its words fit.

        Raises:
            NoRoomError: they do not.
        """
        del self.uploads[object_id]
        self.used -= self._sizes[object_id]
        evicted = self._make_room(self._sizes[object_id], self._words[object_id])
        self.add(object_id)
        return evicted

    def add(self, object_id: int) -> None:
        """An object is resident, most recently used."""
        if object_id not in self.resident:
            self.resident[object_id] = None
            self.used += self._sizes[object_id]
            self.used_words += self._words[object_id]

    def add_oldest(self, object_id: int) -> None:
        """An object is resident, least recently used."""
        before = list(self.resident)
        self.add(object_id)
        self.touch(before)

    def drop(self, object_id: int) -> None:
        """An object is not resident, nor on its way."""
        if object_id in self.resident:
            del self.resident[object_id]
            self.used -= self._sizes[object_id]
            self.used_words -= self._words[object_id]
        elif self.uploads.pop(object_id, None) is not None:
            self.used -= self._sizes[object_id]

    def clear(self) -> None:
        """Nothing is resident."""
        self.resident.clear()
        self.uploads.clear()
        self.used = self.used_words = 0
        self.pinned = frozenset()

    def _make_room(self, size: int, words: int) -> list[int]:
        victims = self._victims(size, words, self.uploads)
        if victims is None:
            victims = self._victims(size, words, {})
            if victims is None:
                short = "instruction words" if self._victims(0, words, {}) is None else "memory"
                raise NoRoomError(
                    f"no room for {size} bytes and {words} words in {self.budget} bytes and "
                    f"{self.icw_store} words beside what the frame in hand needs; allow more {short}"
                )
            for upload in list(self.uploads):
                self.drop(upload)
        for victim in victims:
            self.drop(victim)
        return victims

    def _victims(self, size: int, words: int, uploads: Mapping[int, int]) -> list[int] | None:
        waiting = sum(self._sizes[object_id] for object_id in self.uploads if object_id not in uploads)
        free = self.free + waiting
        free_words = self.icw_store - self.used_words
        places = MOST_OBJECTS - len(self.resident) - len(uploads)
        victims: list[int] = []
        if free >= size and free_words >= words and places >= 1:
            return victims
        for object_id in self.resident:
            if object_id in self.pinned or (free >= size and places >= 1 and not self._words[object_id]):
                continue
            victims.append(object_id)
            free += self._sizes[object_id]
            free_words += self._words[object_id]
            places += 1
            if free >= size and free_words >= words and places >= 1:
                return victims
        return None
