"""Encoder and decoder of messages by the standard library's ``struct``, ten times as fast as constructs.

For messages of fixed-size fields, arrays of those, arrays of records made of the same, arrays of byte strings
that tell their length, and plain bytes at the end. Every other message is left to its construct; both write
and read the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

import construct as c

Layouts = Sequence[tuple[str, c.Construct]]
"""Fields in their order: name and layout."""

RecordLayouts = Mapping[c.Construct, tuple[type[Any], Layouts]]
"""Of the layouts that stand for a dataclass: which, and its fields."""


class _Part(Protocol):
    """Some fields that are written and read together."""

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        """Append the fields' bytes; raises struct.error where a value does not fit."""

    def read(self, body: bytes, at: int, values: list[Any]) -> int:
        """Append the fields' values; returns where they end. Raises struct.error where bytes lack."""


class _Fixed:
    """Fields of fixed size, one after the other."""

    def __init__(self, fields: Layouts) -> None:
        names = [name for name, _ in fields]
        self._get = attrgetter(*names)
        self._is_one = len(names) == 1
        self._sizes = [(name, layout.length) for name, layout in fields if isinstance(layout, c.Bytes)]
        self._struct = struct.Struct("<" + "".join(str(_format(layout)) for _, layout in fields))
        self.size = self._struct.size
        self.unpack_from = self._struct.unpack_from

    def pack(self, message: Any) -> bytes:  # noqa: ANN401
        """The fields' bytes; raises struct.error where a value does not fit."""
        for name, size in self._sizes:  # struct would cut or pad
            if len(getattr(message, name)) != size:
                raise struct.error(f"{name} must have {size} bytes, not {len(getattr(message, name))}")
        values = self._get(message)
        return self._struct.pack(values) if self._is_one else self._struct.pack(*values)

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        out += self.pack(message)

    def read(self, body: bytes, at: int, values: list[Any]) -> int:
        values += self.unpack_from(body, at)
        return at + self.size


class _Tail:
    """Bytes up to the end."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get(self, message: Any) -> bytes:  # noqa: ANN401
        """The bytes themselves, not copied; raises TypeError where they are none."""
        tail = getattr(message, self._name)
        return tail if isinstance(tail, bytes) else bytes(memoryview(tail))

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        out += self.get(message)

    def read(self, body: bytes, at: int, values: list[Any]) -> int:
        values.append(body[at:])
        return len(body)


class _Array:
    """A count, then so many items of fixed size."""

    def __init__(self, name: str, count: c.Construct, item: c.Construct) -> None:
        self._name = name
        self._count = struct.Struct(f"<{_format(count)}")
        self._format = str(_format(item))
        self._size = struct.calcsize("<" + self._format)
        self._bytes = isinstance(item, c.Bytes)

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        items = getattr(message, self._name)
        out += self._count.pack(len(items))
        if not self._bytes:
            out += struct.pack(f"<{len(items)}{self._format}", *items)
            return
        if items and set(map(len, items)) != {self._size}:
            raise struct.error(f"each of {self._name} must have {self._size} bytes")
        out += b"".join(items)

    def read(self, body: bytes, at: int, values: list[Any]) -> int:
        (count,) = self._count.unpack_from(body, at)
        at += self._count.size
        end: int = at + count * self._size
        if end > len(body):
            raise struct.error(f"{self._name} has {count} items, more than there are bytes")
        if self._bytes:
            values.append(tuple(body[start : start + self._size] for start in range(at, end, self._size)))
        else:
            values.append(struct.unpack_from(f"<{count}{self._format}", body, at))
        return end


class _Strings:
    """A count, then so many byte strings, each after its length."""

    def __init__(self, name: str, count: c.Construct, length: c.Construct) -> None:
        self._name = name
        self._count = struct.Struct(f"<{_format(count)}")
        self._length = struct.Struct(f"<{_format(length)}")

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        items = getattr(message, self._name)
        out += self._count.pack(len(items))
        for item in items:
            out += self._length.pack(len(item))
            out += item

    def read(self, body: bytes, at: int, values: list[Any]) -> int:
        (count,) = self._count.unpack_from(body, at)
        at += self._count.size
        items = []
        for index in range(count):
            (length,) = self._length.unpack_from(body, at)
            at += self._length.size
            if at + length > len(body):
                raise struct.error(f"item {index} of {self._name} has {length} bytes, more than there are")
            items.append(body[at : at + length])
            at += length
        values.append(tuple(items))
        return at


class _Records:
    """A count, then so many records."""

    def __init__(self, name: str, count: c.Construct, codec: QuickCodec) -> None:
        self._name = name
        self._count = struct.Struct(f"<{_format(count)}")
        self._codec = codec

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        items = getattr(message, self._name)
        out += self._count.pack(len(items))
        for item in items:
            self._codec.write(item, out)

    def read(self, body: bytes, at: int, values: list[Any]) -> int:
        (count,) = self._count.unpack_from(body, at)
        at += self._count.size
        items = []
        for _ in range(count):
            item, at = self._codec.read(body, at)
            items.append(item)
        values.append(tuple(items))
        return at


class QuickCodec:
    """Writes and reads a dataclass whose fields are in the order of its parts."""

    def __init__(self, cls: type[Any], parts: Sequence[_Part]) -> None:
        self._cls = cls
        self._parts = tuple(parts)
        first, last = (parts[0], parts[-1]) if parts else (None, None)
        self._only = first if isinstance(first, _Fixed) and len(parts) == 1 else None
        self._tail = last if isinstance(last, _Tail) else None
        self._before_tail = self._parts[:-1] if self._tail else self._parts

    def build(self, message: Any) -> bytes:  # noqa: ANN401
        """The message's bytes; raises struct.error where a field does not fit."""
        head, tail = self.pieces(message)
        return head + tail if tail else head

    def pieces(self, message: Any) -> tuple[bytes, bytes]:  # noqa: ANN401
        """The message's bytes in two pieces, of which the second, which may be long, is not copied.

        Raises:
            struct.error: a field does not fit.
        """
        if self._only is not None:
            return self._only.pack(message), b""
        out = bytearray()
        for part in self._before_tail:
            part.write(message, out)
        return bytes(out), self._tail.get(message) if self._tail is not None else b""

    def parse(self, body: bytes, at: int = 0) -> Any:  # noqa: ANN401
        """The message of the bytes from ``at`` on; raises struct.error where they are too few or too many."""
        only = self._only
        if only is not None and len(body) == at + only.size:
            return self._cls(*only.unpack_from(body, at))
        message, end = self.read(body, at)
        if end != len(body):
            raise struct.error(f"{len(body) - end} bytes too many")
        return message

    def write(self, message: Any, out: bytearray) -> None:  # noqa: ANN401
        """Append the message's bytes."""
        for part in self._parts:
            part.write(message, out)

    def read(self, body: bytes, at: int) -> tuple[Any, int]:
        """A message, and where it ends."""
        values: list[Any] = []
        for part in self._parts:
            at = part.read(body, at, values)
        return self._cls(*values), at


def quick_codec(cls: type[Any], fields: Layouts, records: RecordLayouts) -> QuickCodec | None:
    """A codec for a dataclass with these fields in this order; None where they do not allow one."""
    parts: list[_Part] = []
    for fixed, run in groupby(fields, lambda field: _format(field[1]) is not None):
        if fixed:
            parts.append(_Fixed(list(run)))
            continue
        for name, layout in run:
            last = name == fields[-1][0]
            part = _Tail(name) if last and layout is c.GreedyBytes else _array(name, layout, records)
            if part is None:
                return None
            parts.append(part)
    return QuickCodec(cls, parts)


def _array(name: str, layout: c.Construct, records: RecordLayouts) -> _Part | None:
    """An array's part; None for what is none, or one of other things."""
    if not isinstance(layout, c.FocusedSeq):  # what PrefixedArray makes: a count, then the items
        return None
    count, items = (each.subcon.subcon for each in layout.subcons)
    if _format(items) is not None:
        return _Array(name, count, items)
    if isinstance(items, c.Prefixed) and items.subcon is c.GreedyBytes:
        return _Strings(name, count, items.lengthfield)
    cls, fields = records.get(items, (None, ()))
    codec = None if cls is None else quick_codec(cls, fields, records)
    return None if codec is None else _Records(name, count, codec)


def _format(layout: c.Construct) -> str | None:
    """What ``struct`` calls a layout; None where it has no name for it."""
    if layout is c.Flag:
        return "?"
    if isinstance(layout, c.FormatField):
        return str(layout.fmtstr).lstrip("<")
    if isinstance(layout, c.Bytes) and isinstance(layout.length, int):
        return f"{layout.length}s"
    return None
