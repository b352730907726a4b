"""Both ends together: over a good wire, over bad cables, and through cuts and restarts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.ends import HEARTBEAT, SILENCE, Link, identity
from tests.support.faulty_wire import Faults, FaultyWire

from pixeltree_protocol.link.connection import (
    DeviceConnection,
    Greeting,
    HostConnection,
    Ready,
    Received,
    Refused,
    SessionLost,
    State,
)
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.framing import wire_limit
from pixeltree_protocol.link.messages import ENVELOPE_BYTES, Ping, Pong, Put, Role


def test_a_handshake_makes_both_ends_ready():
    link = Link()
    link.plug()
    assert link.host.state is link.device.state is State.READY
    assert [type(event) for event in link.host_events] == [Ready]


def test_the_handshake_survives_arriving_byte_by_byte():
    link = Link()
    link.host.connect(link.now)
    for byte in link.host.data_to_send(link.now):
        for event in link.device.receive_data(bytes([byte]), link.now):
            link.greet(event)
    for byte in link.device.data_to_send(link.now):
        link.host_events += link.host.receive_data(bytes([byte]), link.now)
    assert [type(event) for event in link.host_events] == [Ready]


def test_requests_and_answers_cross():
    link = Link()
    link.plug()
    ticket = link.host.send(Ping(5))
    link.exchange()
    assert link.at_device() == [Ping(5)]
    link.device.send(Pong(5), ticket.request)
    link.exchange()
    assert link.at_host() == [Pong(5)]
    assert link.host_events[-1].request == ticket.request


def test_an_idle_link_stays_alive_on_heartbeats_alone():
    link = Link()
    link.plug()
    end = link.now + 20 * SILENCE
    while link.now < end:
        link.now = min(link.host.next_timer(), link.device.next_timer())
        link.exchange()
        assert not link.host.silent(link.now)
        assert not link.device.silent(link.now)


def test_a_peer_that_falls_silent_is_noticed_in_time_and_not_before():
    link = Link()
    link.plug()
    start = link.now
    while not link.host.silent(link.now):
        link.now = link.host.next_timer()
        link.host.data_to_send(link.now)  # into the void
    assert link.now == start + SILENCE
    assert start + SILENCE > start + 2 * HEARTBEAT


def test_a_cut_session_goes_on_with_nothing_lost():
    link = Link()
    link.plug()
    for n in range(5):
        link.host.send(Ping(n))
    link.host.data_to_send(link.now)  # lost with the wire
    link.plug()
    assert link.at_device() == [Ping(n) for n in range(5)]
    assert [type(event) for event in link.host_events] == [Ready, Ready]


def test_a_restarted_device_is_noticed():
    link = Link()
    link.plug()
    link.sessions.clear()
    link.identity = identity(boot_id=b"boot no2")
    link.plug()
    assert isinstance(link.host_events[-1], SessionLost)
    assert link.host_events[-1].restarted


def test_a_device_that_restarts_on_a_serial_line_is_greeted_again():
    """The wire does not break: the device just knows nobody any more."""
    link = Link()
    link.plug()
    link.sessions.clear()
    link.device = DeviceConnection(identity(boot_id=b"boot no2"), link.random)
    link.now = link.host.next_timer()
    link.exchange()
    assert link.host.state is State.READY
    assert isinstance(link.host_events[-1], SessionLost)
    link.host.send(Ping(1))
    link.exchange()
    assert link.at_device() == [Ping(1)]


def test_a_slow_owner_slows_the_host_and_loses_nothing():
    window = wire_limit(512 + ENVELOPE_BYTES)
    link = Link(window=window, max_body=512)
    link.plug()
    for n in range(50):
        link.host.send(Put(bytes(16), n + 1, 0, bytes(100)), Priority.DEMAND)
    taken, waiting = [], []
    for _ in range(400):
        data = link.host.data_to_send(link.now)
        waiting += link.device.receive_data(data, link.now)
        assert sum(event.wire_bytes for event in waiting) <= window
        if waiting:
            event = waiting.pop(0)
            taken.append(event.message.total - 1)
            link.device.handled(event)
        link.now += 0.02
        link.host.receive_data(link.device.data_to_send(link.now), link.now)
    assert taken == list(range(50))
    assert link.host.resent_bytes == 0


# ---- bad cables


class Run:
    """A host that sends, a device that answers, and a wire that fails now and then."""

    requests = 25

    def __init__(self, faults, seed):
        self.dice = random.Random(seed)
        self.wire = FaultyWire(faults, seed)
        self.identity = identity()
        self.host = HostConnection("test", self.dice.randbytes)
        self.device = DeviceConnection(self.identity, self.dice.randbytes)
        self.sessions, self.sent, self.got, self.answers = {}, [], [], []
        self.host.connect(self.wire.now)

    def run(self):
        for _ in range(20_000):
            self.mend()
            self.send()
            self.move()
            self.take()
            if len(self.answers) == self.requests:
                return
        raise AssertionError(f"{len(self.got)} arrived, {len(self.answers)} answered: {self.host.state}")

    def mend(self):
        if self.wire.cut or self.host.silent(self.wire.now):
            self.wire.mend()
            self.host.cut()
            self.device = DeviceConnection(self.identity, self.dice.randbytes)
            self.host.connect(self.wire.now)
        if self.device.silent(self.wire.now):
            self.device.detach()

    def send(self):
        if self.host.state is State.READY and len(self.sent) < self.requests:
            number, size = len(self.sent), self.dice.choice((0, 10, 3000, 8000))
            message = Put(bytes(16), number, 0, self.dice.randbytes(size)) if size else Ping(number)
            self.host.send(message, Priority.DEMAND if size else Priority.REQUEST)
            self.sent.append(number)

    def move(self):
        wire = self.wire
        for end, direction in ((self.host, wire.to_device), (self.device, wire.to_host)):
            data = end.data_to_send(wire.now)
            if data:
                wire.put(direction, data)
        timers = (wire.to_device.next, wire.to_host.next, self.host.next_timer(), self.device.next_timer())
        wire.now = max(wire.now + 1e-6, min(time for time in timers if time is not None))

    def take(self):
        now = self.wire.now
        for event in self.device.receive_data(self.wire.to_device.due(now), now):
            if isinstance(event, Greeting):
                known = self.sessions.get(event.hello.session)
                name = b"%08d" % (len(self.sessions) + 1)
                state = self.device.welcome(name, Role.DRIVE, known, now)
                self.sessions[state.session] = state
            elif isinstance(event, Received):
                message = event.message
                number = message.nonce if isinstance(message, Ping) else message.total
                self.got.append((type(message), number))
                self.device.send(Pong(number), event.request)
            self.device.handled(event)
        for event in self.host.receive_data(self.wire.to_host.due(now), now):
            assert not isinstance(event, SessionLost | Refused), event
            if isinstance(event, Received):
                self.answers.append(event.message.nonce)

    def check(self):
        assert sorted(number for _, number in self.got) == list(range(self.requests))
        for kind in (Ping, Put):  # each priority keeps its order
            numbers = [number for found, number in self.got if found is kind]
            assert numbers == sorted(numbers)
        assert self.answers == [number for _, number in self.got]


WIRES = {
    "drop": Faults(drop=0.1),
    "duplicate": Faults(duplicate=0.2),
    "flip": Faults(flip=0.1),
    "truncate": Faults(truncate=0.1),
    "delay": Faults(delay=0.3),
    "split": Faults(split=0.9),
    "cut": Faults(cut=0.1),
    "everything": Faults(0.03, 0.03, 0.03, 0.03, 0.1, 0.3, 0.02),
}


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_wire_does_every_request_is_acted_on_once_and_answered_once(name, seed):
    run = Run(WIRES[name], seed)
    run.run()
    run.check()


@pytest.mark.parametrize("name", ["duplicate", "delay", "split"])
def test_a_wire_that_loses_nothing_makes_nobody_send_anything_again(name):
    run = Run(WIRES[name], 1)
    run.run()
    assert run.host.resent_bytes == 0
    assert all(state.delivery.resent_bytes == 0 for state in run.sessions.values())


@pytest.mark.parametrize("seed", range(6))
def test_at_most_a_window_is_sent_again_for_each_cut(seed):
    run = Run(WIRES["cut"], seed)
    run.run()
    assert run.wire.cuts
    assert run.host.resent_bytes <= run.wire.cuts * run.identity.capabilities.credit_window


chances = st.floats(0, 0.15)


@settings(max_examples=60)
@given(st.builds(Faults, *[chances] * 6, st.floats(0, 0.05)), st.integers(0, 1 << 30))
def test_any_mixture_of_faults_loses_and_doubles_nothing(faults, seed):
    run = Run(faults, seed)
    run.run()
    run.check()
