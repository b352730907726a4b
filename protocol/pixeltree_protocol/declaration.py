"""How a message is declared: a dataclass, and its fields' bytes, units and limits.

Everything else is derived from the declaration: encoder, decoder, documentation. A construct describes the
bytes; where all fields have a fixed size, but for plain bytes at the end, the standard library's ``struct``
reads and writes the same bytes ten times faster, and is used.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, TypeVar

import construct as c


class Sender(Enum):
    """Which end sends a message."""

    HOST = "host"
    DEVICE = "device"
    EITHER = "either end"


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        name: as in the dataclass.
        layout: its bytes.
        meaning: what it says, in a sentence without a full stop.
        unit: what a number counts; empty where it counts nothing.
        limits: which values are allowed; empty where all that the bytes can express are.
    """

    name: str
    layout: c.Construct
    meaning: str
    unit: str = ""
    limits: str = ""

    @property
    def construct(self) -> c.Construct:
        """The layout under its name."""
        return self.name / self.layout


@dataclass(frozen=True)
class Record:
    """A group of fields with a dataclass of its own, used as the layout of a field."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Declaration:
    """A message's code, sender and fields.

    Attributes:
        sequenced: whether it takes part in reliable delivery; the messages of the link itself do not.
    """

    code: int
    sender: Sender
    fields: tuple[Field, ...]
    layout: c.Construct
    quick: _Quick | None
    sequenced: bool


MESSAGES: dict[type[Any], Declaration] = {}
"""Every message class; filled by :func:`message`."""

BY_CODE: dict[int, type[Any]] = {}

RECORDS: dict[c.Construct, Record] = {}
"""What the layouts made by :func:`record` consist of."""

_T = TypeVar("_T")


def message(
    code: int, sender: Sender, *declared: Field, sequenced: bool = True
) -> Callable[[type[_T]], type[_T]]:
    """Declare the dataclass below as a message: its code, who sends it, and its bytes."""

    def register(cls: type[_T]) -> type[_T]:
        layout = c.Struct(*(field.construct for field in declared), c.Terminated)
        MESSAGES[cls] = Declaration(code, sender, declared, layout, _quick(cls, declared), sequenced)
        BY_CODE[code] = cls
        return cls

    return register


def record(cls: type[Any], *declared: Field) -> c.Construct:
    """A construct that parses to, and builds from, a dataclass."""
    layout = c.ExprAdapter(
        c.Struct(*(field.construct for field in declared)),
        lambda obj, _: make(cls, obj),
        lambda obj, _: field_values(obj),
    )
    RECORDS[layout] = Record(cls.__name__, declared)
    return layout


def make(cls: type[_T], container: Any) -> _T:  # noqa: ANN401
    """A dataclass from what its construct parsed; lists become tuples."""
    values = {field.name: container[field.name] for field in fields(cls)}  # type: ignore[arg-type]
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def field_values(obj: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a dataclass's construct builds from."""
    return {field.name: getattr(obj, field.name) for field in fields(obj)}


class _Quick:
    """Encoder and decoder of a message of fixed-size fields, with plain bytes at the end or without."""

    def __init__(self, cls: type[Any], declared: Sequence[Field], head: struct.Struct, tail: bool) -> None:
        self._cls = cls
        self._names = [field.name for field in declared]
        self._sizes = [
            (field.name, field.layout.length) for field in declared if isinstance(field.layout, c.Bytes)
        ]
        self._head = head
        self._tail = tail

    def build(self, message: Any) -> bytes:  # noqa: ANN401
        """The message's bytes; raises struct.error where a field does not fit."""
        for name, size in self._sizes:
            if len(getattr(message, name)) != size:
                raise struct.error(f"{name} must have {size} bytes, not {len(getattr(message, name))}")
        values = [getattr(message, name) for name in self._names]
        if self._tail:
            return self._head.pack(*values[:-1]) + bytes(values[-1])
        return self._head.pack(*values)

    def parse(self, body: bytes) -> Any:  # noqa: ANN401
        """The message of these bytes; raises struct.error where they are too few or too many."""
        if not self._tail:
            return self._cls(*self._head.unpack(body))
        return self._cls(*self._head.unpack_from(body), body[self._head.size :])


def _quick(cls: type[Any], declared: Sequence[Field]) -> _Quick | None:
    """A quick codec where the fields allow one."""
    tail = bool(declared) and declared[-1].layout is c.GreedyBytes
    formats = [_format(field.layout) for field in (declared[:-1] if tail else declared)]
    if None in formats or [field.name for field in declared] != [field.name for field in fields(cls)]:
        return None
    return _Quick(cls, declared, struct.Struct("<" + "".join(map(str, formats))), tail)


def _format(layout: c.Construct) -> str | None:
    """What ``struct`` calls a layout; None where it has no name for it."""
    if layout is c.Flag:
        return "?"
    if isinstance(layout, c.FormatField):
        return str(layout.fmtstr).lstrip("<")
    if isinstance(layout, c.Bytes) and isinstance(layout.length, int):
        return f"{layout.length}s"
    return None
