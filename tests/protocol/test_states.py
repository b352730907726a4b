"""The tables of states, row by row: both ends do what the documentation says."""

import pytest
from tests.support.ends import (
    NONCE,
    NOW,
    SESSION,
    SILENCE,
    TOKEN,
    greeting_host,
    heard,
    hello,
    new_device,
    on_wire,
    ready_device,
    ready_host,
    welcome,
)
from tests.support.inside import give_token

from pixeltree_protocol.link.connection import Left, State, states
from pixeltree_protocol.link.connection.authentication import host_proof
from pixeltree_protocol.link.messages import (
    NO_SESSION,
    Ack,
    Challenge,
    ErrorCode,
    Hello,
    Leave,
    Notice,
    Ping,
    Proof,
    Role,
    Welcome,
)

OTHER = b"another nonce..."


def device_in(state, token):
    """A device that stands where a row begins."""
    if state is State.READY:
        return ready_device()
    device = new_device(token=TOKEN if token else None)
    if state is not State.NEW:
        device.receive_data(on_wire(hello()), NOW)
    device.data_to_send(NOW)
    assert device.state is state
    return device


def take(message):
    return lambda device: device.receive_data(on_wire(message), NOW)


def prove(device, token=TOKEN):
    device.receive_data(on_wire(hello()), NOW)
    challenge = heard(device)[-1].challenge
    device.receive_data(on_wire(Proof(host_proof(token, NONCE, challenge))), NOW)


def damage(device):
    device.receive_data(b"\x05noise\0", NOW)


def leave(device):
    assert device.receive_data(on_wire(Leave()), NOW) == [Left()]
    device.detach()


def fall_silent(device):
    assert device.silent(NOW + SILENCE)
    device.detach()


DEVICE_EVENTS = {
    "HELLO, no token wanted": take(hello()),
    "HELLO, token wanted": take(hello()),
    "HELLO of other versions": take(hello(versions=(9, 9))),
    "HELLO outside its limits": take(hello(role=7)),
    "a message of a session, or ACK": lambda device: [take(m)(device) for m in (Ping(1), Ack(0, 0, False))],
    "HELLO, the same nonce": take(hello()),
    "HELLO, another nonce": take(hello(OTHER)),
    "right PROOF": prove,
    "wrong PROOF": lambda device: prove(device, b"wrong"),
    "the session is found or made": lambda device: device.welcome(SESSION, Role.DRIVE, None, NOW),
    "no session is free": lambda device: device.refuse(ErrorCode.BUSY, "full"),
    "PROOF": take(Proof(bytes(32))),
    "a damaged frame": damage,
    "LEAVE": leave,
    "silence": fall_silent,
}

SAYS = {
    "sends CHALLENGE": [Challenge],
    "sends NOTICE VERSION": [ErrorCode.VERSION],
    "sends NOTICE OUT_OF_RANGE": [ErrorCode.OUT_OF_RANGE],
    "sends NOTICE UNEXPECTED": [ErrorCode.UNEXPECTED] * 2,
    "sends the same CHALLENGE again": [Challenge],
    "sends a new CHALLENGE": [Challenge],
    "sends NOTICE AUTHENTICATION": [ErrorCode.AUTHENTICATION],
    "sends NOTICE BUSY": [ErrorCode.BUSY],
    "sends WELCOME": [Welcome],
    "sends the same WELCOME again": [Welcome],
    "sends NOTICE BAD_FRAME": [ErrorCode.BAD_FRAME],
    "sends NOTICE BAD_FRAME, and ACK with `reject`": [ErrorCode.BAD_FRAME, Ack],
    "sends HELLO with a new nonce, again and again": [Hello],
    "sends HELLO with a new nonce: the device forgot": [Hello],
    "sends PROOF": [Proof],
    "sends LEAVE": [Leave],
    "goes on with the session": [Ack],
    "begins anew at number 0": [Ack],
}
"""What goes on the wire; nothing where a row is not here."""


def kinds(messages):
    return [message.code if isinstance(message, Notice) else type(message) for message in messages]


def name_of(row):
    return f"{row.state.value}: {row.event}"


@pytest.mark.parametrize("row", states.DEVICE, ids=name_of)
def test_a_device_does_what_its_table_says(row):
    token = row.state is State.CHALLENGED or row.event == "HELLO, token wanted"
    device = device_in(row.state, token)
    DEVICE_EVENTS[row.event](device)
    assert kinds(heard(device)) == SAYS.get(row.does, [])
    assert device.state is row.then


def host_in(state):
    """A host that stands where a row begins, and its nonce."""
    if state is State.READY:
        return ready_host(), None
    host, nonce = greeting_host()
    if state is State.CUT:
        host.cut()
    return host, nonce


def known(**changes):
    """A host that had a session, greets again and is welcomed."""

    def happen(host, _):
        host.receive_data(on_wire(welcome((1).to_bytes(16, "big"))), NOW)
        host.cut()
        host.connect(NOW)
        nonce = heard(host)[-1].nonce
        host.receive_data(on_wire(welcome(nonce, **changes)), NOW)

    return happen


def challenge_with_token(host, nonce):
    give_token(host, TOKEN)
    host.receive_data(on_wire(Challenge(nonce, bytes(16))), NOW)


def refuse(host, _):
    host.receive_data(on_wire(Notice(ErrorCode.BUSY, "full")), NOW)


def lose(host, _):
    assert host.silent(NOW + SILENCE)
    host.cut()


def tell(make):
    return lambda host, nonce: host.receive_data(on_wire(make(nonce)), NOW)


HOST_EVENTS = {
    "a wire": lambda host, _: host.connect(NOW),
    "CHALLENGE to this nonce": challenge_with_token,
    "CHALLENGE, but no token": tell(lambda nonce: Challenge(nonce, bytes(16))),
    "WELCOME to this nonce, session as asked": known(resumed=True),
    "WELCOME to this nonce, another session": known(session=b"session2"),
    "WELCOME that is wrong": tell(lambda nonce: welcome(nonce, version=99)),
    "WELCOME to another nonce": tell(lambda _: welcome(OTHER)),
    "NOTICE VERSION, BUSY, AUTHENTICATION": refuse,
    "NOTICE UNEXPECTED": tell(lambda _: Notice(ErrorCode.UNEXPECTED, "who?")),
    "WELCOME": tell(lambda _: welcome(OTHER, session=b"session2")),
    "silence, or an error of the wire": lose,
    "the host is done": lambda host, _: host.leave(),
}


@pytest.mark.parametrize("row", states.HOST, ids=name_of)
def test_a_host_does_what_its_table_says(row):
    host, nonce = host_in(row.state)
    HOST_EVENTS[row.event](host, nonce)
    assert kinds(heard(host)) == SAYS.get(row.does, [])
    assert host.state is row.then


def test_every_state_is_left_in_some_row():
    for table in (states.DEVICE, states.HOST):
        assert {row.then for row in table} == {row.state for row in table}
    assert hello().session == NO_SESSION
