"""The object store: finite memory, content-addressed, least recently used out first.

Two resources are finite: bytes, for all objects and for uploads in progress (room is taken when an
upload begins), and words of the ICW store, for blocks. Pinned objects, which the frame in hand needs,
are never evicted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pixeltree_emu.array.remembered import Remembered
from pixeltree_emu.controller.device_array import Kernel
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.link.messages import MOST_PUT_TOGETHER, WHOLE, ErrorCode
from pixeltree_protocol.objects import AnyObject, Block, Digest, digest_of, parse_object, short

MAX_OBJECTS = 1024
"""Objects and uploads at a time: a controller's table is finite, and so are lists of what was evicted."""


_REMEMBERED_BYTES = 8 << 20
"""Bytes of objects that are kept, for all devices of this process; decoded, they take some times as much."""


@dataclass(frozen=True)
class _Parsed:
    """An object and its bytes."""

    data: AnyObject
    size: int


_PARSED: Remembered[Digest, _Parsed] = Remembered(_REMEMBERED_BYTES, lambda parsed: parsed.size)


@dataclass
class Resident:
    """A whole object; blocks come with the kernel made of them."""

    data: AnyObject
    size: int
    kernel: Kernel | None

    @property
    def words(self) -> int:
        """Words it takes of the ICW store."""
        return len(self.data.words) if isinstance(self.data, Block) else 0


@dataclass
class Upload:
    """An object in the making, and what was evicted to make room for it."""

    total: int
    data: bytearray
    evicted: list[Digest]


class ObjectStore:
    """Holds objects within a budget.

    Args:
        memory_bytes: budget for bytes.
        icw_store: budget for instruction words.
        max_object: greatest size of one object.
        load_block: makes a block ready to run; raises RequestError where a word has no meaning.
    """

    def __init__(
        self,
        memory_bytes: int,
        icw_store: int,
        max_object: int,
        load_block: Callable[[Digest, Block], Kernel],
    ) -> None:
        self.memory_bytes = memory_bytes
        self.icw_store = icw_store
        self.budget_bytes = memory_bytes
        self._max_object = max_object
        self._load_block = load_block
        self._residents: dict[Digest, Resident] = {}  # oldest use first
        self._stored_bytes = 0
        self._stored_words = 0
        self._uploads: dict[Digest, Upload] = {}
        self._pinned: frozenset[Digest] = frozenset()

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._residents

    @property
    def used_bytes(self) -> int:
        """Bytes taken by objects and uploads."""
        return self._stored_bytes + sum(upload.total for upload in self._uploads.values())

    @property
    def used_words(self) -> int:
        """Words taken in the ICW store."""
        return self._stored_words

    def __len__(self) -> int:
        return len(self._residents)

    def received(self, digest: Digest, wanted: bool = True) -> int:
        """Bytes of an object received so far, or WHOLE.

        Who asks is about to want it, unless said otherwise: a resident object becomes the most recently used,
        so that what is uploaded next does not push it out.
        """
        if (self.get(digest) is not None) if wanted else digest in self:
            return WHOLE
        upload = self._uploads.get(digest)
        return len(upload.data) if upload else 0

    def get(self, digest: Digest) -> Resident | None:
        """A resident object, now the most recently used; None where it is absent."""
        resident = self._residents.pop(digest, None)
        if resident is not None:
            self._residents[digest] = resident
        return resident

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those that are absent; the others become the most recently used, as by :meth:`get`."""
        residents, absent = self._residents, []
        for digest in digests:
            resident = residents.pop(digest, None)
            if resident is None:
                absent.append(digest)
            else:
                residents[digest] = resident
        return absent

    def kernel(self, digest: Digest) -> Kernel:
        """The kernel of a resident block."""
        kernel = self._residents[digest].kernel
        assert kernel is not None  # blocks are admitted with their kernel
        return kernel

    def pin(self, digests: Iterable[Digest]) -> None:
        """Keep exactly these from being evicted."""
        self._pinned = frozenset(digests)

    def limit(self, budget_bytes: int) -> list[Digest]:
        """Set the byte budget (0: all memory); returns what had to go."""
        self.budget_bytes = min(budget_bytes or self.memory_bytes, self.memory_bytes)
        return self._make_room(0, 0)

    def put(self, digest: Digest, total: int, offset: int, data: bytes) -> list[Digest] | None:
        """Take part of an object.

        Returns:
            What was evicted, once the object is whole; None while parts are missing.

        Raises:
            RequestError: no room, a part out of order, a wrong digest, or not an object. The object is not
                stored then; room that was made for it when its upload began stays made.
        """
        if digest in self._residents:
            return []
        upload = self._uploads.get(digest) or self._open_upload(digest, total, offset)
        if total != upload.total or offset != len(upload.data) or offset + len(data) > total:
            raise RequestError(
                ErrorCode.BAD_UPLOAD,
                f"object {short(digest)}: bytes {offset} to {offset + len(data)} of {total} do not continue "
                f"{len(upload.data)} of {upload.total}",
            )
        if len(data) < total:  # else it is the whole object, which need not be copied
            upload.data += data
            if len(upload.data) < total:
                return None
            data = bytes(upload.data)
        del self._uploads[digest]
        return upload.evicted + self._admit(digest, data)

    def put_several(
        self, objects: Sequence[bytes], came_in: Callable[[], None]
    ) -> tuple[list[Digest], list[Digest]]:
        """Take whole objects: all are checked before the first is stored.

        Args:
            objects: their bytes.
            came_in: called for each that is stored now.

        Returns:
            The name of each, and what had to go for them and is not there now.

        Raises:
            RequestError: too many or none of them; one whose size is wrong, of which a part is there, or
                which is no object: nothing has changed then. No room: those before that one are stored.
        """
        if not 1 <= len(objects) <= MOST_PUT_TOGETHER:
            raise RequestError(
                ErrorCode.OUT_OF_RANGE,
                f"PUT_SEVERAL has {len(objects)} objects; it may have 1 to {MOST_PUT_TOGETHER}",
            )
        digests = [digest_of(data) for data in objects]
        checked = {
            digest: self._check_whole(digest, data)
            for digest, data in zip(digests, objects, strict=True)
            if digest not in self._residents
        }
        evicted: list[Digest] = []
        for digest in digests:
            if digest in checked and digest not in self._residents:
                evicted += self._store(digest, checked[digest])
                came_in()
        return digests, [gone for gone in dict.fromkeys(evicted) if gone not in self._residents]

    def _check_whole(self, digest: Digest, data: bytes) -> Resident:
        self._check_size(digest, len(data))
        if digest in self._uploads:
            raise RequestError(
                ErrorCode.BAD_UPLOAD,
                f"object {short(digest)}: {self.received(digest)} bytes came in by PUT; send the rest by "
                "PUT too",
            )
        return self._check(digest, data)

    def _check_size(self, digest: Digest, size: int) -> None:
        if not 1 <= size <= self._max_object:
            raise RequestError(
                ErrorCode.BAD_UPLOAD,
                f"object {short(digest)}: {size} bytes; the limit is {self._max_object}",
            )

    def _open_upload(self, digest: Digest, total: int, offset: int) -> Upload:
        if offset:
            raise RequestError(
                ErrorCode.BAD_UPLOAD,
                f"object {short(digest)}: bytes from {offset} on came before its first byte; begin at 0",
            )
        self._check_size(digest, total)
        self._uploads[digest] = Upload(total, bytearray(), self._make_room(total, 0))
        return self._uploads[digest]

    def _admit(self, digest: Digest, data: bytes) -> list[Digest]:
        found = digest_of(data)
        if found != digest:
            raise RequestError(
                ErrorCode.DIGEST_MISMATCH,
                f"object {digest.hex()}: its {len(data)} bytes have the digest {found.hex()}",
            )
        return self._store(digest, self._check(digest, data))

    def _check(self, digest: Digest, data: bytes) -> Resident:
        """What is stored of an object, once it is found to be one; ``digest`` was worked out of ``data``."""
        try:
            parsed = _PARSED.get(digest, lambda: _Parsed(parse_object(data), len(data))).data
        except ObjectError as error:
            raise RequestError(ErrorCode.BAD_OBJECT, f"object {short(digest)}: {error}") from error
        kernel = self._load_block(digest, parsed) if isinstance(parsed, Block) else None
        return Resident(parsed, len(data), kernel)

    def _store(self, digest: Digest, resident: Resident) -> list[Digest]:
        """Make an object resident; returns what is evicted for it."""
        evicted = self._make_room(resident.size, resident.words)
        self._residents[digest] = resident
        self._stored_bytes += resident.size
        self._stored_words += resident.words
        return evicted

    def _make_room(self, size: int, words: int) -> list[Digest]:
        """Evict until an object of ``size`` bytes and ``words`` words fits, or refuse and change nothing.

        Other uploads in progress go only where evicting objects is not enough but this is: an abandoned
        one must not hold its room for ever.
        """
        if size > self.budget_bytes or words > self.icw_store:
            raise RequestError(
                ErrorCode.NO_ROOM,
                f"an object of {size} bytes and {words} words can never fit into {self.budget_bytes} bytes "
                f"and {self.icw_store} words",
            )
        victims = self._victims(size, words, self._uploads)
        if victims is None:
            victims = self._victims(size, words, {})
            if victims is None:
                raise RequestError(ErrorCode.NO_ROOM, self._no_room(size, words))
            self._uploads.clear()
        self._evict(victims)
        return victims

    def _evict(self, victims: Iterable[Digest]) -> None:
        for victim in victims:
            gone = self._residents.pop(victim)
            self._stored_bytes -= gone.size
            self._stored_words -= gone.words

    def _victims(self, size: int, words: int, uploads: dict[Digest, Upload]) -> list[Digest] | None:
        """Least recently used objects whose eviction makes room beside ``uploads``; None if none do."""
        candidates = (digest for digest in self._residents if digest not in self._pinned)
        taken = self._stored_bytes + sum(upload.total for upload in uploads.values())
        free_bytes = self.budget_bytes - taken
        free_words = self.icw_store - self._stored_words
        free_places = MAX_OBJECTS - len(self._residents) - len(uploads)
        victims: list[Digest] = []
        while free_bytes < size or free_words < words or free_places < 1:
            victim = next(candidates, None)
            if victim is None:
                return None
            resident = self._residents[victim]
            if free_bytes >= size and free_places >= 1 and not resident.words:
                continue  # only words are short, and this one has none
            victims.append(victim)
            free_bytes += resident.size
            free_words += resident.words
            free_places += 1
        return victims

    def _no_room(self, size: int, words: int) -> str:
        pinned = [self._residents[digest] for digest in self._pinned if digest in self._residents]
        return (
            f"no room for {size} bytes and {words} words: of {self.budget_bytes} bytes and {self.icw_store} "
            f"words, the frame in hand needs {sum(resident.size for resident in pinned)} and "
            f"{sum(resident.words for resident in pinned)}"
        )
