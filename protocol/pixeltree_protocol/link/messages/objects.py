"""Messages that bring objects to the device."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.link.declaration import Field, Sender, message
from pixeltree_protocol.link.messages.codes import MOST_PUT_TOGETHER
from pixeltree_protocol.link.messages.layouts import BYTE_STRINGS, DIGEST, DIGESTS
from pixeltree_protocol.objects.layout import Digest

_HOST, _DEVICE = Sender.HOST, Sender.DEVICE


@message(3, _HOST, Field("digests", DIGESTS, "which objects"))
@dataclass(frozen=True)
class Query:
    """Does the device hold these objects? Asked by the driver, they become the most recently used."""

    digests: tuple[Digest, ...]


@message(
    4,
    _DEVICE,
    Field(
        "received",
        c.PrefixedArray(c.Int16ul, c.Int32ul),
        "of each object asked about, in order, what has come in so far",
        "bytes",
        "4,294,967,295 stands for the whole object",
    ),
)
@dataclass(frozen=True)
class Holdings:
    """Answer to QUERY."""

    received: tuple[int, ...]


@message(
    5,
    _HOST,
    Field("digest", DIGEST, "which object: BLAKE2b-128 of its bytes"),
    Field("total", c.Int32ul, "size of the whole object", "bytes", "1 to max_object"),
    Field("offset", c.Int32ul, "where this part begins", "bytes", "what came in so far"),
    Field("data", c.GreedyBytes, "the part"),
)
@dataclass(frozen=True)
class Put:
    """Part of an object. Parts come in order, the last is answered by STORED."""

    digest: Digest
    total: int
    offset: int
    data: bytes


@message(
    6,
    _DEVICE,
    Field("digest", DIGEST, "which object"),
    Field("evicted", DIGESTS, "objects that had to go for it"),
)
@dataclass(frozen=True)
class Stored:
    """Answer to the last PUT of an object: it is whole, its digest is right, and it is resident."""

    digest: Digest
    evicted: tuple[Digest, ...]


@message(
    25,
    _HOST,
    Field(
        "objects",
        BYTE_STRINGS,
        "the bytes of each object",
        limits=f"1 to {MOST_PUT_TOGETHER} objects of 1 to max_object bytes",
    ),
)
@dataclass(frozen=True)
class PutSeveral:
    """Whole objects, without their names, which follow from their bytes; answered by STORED_SEVERAL."""

    objects: tuple[bytes, ...]


@message(
    26,
    _DEVICE,
    Field("digest", DIGEST, "BLAKE2b-128 of the names of all its objects, one after the other"),
    Field("evicted", DIGESTS, "objects that had to go for them and are not there now"),
)
@dataclass(frozen=True)
class StoredSeveral:
    """Answer to PUT_SEVERAL: all its objects are whole and resident, but for those in `evicted`."""

    digest: Digest
    evicted: tuple[Digest, ...]
