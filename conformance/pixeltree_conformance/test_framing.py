"""Frames: damaged ones count for nothing, whole ones that hold no message are named."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.wire import frame_of
from pixeltree_protocol.link.declaration import BY_CODE
from pixeltree_protocol.link.framing import MAX_PAYLOAD, encode_frame
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    ErrorCode,
    Executed,
    GetStatus,
    Message,
    Notice,
    Ping,
    Pong,
    Put,
    Query,
    ReadPlane,
    Status,
    Stopping,
    Stored,
    encode_message,
    head_bytes,
    seal,
)

UNKNOWN_CODES = [code for code in range(1, 256) if code not in BY_CODE]
PUT_HEAD = head_bytes(Put)


def ping_frame(driver: Conversation, nonce: int) -> bytes:
    """A PING with the next number, request id 7777."""
    return frame_of(Ping(nonce), 7777, driver.numbers(driver.next_sequence))


def count_damage(driver: Conversation) -> int:
    """How many damaged frames the device has counted."""
    return driver.ask(GetStatus(), Status).damaged_frames


def flipped(frame: bytes) -> bytes:
    """A frame with a wrong bit in its last byte but one, kept free of zeros."""
    changed = frame[-2] ^ 0x40 or 0x11
    return frame[:-2] + bytes([changed]) + frame[-1:]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a wrong bit": flipped,
    "cut short": lambda frame: frame[: len(frame) // 2] + b"\0",
    "a byte left out": lambda frame: frame[:6] + frame[7:],
    "one byte": lambda frame: b"\x05\0",
    "a byte too many": lambda frame: frame[:-1] + b"\x01\0",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_frame_counts_for_nothing_and_is_asked_for_again(driver: Conversation, kind: str) -> None:
    """BAD_FRAME in a NOTICE, a rejecting ACK, one more damaged frame in STATUS; sent again it is acted on."""
    before = count_damage(driver)
    frame = ping_frame(driver, 5)
    driver.wire.send(DAMAGE[kind](frame))
    driver.noticed(ErrorCode.BAD_FRAME)
    came = driver.acked(reject=True)
    assert came.numbers.received == driver.next_sequence
    driver.launch(frame)
    assert driver.answer(7777, Pong) == Pong(5)
    assert count_damage(driver) == before + 1


def test_an_endless_frame_is_given_up_and_the_next_is_heard(driver: Conversation) -> None:
    """BAD_FRAME: more bytes without a zero than the greatest frame has."""
    frame = ping_frame(driver, 6)
    driver.wire.send(b"\x01" * (driver.welcome.capabilities.max_body + 2_000) + b"\0")
    driver.noticed(ErrorCode.BAD_FRAME)
    driver.launch(frame)
    assert driver.answer(7777, Pong) == Pong(6)


def test_zeros_between_frames_mean_nothing(driver: Conversation) -> None:
    """A lone delimiter resynchronises; it is no frame and no damage."""
    before = count_damage(driver)
    driver.wire.send(bytes(50))
    driver.settle()
    assert count_damage(driver) == before


def test_a_frame_may_come_byte_by_byte(driver: Conversation) -> None:
    """Where a wire cuts a frame into pieces does not matter."""
    frame = ping_frame(driver, 8)
    driver.launch(frame[:1])
    for byte in frame[1:]:
        driver.wire.send(bytes([byte]))
    assert driver.answer(7777, Pong) == Pong(8)


def test_frames_may_come_many_at_once(driver: Conversation) -> None:
    """Where a wire joins frames does not matter; every request is answered, in order."""
    first = driver.next_sequence
    driver.launch(*(frame_of(Ping(n), 1000 + n, driver.numbers(first + n)) for n in range(20)))
    for n in range(20):
        assert driver.answer(1000 + n, Pong) == Pong(n)


def test_a_message_with_the_greatest_body_is_taken(driver: Conversation) -> None:
    """max_body is what fits, not one byte less."""
    capabilities = driver.welcome.capabilities
    size = min(capabilities.max_body - PUT_HEAD, 8_000, capabilities.max_object)
    data = samples.segment_of(size)
    assert driver.ask(samples.whole(data), Stored).digest == samples.whole(data).digest


def test_a_body_over_the_greatest_is_too_long(driver: Conversation) -> None:
    """BAD_FRAME: a whole frame with more than max_body bytes of body; the number stays to be used."""
    greatest = driver.welcome.capabilities.max_body
    if greatest + 1 + ENVELOPE_BYTES > MAX_PAYLOAD:
        pytest.skip("max_body is the greatest that a frame can have")
    put = Put(bytes(16), greatest, 0, bytes([7]) * (greatest + 1 - PUT_HEAD))
    driver.wire.send(frame_of(put, 1, driver.numbers(driver.next_sequence)))
    driver.noticed(ErrorCode.BAD_FRAME)
    driver.settle()


@pytest.mark.parametrize("code", [UNKNOWN_CODES[0], UNKNOWN_CODES[-1]])
def test_an_unknown_message_is_answered_by_an_error(driver: Conversation, code: int) -> None:
    """MALFORMED: a whole frame in order whose code nobody knows uses its number, and is answered."""
    payload = bytearray(encode_message(Ping(1), 7777, driver.numbers(driver.next_sequence)))
    payload[0] = code
    driver.launch(encode_frame(bytes(payload)))
    driver.error(7777, ErrorCode.MALFORMED)
    driver.settle()


@pytest.mark.parametrize(
    "message", [Pong(1), Executed(1, 1), Stored(bytes(16), ())], ids=lambda message: type(message).__name__
)
def test_a_message_that_only_devices_send_is_answered_by_an_error(
    driver: Conversation, message: Message
) -> None:
    """MALFORMED: what a host sends is no message of a host."""
    driver.refused(message, ErrorCode.MALFORMED)
    driver.settle()


def test_a_link_message_that_only_devices_send_is_noticed(driver: Conversation) -> None:
    """MALFORMED, in a NOTICE: messages of the link have no answer; the session goes on."""
    driver.wire.say(Stopping("the host stops"))
    driver.noticed(ErrorCode.MALFORMED)
    driver.wire.say(Notice(ErrorCode.INTERNAL, "from a host"))
    driver.noticed(ErrorCode.MALFORMED)
    driver.settle()


BODIES: dict[str, tuple[Message, bytes]] = {
    "a byte too few": (Ping(1), b"\1\0\0"),
    "a byte too many": (Ping(1), b"\1\0\0\0\0"),
    "no body": (Ping(1), b""),
    "a body where there is none": (GetStatus(), b"\0"),
    "fewer digests than announced": (Query(()), b"\2\0" + bytes(16)),
    "half a digest": (Query(()), b"\1\0" + bytes(15)),
    "text shorter than announced": (ReadPlane("A"), b"\5\0A"),
    "text that is no UTF-8": (ReadPlane("A"), b"\2\0\xc3\x28"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_does_not_parse_is_answered_by_an_error(driver: Conversation, name: str) -> None:
    """MALFORMED: the frame is whole and in order, so its number is used and its request is answered."""
    message, body = BODIES[name]
    numbers = driver.numbers(driver.next_sequence)
    driver.launch(encode_frame(seal(body, message, 7777, numbers)))
    driver.error(7777, ErrorCode.MALFORMED)
    driver.settle()


def test_a_frame_too_short_for_a_message_counts_for_nothing(driver: Conversation) -> None:
    """BAD_FRAME (or MALFORMED), in a NOTICE: without an envelope there is no number and no request."""
    driver.wire.send(encode_frame(b"\x11\x01"))
    driver.settle()
    assert {notice.code for notice in driver.notices} & {ErrorCode.BAD_FRAME, ErrorCode.MALFORMED}


def test_noise_does_not_end_a_session(driver: Conversation) -> None:
    """Mutated frames and random bytes: the session lives, and requests are answered."""
    dice = random.Random(11)
    for round_ in range(60):
        frame = bytearray(ping_frame(driver, round_))
        kind = round_ % 3
        if kind == 0:
            frame[dice.randrange(len(frame) - 1)] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del frame[dice.randrange(1, len(frame) - 1) :]
            frame += b"\0"
        else:
            frame = bytearray(dice.randbytes(dice.randrange(1, 300)) + b"\0")
        driver.wire.send(bytes(frame))
        if round_ % 10 == 9:
            driver.settle()
    driver.unanswered(7777)
