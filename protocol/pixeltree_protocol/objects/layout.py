"""What all objects have in common: header, digest, and turning construct errors into ours."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Any

import construct as c

from pixeltree_protocol.errors import ObjectError

DIGEST_BYTES = 16
"""BLAKE2b-128 of the whole object, header included."""

LAYOUT_VERSION = 1

Digest = bytes
"""16 bytes naming an object."""


class ObjectKind(IntEnum):
    """First byte of an object."""

    BLOCK = 1
    SEGMENT = 2
    PROGRAM = 3
    NODE = 4
    TREE = 5


def digest_of(data: bytes) -> Digest:
    """The name of an object: BLAKE2b with a 16-byte digest, no key, over all its bytes."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def short(digest: Digest) -> str:
    """The first eight hex digits of a digest, for messages to people."""
    return digest[:4].hex()


class VarInt(c.Construct):  # type: ignore[misc]
    """A number of up to 21 bits: seven a byte, least significant first, bit 7 where another byte follows."""

    _MOST_BYTES = 3

    def _parse(self, stream: Any, context: Any, path: str) -> int:  # noqa: ANN401
        value = 0
        for place in range(self._MOST_BYTES):
            byte: int = c.stream_read(stream, 1, path)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise c.IntegerError(f"a number is longer than {self._MOST_BYTES} bytes", path=path)

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:  # noqa: ANN401
        if obj >> 7 * self._MOST_BYTES:
            raise c.IntegerError(f"{obj} needs more than {self._MOST_BYTES} bytes", path=path)
        rest = obj
        while rest > 0x7F:
            c.stream_write(stream, bytes([rest & 0x7F | 0x80]), 1, path)
            rest >>= 7
        c.stream_write(stream, bytes([rest]), 1, path)
        return obj


VARINT = VarInt()


def object_layout(kind: ObjectKind, *fields: Any) -> c.Construct:  # noqa: ANN401 - construct is untyped
    """The construct of one kind of object: header, fields, and nothing after them."""
    return c.Struct(
        "kind" / c.Const(bytes([kind])) * "which kind of object",
        "version" / c.Const(bytes([LAYOUT_VERSION])) * "layout version",
        *fields,
        c.Terminated,
    )


def build(layout: c.Construct, what: str, values: dict[str, Any]) -> bytes:
    """Build an object's bytes; a value that does not fit its field is an :class:`ObjectError`."""
    try:
        return bytes(layout.build(values))
    except c.ConstructError as error:
        raise ObjectError(f"{what} cannot be encoded: {_reason(error)}") from error


def parse(layout: c.Construct, what: str, data: bytes) -> Any:  # noqa: ANN401 - construct is untyped
    """Parse an object's bytes; anything wrong is an :class:`ObjectError` that says where."""
    try:
        return layout.parse(data)
    except (c.ConstructError, UnicodeDecodeError) as error:
        raise ObjectError(f"these {len(data)} bytes are not a valid {what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What a construct error says about the bytes, without the parser's own words."""
    place = str(getattr(error, "path", None) or "").rpartition("-> ")[2]
    if isinstance(error, c.StreamError):
        return f"they end within {place}"
    if isinstance(error, c.TerminatedError):
        return "there are bytes after their end"
    if isinstance(error, c.ConstError | c.ExplicitError | c.SwitchError):
        return f"{place} has no known value"
    if isinstance(error, UnicodeDecodeError | c.StringError):
        return f"{place or 'a text'} is not UTF-8"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[-1] if lines else type(error).__name__
    return f"{place}: {said}" if place else said
