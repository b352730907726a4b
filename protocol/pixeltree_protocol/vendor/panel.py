"""What a program shows at the moment, as a list that any viewer can draw: made of the packets that it sends.

A viewer asks for displays, and for what each shows; for plots, texts and elements with their values. It need
not know a packet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor import drawing, gui, payloads
from pixeltree_protocol.vendor.packets import Code, Data, DataType, Message, Packet, Route, messages
from pixeltree_protocol.vendor.requests import Request, read_request

_LINES = 200
"""Texts that are kept."""

_MOST_REQUESTS = 64
_MOST_STROKES = 10_000

_MOST_CHANNELS = 256
"""Channels that are kept; a program may number what it posts without end."""


@dataclass
class Shown:
    """What one display, or one channel, shows.

    Attributes:
        picture: the last plane: uint8 (rows, columns), or (rows, columns, 3) in colour, the right way round
            for a viewer (row 0 on top, column 0 on the left); None before any.
        levels: how many grey levels the picture has.
        boxes: bounding boxes of the last frame: r0, c0, r1, c1 in the array's coordinates.
        events: coordinates of the last scan.
        texts: texts on the display.
        strokes: what was drawn on it, in the coordinates of :mod:`~pixeltree_protocol.vendor.drawing`.
        numbers: the last array that was posted: (rows, columns).
        loop: the program's loop counter at the last of them.
        updates: how many have come.
    """

    picture: npt.NDArray[np.uint8] | None = None
    levels: int = 256
    boxes: list[tuple[int, ...]] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)
    texts: list[payloads.DisplayText] = field(default_factory=list)
    strokes: list[drawing.Stroke] = field(default_factory=list)
    numbers: npt.NDArray[Any] | None = None
    loop: int = 0
    updates: int = 0


class Panel:
    """The displays and elements of one program.

    Attributes:
        displays: as the program described them; the handle of the first is 100.
        elements: as described; the index of an element is its place.
        values: value of each element.
        shown: by channel: handles of displays, and other numbers that the program posts to.
        texts: the last lines of text.
        styles: scripts by name; nobody here can read them.
        snapshots: channels whose picture is to be saved, each with the program's path, until a host has done
            so.
        requests: pictures and files that the program wants, until a host takes them.
        running: whether a program shows something: since the last of its packets, nobody said that it left.
        unread: packets that could not be read.
    """

    def __init__(self) -> None:
        self.displays: tuple[gui.Display, ...] = ()
        self.elements: tuple[gui.Element, ...] = ()
        self.values: dict[int, int] = {}
        self.shown: dict[int, Shown] = {}
        self.texts: deque[str] = deque(maxlen=_LINES)
        self.styles: dict[str, str] = {}
        self.snapshots: deque[tuple[int, str]] = deque(maxlen=_MOST_REQUESTS)
        self.requests: deque[Request] = deque(maxlen=_MOST_REQUESTS)
        self.running = False
        self.unread = 0

    def take(self, packet: Packet) -> None:
        """Take a packet of the program's; one that cannot be read changes nothing."""
        for message in packet.messages():
            self._message(message)
        data = packet.data()
        if data is None:
            return
        self.running = True
        try:
            self.take_data(data)
        except MessageError:
            self.unread += 1

    def take_data(self, data: Data) -> None:
        """Take the contents of a data packet.

        Raises:
            MessageError: they cannot be read.
        """
        reader = self._READERS.get(data.type)
        if reader is None:
            return
        reader(self, data)

    def _message(self, message: Message) -> None:
        if message.code == Code.GUI_FEEDBACK:
            self.values[message.item] = message.signed
        elif message.code in (Code.SLIDER_MIN, Code.SLIDER_MAX):
            self._range(message)
        elif message.code == Code.CLEAR_TEXT:
            self.texts.clear()
        elif message.code == Code.DEVICE_DC:
            self.running = False
            self.values.clear()  # the next program begins with values of its own

    def _range(self, message: Message) -> None:
        """A program has given a slider another range: one message for each end."""
        if message.item >= len(self.elements):
            return
        elements, element = list(self.elements), self.elements[message.item]
        least = message.code == Code.SLIDER_MIN
        elements[message.item] = (
            replace(element, least=message.signed) if least else replace(element, most=message.signed)
        )
        self.elements = tuple(elements)

    def _of(self, data: Data) -> Shown:
        if data.channel not in self.shown and len(self.shown) >= _MOST_CHANNELS:
            self.shown.pop(next(iter(self.shown)))
        shown = self.shown.setdefault(data.channel, Shown())
        shown.updates += 1
        if shown.loop != data.loop:  # boxes and texts belong to the frame in which they came
            shown.boxes, shown.texts, shown.events, shown.strokes = [], [], [], []
        shown.loop = data.loop
        return shown

    def _gui(self, data: Data) -> None:
        if data.version == gui.DISPLAYS_VERSION:
            displays = gui.read_displays(data)
            both = min(len(displays), len(self.displays))
            if displays[:both] != self.displays[:both]:
                self.shown.clear()  # that was another program's
            self.displays = displays
        elif data.version == gui.ELEMENTS_VERSION:
            self.elements = gui.read_elements(data)
            for index, element in enumerate(self.elements):
                self.values.setdefault(index, element.initial)

    def _levels(self, data: Data) -> None:
        plane = payloads.read_levels(data)
        shown = self._of(data)
        shown.picture, shown.levels = _picture(plane), 256

    def _patch(self, data: Data) -> None:
        """Part of a plane, on what the display shows; on black where that is no plane."""
        row, column, part = payloads.read_patch(data)
        shown = self._of(data)
        whole = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.uint8)
        if shown.picture is not None and shown.picture.shape == whole.shape and shown.levels == 256:
            whole[:] = shown.picture[:, ::-1]
        place = whole[row : row + part.shape[0], column : column + part.shape[1]]
        place[:] = part[: place.shape[0], : place.shape[1]]
        shown.picture, shown.levels = _picture(whole), 256

    def _image(self, data: Data) -> None:
        pixels = payloads.read_image(data)
        shown = self._of(data)
        shown.picture, shown.levels = pixels.copy(), 256

    def _drawing(self, data: Data) -> None:
        strokes = drawing.read_drawing(data)
        shown = self._of(data)
        shown.strokes = (shown.strokes + strokes)[-_MOST_STROKES:]

    def _snapshot(self, data: Data) -> None:
        self.snapshots.append((data.channel, payloads.read_text(data)))

    def _request(self, data: Data) -> None:
        self.requests.append(read_request(data))

    def _bits(self, data: Data) -> None:
        plane = payloads.read_bits(data)
        shown = self._of(data)
        shown.picture, shown.levels = _picture(plane.astype(np.uint8)), 2

    def _bitstack(self, data: Data) -> None:
        plane = payloads.read_bitstack(data)
        shown = self._of(data)
        shown.picture, shown.levels = _picture(plane), 1 << min(data.dims[2], 8)

    def _boxes(self, data: Data) -> None:
        self._of(data).boxes += payloads.read_boxes(data)

    def _events(self, data: Data) -> None:
        self._of(data).events = payloads.read_events(data)

    def _text(self, data: Data) -> None:
        self.texts.append(payloads.read_text(data))

    def _numbers(self, data: Data) -> None:
        values = payloads.read_numbers(data)
        self._of(data).numbers = values

    def _display_text(self, data: Data) -> None:
        words = payloads.read_display_text(data)
        self._of(data).texts.append(words)

    def _style(self, data: Data) -> None:
        name, script = payloads.read_style(data)
        self.styles[name] = script

    _READERS: ClassVar[dict[int, Callable[[Panel, Data], None]]] = {
        DataType.GUI: _gui,
        DataType.AOUT: _levels,
        DataType.DOUT: _bits,
        DataType.DOTMAT: _bits,
        DataType.BITSTACK: _bitstack,
        DataType.AABB: _boxes,
        DataType.EVENTS: _events,
        DataType.TEXT: _text,
        **dict.fromkeys(payloads.NUMBERS, _numbers),
        DataType.DISPLAY_TEXT: _display_text,
        DataType.STYLE: _style,
        DataType.IMAGE_PATCH: _patch,
        DataType.DISPLAY_IMAGE: _image,
        DataType.DISPLAY_DRAW: _drawing,
        DataType.FILEPATH: _snapshot,
        DataType.REQUEST: _request,
    }


def _picture(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """As one sees it: column 0 of the array is the right edge."""
    return plane[:, ::-1].copy()


GUI_REQUEST = messages(Message(Route.M0, Code.GUI_REQUEST))
"""Asks for the description of displays and elements."""

HELLO = messages(Message(Route.M0, Code.HOST_ON)) + GUI_REQUEST
"""What a host says first: that it is there (slider values are ignored before), and that it wants the GUI."""


def slider(index: int, value: int) -> bytes:
    """The packet that says that a user has moved an element."""
    return messages(Message(Route.M0, Code.GUI_UPDATE, index, value))
