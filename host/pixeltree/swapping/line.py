"""The line between host and device, as arithmetic: bytes of each message, and how long they take.

Sizes are those of the messages' declarations: a frame is its payload (envelope, then the body), its length,
its CRC, COBS, and a zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pixeltree.arguments.numbers import check_number
from pixeltree.errors import DataError
from pixeltree_protocol.link.bundles import PUT_HEAD, bundle_body
from pixeltree_protocol.link.framing import COBS_RUN, FRAME_BYTES
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    CancelFrame,
    Fault,
    Holdings,
    Query,
    Result,
    StartFrame,
    Stored,
    head_bytes,
    item_bytes,
)
from pixeltree_protocol.names import known_names

_RUN = 2 * COBS_RUN
"""Bytes to each that COBS adds: weights look random, so that about every second run has a zero."""

_BURST = 1
"""The zero before each burst of bytes."""


def frame_bytes(body: int) -> int:
    """Bytes on the wire of a message with so many bytes of body, in a burst of its own."""
    payload = ENVELOPE_BYTES + body
    return payload + FRAME_BYTES + payload // _RUN + _BURST


def put_bytes(data: int) -> int:
    """Bytes on the wire of one part of an object."""
    return frame_bytes(PUT_HEAD + data)


def chunk_within(wire_bytes: int) -> int:
    """Bytes of an object whose part is no longer than so many bytes on the wire."""
    return wire_bytes - put_bytes(0) - wire_bytes // _RUN


def bundle_bytes(sizes: Iterable[int]) -> int:
    """Bytes on the wire of whole objects of these sizes together."""
    return frame_bytes(bundle_body(sizes))


def query_bytes(digests: int) -> int:
    """Bytes on the wire of a question about so many objects."""
    return frame_bytes(head_bytes(Query) + item_bytes(Query, "digests") * digests)


def holdings_bytes(digests: int) -> int:
    """Bytes on the wire of the answer to that question."""
    return frame_bytes(head_bytes(Holdings) + item_bytes(Holdings, "received") * digests)


def stored_bytes(evicted: int = 0) -> int:
    """Bytes on the wire of the answer to an object, or to several, for which so many had to go."""
    return frame_bytes(head_bytes(Stored) + item_bytes(Stored, "evicted") * evicted)


def fault_bytes(missing: int) -> int:
    """Bytes on the wire of a fault."""
    return frame_bytes(head_bytes(Fault) + item_bytes(Fault, "missing") * missing)


def result_bytes(visits: int, logits: int) -> int:
    """Bytes on the wire of a result, with so many visits and logits altogether."""
    path = item_bytes(Result, "path") * visits + item_bytes(Result, "path", "logits") * logits
    return frame_bytes(head_bytes(Result) + path)


START_BYTES = frame_bytes(head_bytes(StartFrame))
CANCEL_BYTES = frame_bytes(head_bytes(CancelFrame))


@dataclass(frozen=True)
class LineRate:
    """A line.

    Attributes:
        name: what it is called.
        bits_per_second: its rate in each direction, above 0.
        bits_per_byte: bits on the line for a byte, above 0: 10 for a serial port with 8N1.
        latency_us: microseconds from one end to the other, 0 or more.

    Raises:
        DataError: a number out of range, or not finite.
    """

    name: str
    bits_per_second: float
    bits_per_byte: float = 8.0
    latency_us: float = 0.0

    def __post_init__(self) -> None:
        check_number(f"line {self.name}: the rate, in bits per second,", self.bits_per_second, above=0)
        check_number(f"line {self.name}: the bits of a byte", self.bits_per_byte, above=0)
        check_number(f"line {self.name}: the latency, in microseconds,", self.latency_us, least=0)

    @property
    def known(self) -> bool:
        """Whether it is any line at all, not :data:`UNKNOWN_LINE`."""
        return self is not UNKNOWN_LINE

    @property
    def us_per_byte(self) -> float:
        """Microseconds that a byte takes."""
        return self.bits_per_byte * 1e6 / self.bits_per_second


UNKNOWN_LINE = LineRate("unknown", 1e9)
"""A line whose rate is not known. Nothing is sent ahead on it, and the cost of an object is its bytes."""

LINES = {
    "usb_12M": LineRate("usb_12M", 12e6, 8, 0.0),
    "serial_3M": LineRate("serial_3M", 3e6, 10, 0.0),
}
"""Lines with a name: USB full speed, and a serial port of 3 Mbaud with 8N1."""


def line_named(text: str, latency_us: float = 0.0) -> LineRate:
    """A line by its name, or by its rate in bits per second, as in ``12e6``.

    Raises:
        DataError: it is neither, or a number is out of range.
    """
    known = LINES.get(text)
    if known is not None:
        return LineRate(known.name, known.bits_per_second, known.bits_per_byte, latency_us)
    try:
        rate = float(text)
    except ValueError as error:
        raise DataError(
            f"{text!r} is not a line; give bits per second, or a name: {known_names(text, LINES)}"
        ) from error
    return LineRate(text, rate, 8.0, latency_us)
