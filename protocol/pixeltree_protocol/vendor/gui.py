"""What a program asks its host to show (SCAMP-5 fact sheet, section 5.5): displays, and elements to move.

Two packets describe it. Each is a row of entries: ``type`` u16, a form whose length depends on the type, then
a name as u32 key and a string that ends with NUL; displays have the name of a style likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import construct as c

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor.packets import Data, DataType

FIRST_DISPLAY = 100
"""Handle of the first display; it is the channel of what is shown there."""

MOST_DISPLAYS = 16
DISPLAYS_VERSION, ELEMENTS_VERSION = 10, 11
_NAME_BYTES = 80
_LARGEST = 65_536
"""Bytes of a description that is read; ours: 128 elements with the longest names have 15,000."""
_FIXED_POINT = 256
"""Sizes and places of displays are in 256ths of a cell of the host's grid."""


class Shape(IntEnum):
    """Types of elements, then of displays."""

    NULL = 0
    BUTTON = 1
    SLIDER = 2
    SWITCH = 3
    CHECKBOX = 4
    LIST = 5
    IMAGE = 16
    SCOPE = 17
    BARPLOT = 18
    SCATTER = 19
    DISPLAY = 20
    FIGURE = 21
    LINEPLOT = 22


PLOTS = (Shape.SCOPE, Shape.BARPLOT, Shape.LINEPLOT, Shape.SCATTER)

_KEY = c.Struct("key" / c.Int32ul, "text" / c.CString("utf8"))

_BASE = (
    "name_key" / c.Int32ul,
    "style_key" / c.Int32ul,
    "kind" / c.Int16sl,
    "size" / c.Int16sl[2],
    "place" / c.Int16sl[2],
    "options" / c.Int16ul,
)
_FIGURE = (
    *_BASE,
    "least" / c.Int32sl,
    "most" / c.Int32sl,
    "window" / c.Int32sl,
    "drawing" / c.Int16sl,
    c.Padding(2),
)
_SCATTER = (*_FIGURE, "x_least" / c.Int32sl, "x_most" / c.Int32sl)

_BUTTON = ("name_key" / c.Int32ul, "kind" / c.Int16sl, "flag" / c.Int16ul)
_SLIDER = (
    *_BUTTON,
    "least" / c.Int32sl,
    "most" / c.Int32sl,
    "initial" / c.Int32sl,
    "step" / c.Int32sl,
)
_SWITCH = (*_BUTTON, "initial" / c.Int32sl)


def _display(*form: c.Construct) -> c.Struct:
    return c.Struct("type" / c.Int16ul, "form" / c.Struct(*form), "name" / _KEY, "style" / _KEY)


def _element(*form: c.Construct) -> c.Struct:
    return c.Struct("type" / c.Int16ul, "form" / c.Struct(*form), "name" / _KEY)


DISPLAYS: dict[int, c.Struct] = {
    Shape.IMAGE: _display(*_BASE),
    Shape.DISPLAY: _display(*_BASE),
    Shape.SCOPE: _display(*_FIGURE),
    Shape.BARPLOT: _display(*_FIGURE),
    Shape.FIGURE: _display(*_FIGURE),
    Shape.LINEPLOT: _display(*_FIGURE),
    Shape.SCATTER: _display(*_SCATTER),
}
ELEMENTS: dict[int, c.Struct] = {
    Shape.NULL: _element(*_BUTTON),
    Shape.BUTTON: _element(*_BUTTON),
    Shape.SLIDER: _element(*_SLIDER),
    Shape.SWITCH: _element(*_SWITCH),
    Shape.CHECKBOX: _element(*_SWITCH),
    Shape.LIST: _element(*_SWITCH),
}
"""Layout of an entry by its type. The form of CHECKBOX and LIST is INFERRED: as a switch's."""


@dataclass(frozen=True)
class Display:
    """A display.

    Attributes:
        shape: what it shows.
        name: its heading.
        row, column: where it is, in cells of the host's grid.
        height, width: how many cells it takes.
        style: name of its style.
        least, most: range of the values of a plot; 0 and 0 where it has none.
        window: how many values a plot shows.
        x_least, x_most: range of a scatter plot to the right.
    """

    shape: Shape
    name: str
    row: float = 0
    column: float = 0
    height: float = 1
    width: float = 1
    style: str = "default_style"
    least: int = 0
    most: int = 0
    window: int = 0
    x_least: int = 0
    x_most: int = 0


@dataclass(frozen=True)
class Element:
    """Something that a user moves or presses.

    Attributes:
        shape: what it is.
        name: what stands beside it.
        least, most, initial, step: of a slider; a switch has ``initial`` only.
        latched: a slider whose value is sent when it is let go.
    """

    shape: Shape
    name: str
    least: int = 0
    most: int = 1
    initial: int = 0
    step: int = 1
    latched: bool = False


_LATCHED = 3
"""Flag of a latched slider; 1 for another slider."""


def read_displays(data: Data) -> tuple[Display, ...]:
    """The displays of a description.

    Raises:
        MessageError: an entry of no known type, or bytes that end within one.
    """
    return tuple(_read_display(row) for row in _entries(data, DISPLAYS))


def _read_display(row: Any) -> Display:  # noqa: ANN401 - what construct parsed
    form = row.form
    width, height = (size / _FIXED_POINT for size in form.size)
    column, row_at = (place / _FIXED_POINT for place in form.place)
    plot = {name: form.get(name, 0) for name in ("least", "most", "window", "x_least", "x_most")}
    return Display(Shape(row.type), row.name.text, row_at, column, height, width, row.style.text, **plot)


def read_elements(data: Data) -> tuple[Element, ...]:
    """The elements of a description; an element's place in it is its index.

    Raises:
        MessageError: an entry of no known type, or bytes that end within one.
    """
    return tuple(_read_element(row) for row in _entries(data, ELEMENTS))


def _read_element(row: Any) -> Element:  # noqa: ANN401 - what construct parsed
    form = row.form
    values = {name: form[name] for name in ("least", "most", "initial", "step") if name in form}
    return Element(Shape(row.type), row.name.text, latched=form.flag == _LATCHED, **values)


def _entries(data: Data, layouts: dict[int, c.Struct]) -> list[Any]:
    rows, rest = [], data.data
    if len(rest) > _LARGEST:
        raise MessageError(f"the description has {len(rest):,} bytes; at most {_LARGEST:,} are read")
    try:
        for _ in range(data.dims[0]):
            kind = int.from_bytes(rest[:2], "little")
            if kind not in layouts:
                raise MessageError(f"the description has an entry of the unknown type {kind}")
            row = c.Struct("row" / layouts[kind], "end" / c.Tell).parse(rest)
            rows.append(row.row)
            rest = rest[row.end :]
    except (c.ConstructError, UnicodeDecodeError) as error:
        raise MessageError(f"the description of {data.dims[0]} entries cannot be read: {error}") from error
    return rows


def displays(several: Sequence[Display]) -> Data:
    """The packet that describes displays; keys count from 0 (their meaning beside being keys: OPEN)."""
    entries = bytearray()
    for number, display in enumerate(several):
        form = {
            "name_key": 2 * number,
            "style_key": 2 * number + 1,
            "kind": display.shape,
            "size": [_fixed(display.width), _fixed(display.height)],
            "place": [_fixed(display.column), _fixed(display.row)],
            "options": 0,
            "least": display.least,
            "most": display.most,
            "window": display.window,
            "drawing": 4 if display.shape is Shape.BARPLOT else 1,
            "x_least": display.x_least,
            "x_most": display.x_most,
        }
        entries += DISPLAYS[display.shape].build(
            {
                "type": display.shape,
                "form": form,
                "name": {"key": 2 * number, "text": _short(display.name)},
                "style": {"key": 2 * number + 1, "text": _short(display.style)},
            }
        )
    return Data(DataType.GUI, DISPLAYS_VERSION, (len(several), 2, 4), 0, bytes(entries))


def elements(several: Sequence[Element]) -> Data:
    """The packet that describes elements."""
    entries = bytearray()
    for number, element in enumerate(several):
        form = {
            "name_key": number,
            "kind": element.shape,
            "flag": _LATCHED if element.latched else 1,
            "least": element.least,
            "most": element.most,
            "initial": element.initial,
            "step": element.step,
        }
        name = {"key": number, "text": _short(element.name)}
        entries += ELEMENTS[element.shape].build({"type": element.shape, "form": form, "name": name})
    return Data(DataType.GUI, ELEMENTS_VERSION, (len(several), 2, 4), 0, bytes(entries))


def _fixed(cells: float) -> int:
    return round(cells * _FIXED_POINT)


def _short(words: str) -> str:
    return words.encode()[: _NAME_BYTES - 1].decode(errors="ignore")
