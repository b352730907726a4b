"""Messages that ask about the device and its array, or run something on it at once."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.link.declaration import Field, Sender, message
from pixeltree_protocol.link.messages.layouts import DIGEST, DIGESTS, TEXT
from pixeltree_protocol.objects.layout import Digest

_HOST, _DEVICE = Sender.HOST, Sender.DEVICE


@message(
    15,
    _HOST,
    Field(
        "register", TEXT, "vendor name", limits="A to F, NEWS, R0 to R12; PIX and FLAG of an emulated array"
    ),
)
@dataclass(frozen=True)
class ReadPlane:
    """Read a register of the whole array as it is now; answered by PLANE_PARTs."""

    register: str


@message(
    16,
    _DEVICE,
    Field("offset", c.Int32ul, "where this part begins", "bytes"),
    Field("total", c.Int32ul, "size of the whole plane", "bytes", "8,192 or 65,536"),
    Field("data", c.GreedyBytes, "the part"),
)
@dataclass(frozen=True)
class PlanePart:
    """Part of the answer to READ_PLANE; parts come in order.

    A DREG, and FLAG, is 8,192 bytes: 32 a row from row 0, bit i of byte j is column 8 j + i. An AREG, and
    PIX, is 65,536 signed bytes, row-major, in analog levels. Column 0 is the right edge.
    """

    offset: int
    total: int
    data: bytes


@message(17, _HOST, Field("nonce", c.Int32ul, "any number"))
@dataclass(frozen=True)
class Ping:
    """Are you there?"""

    nonce: int


@message(18, _DEVICE, Field("nonce", c.Int32ul, "the number in PING"))
@dataclass(frozen=True)
class Pong:
    """Yes."""

    nonce: int


@message(21, _HOST)
@dataclass(frozen=True)
class GetStatus:
    """How is the device? Answered by STATUS."""


@message(
    22,
    _DEVICE,
    Field("sessions", c.Int16ul, "sessions that have a wire"),
    Field("driver", TEXT, "who drives the device; empty where nobody does"),
    Field("tree", DIGEST, "the open tree; zeros where none is"),
    Field("frame_in_hand", c.Flag, "whether a frame is being worked on"),
    Field("frames", c.Int64ul, "frames that ended with a result since the device started"),
    Field("budget_bytes", c.Int32ul, "room for objects in force", "bytes"),
    Field("used_bytes", c.Int32ul, "room taken by objects and uploads", "bytes"),
    Field("icw_used", c.Int32ul, "room taken in the instruction store", "instruction words"),
    Field("objects", c.Int16ul, "resident objects"),
    Field("device_ns", c.Int64ul, "device clock since the start", "ns"),
    Field("uptime_ms", c.Int64ul, "wall clock since the start", "ms"),
    Field("damaged_frames", c.Int32ul, "frames that came in damaged since the start, on all wires"),
    Field("resent_bytes", c.Int64ul, "what the device sent again in this session", "bytes on the wire"),
)
@dataclass(frozen=True)
class Status:
    """Answer to GET_STATUS."""

    sessions: int
    driver: str
    tree: Digest
    frame_in_hand: bool
    frames: int
    budget_bytes: int
    used_bytes: int
    icw_used: int
    objects: int
    device_ns: int
    uptime_ms: int
    damaged_frames: int
    resent_bytes: int


@message(43, _HOST)
@dataclass(frozen=True)
class GetSettings:
    """How is the device set up? Answered by SETTINGS."""


@message(
    44,
    _DEVICE,
    Field("settings", TEXT, "lines of NAME=VALUE, for people; a name is of lower-case letters, digits and _"),
)
@dataclass(frozen=True)
class Settings:
    """Answer to GET_SETTINGS: of an emulated device what it looks at, and which chip it is."""

    settings: str


@message(
    31,
    _DEVICE,
    Field("code", c.Int16ul, "an error code"),
    Field("detail", TEXT, "what happened, where, what to do; for people", limits="at most 500 characters"),
)
@dataclass(frozen=True)
class Error:
    """The request failed."""

    code: int
    detail: str


@message(
    40,
    _HOST,
    Field("blocks", DIGESTS, "resident blocks, in the order of the slots by which the program names them"),
    Field("segments", DIGESTS, "resident segments, likewise"),
    Field("program", c.GreedyBytes, "a program object's bytes"),
)
@dataclass(frozen=True)
class Execute:
    """Immediate mode: run a program now and outside any tree; answered by READ_OUTs and EXECUTED."""

    blocks: tuple[Digest, ...]
    segments: tuple[Digest, ...]
    program: bytes


@message(
    41,
    _DEVICE,
    Field(
        "step", c.Int16ul, "index of the step in the program, from 0; in a loop it reads out again and again"
    ),
    Field("offset", c.Int32ul, "where this part begins", "bytes"),
    Field("total", c.Int32ul, "size of the whole read-out", "bytes"),
    Field("data", c.GreedyBytes, "the part"),
)
@dataclass(frozen=True)
class ReadOut:
    """Part of what a read-out step of an EXECUTE gave; parts come in order, before EXECUTED."""

    step: int
    offset: int
    total: int
    data: bytes


@message(
    42,
    _DEVICE,
    Field("device_ns", c.Int64ul, "device time that it took", "ns"),
    Field("words", c.Int32ul, "instruction words executed"),
)
@dataclass(frozen=True)
class Executed:
    """An EXECUTE is done."""

    device_ns: int
    words: int
