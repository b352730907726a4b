"""The host's end of a link."""

from __future__ import annotations

from collections.abc import Callable

from pixeltree_protocol.errors import ProtocolError, StateError
from pixeltree_protocol.link.connection.authentication import device_proof, host_proof, same
from pixeltree_protocol.link.connection.base import End, State, Ticket, queue_message
from pixeltree_protocol.link.connection.events import (
    Departing,
    HostEvent,
    Ready,
    Received,
    Refused,
    Rejected,
    SessionLost,
)
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.delivery import Delivery, Priority
from pixeltree_protocol.link.framing import MAX_PAYLOAD, FrameDecoder, wire_limit
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    LEAST_BODY,
    LEAST_HEARTBEAT_MS,
    LEAST_HOST_WINDOW,
    LINK_MESSAGES,
    MAX_BODY,
    NO_SESSION,
    NONCE_BYTES,
    PROTOCOL_VERSION,
    Challenge,
    ErrorCode,
    Hello,
    Leave,
    Message,
    Notice,
    Proof,
    Request,
    Role,
    Stopping,
    Welcome,
)

DEFAULT_WINDOW = 1 << 20
"""Bytes that a device may have on their way to this host."""

REPEAT_HELLO = 0.25
REPEAT_AT_MOST_EVERY = 1.0
_REFUSALS = (ErrorCode.VERSION, ErrorCode.BUSY, ErrorCode.AUTHENTICATION)
_KNOWN_CODES = frozenset(ErrorCode)


class HostConnection(End):
    """The host's end: one session, on one wire after another.

    Args:
        client: name of the host's software.
        random: makes so many random bytes.
        role: what the session wants to do.
        token: what both ends know, where the device wants it.
        window: bytes that the device may have on their way.

    Attributes:
        welcome: what the device said last; None before the first handshake is complete.
    """

    def __init__(
        self,
        client: str,
        random: Callable[[int], bytes],
        role: Role = Role.DRIVE,
        token: bytes | None = None,
        window: int = DEFAULT_WINDOW,
    ) -> None:
        super().__init__(Sender.DEVICE, MAX_PAYLOAD)
        if window < LEAST_HOST_WINDOW:
            raise ProtocolError(f"a host's window has at least {LEAST_HOST_WINDOW} bytes, not {window}")
        self.welcome: Welcome | None = None
        self._client = client
        self._random = random
        self._role = role
        self._token = token
        self._window = window
        self._state = State.CUT
        self._nonce = b""
        self._challenge = b""
        self._hello = b""
        self._hello_at = 0.0
        self._hello_pause = REPEAT_HELLO
        self._last_request = 0

    def connect(self, now: float) -> None:
        """There is a wire: greet, and go on with the session if there is one."""
        self._decoder = FrameDecoder(self._max_payload)
        self._state = State.GREETING
        self._nonce = self._random(NONCE_BYTES)
        self._challenge = b""
        session = self.welcome.session if self.welcome else NO_SESSION
        versions = PROTOCOL_VERSION, PROTOCOL_VERSION
        hello = Hello(*versions, self._nonce, session, self._role, self._window, self._client)
        self._hello = self._link_frame(hello)
        self._outgoing = bytearray()
        self._hello_pause = REPEAT_HELLO
        self._hello_at = now

    def cut(self) -> None:
        """The wire is gone."""
        self._state = State.CUT

    def leave(self) -> None:
        """The session ends at once: what is still to send is not sent any more."""
        if self._state is State.READY:
            self._say(Leave())
            self._state = State.CUT

    def send(self, message: Request, priority: Priority = Priority.REQUEST) -> Ticket:
        """Queue a request, also while the wire is cut.

        Raises:
            StateError: there never was a handshake.
            MessageError: the message does not fit the device's limits.
        """
        if self.welcome is None:
            raise StateError("no request can be sent before the handshake")
        ticket = Ticket(self._last_request % 0xFFFF + 1)
        limit = min(self.welcome.capabilities.max_body + ENVELOPE_BYTES, MAX_PAYLOAD)
        assert self._delivery is not None
        queue_message(self._delivery, message, ticket, priority, limit)
        self._last_request = ticket.request
        return ticket

    def data_to_send(self, now: float, limit: int = 65_536) -> bytes:
        """See :class:`End`; while greeting, HELLO again and again."""
        if self._state is State.GREETING and now >= self._hello_at:
            self._hello_at = now + self._hello_pause
            self._hello_pause = min(2 * self._hello_pause, REPEAT_AT_MOST_EVERY)
            self._outgoing += self._hello
        return super().data_to_send(now, limit)

    def due(self, now: float) -> bool:
        """See :class:`End`."""
        return (self._state is State.GREETING and now >= self._hello_at) or super().due(now)

    def next_timer(self) -> float | None:
        """See :class:`End`."""
        return self._hello_at if self._state is State.GREETING else super().next_timer()

    def receive_data(self, data: bytes, now: float) -> list[HostEvent]:
        """Take bytes off the wire."""
        events: list[HostEvent] = []
        for frame in self._decoder.feed(data):
            event = self._open(frame, now)
            if isinstance(event, Received):
                if type(event.message) not in LINK_MESSAGES:
                    self._handled()
                    events.append(event)
                elif (followed := self._follow(event.message, now)) is not None:
                    events.append(followed)
            elif event is not None:
                events.append(event)
                if event.sequenced:
                    self._handled()
        return events

    def _handled(self) -> None:
        assert self._delivery is not None
        self._delivery.handled()

    def _follow(self, message: Message, now: float) -> HostEvent | None:
        if isinstance(message, Welcome):
            return self._welcomed(message, now)
        if isinstance(message, Challenge):
            return self._challenged(message)
        if isinstance(message, Notice):
            return self._noticed(message, now)
        if isinstance(message, Stopping):
            return Departing(message.detail)
        return Rejected(ErrorCode.UNEXPECTED, f"{type(message).__name__} from a device")

    def _noticed(self, notice: Notice, now: float) -> HostEvent:
        code = ErrorCode(notice.code) if notice.code in _KNOWN_CODES else ErrorCode.INTERNAL
        if self._state is State.GREETING and code in _REFUSALS:
            return self._refused(code, notice.detail)
        if self._state is State.READY and code is ErrorCode.UNEXPECTED:
            self.connect(now)  # the device has forgotten us: on a serial line nothing else tells of a restart
        return Rejected(code, notice.detail)

    def _challenged(self, message: Challenge) -> HostEvent | None:
        if self._state is not State.GREETING or message.nonce != self._nonce:
            return None
        if self._token is None:
            return self._refused(ErrorCode.AUTHENTICATION, "the device wants a token")
        self._challenge = message.challenge
        self._say(Proof(host_proof(self._token, self._nonce, self._challenge)))
        return None

    def _welcomed(self, welcome: Welcome, now: float) -> HostEvent | None:
        if self._state is not State.GREETING or welcome.nonce != self._nonce:
            return None  # an answer to a repetition, or from an earlier wire
        if not self._proven(welcome):
            detail = "the device did not prove that it knows the token"
            return self._refused(ErrorCode.AUTHENTICATION, detail)
        problem = _problem(welcome)
        if problem:
            return self._refused(ErrorCode.VERSION, problem)
        before, self.welcome = self.welcome, welcome
        resumed = before is not None and welcome.resumed and welcome.session == before.session
        if resumed and self._delivery is not None:
            delivery = self._delivery
            delivery.resume(self._numbers)
        else:
            delivery = Delivery(welcome.capabilities.credit_window, self._window)
            delivery.tell()  # so that the device knows that WELCOME arrived
        self._begin(delivery, welcome.heartbeat_ms, welcome.silence_ms, now)
        role = Role(welcome.role)
        if before is None or resumed:
            return Ready(welcome, role)
        return SessionLost(welcome, role, welcome.boot_id != before.boot_id)

    def _refused(self, code: ErrorCode, detail: str) -> Refused:
        self._state = State.CUT
        return Refused(code, detail)

    def _proven(self, welcome: Welcome) -> bool:
        if self._token is None:
            return True
        expected = device_proof(self._token, self._nonce, self._challenge)
        return bool(self._challenge) and same(welcome.proof, expected)


def _problem(welcome: Welcome) -> str:
    """Why there can be no session with a device that greets like this; empty where there can."""
    capabilities = welcome.capabilities
    if welcome.version != PROTOCOL_VERSION:
        return f"the device chose protocol version {welcome.version}; this host speaks {PROTOCOL_VERSION}"
    if not LEAST_BODY <= capabilities.max_body <= MAX_BODY:
        return f"the device takes bodies of {capabilities.max_body} bytes, not {LEAST_BODY} to {MAX_BODY}"
    largest = wire_limit(capabilities.max_body + ENVELOPE_BYTES)
    if capabilities.credit_window < largest:
        return f"the device's window does not hold its greatest message of {largest} bytes"
    in_limits = (
        welcome.role in list(Role)
        and welcome.session != NO_SESSION
        and welcome.heartbeat_ms >= LEAST_HEARTBEAT_MS
        and 2 * welcome.heartbeat_ms < welcome.silence_ms
    )
    return "" if in_limits else "the device's WELCOME has a field outside its limits"
