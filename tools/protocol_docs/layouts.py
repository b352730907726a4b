"""Layouts of bytes as a C programmer names them, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import construct as c

from pixeltree_protocol.link.declaration import RECORDS
from pixeltree_protocol.objects.layout import VarInt

INTEGERS = {
    "B": "uint8_t", "b": "int8_t", "H": "uint16_t", "h": "int16_t", "L": "uint32_t", "l": "int32_t",
    "I": "uint32_t", "i": "int32_t", "Q": "uint64_t", "q": "int64_t",
}  # fmt: skip


def _counted(layout: c.FocusedSeq) -> str:
    count, items = (part.subcon for part in layout.subcons)
    inner = items.subcon
    if isinstance(inner, c.Bytes):
        return f"{c_type(count.subcon)} n, uint8_t[n][{_length(inner)}]"
    if isinstance(inner, c.Prefixed):
        return f"{c_type(count.subcon)} n, then n times: {c_type(inner.lengthfield)} m, uint8_t[m]"
    return f"{c_type(count.subcon)} n, {c_type(inner)}[n]"


def _length(layout: c.Bytes) -> str:
    return str(layout.length) if isinstance(layout.length, int) else "m"


_TYPES: tuple[tuple[type[c.Construct], Callable[[Any], str]], ...] = (
    (c.FormatField, lambda layout: INTEGERS[layout.fmtstr[-1]]),
    (c.Bytes, lambda layout: f"uint8_t[{_length(layout)}]"),
    (c.StringEncoded, lambda layout: f"{c_type(layout.subcon.lengthfield)} n, char[n]: UTF-8, no final zero"),
    (VarInt, lambda _: "varint"),
    (c.Prefixed, lambda layout: f"{c_type(layout.lengthfield)} n, uint8_t[n]"),
    (c.FocusedSeq, _counted),
    (c.Const, lambda layout: f"uint8_t = {layout.value[0]}"),
    (c.Enum, lambda layout: c_type(layout.subcon)),
    (c.Renamed, lambda layout: c_type(layout.subcon)),
    (c.Array, lambda layout: f"{c_type(layout.subcon)}, one for each"),
    (c.Switch, lambda _: "depends on the field before"),
    (c.Struct, lambda _: "record"),
)


def c_type(layout: c.Construct) -> str:
    """A layout as a C programmer names it; numbers are little-endian throughout."""
    if layout in RECORDS:
        return RECORDS[layout].name
    if layout is c.Flag:
        return "uint8_t, 0 or 1"
    if layout is c.GreedyBytes:
        return "uint8_t[], all that is left"
    return next(name(layout) for kind, name in _TYPES if isinstance(layout, kind))


def fixed_size(layout: c.Construct) -> int | None:
    """Bytes of a layout, or None where they differ."""
    try:
        return int(layout.sizeof())
    except c.SizeofError:
        return None


def offsets(layouts: Iterable[tuple[str, c.Construct]]) -> list[str]:
    """Where each field begins: a number, or what it follows."""
    places: list[str] = []
    position, after = 0, ""
    for name, layout in layouts:
        places.append(f"{position}" if not after else f"{after} + {position}" if position else after)
        size = fixed_size(layout)
        if size is None:
            position, after = 0, f"end of `{name}`"
        else:
            position += size
    return places


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    cells = [list(head)]
    lines = [cells[0], ["---"] * len(cells[0]), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
