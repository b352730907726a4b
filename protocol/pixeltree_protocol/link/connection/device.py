"""The device's end of a link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pixeltree_protocol.errors import ProtocolError, StateError
from pixeltree_protocol.link.connection.authentication import device_proof, host_proof, same
from pixeltree_protocol.link.connection.base import End, State, Ticket, queue_message
from pixeltree_protocol.link.connection.events import DeviceEvent, Greeting, Left, Received, Rejected
from pixeltree_protocol.link.declaration import BY_CODE, Sender
from pixeltree_protocol.link.delivery import Delivery, Priority
from pixeltree_protocol.link.framing import BadFrame, Frame, wire_limit
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    LEAST_BODY,
    LEAST_HEARTBEAT_MS,
    LEAST_HOST_WINDOW,
    LINK_MESSAGES,
    MAX_BODY,
    NONCE_BYTES,
    PROTOCOL_VERSION,
    Capabilities,
    Challenge,
    ErrorCode,
    Executed,
    Hello,
    Leave,
    Message,
    Notice,
    PlanePart,
    Proof,
    ReadOut,
    Reply,
    Role,
    Stopping,
    Welcome,
    shorten,
)

GREATEST_HOST_WINDOW = 4 << 20
"""However large a window a host offers, a device keeps no more than this for sending again."""

_BULK = (PlanePart, ReadOut, Executed)
"""Long answers, which let results, faults and short answers overtake them, and what must come after them."""


@dataclass(frozen=True)
class Identity:
    """What a device says of itself in every WELCOME.

    Attributes:
        boot_id: 8 random bytes, new at every start.
        name: for people.
        capabilities: what it can hold and take.
        wide: the same over a local wire, for the session that drives: there it may take greater messages and
            more of them. None where it makes no difference.
        heartbeat_ms: both ends send something at least this often.
        silence_ms: an end that is silent for so long is gone.
        resume_ms: for how long a session without a wire is kept.
        token: what hosts must prove to know; None where anyone may come.
    """

    boot_id: bytes
    name: str
    capabilities: Capabilities
    heartbeat_ms: int = 1_000
    silence_ms: int = 5_000
    resume_ms: int = 30_000
    token: bytes | None = None
    wide: Capabilities | None = None

    def __post_init__(self) -> None:
        _check_sizes(self.capabilities)
        if self.wide is not None:
            _check_sizes(self.wide)
        if not 2 * LEAST_HEARTBEAT_MS <= 2 * self.heartbeat_ms < self.silence_ms <= 0xFFFF:
            raise ProtocolError(
                f"a silence of {self.silence_ms} ms must be more than two heartbeats of "
                f"{self.heartbeat_ms} ms, which are at least {LEAST_HEARTBEAT_MS} ms, and at most 65,535"
            )
        if not 0 <= self.resume_ms <= 0xFFFFFFFF:
            raise ProtocolError(f"sessions may be kept for 0 to {0xFFFFFFFF:,} ms, not {self.resume_ms}")


def _check_sizes(capabilities: Capabilities) -> None:
    if not LEAST_BODY <= capabilities.max_body <= MAX_BODY:
        raise ProtocolError(
            f"a device takes bodies of {LEAST_BODY} to {MAX_BODY} bytes, not {capabilities.max_body}"
        )
    largest = wire_limit(capabilities.max_body + ENVELOPE_BYTES)
    if capabilities.credit_window < largest:
        raise ProtocolError(
            f"the credit window is {capabilities.credit_window} bytes; the greatest message needs {largest}"
        )


@dataclass
class SessionState:
    """The device's end of a session, which goes on while it has no wire.

    Attributes:
        session: its id.
        capabilities: what the device takes in this session, on whichever wire it goes on.
        confirmed: whether the host has said anything in it. Where it has not, WELCOME may have been lost, the
            host knows nothing of the session and asks for another: do not keep it when its wire is gone.
    """

    session: bytes
    role: Role
    delivery: Delivery
    capabilities: Capabilities
    confirmed: bool = False

    def send(self, message: Reply, request: int = 0) -> Ticket:
        """Queue a message, also without a wire; ``request`` is the id of what it answers.

        Raises:
            MessageError: it is too long, or a field does not fit its declaration.
        """
        ticket = Ticket(request)
        queue_message(self.delivery, message, ticket, _priority(message))
        return ticket

    def handled(self, event: DeviceEvent) -> None:
        """The owner is done with the oldest event of the session: its room may be used again."""
        if _is_of_a_session(event):
            self.delivery.handled()

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the window or the wire."""
        return self.delivery.queued_bytes


class DeviceConnection(End):
    """The device's end of one wire, and of the sessions that come over it.

    Args:
        identity: what the device says of itself.
        random: makes so many random bytes.
        local: whether the wire never leaves the machine.

    Attributes:
        session: the session on this wire, once it is welcomed.
    """

    def __init__(self, identity: Identity, random: Callable[[int], bytes], local: bool = False) -> None:
        super().__init__(Sender.HOST, identity.capabilities.max_body + ENVELOPE_BYTES)
        self.local = local
        self.session: SessionState | None = None
        self._identity = identity
        self._random = random
        self._hello: Hello | None = None
        self._challenge = b""
        self._welcome: Welcome | None = None
        self._greeting = self._numbers

    # -- what the owner does -----------------------------------------------------------------------

    def welcome(self, session: bytes, role: Role, resumed: SessionState | None, now: float) -> SessionState:
        """Answer a Greeting: go on with a session, or begin one with this id.

        Raises:
            StateError: nobody has greeted.
        """
        hello = self._hello
        if self._state is not State.GREETED or hello is None:
            raise StateError(f"WELCOME cannot be sent while the connection is {self._state.value}")
        identity = self._identity
        if resumed is not None:
            resumed.delivery.resume(self._greeting)
            self.session = resumed
        else:
            wide = identity.wide if self.local and role is Role.DRIVE else None
            capabilities = wide or identity.capabilities
            delivery = Delivery(min(hello.window, GREATEST_HOST_WINDOW), capabilities.credit_window)
            self.session = SessionState(session, role, delivery, capabilities)
        self._decoder.limit(self.session.capabilities.max_body + ENVELOPE_BYTES)
        self._begin(self.session.delivery, identity.heartbeat_ms, identity.silence_ms, now)
        self._welcome = self._make_welcome(hello, self.session, resumed is not None)
        self._say(self._welcome)
        return self.session

    def detach(self) -> None:
        """The session on this wire goes on elsewhere, or not at all."""
        self._state = State.NEW
        self._decoder.limit(self._max_payload)
        self._delivery = self.session = self._hello = self._welcome = None

    def refuse(self, code: ErrorCode, detail: str) -> None:
        """Say why there is no session on this wire."""
        self._say(Notice(code, shorten(detail)))
        self.detach()

    def send(self, message: Reply, request: int = 0) -> Ticket:
        """See :meth:`SessionState.send`.

        Raises:
            StateError: there is no session on this wire at present.
        """
        return self._attached().send(message, request)

    def handled(self, event: DeviceEvent) -> None:
        """See :meth:`SessionState.handled`, which also takes events of a session that has lost this wire.

        Raises:
            StateError: there is no session on this wire at present.
        """
        if _is_of_a_session(event):
            self._attached().handled(event)

    def _attached(self) -> SessionState:
        if self.session is None:
            raise StateError("there is no session on this wire; a new HELLO may have come in")
        return self.session

    def stop(self, detail: str) -> None:
        """The device goes away."""
        if self._state is State.READY:
            self._say(Stopping(shorten(detail)))

    # -- receiving ---------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> list[DeviceEvent]:
        """Take bytes off the wire.

        A new HELLO ends a session's stay on this wire: events before its Greeting still belong to that
        session, which :attr:`session` does not name any more.
        """
        events: list[DeviceEvent] = []
        greeted = False
        for frame in self._decoder.feed(data):
            event = self._open(frame, now)
            if isinstance(event, Received):
                if type(event.message) not in LINK_MESSAGES:
                    events.append(event)
                elif (followed := self._follow(event.message)) is not None:
                    events.append(followed)
                    greeted |= isinstance(followed, Greeting)
            elif event is not None and self._tell(event):
                events.append(event)
        if not greeted:
            return events
        return [event for event in events if not isinstance(event, Greeting) or self._stands(event)]

    def _stands(self, greeting: Greeting) -> bool:
        """Whether nothing that came in after a greeting has made it void."""
        return self._state is State.GREETED and greeting.hello is self._hello

    def _open(self, frame: Frame | BadFrame, now: float) -> Received | Rejected | None:
        session = self.session
        if session is not None and not session.confirmed and isinstance(frame, Frame):
            session.confirmed = BY_CODE.get(frame.payload[0]) not in (Hello, Proof)
        return super()._open(frame, now)

    def ended(self) -> None:
        """The stream of bytes has ended; a frame in the making is damaged."""
        rest = self._decoder.end()
        if rest is not None:
            self._say(Notice(ErrorCode.BAD_FRAME, shorten(self._damage(str(rest)).detail)))

    def _follow(self, message: Message) -> DeviceEvent | None:
        if isinstance(message, Hello):
            return self._greeted(message)
        if isinstance(message, Proof):
            return self._proved(message)
        if isinstance(message, Leave):
            return self._left()
        return self._reject(ErrorCode.UNEXPECTED, f"{type(message).__name__} from a host")

    def _tell(self, event: Rejected) -> bool:
        """Say what is wrong with the wire, unless the host has not taken what was said before.

        What is wrong with a request, the owner answers in order.
        """
        return event.sequenced or self._say(Notice(event.code, shorten(event.detail)))

    def _left(self) -> Left | None:
        if self._state is not State.READY:
            return None
        self.detach()
        return Left()

    def _greeted(self, hello: Hello) -> DeviceEvent | None:
        if self._hello is not None and hello.nonce == self._hello.nonce and self._again():
            return None
        self.detach()
        self._hello = hello
        if not hello.least_version <= PROTOCOL_VERSION <= hello.greatest_version:
            detail = (
                f"the host speaks protocol versions {hello.least_version} to {hello.greatest_version}, "
                f"this device {PROTOCOL_VERSION}"
            )
            return self._reject(ErrorCode.VERSION, detail)
        if hello.role not in list(Role) or hello.window < LEAST_HOST_WINDOW:
            return self._reject(ErrorCode.OUT_OF_RANGE, "HELLO has a role or window outside its limits")
        self._greeting = self._numbers
        if self._identity.token is not None:
            self._state = State.CHALLENGED
            self._challenge = self._random(NONCE_BYTES)
            self._say(Challenge(hello.nonce, self._challenge))
            return None
        self._state = State.GREETED
        return Greeting(hello)

    def _again(self) -> bool:
        """A HELLO that was answered before has come again; say the same."""
        assert self._hello is not None
        if self._state is State.CHALLENGED:
            self._say(Challenge(self._hello.nonce, self._challenge))
        elif self._state is State.READY and self._welcome is not None:
            self._say(self._welcome)
        return self._state in (State.CHALLENGED, State.GREETED, State.READY)

    def _proved(self, message: Proof) -> DeviceEvent | None:
        if self._state is not State.CHALLENGED or self._hello is None or self._identity.token is None:
            return None  # a repetition
        expected = host_proof(self._identity.token, self._hello.nonce, self._challenge)
        if not same(message.proof, expected):
            self.detach()
            return self._reject(ErrorCode.AUTHENTICATION, "the token is wrong")
        self._state = State.GREETED
        return Greeting(self._hello)

    def _reject(self, code: ErrorCode, detail: str) -> Rejected:
        self._say(Notice(code, shorten(detail)))
        return Rejected(code, detail)

    def _make_welcome(self, hello: Hello, session: SessionState, resumed: bool) -> Welcome:
        identity = self._identity
        proof = b""
        if identity.token is not None:
            proof = device_proof(identity.token, hello.nonce, self._challenge)
        return Welcome(
            PROTOCOL_VERSION,
            hello.nonce,
            identity.boot_id,
            session.session,
            resumed,
            session.role,
            proof,
            identity.heartbeat_ms,
            identity.silence_ms,
            identity.resume_ms,
            identity.name,
            session.capabilities,
        )


def _is_of_a_session(event: DeviceEvent) -> bool:
    """Whether an event takes room in the window."""
    return type(event) is Received or (isinstance(event, Rejected) and event.sequenced)


def _priority(message: Reply) -> Priority:
    return Priority.DEMAND if isinstance(message, _BULK) else Priority.REQUEST
