"""What programs draw on a display (SCAMP-5 fact sheet, section 5.6): a stream of commands, as strokes.

A command is a u16, ``bytes of arguments << 8 | operation``, and its arguments, i16 unless said. 0xFF ends the
stream. Coordinates are those of the vendor's host: x to the right, y upwards, from the lower left corner of a
picture of 256 x 256 (its example turns them by 180 degrees against rows and columns of the array, 1.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import construct as c

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor.packets import Data, DataType

VERSION = 10
_END = 0xFF
_MOST_STROKES = 10_000
_MOST_SEGMENTS = 360
_MOST_PUSHED = 64


class Op(IntEnum):
    """What a command does."""

    ROTATE = 0x10
    ROTATE_ATAN2 = 0x11
    TRANSLATE = 0x20
    SCALE = 0x30
    SCALE_FLOAT = 0x31
    RESET = 0x40
    PUSH = 0x41
    POP = 0x42
    COLOUR = 0x50
    LINE_WIDTH = 0x52
    POINT_SIZE = 0x54
    POINT = 0x80
    LINE = 0x81
    RECT = 0x82
    CIRCLE = 0x83


ARGUMENTS: dict[Op, c.Construct] = {
    Op.ROTATE: c.Int16sl[1],
    Op.ROTATE_ATAN2: c.Int16sl[2],
    Op.TRANSLATE: c.Int16sl[2],
    Op.SCALE: c.Int16sl[3],
    Op.SCALE_FLOAT: c.Float32l[2],
    Op.RESET: c.Int16sl[0],
    Op.PUSH: c.Int16sl[0],
    Op.POP: c.Int16sl[0],
    Op.COLOUR: c.Int8ul[4],
    Op.LINE_WIDTH: c.Int16sl[2],
    Op.POINT_SIZE: c.Int16sl[2],
    Op.POINT: c.Int16sl[2],
    Op.LINE: c.Int16sl[4],
    Op.RECT: c.Int16sl[4],
    Op.CIRCLE: c.Int16sl[4],
}
"""Arguments by command. ROTATE: degrees. ROTATE_ATAN2: y, x. SCALE: x, y, denominator. COLOUR: red, green,
blue, opacity. LINE_WIDTH, POINT_SIZE: width, denominator. LINE: x0, y0, x1, y1. CIRCLE: x, y, radius,
corners. RECT is INFERRED to have two corners, as a line."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """A line from point to point, or one point.

    Attributes:
        points: x and y of each; one point is a dot.
        colour: red, green, blue, opacity; 0 to 255.
        width: of the line, or of the dot, in pixels.
    """

    points: tuple[Point, ...]
    colour: tuple[int, int, int, int]
    width: float


def draw(commands: Sequence[tuple[Op, tuple[float, ...]]], channel: int, loop: int = 0) -> Data:
    """A data packet of commands with their arguments.

    Raises:
        MessageError: arguments that a command does not have.
    """
    stream = bytearray()
    for op, arguments in commands:
        try:
            data = ARGUMENTS[op].build(list(arguments))
        except c.ConstructError as error:
            raise MessageError(f"{op.name} with arguments {arguments}: {error}") from error
        stream += (len(data) << 8 | op).to_bytes(2, "little") + data
    stream += _END.to_bytes(2, "little")
    return Data(DataType.DISPLAY_DRAW, VERSION, (2, 0, 0), channel, bytes(stream), loop)


def read_drawing(data: Data) -> list[Stroke]:
    """What a data packet of commands draws. Operations that nobody knows are left out.

    Raises:
        MessageError: bytes that end within a command, or arguments of another length.
    """
    pen, stream, at = _Pen(), data.data, 0
    while at < len(stream) and stream[at] != _END:
        size = stream[at + 1] if at + 1 < len(stream) else 0
        arguments = stream[at + 2 : at + 2 + size]
        if len(stream) < at + 2 or len(arguments) < size:
            raise MessageError(f"a drawing that ends within a command, at byte {at} of {len(stream)}")
        if stream[at] in ARGUMENTS:
            op = Op(stream[at])
            if size != ARGUMENTS[op].sizeof():
                raise MessageError(f"{op.name} with {size} bytes of arguments")
            _ACTIONS[op](pen, *ARGUMENTS[op].parse(arguments))
            if len(pen.strokes) > _MOST_STROKES:
                raise MessageError(f"a drawing of more than {_MOST_STROKES:,} strokes")
        at += 2 + size
    return pen.strokes


@dataclass(frozen=True)
class _Place:
    """A transformation: x' = a x + b y + e, y' = c x + d y + f."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    def after(self, a: float, b: float, c: float, d: float, e: float = 0.0, f: float = 0.0) -> _Place:
        """First the given one, then this: as OpenGL multiplies (INFERRED)."""
        return _Place(
            self.a * a + self.b * c,
            self.a * b + self.b * d,
            self.c * a + self.d * c,
            self.c * b + self.d * d,
            *self.of(e, f),
        )

    def of(self, x: float, y: float) -> Point:
        """Where a point comes to lie."""
        return self.a * x + self.b * y + self.e, self.c * x + self.d * y + self.f


@dataclass
class _Pen:
    place: _Place = field(default_factory=_Place)
    pushed: list[_Place] = field(default_factory=list)
    colour: tuple[int, int, int, int] = (255, 255, 255, 255)
    line_width: float = 1.0
    point_size: float = 1.0
    strokes: list[Stroke] = field(default_factory=list)

    def rotate(self, angle: float) -> None:
        """Turn what follows, against the clock (INFERRED)."""
        cosine, sine = math.cos(angle), math.sin(angle)
        self.place = self.place.after(cosine, -sine, sine, cosine)

    def scale(self, x: float, y: float) -> None:
        """Make what follows wider and higher; numbers that are none do nothing."""
        if math.isfinite(x) and math.isfinite(y):
            self.place = self.place.after(x, 0, 0, y)

    def reset(self) -> None:
        """No transformation."""
        self.place = _Place()

    def push(self) -> None:
        """Remember the transformation."""
        if len(self.pushed) < _MOST_PUSHED:
            self.pushed.append(self.place)

    def pop(self) -> None:
        """Go back to the one remembered last."""
        if self.pushed:
            self.place = self.pushed.pop()

    def through(self, points: Sequence[Point], width: float) -> None:
        """Draw from point to point."""
        self.strokes.append(Stroke(tuple(self.place.of(*point) for point in points), self.colour, width))

    def rectangle(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Draw a frame."""
        self.through([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], self.line_width)

    def circle(self, x: int, y: int, radius: int, segments: int) -> None:
        """Draw a polygon with so many corners."""
        count = max(3, min(segments, _MOST_SEGMENTS))
        angles = [2 * math.pi * number / count for number in range(count + 1)]
        points = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
        self.through(points, self.line_width)


_ACTIONS: dict[Op, Callable[..., None]] = {
    Op.ROTATE: lambda pen, degrees: pen.rotate(math.radians(degrees)),
    Op.ROTATE_ATAN2: lambda pen, y, x: pen.rotate(math.atan2(y, x)),
    Op.TRANSLATE: lambda pen, x, y: setattr(pen, "place", pen.place.after(1, 0, 0, 1, x, y)),
    Op.SCALE: lambda pen, x, y, per: pen.scale(x / (per or 1), y / (per or 1)),
    Op.SCALE_FLOAT: _Pen.scale,
    Op.RESET: _Pen.reset,
    Op.PUSH: _Pen.push,
    Op.POP: _Pen.pop,
    Op.COLOUR: lambda pen, *colour: setattr(pen, "colour", colour),
    Op.LINE_WIDTH: lambda pen, width, per: setattr(pen, "line_width", width / (per or 1)),
    Op.POINT_SIZE: lambda pen, width, per: setattr(pen, "point_size", width / (per or 1)),
    Op.POINT: lambda pen, x, y: pen.through([(x, y)], pen.point_size),
    Op.LINE: lambda pen, x0, y0, x1, y1: pen.through([(x0, y0), (x1, y1)], pen.line_width),
    Op.RECT: _Pen.rectangle,
    Op.CIRCLE: _Pen.circle,
}
