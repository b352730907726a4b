"""Proofs: who does not know the token gets no session, on either end; the token never crosses the wire."""

import hashlib
import hmac

import pytest
from tests.support.ends import (
    NONCE,
    NOW,
    SESSION,
    TOKEN,
    Link,
    greeting_host,
    heard,
    hello,
    new_device,
    on_wire,
    welcome,
)

from pixeltree_protocol.link.connection import Greeting, Ready, Refused, State
from pixeltree_protocol.link.connection.authentication import device_proof, host_proof
from pixeltree_protocol.link.messages import Challenge, ErrorCode, Hello, Notice, Ping, Proof, Role, Welcome

CHALLENGE = b"challenge of 16 "


def test_proofs_are_hmacs_of_what_the_documentation_says():
    for proof, text in ((host_proof, b"pixeltree host"), (device_proof, b"pixeltree device")):
        expected = hmac.digest(TOKEN, text + NONCE + CHALLENGE, hashlib.sha256)
        assert proof(TOKEN, NONCE, CHALLENGE) == expected


def challenged_device(token=TOKEN):
    device = new_device(token=token)
    assert device.receive_data(on_wire(hello()), NOW) == []
    (said,) = heard(device)
    return device, said


def test_both_ends_prove_themselves_and_the_token_never_crosses_the_wire():
    link = Link(token=TOKEN, host_token=TOKEN)
    link.host.connect(NOW)
    crossed = b""
    for _ in range(3):
        data = link.host.data_to_send(NOW)
        for event in link.device.receive_data(data, NOW):
            link.greet(event)
        answer = link.device.data_to_send(NOW)
        link.host_events += link.host.receive_data(answer, NOW)
        crossed += data + answer
    assert isinstance(link.host_events[-1], Ready)
    assert TOKEN not in crossed


def test_a_device_with_a_token_challenges_before_it_tells_anything_of_itself():
    device, said = challenged_device()
    assert said == Challenge(NONCE, said.challenge)
    assert device.state is State.CHALLENGED


def test_a_repeated_hello_gets_the_same_challenge():
    device, said = challenged_device()
    device.receive_data(on_wire(hello()), NOW)
    assert heard(device) == [said]


def test_another_nonce_gets_another_challenge():
    device, said = challenged_device()
    device.receive_data(on_wire(hello(b"another nonce...")), NOW)
    (again,) = heard(device)
    assert again.challenge != said.challenge


def test_the_right_proof_is_a_greeting_and_welcome_proves_the_device():
    device, said = challenged_device()
    proof = Proof(host_proof(TOKEN, NONCE, said.challenge))
    assert device.receive_data(on_wire(proof), NOW) == [Greeting(hello())]
    device.welcome(SESSION, Role.DRIVE, None, NOW)
    (answer,) = heard(device)
    assert answer.proof == device_proof(TOKEN, NONCE, said.challenge)


@pytest.mark.parametrize(
    "proof",
    [
        lambda challenge: host_proof(b"another token", NONCE, challenge),
        lambda challenge: host_proof(TOKEN, NONCE, bytes(16)),
        lambda challenge: host_proof(TOKEN, b"another nonce...", challenge),
        lambda challenge: device_proof(TOKEN, NONCE, challenge),
        lambda challenge: bytes(32),
    ],
    ids=["token", "challenge", "nonce", "reflected", "zeros"],
)
def test_a_wrong_proof_is_refused_and_the_challenge_is_used_up(proof):
    device, said = challenged_device()
    (event,) = device.receive_data(on_wire(Proof(proof(said.challenge))), NOW)
    assert event.code is ErrorCode.AUTHENTICATION
    (notice,) = heard(device)
    assert notice.code == ErrorCode.AUTHENTICATION
    assert device.state is State.NEW
    right = Proof(host_proof(TOKEN, NONCE, said.challenge))
    assert device.receive_data(on_wire(right), NOW) == [], "no second guess at the same challenge"
    assert device.state is State.NEW


def test_an_unproven_host_gets_no_session_whatever_it_sends():
    device, _ = challenged_device()
    events = device.receive_data(on_wire(Ping(1), 1), NOW)
    assert [event.code for event in events] == [ErrorCode.UNEXPECTED]
    assert not any(isinstance(said, Welcome) for said in heard(device))


def test_a_proof_from_an_earlier_wire_is_worth_nothing():
    first, said = challenged_device()
    proof = Proof(host_proof(TOKEN, NONCE, said.challenge))
    first.detach()
    first.receive_data(on_wire(hello()), NOW)
    (event,) = first.receive_data(on_wire(proof), NOW)
    assert event.code is ErrorCode.AUTHENTICATION


def test_a_host_without_a_token_gives_up_when_challenged():
    host, nonce = greeting_host()
    events = host.receive_data(on_wire(Challenge(nonce, CHALLENGE)), NOW)
    assert events == [Refused(ErrorCode.AUTHENTICATION, "the device wants a token")]
    assert host.state is State.CUT


def test_a_host_answers_a_challenge_and_each_repetition_of_it():
    host, nonce = greeting_host(token=TOKEN)
    for _ in range(2):
        assert host.receive_data(on_wire(Challenge(nonce, CHALLENGE)), NOW) == []
        assert heard(host) == [Proof(host_proof(TOKEN, nonce, CHALLENGE))]


def test_a_host_answers_no_challenge_to_another_hello():
    host, _ = greeting_host(token=TOKEN)
    host.receive_data(on_wire(Challenge(b"another nonce...", CHALLENGE)), NOW)
    assert heard(host) == []


@pytest.mark.parametrize(
    "proof",
    [
        b"",
        bytes(32),
        host_proof(TOKEN, (1).to_bytes(16, "big"), CHALLENGE),
        device_proof(b"another token", (1).to_bytes(16, "big"), CHALLENGE),
    ],
    ids=["none", "zeros", "reflected", "another token"],
)
def test_a_device_that_does_not_prove_itself_is_refused(proof):
    host, nonce = greeting_host(token=TOKEN)
    host.receive_data(on_wire(Challenge(nonce, CHALLENGE)), NOW)
    (event,) = host.receive_data(on_wire(welcome(nonce, proof=proof)), NOW)
    assert (type(event), event.code) == (Refused, ErrorCode.AUTHENTICATION)


def test_a_host_with_a_token_refuses_a_device_that_does_not_ask_for_it():
    host, nonce = greeting_host(token=TOKEN)
    proof = device_proof(TOKEN, nonce, b"")
    (event,) = host.receive_data(on_wire(welcome(nonce, proof=proof)), NOW)
    assert (type(event), event.code) == (Refused, ErrorCode.AUTHENTICATION)


def test_a_wrong_token_is_told_to_the_host():
    link = Link(token=TOKEN, host_token=b"another token")
    link.plug()
    assert [(type(e), e.code) for e in link.host_events] == [(Refused, ErrorCode.AUTHENTICATION)]


def test_a_lost_challenge_a_lost_proof_and_a_lost_welcome_are_asked_for_again():
    for lost in range(3):
        link = Link(token=TOKEN, host_token=TOKEN)
        link.host.connect(NOW)
        for step in range(12):
            link.now += 0.5
            data = link.host.data_to_send(link.now)
            if lost == 1 and step == 1:
                data = b""
            for event in link.device.receive_data(data, link.now):
                link.greet(event)
            answer = link.device.data_to_send(link.now)
            if (lost, step) in ((0, 0), (2, 1)):
                answer = b""
            link.host_events += link.host.receive_data(answer, link.now)
        assert [type(event) for event in link.host_events] == [Ready], lost
        assert len(link.sessions) == 1


def test_hello_and_notice_are_all_that_a_stranger_sees():
    device, said = challenged_device()
    device.receive_data(on_wire(Proof(bytes(32))), NOW)
    assert {type(message) for message in (said, *heard(device))} == {Challenge, Notice}
    assert isinstance(hello(), Hello)
