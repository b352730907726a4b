"""Bytes <-> frames: a length, a payload, a CRC-32; COBS-encoded and ended by a zero byte.

Layout before COBS: ``length`` u16 little-endian, ``payload`` (length bytes), ``crc`` u32 little-endian
over length and payload (zlib's CRC-32). A zero byte can only be a delimiter, so a reader that joins in
the middle, or that lost bytes, is in step again at the next frame. Parsing never raises.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from cobs import cobs

from pixeltree_protocol.errors import FramingError

MAX_PAYLOAD = 0xFFFF
OVERHEAD = 6
"""Bytes of length and CRC around a payload, before COBS."""

MIN_FRAME = OVERHEAD + 1

COBS_RUN = 254
"""COBS adds a byte for every so many bytes without a zero."""

FRAME_BYTES = OVERHEAD + 2
"""Bytes around a payload on the wire: length and CRC, COBS's first byte, the delimiter; runs are extra."""


_LENGTH = struct.Struct("<H")
_CRC = struct.Struct("<I")


class Damage(Enum):
    """What is wrong with a frame."""

    TRUNCATED = "truncated"
    CRC = "bad CRC"
    TOO_LONG = "too long"


class Frame(NamedTuple):
    """A frame that arrived whole. ``wire_bytes`` counts its bytes on the wire, delimiter included."""

    payload: bytes
    wire_bytes: int


@dataclass(frozen=True)
class BadFrame:
    """A frame that did not; its contents are lost."""

    damage: Damage
    detail: str
    wire_bytes: int

    def __str__(self) -> str:
        return f"{self.damage.value}: {self.detail}"


def wire_limit(max_payload: int) -> int:
    """Greatest number of bytes on the wire of a frame with ``max_payload`` bytes, delimiter included."""
    return max_payload + FRAME_BYTES + (max_payload + OVERHEAD) // COBS_RUN


def encode_frame(payload: bytes) -> bytes:
    """The bytes on the wire of one payload.

    Raises:
        FramingError: the payload is empty or longer than 65,535 bytes.
    """
    return frame_of_pieces(payload)


def frame_of_pieces(*pieces: bytes) -> bytes:
    """The bytes on the wire of one payload that is given in pieces.

    Raises:
        FramingError: together they are empty or longer than 65,535 bytes.
    """
    size = sum(map(len, pieces))
    if not 1 <= size <= MAX_PAYLOAD:
        raise FramingError(f"a frame carries 1 to {MAX_PAYLOAD} bytes, not {size}")
    body = b"".join((_LENGTH.pack(size), *pieces))
    encoded: bytes = cobs.encode(body + _CRC.pack(zlib.crc32(body)))
    return encoded + b"\0"


class FrameDecoder:
    """Cuts a byte stream into frames. Holds at most one frame of the greatest length."""

    def __init__(self, max_payload: int = MAX_PAYLOAD) -> None:
        self._buffer = bytearray()
        self._skipped = 0
        self.limit(max_payload)

    def limit(self, max_payload: int) -> None:
        """From now on take payloads of so many bytes."""
        self._max_payload = max_payload
        self._limit = wire_limit(max_payload) - 1  # the delimiter is not buffered

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        """Take bytes as they come; return the frames that they complete."""
        events: list[Frame | BadFrame] = []
        begin = 0
        end = data.find(b"\0")  # split would look at each byte by itself, at a twentieth of the speed
        while end >= 0:
            if end > begin or self._buffer or self._skipped:  # not one delimiter after another
                events.append(self._finish(data[begin:end]))
            begin = end + 1
            end = data.find(b"\0", begin)
        if begin < len(data):
            self._keep(data[begin:])
        return events

    def end(self) -> BadFrame | None:
        """The stream has ended: a frame in the making is truncated."""
        pending = len(self._buffer) + self._skipped
        self._buffer.clear()
        self._skipped = 0
        if not pending:
            return None
        return BadFrame(Damage.TRUNCATED, f"the stream ended {pending} bytes into a frame", pending)

    def _keep(self, piece: bytes) -> None:
        """The front of a frame, or more of it: its delimiter is still to come."""
        if self._skipped or len(self._buffer) + len(piece) > self._limit:
            self._skipped += len(self._buffer) + len(piece)
            self._buffer.clear()
        else:
            self._buffer += piece

    def _finish(self, piece: bytes) -> Frame | BadFrame:
        """The last bytes of a frame before its delimiter."""
        encoded: bytes | bytearray = piece
        if self._buffer or self._skipped or len(piece) > self._limit:
            self._keep(piece)
            encoded, self._buffer = self._buffer, bytearray()
        if self._skipped:
            skipped, self._skipped = self._skipped, 0
            detail = f"{skipped} bytes without a delimiter; the limit is {self._limit + 1} on the wire"
            return BadFrame(Damage.TOO_LONG, detail, skipped + 1)
        event = _open_frame(encoded)
        if isinstance(event, Frame) and len(event.payload) > self._max_payload:
            detail = f"{len(event.payload)} payload bytes; the limit is {self._max_payload}"
            return BadFrame(Damage.TOO_LONG, detail, event.wire_bytes)
        return event


def _open_frame(encoded: bytes | bytearray) -> Frame | BadFrame:
    wire_bytes = len(encoded) + 1
    try:
        body = cobs.decode(encoded)
    except cobs.DecodeError:  # with zeros taken for delimiters, it can only end too early
        detail = f"{wire_bytes} bytes end inside a COBS block (cut short, or a damaged code byte)"
        return BadFrame(Damage.TRUNCATED, detail, wire_bytes)
    if len(body) < MIN_FRAME:
        return BadFrame(Damage.TRUNCATED, f"{len(body)} bytes; a frame has at least {MIN_FRAME}", wire_bytes)
    present = len(body) - OVERHEAD
    (length,), (crc,) = _LENGTH.unpack_from(body), _CRC.unpack_from(body, present + 2)
    if present == length and zlib.crc32(memoryview(body)[:-4]) == crc:
        return Frame(body[2:-4], wire_bytes)
    if present < length:
        detail = f"{present} of {length} payload bytes arrived"
        return BadFrame(Damage.TRUNCATED, detail, wire_bytes)
    return BadFrame(Damage.CRC, f"the CRC-32 of a {len(body)}-byte frame does not match", wire_bytes)
