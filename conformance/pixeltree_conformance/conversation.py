"""A session with the device, spoken by hand: numbers, acknowledgements, and what must hold at all times."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from typing import TypeVar

import pytest

from pixeltree_conformance.wire import ANSWER_TIME, Came, Wire, frame_of
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.messages import (
    NO_SESSION,
    NONCE_BYTES,
    PROTOCOL_VERSION,
    Ack,
    Challenge,
    Error,
    ErrorCode,
    Execute,
    Hello,
    Leave,
    Message,
    Notice,
    Ping,
    Pong,
    Proof,
    ReadPlane,
    Result,
    Role,
    SetExposure,
    StartFrame,
    Welcome,
)

WINDOW = 1 << 20
_HELLO_AGAIN = 0.5
_MODULUS = 0x10000
_SLICE = 0.5
_LONGEST_DETAIL = 520

_NEED_AN_ARRAY = (Execute, ReadPlane, SetExposure, StartFrame)

_Kind = TypeVar("_Kind")


def host_proof(token: bytes, nonce: bytes, challenge: bytes) -> bytes:
    """What a host proves itself with."""
    return hmac.new(token, b"pixeltree host" + nonce + challenge, hashlib.sha256).digest()


def device_proof(token: bytes, nonce: bytes, challenge: bytes) -> bytes:
    """What a device proves itself with."""
    return hmac.new(token, b"pixeltree device" + nonce + challenge, hashlib.sha256).digest()


def hello(nonce: bytes, session: bytes = NO_SESSION, role: int = Role.DRIVE, window: int = WINDOW) -> Hello:
    """A proper HELLO."""
    return Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, nonce, session, role, window, "pixeltree conformance")


class Conversation:
    """The host's end of a session.

    Args:
        wire: where to speak.
        token: what the device wants to see proof of, if it does.
        window: bytes that the device may have on their way, unhandled.
        answer_time: seconds that an answer may take.

    Attributes:
        welcome: what the device said of itself.
        acknowledging: whether what comes in is acknowledged as received.
        handling: whether it is told to be handled.
        mute: whether nothing at all is sent of our own accord, signs of life included.
        notices: every NOTICE so far.
        acks: every ACK so far.
    """

    welcome: Welcome

    def __init__(
        self,
        wire: Wire,
        token: bytes | None,
        window: int = WINDOW,
        answer_time: float = ANSWER_TIME,
    ) -> None:
        self.wire = wire
        self.answer_time = answer_time
        self.window = window
        self.acknowledging = self.handling = True
        self.mute = False
        self.notices: list[Notice] = []
        self.acks: list[Ack] = []
        self.greeted = False
        self._token = token
        self._forget()

    def _forget(self) -> None:
        """As at the start of a session."""
        self.inbox: deque[Came] = deque()
        self.next_sequence = 0
        self.expected = 0
        self.told_handled = 0
        self.device_received = self.device_handled = 0
        self.unhandled_bytes = 0
        self._unhandled: deque[int] = deque()
        self._flight: deque[tuple[int, bytes]] = deque()
        self._last_request = 0
        self._for_the_array: set[int] = set()
        self._untold = self._lost = False

    # -- the handshake -----------------------------------------------------------------------------

    def greet(self, role: Role = Role.DRIVE, session: bytes = NO_SESSION) -> Welcome:
        """Shake hands; HELLO is repeated until it is answered."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        greeting = b"\0" + frame_of(hello(nonce, session, role, self.window), 0, self.numbers())
        deadline = time.monotonic() + self.answer_time
        challenge = b""
        while time.monotonic() < deadline:
            self.wire.send(greeting)
            again = time.monotonic() + _HELLO_AGAIN
            while (came := self.wire.next(max(0.0, again - time.monotonic()))) is not None:
                message = came.message
                if isinstance(message, Challenge) and message.nonce == nonce:
                    assert self._token is not None, "the device wants a token: give --token-file FILE"
                    challenge = message.challenge
                    self.wire.say(Proof(host_proof(self._token, nonce, challenge)))
                elif isinstance(message, Welcome) and message.nonce == nonce:
                    self._welcomed(came, message)
                    self._check_proof(message, nonce, challenge)
                    return message
                elif isinstance(message, Notice) and message.code in _FINAL:
                    raise AssertionError(f"the device refuses a session: {message}")
        raise AssertionError("no WELCOME came")

    def _welcomed(self, came: Came, welcome: Welcome) -> None:
        if not welcome.resumed:
            self._forget()
        self.welcome = welcome
        self.greeted = True
        self._note(came.numbers)
        self.send_again()  # what the device had not received before the cut

    def _check_proof(self, welcome: Welcome, nonce: bytes, challenge: bytes) -> None:
        if challenge and self._token is not None:
            assert welcome.proof == device_proof(self._token, nonce, challenge), "WELCOME's proof is wrong"

    def leave(self) -> None:
        """End the session."""
        if self.greeted:
            self.greeted = False
            self.wire.say(Leave(), 0, self.numbers())

    # -- requests ----------------------------------------------------------------------------------

    def numbers(self, sequence: int = 0) -> Numbers:
        """The numbers for a frame that goes out now."""
        return Numbers(sequence % _MODULUS, self.expected % _MODULUS, self.told_handled % _MODULUS)

    def send(self, message: Message, within_window: bool = True) -> int:
        """Send a request when the window allows; returns its id."""
        frame = self._next_frame(message)
        limit = self.welcome.capabilities.credit_window
        deadline = time.monotonic() + self.answer_time
        while within_window and self._unhandled and self.unhandled_bytes + len(frame) > limit:
            assert time.monotonic() < deadline, "the device does not handle what was sent to it"
            self.take(_SLICE)
        self.launch(frame)
        return self._last_request

    def send_later(self, message: Message) -> int:
        """While the wire is cut: send a request as soon as the session is resumed; returns its id."""
        self._note_launch(self._next_frame(message))
        return self._last_request

    def _next_frame(self, message: Message) -> bytes:
        self._last_request = self._last_request % 0xFFFF + 1
        if isinstance(message, _NEED_AN_ARRAY):
            self._for_the_array.add(self._last_request)
        else:
            self._for_the_array.discard(self._last_request)
        return frame_of(message, self._last_request, self.numbers(self.next_sequence))

    def _note_launch(self, frame: bytes) -> None:
        self._flight.append((self.next_sequence, frame))
        self._unhandled.append(len(frame))
        self.unhandled_bytes += len(frame)
        self.next_sequence += 1

    def launch(self, *frames: bytes) -> None:
        """Send whole frames that carry the next sequence numbers, joined together."""
        for frame in frames:
            self._note_launch(frame)
        self.wire.send(b"".join(frames))

    def send_again(self) -> None:
        """Send again what the device has not received."""
        for _, frame in list(self._flight):
            self.wire.send(frame)

    def tell_handled(self, payloads: int | None = None) -> None:
        """Tell that so many more payloads are handled; without a number all, now and from now on."""
        self.handling = payloads is None
        self.told_handled = self.expected if payloads is None else self.told_handled + payloads
        self._untold = True

    def answer(self, request: int, kind: type[_Kind], timeout: float | None = None) -> _Kind:
        """The next message that answers a request; it must be of this kind."""
        message = self.next_answer(request, timeout)
        assert isinstance(message, kind), f"instead of {kind.__name__} the device answered {message}"
        return message

    def next_answer(self, request: int, timeout: float | None = None) -> Message:
        """The next message that answers a request, whatever it is.

        Where it needs an array and the device says that it has none, the test is skipped.
        """
        deadline = time.monotonic() + (self.answer_time if timeout is None else timeout)
        while True:
            for index, came in enumerate(self.inbox):
                if came.request == request:
                    del self.inbox[index]
                    self._skip_without_array(came)
                    return came.message
            left = deadline - time.monotonic()
            assert left > 0, f"no answer to request {request} came"
            self.take(left)

    def _skip_without_array(self, came: Came) -> None:
        message = came.message
        if isinstance(message, Error) and message.code == ErrorCode.UNSUPPORTED:
            assert came.request in self._for_the_array, f"every device must support what was asked: {message}"
            pytest.skip(f"UNSUPPORTED: {message.detail}")

    def ask(self, message: Message, kind: type[_Kind]) -> _Kind:
        """Send a request and wait for its answer, which must be of this kind."""
        return self.answer(self.send(message), kind)

    def refused(self, message: Message, code: ErrorCode) -> Error:
        """Send a request that must be answered by an ERROR with this code."""
        return self.error(self.send(message), code)

    def error(self, request: int, code: ErrorCode) -> Error:
        """The ERROR that must answer a request, with this code and a detail for people."""
        error = self.answer(request, Error)
        assert error.code == code, f"instead of {code.name} the device answered {error}"
        assert 0 < len(error.detail) <= _LONGEST_DETAIL
        return error

    def settle(self) -> None:
        """Wait until everything sent so far has been acted on: requests are acted on in order."""
        nonce = secrets.randbits(32)
        assert self.ask(Ping(nonce), Pong) == Pong(nonce)

    def unanswered(self, *requests: int) -> None:
        """After :meth:`settle`: nothing answered these requests."""
        stray = [came.message for came in self.inbox if came.request in requests]
        assert not stray, f"nothing was to be said, but the device said {stray}"

    def noticed(self, code: ErrorCode) -> Notice:
        """Wait for a NOTICE with this code."""
        deadline = time.monotonic() + self.answer_time
        while True:
            for index, notice in enumerate(self.notices):
                if notice.code == code:
                    assert 0 < len(notice.detail) <= _LONGEST_DETAIL
                    return self.notices.pop(index)
            left = deadline - time.monotonic()
            assert left > 0, f"no NOTICE {code.name} came, only {self.notices}"
            self.take(left)

    def acked(self, poll: int = 0, reject: bool = False) -> Came:
        """Wait for an ACK that answers a poll, or that rejects."""
        deadline = time.monotonic() + self.answer_time
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no ACK came that {'rejects' if reject else f'answers poll {poll}'}"
            came = self.take(left)
            if came is None or not isinstance(came.message, Ack):
                continue
            if (poll and came.message.answer == poll) or (reject and came.message.reject):
                return came

    # -- what comes in -----------------------------------------------------------------------------

    def take(self, timeout: float) -> Came | None:
        """Take one frame off the wire, check it, and acknowledge it where nothing else is there to take."""
        deadline = time.monotonic() + timeout
        while True:
            came = self.wire.next(0.0)
            if came is None:
                self._acknowledge()
                self._live()
                left = deadline - time.monotonic()
                came = self.wire.next(max(0.0, min(left, self._pace)))
            if came is not None:
                self._take(came)
                return came
            if time.monotonic() >= deadline:
                return None

    @property
    def _pace(self) -> float:
        return self.welcome.heartbeat_ms / 2000

    def _live(self) -> None:
        if not self.mute and time.monotonic() - self.wire.last_sent >= self._pace:
            self.wire.say(Ack(0, 0, False), 0, self.numbers())

    def _acknowledge(self) -> None:
        if self._untold and not self.mute:
            self._untold = False
            self.wire.say(Ack(0, 0, False), 0, self.numbers())

    def _take(self, came: Came) -> None:
        self._note(came.numbers)
        if came.sequenced:
            self._take_payload(came)
            return
        assert came.request == 0, f"a message of the link carries a request id: {came}"
        if isinstance(came.message, Notice):
            self.notices.append(came.message)
        elif isinstance(came.message, Ack):
            self._take_ack(came.message)

    def _take_payload(self, came: Came) -> None:
        ahead = (came.numbers.sequence - self.expected) % _MODULUS
        if ahead >= _MODULUS // 2:
            self._untold = self.acknowledging
        elif ahead:
            assert self.wire.damaged or self._lost, (
                f"a payload is missing before {came}, though nothing was damaged"
            )
            self.wire.say(Ack(0, 0, True), 0, self.numbers())
        elif self.acknowledging:
            self.expected += 1
            if self.handling:
                self.told_handled = self.expected
            self._untold = True
            self._accept(came)
        else:
            self._lost = True

    def _accept(self, came: Came) -> None:
        observed = isinstance(came.message, Result) and self.welcome.role == Role.OBSERVE
        assert observed == (came.request == 0), f"a message that answers no request: {came}"
        self.inbox.append(came)

    def _take_ack(self, ack: Ack) -> None:
        self.acks.append(ack)
        if ack.poll and not self.mute:
            self.wire.say(Ack(0, ack.poll, False), 0, self.numbers())
        if ack.reject:
            self.send_again()

    def _note(self, numbers: Numbers) -> None:
        """The device's numbers never claim more than was sent; one sent again may carry old ones."""
        received, handled = self.device_received, self.device_handled
        if (ahead := (numbers.received - received) % _MODULUS) < _MODULUS // 2:
            received += ahead
        if (ahead := (numbers.handled - handled) % _MODULUS) < _MODULUS // 2:
            handled += ahead
        assert received <= self.next_sequence, f"{numbers}: only {self.next_sequence} payloads were sent"
        assert handled <= received, f"{numbers}: {handled} handled of {received} received"
        while self._flight and self._flight[0][0] < received:
            self._flight.popleft()
        for _ in range(handled - self.device_handled):
            self.unhandled_bytes -= self._unhandled.popleft()
        self.device_received, self.device_handled = received, handled


_FINAL = (ErrorCode.VERSION, ErrorCode.BUSY, ErrorCode.AUTHENTICATION, ErrorCode.OUT_OF_RANGE)
