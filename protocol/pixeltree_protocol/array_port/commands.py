"""Commands to an array, for controllers in any language: what each is, its bytes, and what it answers.

One table (:data:`COMMANDS`) declares opcode, operands and the answer's size. Encoder, decoder, the C header
and the documentation derive from it. A batch is commands without gaps, in the order in which they are done.
All integers are little-endian. The primitives are those of fact sheet 4.5; that SCAMP-5d has the same ones is
INFERRED.

>>> encode(Latch(3, 5, 0, 255)).hex()
'04030500ff'
>>> decode_batch(bytes.fromhex("04030500ff")) == [Latch(3, 5, 0, 255)]
True
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import construct as c

from pixeltree_protocol.chip.exposure import LEAST_US, MOST_US
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.errors import ArrayPortError

MAX_BATCH = 1 << 20
"""Most bytes of a batch."""

LENGTH_BYTES = 4
"""A batch, and an answer, are preceded by their length, an uint32_t."""

DONE = 0
"""First byte of an answer to a batch that was done; what the commands answer follows, in their order."""

REFUSED = 1
"""First byte of an answer to a batch with a fault. The reason follows as UTF-8; a part may be done."""

PORT_WORDS = 5
ANALOG_PLANES = (*AREGS, Analog.PIX)
"""AREGs by the number that a command names them by; PIX, for observers, is after them."""

DIGITAL_PLANES = (*DREGS, Digital.FLAG)
"""DREGs by number; FLAG, for observers, is after them."""

PLANE_BYTES = ARRAY_SIZE * ARRAY_SIZE // 8


@dataclass(frozen=True)
class Describe:
    """Answers rows and columns of the array (uint16_t each) and words of its instruction store (uint32_t)."""


@dataclass(frozen=True)
class Load:
    """Put instruction words into the store, from word ``start`` on; five port words each (fact sheet 2.2)."""

    start: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Execute:
    """Send the words ``start`` to ``start + count - 1`` of the store to the array, ``times`` times over."""

    start: int
    count: int
    times: int = 1


@dataclass(frozen=True)
class DriveDac:
    """Drive IN from the 12-bit DAC; 16 codes are one level, 2,048 is level 0."""

    dac: int


@dataclass(frozen=True)
class Latch:
    """Set the address latches: SELECT is the pixels whose row and column match but for the mask's bits."""

    r: int
    c: int
    rx: int
    cx: int


@dataclass(frozen=True)
class Rectangle:
    """Set the address logic to a rectangle; corners inclusive, (r0, c0) the top RIGHT one."""

    r0: int
    c0: int
    r1: int
    c1: int


@dataclass(frozen=True)
class Sample:
    """One ADC sample of AREG ``areg`` over the selected pixels: a byte, 128 + sum of levels / ``scale``."""

    areg: int
    scale: int


@dataclass(frozen=True)
class SampleGrid:
    """ADC samples of single pixels, a byte each, column-major from the top right."""

    areg: int
    r0: int
    c0: int
    r1: int
    c1: int
    rs: int
    cs: int


@dataclass(frozen=True)
class ReadRows:
    """Rows of a DREG by the digital byte: 32 bytes a row, byte j bit i = column 8 j + i."""

    dreg: int
    row: int
    row_step: int
    rows: int


@dataclass(frozen=True)
class GlobalOr:
    """Whether any selected pixel of a DREG is 1: a byte."""

    dreg: int


@dataclass(frozen=True)
class Events:
    """Addresses of the first ``most`` 1s of a DREG, as the address logic puts them out: two bytes each."""

    dreg: int
    most: int
    row_first: int
    h_dir: int
    v_dir: int


@dataclass(frozen=True)
class BoundingBox:
    """Top row, right column, bottom row, left column of the 1s of a DREG: four bytes."""

    dreg: int


@dataclass(frozen=True)
class WriteRows:
    """Replace a DREG by a plane, where R0 is 1 if it is R12. A chip draws it point by point."""

    dreg: int
    plane: bytes


@dataclass(frozen=True)
class Cycles:
    """Words executed since the array was switched on: uint64_t."""


@dataclass(frozen=True)
class BeginFrame:
    """A frame of a tree begins: an emulated chip numbers its random draws from here. A chip does nothing."""

    frame: int


@dataclass(frozen=True)
class Elapse:
    """``ns`` of device time pass: light falls in and registers decay. A chip does nothing."""

    ns: int


@dataclass(frozen=True)
class Expose:
    """PIX becomes what the exposure of a frame, ``us`` microseconds long and ending now, leaves."""

    us: int


@dataclass(frozen=True)
class BeginExposure:
    """PIX integrates light from its reset level on, from now."""


@dataclass(frozen=True)
class Show:
    """Paint a part of the scene, uint8 pixels the right way round: a byte, 1 where it fits and 0 where not.

    A chip, which has optics, answers 0. A patch of 0 rows and columns gives the sensor back to its source.
    """

    top: int
    left: int
    rows: int
    columns: int
    clear: int
    pixels: bytes


_AREG = (c.Int8ul, 0, len(AREGS) - 1)
_ANALOG = (c.Int8ul, 0, len(ANALOG_PLANES) - 1)
_DREG = (c.Int8ul, 0, len(DREGS) - 1)
_DIGITAL = (c.Int8ul, 0, len(DIGITAL_PLANES) - 1)
_BYTE = (c.Int8ul, 0, 255)
_SOME = (c.Int8ul, 1, 255)
_FLAG = (c.Int8ul, 0, 1)
_WORD = (c.Int16ul, 0, 0xFFFF)
_WORDS = (c.PrefixedArray(c.Int16ul, c.Int32ul), 0, 0)
_PLANE = (c.Bytes(PLANE_BYTES), 0, 0)
_PIXELS = (c.Prefixed(c.Int32ul, c.GreedyBytes), 0, 0)


@dataclass(frozen=True)
class Form:
    """One row of the table.

    Attributes:
        opcode: first byte of the command.
        command: its class; fields in the order of their bytes.
        operands: per field its layout, and for a number the least and the greatest value.
        answer: bytes that it answers.
    """

    opcode: int
    command: type[Any]
    operands: tuple[tuple[c.Construct, int, int], ...] = ()
    answer: Callable[[Any], int] = lambda _: 0

    @cached_property
    def numbers(self) -> struct.Struct | None:
        """All operands at once, where they are numbers only: the same bytes, read ten times faster."""
        layouts = [layout for layout, _, _ in self.operands]
        if not all(isinstance(layout, c.FormatField) for layout in layouts):
            return None
        return struct.Struct("<" + "".join(layout.fmtstr[1:] for layout in layouts))


def _samples(command: SampleGrid) -> int:
    return len(range(command.r0, command.r1 + 1, command.rs)) * len(
        range(command.c0, command.c1 + 1, command.cs)
    )


COMMANDS = (
    Form(0, Describe, (), lambda _: 8),
    Form(1, Load, (_WORD, _WORDS)),
    Form(2, Execute, (_WORD, _WORD, _WORD)),
    Form(3, DriveDac, ((c.Int16ul, 0, 4095),)),
    Form(4, Latch, (_BYTE,) * 4),
    Form(5, Rectangle, (_BYTE,) * 4),
    Form(6, Sample, (_AREG, (c.Int32ul, 1, 1 << 16)), lambda _: 1),
    Form(7, SampleGrid, (_ANALOG, _BYTE, _BYTE, _BYTE, _BYTE, _SOME, _SOME), _samples),
    Form(8, ReadRows, (_DIGITAL, _BYTE, _SOME, (c.Int16ul, 1, 256)), lambda command: 32 * command.rows),
    Form(9, GlobalOr, (_DREG,), lambda _: 1),
    Form(10, Events, (_DREG, (c.Int16ul, 0, 4000), _FLAG, _FLAG, _FLAG), lambda command: 2 * command.most),
    Form(11, BoundingBox, (_DREG,), lambda _: 4),
    Form(12, WriteRows, (_DREG, _PLANE)),
    Form(13, Cycles, (), lambda _: 8),
    Form(20, BeginFrame, ((c.Int32ul, 0, 0xFFFFFFFF),)),
    Form(21, Elapse, ((c.Int64ul, 0, (1 << 63) - 1),)),
    Form(22, Expose, ((c.Int32ul, LEAST_US, MOST_US),)),
    Form(23, BeginExposure),
    Form(24, Show, (_WORD, _WORD, _WORD, _WORD, _FLAG, _PIXELS), lambda _: 1),
)

_BY_OPCODE = {form.opcode: form for form in COMMANDS}
_BY_CLASS = {form.command: form for form in COMMANDS}


def encode(command: Any) -> bytes:  # noqa: ANN401 - any row's class
    """A command as bytes."""
    form = _BY_CLASS[type(command)]
    parts = [bytes([form.opcode])]
    for field, (layout, _, _) in zip(fields(command), form.operands, strict=True):
        parts.append(layout.build(getattr(command, field.name)))
    return b"".join(parts)


def decode_batch(data: bytes) -> list[Any]:
    """The commands of a batch.

    Raises:
        ArrayPortError: bytes that are none, or operands out of their range; it names the command.
    """
    commands: list[Any] = []
    at = 0
    while at < len(data):
        form = _BY_OPCODE.get(data[at])
        if form is None:
            raise ArrayPortError(f"command {len(commands)}: no command has opcode {data[at]}")
        where = f"command {len(commands)} ({form.command.__name__})"
        values, at = _operands(form, data, at + 1, where)
        for field, value, (_, least, most) in zip(fields(form.command), values, form.operands, strict=True):
            if isinstance(value, int) and not least <= value <= most:
                raise ArrayPortError(f"{where}: {field.name} must be {least} to {most}, not {value}")
        commands.append(form.command(*values))
    return commands


def _operands(form: Form, data: bytes, at: int, where: str) -> tuple[tuple[Any, ...], int]:
    """A command's operands, and where the next command begins."""
    numbers = form.numbers
    try:
        if numbers is not None:
            return numbers.unpack_from(data, at), at + numbers.size
        stream = _Reader(data, at)
        values = [layout.parse_stream(stream) for layout, _, _ in form.operands]
    except (struct.error, c.ConstructError) as error:
        raise ArrayPortError(f"{where}: its last bytes are missing") from error
    return tuple(tuple(value) if isinstance(value, list) else value for value in values), stream.tell()


class _Reader:
    """Bytes with a place in them, as construct reads them."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def read(self, count: int = -1) -> bytes:
        """The next bytes; fewer where there are no more."""
        part = self._data[self._at : None if count < 0 else self._at + count]
        self._at += len(part)
        return part

    def tell(self) -> int:
        """Bytes read so far, and those before them."""
        return self._at
