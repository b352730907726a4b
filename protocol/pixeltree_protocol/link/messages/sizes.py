"""How many bytes a message has, from its declaration: what is fixed, and each item of what varies."""

from __future__ import annotations

from functools import cache
from typing import Any

import construct as c

from pixeltree_protocol.link.declaration import MESSAGES, RECORDS, Field
from pixeltree_protocol.link.messages.codec import Message


@cache
def head_bytes(message: type[Message]) -> int:
    """Bytes of a message's body whose arrays, texts and byte strings are empty.

    Every byte of a byte string or text adds one; every item of an array adds :func:`item_bytes`.
    """
    return sum(_least(field.layout) for field in MESSAGES[message].fields)


@cache
def item_bytes(message: type[Message], *names: str) -> int:
    """Bytes of one item of an array whose own arrays and byte strings are empty.

    Args:
        message: whose.
        names: the array's field; for an array within the records of an array, the fields that lead there.

    Raises:
        KeyError: there is no such field.
    """
    fields = MESSAGES[message].fields
    for name in names[:-1]:
        fields = RECORDS[_item(_layout(fields, name))].fields
    return _least(_item(_layout(fields, names[-1])))


def _layout(fields: tuple[Field, ...], name: str) -> c.Construct:
    return {field.name: field.layout for field in fields}[name]


def _item(array: c.Construct) -> c.Construct:
    """What an array, which is a count and then the items, consists of."""
    _, items = array.subcons
    return items.subcon.subcon


def _least(layout: c.Construct) -> int:
    """Bytes of a layout where all that varies is empty."""
    size: Any
    if layout in RECORDS:
        size = sum(_least(field.layout) for field in RECORDS[layout].fields)
    elif layout is c.GreedyBytes:
        size = 0
    elif isinstance(layout, c.StringEncoded):
        size = _least(layout.subcon)
    elif isinstance(layout, c.Prefixed):
        size = layout.lengthfield.sizeof()
    elif isinstance(layout, c.FocusedSeq):  # an array: a count, then the items
        size = layout.subcons[0].subcon.sizeof()
    else:
        size = layout.sizeof()
    return int(size)
