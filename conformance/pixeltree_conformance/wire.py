"""A wire to the device, spoken by hand: frames are made and read here, right or wrong as the test wants."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TypeVar

from pixeltree.links import Link
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import BadFrame, FrameDecoder, encode_frame
from pixeltree_protocol.link.messages import (
    Message,
    decode_message,
    encode_message,
    is_sequenced,
    open_envelope,
)

ANSWER_TIME = 20.0
"""Seconds that an answer may take. No test measures it: it ends a wait for what will not come."""

SEND_TIME = 20.0
"""Seconds in which a device must take what is sent to it."""

_Kind = TypeVar("_Kind")

NO_NUMBERS = Numbers(0, 0, 0)


@dataclass(frozen=True)
class Came:
    """A frame that came from the device.

    Attributes:
        wire_bytes: its size on the wire.
        at: when it came (``time.monotonic`` seconds).
        sequenced: whether it takes part in reliable delivery.
    """

    message: Message
    request: int
    numbers: Numbers
    wire_bytes: int
    at: float
    sequenced: bool


def frame_of(message: Message, request: int = 0, numbers: Numbers = NO_NUMBERS) -> bytes:
    """The bytes on the wire of a message."""
    return encode_frame(encode_message(message, request, numbers))


class Wire:
    """An open link, and the frames on it.

    Args:
        link: the link; closed by :meth:`close`.
        keep: whether the link stays open for further wires, as a serial port does.

    Attributes:
        damaged: frames that came in damaged.
        last_sent: when something was sent last (``time.monotonic`` seconds).
    """

    def __init__(self, link: Link, keep: bool = False) -> None:
        self.damaged = 0
        self.last_sent = time.monotonic()
        self._link = link
        self._keep = keep
        self._decoder = FrameDecoder()
        self._came: deque[Came] = deque()

    def send(self, data: bytes) -> None:
        """Put bytes on the wire, whatever they are."""
        self._link.send(data, SEND_TIME)
        self.last_sent = time.monotonic()

    def say(self, message: Message, request: int = 0, numbers: Numbers = NO_NUMBERS) -> None:
        """Put a message on the wire."""
        self.send(frame_of(message, request, numbers))

    def next(self, timeout: float) -> Came | None:
        """The next frame from the device; None where none comes in time.

        Raises:
            LinkError: the device closed the wire.
            MessageError: a frame holds no message of a device.
        """
        deadline = time.monotonic() + timeout
        while not self._came:
            left = deadline - time.monotonic()
            data = self._link.receive(max(0.0, left))
            if data is not None:
                self._read(data)
            elif left <= 0:
                return None
        return self._came.popleft()

    def _read(self, data: bytes) -> None:
        now = time.monotonic()
        for frame in self._decoder.feed(data):
            if isinstance(frame, BadFrame):
                self.damaged += 1
                continue
            envelope = open_envelope(frame.payload)
            request, message = decode_message(frame.payload, Sender.DEVICE)
            sequenced = is_sequenced(envelope.code)
            self._came.append(Came(message, request, envelope.numbers, frame.wire_bytes, now, sequenced))

    def close(self) -> None:
        """Cut the wire; again is harmless."""
        if not self._keep:
            self._link.close()


def until_any(wire: Wire, *kinds: type[Message]) -> Message:
    """The next message of one of these kinds, whatever comes before."""
    deadline = time.monotonic() + ANSWER_TIME
    while time.monotonic() < deadline:
        came = wire.next(deadline - time.monotonic())
        if came is not None and isinstance(came.message, kinds):
            return came.message
    raise AssertionError(f"none of {kinds} came")


def until(wire: Wire, kind: type[_Kind]) -> _Kind:
    """The next message of this kind, whatever comes before."""
    message = until_any(wire, kind)  # type: ignore[arg-type]  # a type variable over a union
    assert isinstance(message, kind)
    return message
