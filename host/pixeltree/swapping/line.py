"""The line between host and device, as arithmetic: bytes of each message, and how long they take.

Sizes follow docs/protocol.md: a frame is its payload (9 bytes of envelope, then the body), 2 bytes of length,
4 of CRC, COBS, and a zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pixeltree.bundles import PUT_HEAD, bundle_body
from pixeltree.errors import DataError
from pixeltree.numbers import check_number

_ENVELOPE = 9
_FRAME = 6 + 2
_COBS_RUN = 254
_DIGEST = 16
_BURST = 1
"""The zero before each burst of bytes."""


def frame_bytes(body: int) -> int:
    """Bytes on the wire of a message with so many bytes of body, in a burst of its own.

    COBS adds a byte for each run of 254 bytes without a zero. Weights look random: about every second run has
    one.
    """
    payload = _ENVELOPE + body
    return payload + _FRAME + payload // (2 * _COBS_RUN) + _BURST


def put_bytes(data: int) -> int:
    """Bytes on the wire of one part of an object."""
    return frame_bytes(PUT_HEAD + data)


def bundle_bytes(sizes: Iterable[int]) -> int:
    """Bytes on the wire of whole objects of these sizes together."""
    return frame_bytes(bundle_body(sizes))


def query_bytes(digests: int) -> int:
    """Bytes on the wire of a question about so many objects."""
    return frame_bytes(2 + _DIGEST * digests)


def holdings_bytes(digests: int) -> int:
    """Bytes on the wire of the answer to that question."""
    return frame_bytes(2 + 4 * digests)


def stored_bytes(evicted: int = 0) -> int:
    """Bytes on the wire of the answer to an object, or to several, for which so many had to go."""
    return frame_bytes(_DIGEST + 2 + _DIGEST * evicted)


def fault_bytes(missing: int) -> int:
    """Bytes on the wire of a fault."""
    return frame_bytes(4 + _DIGEST + 2 + _DIGEST * missing)


def result_bytes(visits: int, logits: int) -> int:
    """Bytes on the wire of a result, with so many visits and logits altogether."""
    return frame_bytes(34 + 1 + visits * (_DIGEST + 2 + 2 + 8) + 4 * logits)


START_BYTES = frame_bytes(4)
CANCEL_BYTES = frame_bytes(4)


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
"""Where nobody knows how fast the line is: nothing is sent ahead, and costs of objects are their bytes."""

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
            f"{text!r} is no line: give {', '.join(LINES)}, or a rate in bits per second"
        ) from error
    return LineRate(text, rate, 8.0, latency_us)
