"""A client of the daemon: what it does with several messages that come in with one read."""

import time

import pytest

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.serving.client import Client
from pixeltree_emu.serving.sessions import Sessions
from pixeltree_emu.wires.base import Wants
from pixeltree_protocol.link.connection import Identity
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.framing import FrameDecoder, encode_frame
from pixeltree_protocol.link.messages import (
    Hello,
    Leave,
    Ping,
    Pong,
    Role,
    Welcome,
    decode_message,
    encode_message,
)


class ScriptedWire:
    """Gives out what the test puts in, one entry per read, and keeps what is written."""

    name = "scripted"
    local = False
    persistent = True

    def __init__(self):
        self.reads = []
        self.decoder = FrameDecoder()
        self.messages = []

    def wants(self, reading, writing):
        return Wants(0)

    def read(self, limit):
        return self.reads.pop(0) if self.reads else None

    def write(self, data):
        self.messages += [decode_message(f.payload, Sender.DEVICE)[1] for f in self.decoder.feed(bytes(data))]
        return len(data)


@pytest.fixture
def wire():
    return ScriptedWire()


@pytest.fixture
def client(wire):
    device = EmulatedDevice()
    identity = Identity(b"boot id!", "test", device.limits.capabilities())
    return Client(wire, identity, Sessions(device, identity.resume_ms), None, time.monotonic)


def hello(number, session=bytes(8), role=Role.DRIVE):
    return encode_frame(encode_message(Hello(1, 1, bytes([number]) * 16, session, role, 1 << 17, "t"), 0))


LEAVE = encode_frame(encode_message(Leave(), 0))
PING = encode_frame(encode_message(Ping(1), 1))


def welcomes(wire):
    return [message for message in wire.messages if isinstance(message, Welcome)]


def read(client, wire, *reads):
    for data in reads:
        wire.reads.append(data)
        client.serve()


@pytest.mark.parametrize("second", [hello(2), hello(2) + hello(2)], ids=["once", "twice"])
def test_of_two_greetings_in_one_read_the_later_counts(client, wire, second):
    read(client, wire, hello(1) + second)
    assert {welcome.nonce for welcome in welcomes(wire)} == {b"\2" * 16}


def test_a_greeting_that_a_refused_one_follows_is_not_answered(client, wire):
    read(client, wire, hello(1) + hello(2, role=9), hello(3))
    assert [welcome.nonce for welcome in welcomes(wire)] == [b"\3" * 16]


def test_who_leaves_and_greets_in_one_read_gets_a_new_session(client, wire):
    read(client, wire, hello(1), LEAVE + hello(2), PING)
    first, second = welcomes(wire)
    assert first.session != second.session
    assert second.role == Role.DRIVE
    assert Pong(1) in wire.messages


def test_a_session_goes_on_where_its_host_greets_again_on_the_same_wire(client, wire):
    read(client, wire, hello(1))
    (first,) = welcomes(wire)
    read(client, wire, hello(2, first.session), PING)
    second = welcomes(wire)[1]
    assert second.resumed
    assert second.session == first.session
    assert Pong(1) in wire.messages


def test_a_session_asked_for_in_another_role_is_a_new_one(client, wire):
    read(client, wire, hello(1))
    read(client, wire, hello(2, welcomes(wire)[0].session, Role.OBSERVE), hello(3))
    assert [welcome.resumed for welcome in welcomes(wire)] == [False, False, False]
    assert welcomes(wire)[2].role == Role.DRIVE
