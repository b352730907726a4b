"""What both ends of a link have in common."""

from __future__ import annotations

from enum import Enum

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.connection.events import Received, Rejected
from pixeltree_protocol.link.declaration import MESSAGES, Sender
from pixeltree_protocol.link.delivery import Admission, Delivery, Numbers, Priority, Report
from pixeltree_protocol.link.framing import (
    MAX_PAYLOAD,
    BadFrame,
    Frame,
    FrameDecoder,
    encode_frame,
    frame_of_pieces,
    wire_limit,
)
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    Ack,
    ErrorCode,
    LinkMessage,
    Message,
    body_pieces,
    encode_message,
    envelope,
    is_sequenced,
    open_envelope,
    read_message,
)

_NO_NUMBERS = Numbers(0, 0, 0)

SEND_AT_ONCE = 65_536
"""Bytes that :meth:`End.data_to_send` gives out at a time unless told otherwise."""

_GREATEST_OUTGOING = 16_384
"""Bytes of notices and repeated answers that may wait. What is not said then was said before, or is asked
for again."""

_TOO_EARLY = Rejected(ErrorCode.UNEXPECTED, "a message of a session before the handshake")
_NOT_ADMITTED = {
    Admission.OVERRUN: Rejected(ErrorCode.CREDIT_OVERRUN, "more was sent than the window has room for"),
    Admission.EARLY: None,  # nobody's fault, and dealt with
    Admission.REPEATED: None,
}


class State(Enum):
    """Where a connection stands."""

    CUT = "cut"
    NEW = "new"
    GREETING = "greeting"
    CHALLENGED = "challenged"
    GREETED = "greeted"
    READY = "ready"


class Ticket:
    """A message on its way.

    Attributes:
        request: the id of the request that it is, or that it answers.
        wire_bytes: size of its frame; 0 until it is sent.
    """

    __slots__ = ("request", "wire_bytes")

    def __init__(self, request: int) -> None:
        self.request = request
        self.wire_bytes = 0


def queue_message(
    delivery: Delivery, message: Message, ticket: Ticket, priority: Priority, limit: int = MAX_PAYLOAD
) -> None:
    """Queue a message of a session, whose payload may have ``limit`` bytes.

    Raises:
        MessageError: it has more, or a field does not fit its declaration.
    """
    head, tail = body_pieces(message)
    size = ENVELOPE_BYTES + len(head) + len(tail)
    if size > limit:
        raise MessageError(f"{type(message).__name__} has {size} bytes; the other end takes {limit}")
    code = MESSAGES[type(message)].code

    def encode(numbers: Numbers) -> bytes:
        frame = frame_of_pieces(envelope(code, ticket.request, numbers), head, tail)
        ticket.wire_bytes = len(frame)
        return frame

    delivery.queue(wire_limit(size), encode, priority)


class End:
    """One end of a link: frames in and out, acknowledgements, signs of life.

    Args:
        peer: which end is at the other side of the wire.
        max_payload: greatest payload that is taken.

    Attributes:
        damaged_frames: how many frames came in damaged.
    """

    def __init__(self, peer: Sender, max_payload: int) -> None:
        self.damaged_frames = 0
        self._peer = peer
        self._max_payload = max_payload
        self._state = State.NEW
        self._decoder = FrameDecoder(max_payload)
        self._outgoing = bytearray()
        self._delivery: Delivery | None = None
        self._heartbeat = 0.0
        self._silence = 0.0
        self._last_sent = 0.0
        self._last_heard = 0.0
        self._numbers = _NO_NUMBERS

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def resent_bytes(self) -> int:
        """Bytes that this session had to send again."""
        return self._delivery.resent_bytes if self._delivery else 0

    @property
    def bytes_to_send(self) -> int:
        """Bytes that wait for the window or the wire."""
        return len(self._outgoing) + (self._delivery.queued_bytes if self._delivery else 0)

    @property
    def unreceived_bytes(self) -> int:
        """Bytes sent in this session that the other end has not yet received."""
        return self._delivery.unreceived_bytes if self._delivery else 0

    def data_to_send(self, now: float, limit: int = SEND_AT_ONCE) -> bytes:
        """Take bytes that may go on the wire now: about ``limit`` at most; empty where there are none.

        They begin with a zero: where the end of the last frame was lost on the way, this ends it, so that it
        does not spoil the next one too.
        """
        said = self._outgoing
        frames = acknowledgement = b""
        if said:
            self._outgoing = bytearray()
        if self._state is State.READY and self._delivery is not None:
            frames = self._delivery.take(now, limit - len(said))
            report = self._delivery.report(now)
            if report is None and not (said or frames) and now >= self._last_sent + self._heartbeat:
                report = Report()
            if report is not None:
                acknowledgement = self._link_frame(Ack(report.poll, report.answer, report.reject))
        if not (said or frames or acknowledgement):
            return b""
        self._last_sent = now
        return b"".join((b"\0", said, frames, acknowledgement))

    def due(self, now: float) -> bool:
        """Whether :meth:`data_to_send` may have something to send, or a timer to set."""
        if self._outgoing:
            return True
        if self._state is not State.READY or self._delivery is None:
            return False
        return now >= self._last_sent + self._heartbeat or self._delivery.due(now)

    def next_timer(self) -> float | None:
        """When to call :meth:`data_to_send`, and to ask for silence, although nothing came in."""
        if self._state is not State.READY or self._delivery is None:
            return None
        due = self._delivery.next_timer()
        life = min(self._last_sent + self._heartbeat, self._last_heard + self._silence)
        return life if due is None or life < due else due

    def silent(self, now: float) -> bool:
        """Whether the other end has said nothing for too long."""
        return self._state is State.READY and now >= self._last_heard + self._silence

    def _begin(self, delivery: Delivery, heartbeat_ms: int, silence_ms: int, now: float) -> None:
        self._delivery = delivery
        self._heartbeat = heartbeat_ms / 1000
        self._silence = silence_ms / 1000
        self._last_sent = self._last_heard = now
        self._state = State.READY

    def _link_frame(self, message: LinkMessage) -> bytes:
        numbers = self._delivery.numbers if self._delivery else _NO_NUMBERS
        return encode_frame(encode_message(message, 0, numbers))

    def _say(self, message: LinkMessage) -> bool:
        """Queue a message of the link; who sends nonsense and takes no answers gets no more of them.

        Returns:
            Whether it will be sent.
        """
        if len(self._outgoing) >= _GREATEST_OUTGOING:
            return False
        self._outgoing += self._link_frame(message)
        return True

    # -- receiving ---------------------------------------------------------------------------------

    def _open(self, frame: Frame | BadFrame, now: float) -> Received | Rejected | None:
        """Judge a frame: a message to act on, a rejected one, or None where there is nothing to do."""
        if isinstance(frame, BadFrame):
            return self._damage(str(frame))
        try:
            code, request, numbers = open_envelope(frame.payload)
        except MessageError as error:
            return self._damage(str(error))
        self._last_heard = now
        sequenced = is_sequenced(code)
        if sequenced:
            admission = self._admit(numbers, frame.wire_bytes)
            if admission is not Admission.ACCEPTED:
                return _NOT_ADMITTED[admission] if admission else _TOO_EARLY
        try:
            message = read_message(code, frame.payload, self._peer)
        except MessageError as error:
            return Rejected(ErrorCode.MALFORMED, str(error), request, frame.wire_bytes, sequenced)
        if sequenced:
            return Received(message, request, frame.wire_bytes)
        return self._read(message, request, numbers, frame.wire_bytes)

    def _read(
        self, message: Message, request: int, numbers: Numbers, wire_bytes: int
    ) -> Received | Rejected | None:
        """A message of the link: what it says about delivery is taken note of."""
        if not isinstance(message, Ack):
            self._numbers = numbers
            return Received(message, request, wire_bytes)
        if self._state is not State.READY or self._delivery is None:
            return _TOO_EARLY
        self._delivery.reported(Report(message.poll, message.answer, message.reject), numbers)
        return None

    def _admit(self, numbers: Numbers, wire_bytes: int) -> Admission | None:
        """What becomes of a payload of the session; None where there is no session yet."""
        if self._state is not State.READY or self._delivery is None:
            return None
        self._delivery.acknowledged(numbers)
        return self._delivery.admit(numbers.sequence, wire_bytes)

    def _damage(self, detail: str) -> Rejected:
        self.damaged_frames += 1
        if self._delivery is not None:
            self._delivery.damaged()
        return Rejected(ErrorCode.BAD_FRAME, detail)
