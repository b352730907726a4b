"""Hostile bytes in every state, from every kind of peer: nothing is raised, nothing grows, others are served.

The long version is ``make fuzz``; see ``tools/fuzz_daemon.py``.
"""

import logging
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.fuzz_target import MOST_PEERS, TOKEN, Target
from tests.support.hostile import Hostility
from tests.support.schedules import array

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.connection import DeviceConnection, HostConnection, Identity, State
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import Ack, Capabilities, Hello, Leave, Ping, Pong, Role, encode_message

CALM = settings(deadline=None, max_examples=effort(40, 12), suppress_health_check=list(HealthCheck))

GREATEST = {
    "clients": MOST_PEERS + 1,
    "sessions": 33,
    "stored_bytes": 65_536,
    "objects": 1_024,
    "talk_bytes": 17_000,
    "partial_frame_bytes": 8_300,
    "held_bytes": 32_768,
    "pending_events": 5_000,
    "unsent_bytes": 16_384 + 16_384 + 17_000 + 10_000,
    "queued_bytes": 600_000,
    "unreceived_bytes": 4 << 20,
}
"""What the limits of sessions and connections promise, whatever peers do."""


@pytest.fixture(autouse=True)
def no_log(monkeypatch):
    """Thousands of rejections are expected, and need not be captured."""
    monkeypatch.setattr(logging.getLogger("pixeltree_emu"), "propagate", False)


@pytest.mark.parametrize("authenticated", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_peers_leave_the_daemon_serving_in_bounded_memory(seed, authenticated):
    target = Target(seed, array(), authenticated)
    for _ in range(4):
        target.attack(1_000)
        assert target.serves_others()
    assert target.internal_errors.seen == []
    for name, size in target.greatest.items():
        assert size <= GREATEST[name], name


# ---- each piece, by hypothesis

CAPABILITIES = Capabilities(256, 256, 1024, 65_536, 65_536, 8_192, 32_768)
BYTES = st.binary(max_size=300)
NUMBERS = st.builds(Numbers, *[st.integers(0, 0xFFFF)] * 3)


def hello(role=Role.DRIVE, nonce=bytes(16)):
    return encode_frame(encode_message(Hello(1, 1, nonce, bytes(8), role, 1 << 20, "fuzz"), 0))


def device_in(state, authenticated):
    """A device's connection in a state."""
    identity = Identity(bytes(8), "fuzz", CAPABILITIES, token=TOKEN if authenticated else None)
    device = DeviceConnection(identity, random.Random(1).randbytes)
    host = HostConnection("fuzz", random.Random(2).randbytes, token=TOKEN)
    if state is State.NEW:
        return device
    host.connect(0.0)
    for _ in range(4):
        for _ in device.receive_data(host.data_to_send(0.0), 0.0):
            if state is State.READY:
                device.welcome(b"session!", Role.DRIVE, None, 0.0)
        if state is State.CHALLENGED:
            break
        host.receive_data(device.data_to_send(0.0), 0.0)
    return device


STATES = [
    (State.NEW, False),
    (State.NEW, True),
    (State.CHALLENGED, True),
    (State.READY, False),
    (State.READY, True),
]


@pytest.mark.parametrize(("state", "authenticated"), STATES)
@CALM
@given(data=st.data())
def test_no_bytes_make_a_devices_connection_raise_or_grow(state, authenticated, data):
    device = device_in(state, authenticated)
    if authenticated or state is State.NEW:
        assert device.state is state
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    hostility = Hostility(dice)
    for _ in range(20):
        session = device.session
        sent = data.draw(BYTES) if dice.random() < 0.2 else hostility.frame(data.draw(NUMBERS), bytes(8))[0]
        for event in device.receive_data(sent, 0.0):
            if session is not None and session is device.session:
                session.handled(event)
    assert device.bytes_to_send <= 16_384 + 1_000
    if state is not State.READY and authenticated:
        assert device.state is not State.READY, "nobody gets in without the token"


@CALM
@given(st.lists(st.tuples(NUMBERS, st.booleans(), st.integers(0, 255), st.integers(0, 255)), max_size=40))
def test_lying_numbers_neither_raise_nor_make_a_device_send_more_than_it_has(lies):
    device = device_in(State.READY, False)
    session = device.session
    for index in range(5):
        session.send(Pong(index), 1)
    sent = bytearray()
    for numbers, reject, poll, answer in lies:
        frame = encode_frame(encode_message(Ack(poll, answer, reject), 0, numbers))
        assert device.receive_data(frame, 0.0) == []
        sent += device.data_to_send(0.0)
    assert session.delivery.unreceived_bytes <= 5 * 40
    assert len(sent) <= (len(lies) + 1) * 6 * 60


@CALM
@given(st.lists(BYTES, max_size=20), st.integers(0, 2**32))
def test_no_bytes_make_a_hosts_connection_raise(noise, seed):
    dice = random.Random(seed)
    hostility = Hostility(dice)
    host = HostConnection("fuzz", dice.randbytes)
    host.connect(0.0)
    for data in noise:
        host.receive_data(data, 0.0)
        host.receive_data(encode_frame(encode_any(hostility)), 0.0)
        host.data_to_send(0.0)
    assert host.bytes_to_send <= 17_000


def encode_any(hostility):
    """Any message as a payload."""
    while True:
        try:
            return encode_message(hostility.anything(), 1)
        except MessageError:
            continue


@CALM
@given(st.lists(st.sampled_from(["hello", "other", "observe", "leave", "ping", "noise"]), max_size=8))
def test_any_greetings_in_one_read_leave_one_session_at_most(words):
    """They once ended the daemon: the first greeting was answered when the second had replaced it."""
    frames = {
        "hello": hello(),
        "other": hello(nonce=b"x" * 16),
        "observe": hello(Role.OBSERVE, b"o" * 16),
        "leave": encode_frame(encode_message(Leave(), 0)),
        "ping": encode_frame(encode_message(Ping(1), 1)),
        "noise": b"\x05\0",
    }
    target = Target(0, array())
    target.join()
    target.peers[0].wire.incoming += b"".join(frames[word] for word in words)
    target.turn()
    target.turn()
    assert target.serves_others()
    assert len([session for session in target.sessions if session.connection is not None]) <= 1
