"""How a message is declared: a dataclass, and its fields' bytes, units and limits.

Everything else is derived from the declaration: encoder, decoder, documentation. A construct describes the
bytes; where it can, :mod:`pixeltree_protocol.link.quick` reads and writes the same bytes ten times faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, TypeVar

import construct as c

from pixeltree_protocol.link.quick import QuickCodec, quick_codec


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

    cls: type[Any]
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        """What the dataclass is called."""
        return self.cls.__name__


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
    quick: QuickCodec | None
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
    RECORDS[layout] = Record(cls, declared)
    return layout


def make(cls: type[_T], container: Any) -> _T:  # noqa: ANN401
    """A dataclass from what its construct parsed; lists become tuples."""
    values = {field.name: container[field.name] for field in fields(cls)}  # type: ignore[arg-type]
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def field_values(obj: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a dataclass's construct builds from."""
    return {field.name: getattr(obj, field.name) for field in fields(obj)}


def _quick(cls: type[Any], declared: Sequence[Field]) -> QuickCodec | None:
    """A quick codec where the fields allow one."""
    if [field.name for field in declared] != [field.name for field in fields(cls)]:
        return None
    records = {
        layout: (known.cls, [(field.name, field.layout) for field in known.fields])
        for layout, known in RECORDS.items()
    }
    return quick_codec(cls, [(field.name, field.layout) for field in declared], records)
