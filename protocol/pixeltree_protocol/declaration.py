"""How a message is declared: a dataclass, and the construct of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, TypeVar

import construct as c


class Sender(Enum):
    """Which end sends a message."""

    HOST = "host"
    DEVICE = "device"


@dataclass(frozen=True)
class Declaration:
    """A message's code, sender and byte layout."""

    code: int
    sender: Sender
    layout: c.Construct


MESSAGES: dict[type[Any], Declaration] = {}
"""Every message class; filled by :func:`message`."""

BY_CODE: dict[int, type[Any]] = {}

_T = TypeVar("_T")


def message(code: int, sender: Sender, *layout: Any) -> Callable[[type[_T]], type[_T]]:  # noqa: ANN401
    """Declare the dataclass below as a message: its code, who sends it, and its bytes."""

    def register(cls: type[_T]) -> type[_T]:
        MESSAGES[cls] = Declaration(code, sender, c.Struct(*layout, c.Terminated))
        BY_CODE[code] = cls
        return cls

    return register


def record(cls: type[Any], *layout: Any) -> c.Construct:  # noqa: ANN401
    """A construct that parses to, and builds from, a dataclass."""
    return c.ExprAdapter(c.Struct(*layout), lambda obj, _: make(cls, obj), lambda obj, _: field_values(obj))


def make(cls: type[_T], container: Any) -> _T:  # noqa: ANN401
    """A dataclass from what its construct parsed; lists become tuples."""
    values = {field.name: container[field.name] for field in fields(cls)}  # type: ignore[arg-type]
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def field_values(obj: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a dataclass's construct builds from."""
    return {field.name: getattr(obj, field.name) for field in fields(obj)}
