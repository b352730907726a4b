"""What a program shows by the vendor's host protocol, on the page: its displays, its numbers, its sliders."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree.scamp5d import Display, Element, Scamp5d, Shown, check_url, connect
from pixeltree.view.feed import Feed
from pixeltree.view.panels import BITS, GREY, Control, Panel, Setting
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.vendor.gui import FIRST_DISPLAY, MOST_DISPLAYS, Shape

SCHEME = "scamp5d:"
"""How URLs of such devices begin: ``scamp5d:tcp://HOST:27888``."""

_TEXT, _PACE = "text", "program's frames per second"
_LINES = 30
_MOST_CURVES, _MOST_BARS = 8, 256
"""Numbers of one post that become curves, and bars; of more, the page tells the range."""

_MOST_CHANNELS = 48
_MOST_POINTS = 1_000
_GREY = np.array([77, 151, 28], np.uint32)
"""256ths of red, green and blue (fact sheet 5.7)."""
_MOST_LIST = 31
_TAKE_SECONDS = 0.1
_WAIT_SECONDS = 0.02
_PACE_SECONDS = 1.0
_NOBODY = "No program shows anything yet."
_ENDED = "The program has ended. The page waits for the next one."


@dataclass(frozen=True)
class _Forms:
    """What a channel needs panels for. It only grows, so that the page does not jump to and fro."""

    picture: bool = False
    marks: bool = False
    curves: int = 0
    bars: bool = False
    range_: bool = False
    scatter: bool = False

    def __or__(self, other: _Forms) -> _Forms:
        return _Forms(
            self.picture or other.picture,
            self.marks or other.marks,
            max(self.curves, other.curves),
            self.bars or other.bars,
            self.range_ or other.range_,
            self.scatter or other.scatter,
        )


_ASKED_FOR = {
    Shape.SCOPE: _Forms(curves=1),
    Shape.LINEPLOT: _Forms(curves=1),
    Shape.FIGURE: _Forms(curves=1),
    Shape.BARPLOT: _Forms(bars=True),
    Shape.SCATTER: _Forms(scatter=True),
}
"""What a display shows before anything has come; all others show pictures."""


@dataclass(frozen=True)
class _Value:
    """A panel, what its value is made of, and how; the same ``of`` makes the same value."""

    panel: Panel
    of: Any
    make: Callable[[Any], Any]


class Scamp5dFeed(Feed):
    """Shows what a program shows, and sends it what is moved on the page.

    Args:
        url: of a SCAMP-5d, or of an emulated one, as in ``tcp://127.0.0.1:27888``.

    Raises:
        LinkError: a URL of another kind.
    """

    def __init__(self, url: str) -> None:
        check_url(url)
        self._url = url
        self._scamp: Scamp5d | None = None
        self._forget()

    def _forget(self) -> None:
        self._displays: tuple[Display, ...] = ()
        self._elements: tuple[Element, ...] = ()
        self._forms: dict[int, _Forms] = {}
        self._marks: dict[int, tuple[int, tuple[Any, ...]]] = {}
        self._laid: frozenset[str] = frozenset()
        self._published: dict[str, Any] = {}
        self._moved: dict[int, int] = {}
        self._pace = time.monotonic(), 0

    @property
    def title(self) -> str:
        """See :class:`Feed`."""
        return f"{SCHEME}{self._url}"

    def open(self) -> None:
        """See :class:`Feed`."""
        self._forget()
        self._scamp = connect(self._url)
        self.said = _NOBODY

    def close(self) -> None:
        """See :class:`Feed`."""
        if self._scamp is not None:
            self._scamp.close()
            self._scamp = None

    @property
    def _open(self) -> Scamp5d:
        assert self._scamp is not None
        return self._scamp

    # -- panels ------------------------------------------------------------------------------------

    def panels(self) -> list[Panel]:
        """See :class:`Feed`."""
        found = [value.panel for value in self._values()]
        self._laid = frozenset(panel.name for panel in found)
        self._published = {name: of for name, of in self._published.items() if name in self._laid}
        return [*found, Panel(_PACE, "plot", shown=False, details={"unit": "1/s"})]

    def _values(self) -> Iterator[_Value]:
        """Every panel with its value: displays as the program placed them, other channels, the text."""
        panel = self._open.panel
        names = self._channel_names()
        for channel, name in names.items():
            place = channel - FIRST_DISPLAY
            display = panel.displays[place] if 0 <= place < len(panel.displays) else None
            yield from self._channel(channel, name, display, panel.shown.get(channel, Shown()))
        yield _Value(Panel(_TEXT, "text"), tuple(panel.texts)[-_LINES:], "\n".join)

    def _channel_names(self) -> dict[int, str]:
        """What panels of each channel are called: as the program calls its displays, each name once."""
        displays = self._open.panel.displays
        order = sorted(range(len(displays)), key=lambda at: (displays[at].row, displays[at].column))
        channels = [*(FIRST_DISPLAY + at for at in order)]
        channels += [channel for channel in self._forms if channel not in channels]
        names: dict[int, str] = {}
        taken = {_TEXT, _PACE, "frames per second", "device clock"}
        for channel in channels:
            place = channel - FIRST_DISPLAY
            name = displays[place].name if 0 <= place < len(displays) else ""
            if not name:
                name = f"channel {channel}"
            elif name in taken or ":" in name:  # after a colon stands what of a channel it is
                name = f"{name.replace(':', ' ')} (channel {channel})"
            while name in taken:
                name += "'"
            taken.add(name)
            names[channel] = name
        return names

    def _channel(self, channel: int, name: str, display: Display | None, shown: Shown) -> Iterator[_Value]:
        forms = self._forms.get(channel, _Forms())
        limits = {"least": display.least, "most": display.most} if display is not None else {}
        marks = f"{name}: marks"
        if forms.picture:
            details = {"scale": BITS if shown.levels == 2 else GREY, "overlay": marks}
            yield _Value(Panel(name, "plane", group=name, details=details), shown.picture, _as_grey(shown))
        if forms.marks:
            yield _Value(
                Panel(marks, "marks", group=name), self._marks.get(channel, (0, ()))[1], _as_marks(shown)
            )
        alone = forms == _Forms(curves=1)
        for place in range(forms.curves):
            curve = name if alone else f"{name}: {place + 1}"
            yield _Value(Panel(curve, "plot", group=name, details=limits), shown.numbers, _as_point(place))
        if forms.bars:
            yield _Value(Panel(f"{name}: bars", "bars", name, name, details=limits), shown.numbers, _as_bars)
        if forms.scatter and display is not None:
            details = {"scale": BITS}
            made = _as_scatter(display)
            yield _Value(Panel(f"{name}: points", "plane", name, name, details=details), shown.numbers, made)
        if forms.range_:
            yield _Value(Panel(f"{name}: range", "text", name, name), shown.numbers, _as_range)

    # -- controls ----------------------------------------------------------------------------------

    def controls(self) -> list[Control]:
        """See :class:`Feed`."""
        panel = self._open.panel
        self._moved = dict(panel.values)
        return [
            replace(control, value=_setting(control, panel.values.get(index, self._elements[index].initial)))
            for index, control in self._controls()
        ]

    def turn(self, name: str, value: Setting) -> bool:
        """See :class:`Feed`."""
        scamp = self._open
        index = next((at for at, each in self._controls() if each.name == name), None)
        if index is not None and scamp.panel.running:
            scamp.send_gui_value(index, int(value))
            self._moved[index] = int(value)
        return False

    def moved(self) -> dict[str, Setting]:
        """See :class:`Feed`. A program may move its sliders itself."""
        values = self._open.panel.values
        if values == self._moved:
            return {}
        found = {
            control.name: _setting(control, values[index])
            for index, control in self._controls()
            if index in values and values[index] != self._moved.get(index) and control.kind != "button"
        }
        self._moved = dict(values)
        return found

    def _controls(self) -> Iterator[tuple[int, Control]]:
        for index, element in enumerate(self._elements):
            control = _control(index, element)
            if control is not None:
                yield index, control

    # -- frames ------------------------------------------------------------------------------------

    def frame(self, watched: frozenset[str], period: float) -> dict[str, Any]:
        """See :class:`Feed`. A frame is what has come since the one before."""
        scamp = self._open
        deadline = time.monotonic() + _TAKE_SECONDS
        came = scamp.routine(min(period, _WAIT_SECONDS))
        while came and time.monotonic() < deadline:
            came = scamp.routine()
        self._notice_what_is_shown()
        fresh = {}
        for value in self._values():
            name = value.panel.name
            if value.of is None or name not in self._laid or self._same(name, value.of):
                continue
            self._published[name] = value.of
            made = value.make(value.of)
            if made is not None:
                fresh[name] = made
        return fresh | self._paced()

    def read(self, watched: frozenset[str]) -> dict[str, Any]:
        """See :class:`Feed`."""
        return {
            value.panel.name: value.make(value.of)
            for value in self._values()
            if value.panel.name in watched and value.panel.kind != "plot" and value.of is not None
        }

    def _same(self, name: str, of: Any) -> bool:  # noqa: ANN401 - whatever a value is made of
        before = self._published.get(name)
        return before is of or (isinstance(of, tuple) and before == of)

    def _notice_what_is_shown(self) -> None:
        """Take notice of displays, elements and kinds of data that are new: the page is laid out anew."""
        panel = self._open.panel
        if panel.running:
            self.said = ""
        elif self.said != _NOBODY:
            self.said = _ENDED
        if panel.displays != self._displays:
            self._forms, self._marks, self._published = {}, {}, {}
        if (panel.displays, panel.elements) != (self._displays, self._elements):
            self._displays, self._elements = panel.displays, panel.elements
            self.changed = True
        for place, display in enumerate(panel.displays[:MOST_DISPLAYS]):
            self._forms.setdefault(FIRST_DISPLAY + place, _ASKED_FOR.get(display.shape, _Forms(picture=True)))
        for channel, shown in list(panel.shown.items()):
            if channel not in self._forms and len(self._forms) >= _MOST_CHANNELS:
                continue
            self._keep_marks(channel, shown)
            before = self._forms.get(channel)
            forms = (before or _Forms()) | self._forms_of(channel, shown, before or _Forms())
            if forms != before:
                self._forms[channel] = forms
                self.changed = True

    def _forms_of(self, channel: int, shown: Shown, before: _Forms) -> _Forms:
        forms = _Forms(
            picture=shown.picture is not None, marks=bool(any(self._marks.get(channel, (0, ()))[1]))
        )
        if shown.numbers is None or not shown.numbers.size:
            return forms
        size = shown.numbers.size
        if before.scatter and 2 in shown.numbers.shape:
            return forms
        if before.range_ or size > _MOST_BARS:
            return replace(forms, range_=True)
        if before.bars or size > _MOST_CURVES:
            return replace(forms, bars=True)
        return replace(forms, curves=size)

    def _keep_marks(self, channel: int, shown: Shown) -> None:
        """Boxes come after the picture that they belong to; until then, those of the frame before stay."""
        strokes = tuple(shown.strokes[-_MOST_POINTS:])
        marks = tuple(shown.boxes), tuple(shown.events[:_MOST_POINTS]), tuple(shown.texts), strokes
        loop, _ = self._marks.get(channel, (shown.loop, ()))
        if any(marks) or abs(shown.loop - loop) > 1:
            self._marks[channel] = shown.loop, marks

    def _paced(self) -> dict[str, Any]:
        """How fast the program's loop counter goes on; once a second."""
        now = time.monotonic()
        began, loop = self._pace
        if now - began < _PACE_SECONDS:
            return {}
        newest = max((shown.loop for shown in self._open.panel.shown.values()), default=0)
        self._pace = now, newest
        return {_PACE: round((newest - loop) / (now - began), 2)} if 0 < loop <= newest else {}


def _control(index: int, element: Element) -> Control | None:
    """The control of an element; None of one that is only a gap."""
    name = f"element {index}: {element.name}"
    made = Control(name, "switch", title=element.name or f"element {index}", group="program")
    if element.shape is Shape.NULL:
        return None
    if element.shape is Shape.BUTTON:
        return replace(made, kind="button")
    if element.shape is Shape.SLIDER:
        least, most = sorted((element.least, element.most))
        return replace(made, kind="slider", least=least, most=most)
    if element.shape is Shape.LIST:  # the names of its entries are not in the description
        return replace(made, kind="slider", most=_MOST_LIST, hint="number of an entry of a list, from 0")
    return made


def _setting(control: Control, value: int) -> Setting:
    if control.kind == "slider":
        return min(max(value, control.least), control.most)
    return bool(value) and control.kind == "switch"


def _as_grey(shown: Shown) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]:
    """Bits as bits; grey levels stretched to 0 to 255."""
    levels = shown.levels
    if shown.picture is not None and shown.picture.ndim == 3:  # the page shows grey: as the vendor weighs it
        return lambda picture: (picture.astype(np.uint32) @ _GREY >> 8).astype(np.uint8)
    if levels == 2:
        return lambda picture: picture.astype(np.bool_)
    if levels == 256:
        return lambda picture: picture
    return lambda picture: (picture.astype(np.uint16) * 255 // (levels - 1)).astype(np.uint8)


def _as_marks(shown: Shown) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    """Marks in pixels of the picture: column 0 of the array is its right edge.

    An event is (column, row), as ``scamp5_scan_events`` gives it by default.
    """
    rows, columns = shown.picture.shape[:2] if shown.picture is not None else (ARRAY_SIZE, ARRAY_SIZE)

    def at(row: float, column: float) -> list[float]:
        """The upper left corner of a pixel of the array."""
        return [row * rows / ARRAY_SIZE, (ARRAY_SIZE - 1 - column) * columns / ARRAY_SIZE]

    def drawn(points: tuple[tuple[float, float], ...]) -> list[list[float]]:
        """Points of a drawing, which go upwards from the lower left corner, as rows and columns."""
        return [[rows * (1 - y / ARRAY_SIZE), x * columns / ARRAY_SIZE] for x, y in points]

    def made(marks: tuple[Any, ...]) -> dict[str, Any]:
        boxes, events, texts, strokes = marks or ((), (), (), ())
        return {
            "boxes": [
                [*at(r0, c1), (r1 - r0 + 1) * rows / ARRAY_SIZE, (c1 - c0 + 1) * columns / ARRAY_SIZE]
                for r0, c0, r1, c1 in boxes
            ],
            "points": [at(row, column) for column, row in events],
            "texts": [[*at(text.row, text.column), text.text] for text in texts],
            "lines": [[drawn(stroke.points), _css(stroke.colour), stroke.width] for stroke in strokes],
        }

    return made


def _css(colour: tuple[int, int, int, int]) -> str:
    return "#" + bytes(colour).hex()


def _as_scatter(display: Display) -> Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_] | None]:
    """Points as a picture. How pairs are posted is OPEN: two columns, or else two rows, are x and y.

    Where the program gives no range, that of the points is taken.
    """

    def made(numbers: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
        pairs = np.asarray(numbers if numbers.shape[1] == 2 else numbers.T, np.float64)
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        if not len(pairs):
            return None
        limits = (display.x_least, display.x_most), (display.least, display.most)
        picture = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.bool_)
        places = []
        for values, (least, most) in zip(pairs.T, limits, strict=True):
            low, high = (least, most) if least < most else (values.min(), values.max())
            share = (values - low) / ((high - low) or 1)
            places.append(np.round(share * (ARRAY_SIZE - 1)).astype(np.int64))
        across, up = places
        inside = ((across >= 0) & (across < ARRAY_SIZE) & (up >= 0) & (up < ARRAY_SIZE)).nonzero()
        picture[ARRAY_SIZE - 1 - up[inside], across[inside]] = True
        return picture

    return made


def _as_point(place: int) -> Callable[[npt.NDArray[Any]], float | int | None]:
    def made(numbers: npt.NDArray[Any]) -> float | int | None:
        if place >= numbers.size:
            return None
        value: float | int = numbers.flat[place].item()
        return value if math.isfinite(value) else None

    return made


def _as_bars(numbers: npt.NDArray[Any]) -> list[float | int] | None:
    """None where a number is infinite or none at all: it has no height."""
    bars = numbers.reshape(-1)[:_MOST_BARS]
    return bars.tolist() if np.isfinite(bars).all() else None


def _as_range(numbers: npt.NDArray[Any]) -> str:
    rows, columns = numbers.shape
    least, most = (numbers.min(), numbers.max()) if numbers.size else (0, 0)
    return f"{rows} rows, {columns} columns, from {least} to {most}"
