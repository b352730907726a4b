"""The handshake: versions, limits, repetition, sessions that begin."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation, hello
from pixeltree_conformance.wire import Wire, frame_of, until, until_any
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import encode_frame, wire_limit
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    LEAST_BODY,
    LEAST_HOST_WINDOW,
    MAX_BODY,
    NO_SESSION,
    NONCE_BYTES,
    PROOF_BYTES,
    PROTOCOL_VERSION,
    Challenge,
    ErrorCode,
    GetStatus,
    Hello,
    Notice,
    Ping,
    Role,
    Status,
    Welcome,
    encode_body,
    seal,
)


def new_hello() -> Hello:
    """A proper HELLO with a nonce of its own."""
    return hello(secrets.token_bytes(NONCE_BYTES))


def notice_after(wire: Wire, greeting: Hello, code: ErrorCode) -> None:
    """A HELLO that must be answered by a NOTICE with this code, and by no WELCOME."""
    wire.send(b"\0")
    wire.say(greeting)
    while True:
        message = until_any(wire, Notice, Welcome, Challenge)
        if isinstance(message, Notice):
            if message.code == code:
                return
        elif isinstance(message, Welcome | Challenge):
            assert message.nonce != greeting.nonce, f"a HELLO to be refused was answered by {message}"


def test_welcome_answers_hello_and_its_fields_keep_their_limits(driver: Conversation) -> None:
    """WELCOME: version chosen from the host's, ids not zero, times in their order."""
    welcome = driver.welcome
    assert welcome.version == PROTOCOL_VERSION
    assert welcome.boot_id != bytes(8)
    assert welcome.session != NO_SESSION
    assert not welcome.resumed
    assert welcome.role in (Role.DRIVE, Role.OBSERVE)
    assert len(welcome.proof) in (0, PROOF_BYTES)
    assert welcome.heartbeat_ms >= 10
    assert welcome.silence_ms > 2 * welcome.heartbeat_ms
    assert welcome.device


def test_capabilities_keep_their_limits(welcome: Welcome) -> None:
    """WELCOME: a window holds at least one frame with the greatest body; the array is SCAMP-5's."""
    capabilities = welcome.capabilities
    assert (capabilities.rows, capabilities.columns) == (256, 256)
    assert LEAST_BODY <= capabilities.max_body <= MAX_BODY
    assert capabilities.credit_window >= wire_limit(capabilities.max_body + ENVELOPE_BYTES)
    assert capabilities.icw_store >= 1
    assert capabilities.max_object >= 1
    assert capabilities.memory_bytes >= 1


def test_a_repeated_hello_is_answered_by_the_same_welcome(bench: Bench) -> None:
    """HELLO is sent again until it is answered; repetitions make no further session."""
    driver = bench.drive()
    nonce = driver.welcome.nonce
    for _ in range(3):
        driver.wire.say(hello(nonce))
        assert until(driver.wire, Welcome) == driver.welcome
    driver.settle()


def test_two_hellos_in_a_row_begin_one_session(bench: Bench) -> None:
    """HELLO: the same one twice before any answer is one greeting."""
    bench.drive().leave()
    conversation = bench.conversation()
    welcome = conversation.greet()
    conversation.wire.say(hello(welcome.nonce))
    conversation.wire.say(hello(welcome.nonce))
    conversation.settle()
    assert conversation.ask(GetStatus(), Status).sessions >= 1
    assert conversation.welcome.session == welcome.session


@pytest.mark.parametrize(("least", "greatest"), [(PROTOCOL_VERSION + 1, 255), (0, PROTOCOL_VERSION - 1)])
def test_a_host_of_other_versions_is_told_so(bench: Bench, least: int, greatest: int) -> None:
    """VERSION: no version is spoken by both ends."""
    notice_after(
        bench.wire(), replace(new_hello(), least_version=least, greatest_version=greatest), ErrorCode.VERSION
    )


@pytest.mark.parametrize(("least", "greatest"), [(0, 255), (0, PROTOCOL_VERSION), (PROTOCOL_VERSION, 255)])
def test_a_host_of_many_versions_gets_one_that_both_speak(bench: Bench, least: int, greatest: int) -> None:
    """WELCOME chooses a version from the host's range."""
    wire = bench.wire()
    greeting = replace(new_hello(), least_version=least, greatest_version=greatest)
    wire.send(b"\0" + frame_of(greeting))
    while True:
        message = until_any(wire, Welcome, Challenge)
        if isinstance(message, Challenge):
            pytest.skip("the device wants a token before it chooses a version")
        if isinstance(message, Welcome) and message.nonce == greeting.nonce:
            assert message.version == PROTOCOL_VERSION
            return


@pytest.mark.parametrize(
    "greeting",
    [
        replace(new_hello(), role=2),
        replace(new_hello(), role=255),
        replace(new_hello(), window=0),
        replace(new_hello(), window=LEAST_HOST_WINDOW - 1),
    ],
    ids=["role 2", "role 255", "no window", "a small window"],
)
def test_a_hello_outside_its_limits_is_refused(bench: Bench, greeting: Hello) -> None:
    """OUT_OF_RANGE: an unknown role, or a window without room for a frame."""
    notice_after(bench.wire(), greeting, ErrorCode.OUT_OF_RANGE)


def test_a_message_of_a_session_before_the_handshake_is_refused(bench: Bench) -> None:
    """UNEXPECTED, in a NOTICE: there is no session to answer in; a handshake is possible afterwards."""
    bench.drive().leave()
    conversation = bench.conversation()
    conversation.wire.send(b"\0")
    conversation.wire.say(Ping(1), 1)
    while until(conversation.wire, Notice).code != ErrorCode.UNEXPECTED:
        pass
    conversation.greet()
    conversation.settle()


def test_a_greeting_after_noise_is_heard(bench: Bench) -> None:
    """A zero byte ends whatever stood on the wire before; BAD_FRAME is all that comes of it."""
    conversation = bench.conversation()
    conversation.wire.send(b"\x17noise without an end")
    conversation.greet()
    conversation.settle()


def test_another_hello_on_a_wire_begins_a_new_session(bench: Bench) -> None:
    """A host that was started again greets with another nonce, perhaps on the same wire."""
    driver = bench.drive()
    first = driver.welcome
    driver.send(Ping(1))
    second = driver.greet()
    assert second.session != first.session
    assert second.boot_id == first.boot_id
    assert second.role == Role.DRIVE, "the session before ended with the new greeting"
    driver.settle()


def test_boot_id_and_capabilities_stay_from_session_to_session(bench: Bench) -> None:
    """WELCOME: the boot id changes with the start of the device, and with nothing else."""
    first = bench.drive()
    first.leave()
    second = bench.drive()
    assert second.welcome.boot_id == first.welcome.boot_id
    assert second.welcome.capabilities == first.welcome.capabilities
    assert second.welcome.session != first.welcome.session


def test_a_nonce_is_answered_with_the_session_it_asked_for_only(bench: Bench) -> None:
    """HELLO with a session that never was: a new one, and not called resumed."""
    conversation = bench.conversation()
    welcome = conversation.greet(session=secrets.token_bytes(8))
    assert not welcome.resumed


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_hello_cut_short_is_malformed_and_makes_no_session(bench: Bench, cut: int) -> None:
    """MALFORMED, in a NOTICE: a whole frame whose body does not parse."""
    wire = bench.wire()
    greeting = new_hello()
    body = encode_body(greeting)
    wire.send(b"\0" + encode_frame(seal(body[:-cut], greeting, 0, Numbers(0, 0, 0))))
    while until(wire, Notice).code != ErrorCode.MALFORMED:
        pass
