"""Authentication, where the device wants a token: challenge and response, which no one can replay."""

from __future__ import annotations

import secrets

import pytest

from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import device_proof, hello, host_proof
from pixeltree_conformance.wire import Wire, until, until_any
from pixeltree_protocol.link.messages import (
    NONCE_BYTES,
    PROOF_BYTES,
    Challenge,
    ErrorCode,
    Hello,
    Notice,
    Ping,
    Proof,
    Welcome,
)


def challenge_of(wire: Wire, greeting: Hello) -> bytes:
    """Greet, and take the challenge; without one there is nothing to test here."""
    wire.send(b"\0")
    wire.say(greeting)
    while True:
        message = until_any(wire, Challenge, Welcome)
        if isinstance(message, Challenge) and message.nonce == greeting.nonce:
            return message.challenge
        if isinstance(message, Welcome) and message.nonce == greeting.nonce:
            pytest.skip("the device wants no token")


def new_hello() -> Hello:
    """A proper HELLO with a nonce of its own."""
    return hello(secrets.token_bytes(NONCE_BYTES))


@pytest.fixture
def token(bench: Bench) -> bytes:
    """The token of a device that wants one."""
    challenge_of(bench.wire(), new_hello())
    assert bench.token is not None, "the device wants a token: give --token-file FILE"
    return bench.token


def test_who_proves_to_know_the_token_is_welcome_and_so_does_the_device(bench: Bench, token: bytes) -> None:
    """CHALLENGE, PROOF, WELCOME with the device's own proof."""
    wire, greeting = bench.wire(), new_hello()
    challenge = challenge_of(wire, greeting)
    wire.say(Proof(host_proof(token, greeting.nonce, challenge)))
    welcome = until(wire, Welcome)
    assert welcome.proof == device_proof(token, greeting.nonce, challenge)


def test_challenges_are_the_same_for_one_greeting_and_new_for_another(bench: Bench, token: bytes) -> None:
    """CHALLENGE: a repeated HELLO gets the same one; another nonce gets another one."""
    wire, greeting = bench.wire(), new_hello()
    first = challenge_of(wire, greeting)
    assert challenge_of(wire, greeting) == first
    assert challenge_of(bench.wire(), new_hello()) != first
    assert len(first) == NONCE_BYTES


@pytest.mark.parametrize("kind", ["random", "another token", "the device's own", "another challenge"])
def test_a_wrong_proof_is_refused(bench: Bench, token: bytes, kind: str) -> None:
    """AUTHENTICATION, in a NOTICE: and no WELCOME, also not to the right proof afterwards."""
    wire, greeting = bench.wire(), new_hello()
    challenge = challenge_of(wire, greeting)
    proofs = {
        "random": secrets.token_bytes(PROOF_BYTES),
        "another token": host_proof(token + b"!", greeting.nonce, challenge),
        "the device's own": device_proof(token, greeting.nonce, challenge),
        "another challenge": host_proof(token, greeting.nonce, secrets.token_bytes(NONCE_BYTES)),
    }
    wire.say(Proof(proofs[kind]))
    message = until_any(wire, Notice, Welcome)
    assert isinstance(message, Notice), "a wrong proof was welcome"
    assert message.code == ErrorCode.AUTHENTICATION


def test_a_proof_cannot_be_replayed(bench: Bench, token: bytes) -> None:
    """PROOF: what was right for one greeting is wrong for the next."""
    wire, greeting = bench.wire(), new_hello()
    proof = Proof(host_proof(token, greeting.nonce, challenge_of(wire, greeting)))
    wire.say(proof)
    until(wire, Welcome)
    wire = bench.wire()
    challenge_of(wire, new_hello())
    wire.say(proof)
    message = until_any(wire, Notice, Welcome)
    assert isinstance(message, Notice)
    assert message.code == ErrorCode.AUTHENTICATION


def test_nothing_is_answered_before_the_proof(bench: Bench, token: bytes) -> None:
    """UNEXPECTED: a request between CHALLENGE and PROOF; the handshake can still be completed."""
    wire, greeting = bench.wire(), new_hello()
    challenge = challenge_of(wire, greeting)
    wire.say(Ping(1), 1)
    message = until_any(wire, Notice, Welcome)
    assert isinstance(message, Notice)
    assert message.code == ErrorCode.UNEXPECTED
    wire.say(Proof(host_proof(token, greeting.nonce, challenge)))
    until(wire, Welcome)


def test_a_session_is_resumed_with_a_new_proof_only(bench: Bench, token: bytes) -> None:
    """Each wire asks for a proof of its own; the session goes on after it."""
    driver = bench.drive()
    driver.settle()
    bench.cut(driver)
    assert bench.resume(driver).resumed
    assert driver.welcome.proof
    assert token
