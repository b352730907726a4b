"""Packets of a SCAMP-5d and its host (SCAMP-5 fact sheet, 5.1, 5.2, 5.4): framing, messages, data.

The same bytes travel over USB, TCP and, tunnelled, in packets of kind 4 of the simulation protocol. Parsing
never raises: a reader that joins in the middle, or that meets damage, is in step again at a later packet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import construct as c

from pixeltree_protocol.errors import MessageError

HOST_PORT = 27888
"""TCP port of a device, at which hosts connect (5.8)."""

USB_ID = 0x1FC9, 0x008A
"""Vendor and product of a SCAMP-5d on the USB (5.8)."""

SIGNATURE = b"\x20\x17\xaa"
FRAME = c.Struct(
    "signature" / c.Const(SIGNATURE),
    "kind" / c.Int8ul,
    "size" / c.Int24ul,
    "checksum" / c.Int8ul,
)
FRAME_BYTES = FRAME.sizeof()
LARGEST_PAYLOAD = 1 << 20
"""Ours; the field holds up to 16 MiB. A whole bitstack of eight planes has 64 KiB."""

DATA_HEADER = c.Struct(
    "loop" / c.Int32ul,
    "type" / c.Int8ul,
    "version" / c.Int8ul,
    "dims" / c.Int16ul[3],
    "channel" / c.Int32ul,
)
DATA_HEADER_BYTES = DATA_HEADER.sizeof()
_QUICK_DATA_HEADER = struct.Struct("<IBB3HI")
"""The same 16 bytes; ``_QUICK_FRAME`` likewise those of :data:`FRAME`, its size in two parts."""

_QUICK_FRAME = struct.Struct("<3sBHBB")

MESSAGE = c.Struct("route" / c.Int16ul, "code" / c.Int8ul, "item" / c.Int8ul, "data" / c.Int32ul)
MESSAGE_BYTES = MESSAGE.sizeof()


class PacketKind(IntEnum):
    """First byte after the signature. Others are passed on as they are."""

    STRING = 1
    WIDE_STRING = 2
    MESSAGE = 7
    DATA = 0x10
    SCAMP = 0x11
    RAW = 0xFF


class DataType(IntEnum):
    """What a data packet holds."""

    MESSAGE = 1
    GUI = 2
    AOUT = 3
    DOUT = 4
    AABB = 5
    EVENTS = 6
    BITSTACK = 7
    TEXT = 8
    INT8 = 9
    INT16 = 10
    INT32 = 11
    FLOAT = 12
    DOTMAT = 13
    STYLE = 14
    FILEPATH = 15
    FLASH_PAGE = 16
    FLASH_STREAM = 17
    BULK_M4 = 18
    BULK_M0 = 19
    REQUEST = 20
    DISPLAY_TEXT = 24
    DISPLAY_IMAGE = 25
    DISPLAY_DRAW = 26
    IMAGE_PATCH = 33


class Route(IntEnum):
    """Whom a message is for."""

    HOST = 0xCCDE
    DEVICE = 0xDECC
    M0 = 0xD0CC
    M4 = 0xD4CC


class Code(IntEnum):
    """What a message says."""

    DEVICE_ON = 100
    DEVICE_DC = 101
    DEVICE_LC = 102
    DEVICE_ERR = 103
    DATA_STALL = 120
    PACKET = 127
    USB_CONNECT = 128
    USB_DISCONNECT = 129
    HOST_ON = 130
    HOST_DC = 131
    GUI_REQUEST = 132
    GUI_UPDATE = 133
    USER_VALUE = 134
    HOST_VALUE = 135
    GUI_FEEDBACK = 136
    START_RECORDING = 137
    STOP_RECORDING = 138
    RECORD_FRAME = 139
    SLIDER_MIN = 140
    SLIDER_MAX = 141
    CLEAR_TEXT = 142
    START_M0 = 144
    STOP_M0 = 145
    FLASH_STREAM_BEGIN = 146
    FLASH_STREAM_END = 147
    REBOOT = 148


@dataclass(frozen=True)
class Message:
    """Eight bytes between the ends.

    Attributes:
        route: see :class:`Route`.
        code: see :class:`Code`; others can come.
        item: a second code, as the index of a slider.
        data: u32; numbers with a sign are in two's complement, see :attr:`signed`.
    """

    route: int
    code: int
    item: int = 0
    data: int = 0

    @property
    def signed(self) -> int:
        """``data`` as a number with a sign."""
        return (self.data & 0xFFFFFFFF ^ 0x80000000) - 0x80000000

    def encode(self) -> bytes:
        """Eight bytes."""
        fields = {"route": self.route, "code": self.code, "item": self.item, "data": self.data & 0xFFFFFFFF}
        data: bytes = MESSAGE.build(fields)
        return data


@dataclass(frozen=True)
class Data:
    """A data packet's contents.

    Attributes:
        type: see :class:`DataType`; others can come.
        version: of the layout.
        dims: three u16 whose meaning depends on the type.
        channel: handle of a display, or a number that the program chose.
        data: what follows the header.
        loop: loop counter of the program.
    """

    type: int
    version: int
    dims: tuple[int, int, int]
    channel: int
    data: bytes
    loop: int = 0

    def encode(self) -> bytes:
        """A whole packet, framed."""
        header = _QUICK_DATA_HEADER.pack(
            self.loop & 0xFFFFFFFF, self.type, self.version, *self.dims, self.channel & 0xFFFFFFFF
        )
        return frame(PacketKind.DATA, header + self.data)


@dataclass(frozen=True)
class Packet:
    """A packet that arrived whole.

    Attributes:
        kind: see :class:`PacketKind`; others can come.
        payload: without the frame.
        raw: all its bytes, to be passed on.
    """

    kind: int
    payload: bytes
    raw: bytes

    def messages(self) -> tuple[Message, ...]:
        """The messages in it: none if it is of another kind."""
        if self.kind != PacketKind.MESSAGE:
            return ()
        count = len(self.payload) // MESSAGE_BYTES
        rows = MESSAGE[count].parse(self.payload[: count * MESSAGE_BYTES])
        return tuple(Message(row.route, row.code, row.item, row.data) for row in rows)

    def data(self) -> Data | None:
        """The data in it; None if it is of another kind, or too short."""
        if self.kind not in (PacketKind.DATA, PacketKind.SCAMP) or len(self.payload) < DATA_HEADER_BYTES:
            return None
        loop, kind, version, *dims, channel = _QUICK_DATA_HEADER.unpack_from(self.payload)
        rest = self.payload[DATA_HEADER_BYTES:]
        return Data(kind, version, (dims[0], dims[1], dims[2]), channel, rest, loop)


def frame(kind: int, payload: bytes) -> bytes:
    """A payload with its frame.

    Raises:
        MessageError: it is longer than the frame's size field can say.
    """
    if len(payload) > 0xFFFFFF:
        raise MessageError(f"the payload has {len(payload):,} bytes; a packet has at most {0xFFFFFF:,}")
    size = len(payload)
    header = _QUICK_FRAME.pack(SIGNATURE, kind, size & 0xFFFF, size >> 16, _checksum(kind, size))
    return header + payload


def messages(*several: Message) -> bytes:
    """A packet of messages, framed."""
    return frame(PacketKind.MESSAGE, b"".join(each.encode() for each in several))


def _checksum(kind: int, size: int) -> int:
    return (kind + (size & 0xFF) + (size >> 8 & 0xFF) + (size >> 16)) & 0xFF


class FrameReader:
    """Takes the bytes of one direction and gives packets.

    As the vendor's parser does (5.1): after a byte that does not fit the signature the search begins anew
    with the next byte; a header with a wrong checksum is dropped. So is a
    payload greater than :data:`LARGEST_PAYLOAD`.

    Attributes:
        lost: bytes that belong to no packet.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.lost = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take more bytes; yields what is complete."""
        buffer = self._bytes
        buffer += data
        at = 0
        try:
            while True:
                matched = self._matched(buffer, at)
                if matched < 0:
                    self.lost -= matched
                    at -= matched
                    continue
                if len(buffer) - at < FRAME_BYTES:
                    return
                kind, checksum = buffer[at + 3], buffer[at + 7]
                size = int.from_bytes(buffer[at + 4 : at + 7], "little")
                if checksum != _checksum(kind, size) or size > LARGEST_PAYLOAD:
                    self.lost += FRAME_BYTES
                    at += FRAME_BYTES
                    continue
                size = size if kind else 0  # a packet of kind 0 has no payload, whatever it says (5.1)
                end = at + FRAME_BYTES + size
                if len(buffer) < end:
                    return
                whole = bytes(buffer[at:end])
                at = end
                yield Packet(kind, whole[FRAME_BYTES:], whole)
        finally:
            del buffer[:at]

    @staticmethod
    def _matched(buffer: bytearray, at: int) -> int:
        """How many bytes of the signature stand here; as a negative number, how many bytes to skip."""
        for number, expected in enumerate(SIGNATURE):
            if at + number >= len(buffer):
                return number
            if buffer[at + number] != expected:
                return -(number + 1)
        return len(SIGNATURE)
