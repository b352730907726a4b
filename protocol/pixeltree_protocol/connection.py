"""The sans-I/O state machine of a link: handshake, request ids, byte credits.

A connection turns messages into bytes to send and received bytes into events; it never touches a wire
and never raises on bytes from outside. The shape is h11's.

States::

    host:    NEW --send HELLO--> GREETING --receive WELCOME--> READY
    device:  NEW --receive HELLO, send WELCOME--> READY

Credits: after the handshake a host may have at most ``credit_window`` bytes on the wire that the device
has not yet acknowledged with CREDIT; further frames wait in the connection. The device acknowledges
bytes when its owner has *handled* the event, so a slow device slows its host instead of drowning.
Damaged frames count like whole ones: their bytes have left the wire too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum

from pixeltree_protocol.declaration import Sender
from pixeltree_protocol.errors import MessageError, ProtocolError, StateError
from pixeltree_protocol.framing import MAX_PAYLOAD, BadFrame, Frame, FrameDecoder, encode_frame, wire_limit
from pixeltree_protocol.messages import (
    ENVELOPE_BYTES,
    PROTOCOL_VERSION,
    Capabilities,
    Credit,
    Error,
    ErrorCode,
    Hello,
    Message,
    Welcome,
    decode_message,
    encode_message,
    error_message,
)

_GREETING_BODY = 512
"""Greatest body of a message before capabilities are known."""

_CREDIT_SHARE = 4
"""A device acknowledges when a quarter of the window has been handled: few messages, no stalls."""


class State(Enum):
    """Where a connection stands."""

    NEW = "new"
    GREETING = "greeting"
    READY = "ready"


@dataclass(frozen=True)
class Received:
    """A message came in."""

    message: Message
    request: int
    wire_bytes: int


@dataclass(frozen=True)
class Rejected:
    """Bytes came in that are no message for us; ``detail`` says why. Nothing else happened."""

    code: ErrorCode
    detail: str
    request: int
    wire_bytes: int


Event = Received | Rejected


class HostConnection:
    """The host's end."""

    def __init__(self) -> None:
        self.state = State.NEW
        self.welcome: Welcome | None = None
        self._decoder = FrameDecoder()
        self._outgoing = bytearray()
        self._waiting: deque[bytes] = deque()
        self._credit = 0
        self._last_request = 0

    def hello(self, client: str) -> None:
        """Open the handshake."""
        if self.state is not State.NEW:
            raise StateError(f"HELLO opens a connection; this one is {self.state.value}")
        self._outgoing += encode_frame(encode_message(Hello(1, PROTOCOL_VERSION, client), 0))
        self.state = State.GREETING

    def send(self, message: Message) -> tuple[int, int]:
        """Queue a request; returns its id and its size on the wire.

        Raises:
            StateError: the handshake is not complete.
            MessageError: the message does not fit the device's limits.
        """
        if self.state is not State.READY or self.welcome is None:
            raise StateError(f"no request can be sent while the connection is {self.state.value}")
        self._last_request = self._last_request % 0xFFFF + 1
        payload = encode_message(message, self._last_request)
        limit = min(self.welcome.capabilities.max_body + ENVELOPE_BYTES, MAX_PAYLOAD)
        if len(payload) > limit:
            raise MessageError(f"{type(message).__name__} has {len(payload)} bytes; the device takes {limit}")
        frame = encode_frame(payload)
        self._waiting.append(frame)
        self._release()
        return self._last_request, len(frame)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for credit."""
        return sum(len(frame) for frame in self._waiting)

    def data_to_send(self) -> bytes:
        """Take the bytes that may go on the wire now."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive_data(self, data: bytes) -> list[Event]:
        """Take bytes off the wire; an empty ``data`` means that the stream has ended."""
        frames = self._decoder.feed(data) if data else [f for f in (self._decoder.end(),) if f]
        events = [self._follow(_open(frame, Sender.DEVICE)) for frame in frames]
        return [event for event in events if not _is_credit(event)]

    def _follow(self, event: Event) -> Event:
        if not isinstance(event, Received):
            return event
        message = event.message
        if isinstance(message, Welcome) and self.state is State.GREETING:
            problem = _welcome_problem(message)
            if problem:
                return Rejected(ErrorCode.VERSION, problem, event.request, event.wire_bytes)
            self.welcome = message
            self._credit = message.capabilities.credit_window
            self.state = State.READY
        elif isinstance(message, Credit) and self.welcome is not None:
            # Noise that a device took for bytes of ours must not widen the window.
            self._credit = min(self._credit + message.wire_bytes, self.welcome.capabilities.credit_window)
            self._release()
        return event

    def _release(self) -> None:
        while self._waiting and len(self._waiting[0]) <= self._credit:
            frame = self._waiting.popleft()
            self._credit -= len(frame)
            self._outgoing += frame


class DeviceConnection:
    """The device's end.

    Raises:
        ProtocolError: the credit window is smaller than the greatest message.
    """

    def __init__(self, boot_id: bytes, device: str, capabilities: Capabilities) -> None:
        largest = wire_limit(capabilities.max_body + ENVELOPE_BYTES)
        spare = capabilities.credit_window - largest
        if spare < 0:
            raise ProtocolError(
                f"a credit window of {capabilities.credit_window} bytes; the greatest message needs {largest}"
            )
        # However much is held back, the greatest message must still find credit.
        self._acknowledge_at = max(1, min(capabilities.credit_window // _CREDIT_SHARE, spare))
        self.state = State.NEW
        self._welcome = Welcome(PROTOCOL_VERSION, boot_id, device, capabilities)
        self._decoder = FrameDecoder(max(capabilities.max_body, _GREETING_BODY) + ENVELOPE_BYTES)
        self._outgoing = bytearray()
        self._unacknowledged = 0
        self._outstanding = 0

    def send(self, message: Message, request: int = 0) -> None:
        """Queue a message; ``request`` is the id of what it answers."""
        self._outgoing += encode_frame(encode_message(message, request))

    @property
    def bytes_to_send(self) -> int:
        """Bytes that wait in :meth:`data_to_send`."""
        return len(self._outgoing)

    def data_to_send(self) -> bytes:
        """Take the bytes that may go on the wire now."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive_data(self, data: bytes) -> list[Event]:
        """Take bytes off the wire; an empty ``data`` means that the stream has ended."""
        frames = self._decoder.feed(data) if data else [f for f in (self._decoder.end(),) if f]
        return [self._admit(_open(frame, Sender.HOST)) for frame in frames]

    def handled(self, event: Event) -> None:
        """The owner is done with an event: give its bytes back to the host as credit, in due course."""
        self._unacknowledged += event.wire_bytes
        self._outstanding -= event.wire_bytes
        if self._unacknowledged >= self._acknowledge_at:
            self.send(Credit(self._unacknowledged))
            self._unacknowledged = 0

    def _admit(self, event: Event) -> Event:
        if self.state is not State.READY:
            # Nothing before or in the handshake is on the credit account.
            return self._greet(replace(event, wire_bytes=0))
        self._outstanding += event.wire_bytes
        if isinstance(event, Rejected):
            return event
        if isinstance(event.message, Hello):
            detail = "a second HELLO on one connection"
            return Rejected(ErrorCode.UNEXPECTED, detail, event.request, event.wire_bytes)
        window = self._welcome.capabilities.credit_window
        if self._outstanding + self._unacknowledged > window:
            detail = f"{self._outstanding + self._unacknowledged} bytes sent on a credit of {window}"
            return Rejected(ErrorCode.CREDIT_OVERRUN, detail, event.request, event.wire_bytes)
        return event

    def _greet(self, event: Event) -> Event:
        if isinstance(event, Rejected):
            return event
        hello = event.message
        if not isinstance(hello, Hello):
            return Rejected(ErrorCode.UNEXPECTED, f"{type(hello).__name__} before HELLO", event.request, 0)
        if not hello.least_version <= PROTOCOL_VERSION <= hello.greatest_version:
            detail = (
                f"the host speaks protocol versions {hello.least_version} to {hello.greatest_version}, "
                f"this device {PROTOCOL_VERSION}"
            )
            return Rejected(ErrorCode.VERSION, detail, event.request, 0)
        self.state = State.READY
        self.send(self._welcome, event.request)
        return event


def _open(frame: Frame | BadFrame, sender: Sender) -> Event:
    if isinstance(frame, BadFrame):
        return Rejected(ErrorCode.BAD_FRAME, str(frame), 0, frame.wire_bytes)
    try:
        request, message = decode_message(frame.payload, sender)
    except MessageError as error:
        request = int.from_bytes(frame.payload[1:3], "little")
        return Rejected(ErrorCode.MALFORMED, str(error), request, frame.wire_bytes)
    return Received(message, request, frame.wire_bytes)


def _is_credit(event: Event) -> bool:
    return isinstance(event, Received) and isinstance(event.message, Credit)


def _welcome_problem(welcome: Welcome) -> str | None:
    if welcome.version != PROTOCOL_VERSION:
        return f"the device chose protocol version {welcome.version}; this host speaks {PROTOCOL_VERSION}"
    largest = wire_limit(welcome.capabilities.max_body + ENVELOPE_BYTES)
    if welcome.capabilities.credit_window < largest:
        return f"the device's credit window does not hold its greatest message of {largest} bytes"
    return None


def error_for(event: Rejected) -> Error:
    """The ERROR message by which a device answers a rejected event."""
    return error_message(event.code, event.detail)
