"""Session: how it treats its link, by a clock of the test's own."""

import pytest
from tests.support.in_memory import InMemoryLink, in_memory_session

from pixeltree import Device
from pixeltree.device.patience import Patience
from pixeltree.device.session import Session
from pixeltree.errors import LinkError
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_protocol.link.messages import Ping, Pong
from pixeltree_protocol.objects import FullyConnected, digest_of


class Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class SlowLink(InMemoryLink):
    """A line with so many bytes a second, whose driver buffers nothing."""

    def __init__(self, clock, bytes_per_second):
        super().__init__(EmulatedDevice())
        self.clock = clock
        self.rate = bytes_per_second

    def send(self, data, timeout):
        if len(data) / self.rate > timeout:
            raise LinkError("too slow")
        self.clock.sleep(len(data) / self.rate)
        super().send(data, timeout)


def device_over(link, clock, opening=0.0):
    def open_link(timeout):
        clock.sleep(opening)
        return link

    session = Session(open_link, link.url, patience=Patience(5, 600, 0), keep_alive=False, clock=clock)
    return Device(session, session.greet())


@pytest.mark.parametrize("bytes_per_second", [960, 300_000])
def test_a_slow_line_gets_short_bursts_and_is_not_taken_for_a_stuck_device(bytes_per_second):
    clock = Clock()
    device = device_over(SlowLink(clock, bytes_per_second), clock)
    data = FullyConnected(4096, (0,) * 60, bytes(512 * 60)).encode()
    assert device.upload({digest_of(data): data}).objects == 1


class CountingLink(InMemoryLink):
    """Counts what is given to it at a time."""

    def __init__(self):
        super().__init__(EmulatedDevice())
        self.bursts = 0

    def send(self, data, timeout):
        self.bursts += 1
        super().send(data, timeout)


def test_what_is_sent_together_goes_on_the_wire_in_one_burst_and_is_answered_in_order():
    link = CountingLink()
    device = device_over(link, Clock())
    exchange = device.exchange
    before = link.bursts
    with exchange.session.together():
        requests = [exchange.send(Ping(number)).request for number in range(5)]
        assert link.bursts == before
    assert link.bursts == before + 1
    assert [exchange.next({request}, Pong)[1].nonce for request in requests] == [0, 1, 2, 3, 4]


def test_a_private_daemon_may_take_its_time_to_start():
    clock = Clock()
    device_over(SlowLink(clock, 300_000), clock, opening=20.0).ping()


def test_a_link_that_broke_while_nobody_asked_says_why_to_the_next_who_does():
    """The thread that answers heartbeats may be the first to see that the device is gone."""
    link = InMemoryLink(EmulatedDevice())
    session = in_memory_session(link)
    device = Device(session, session.greet())

    def gone(timeout):
        raise LinkError("the device at memory: is gone")

    link.receive = gone
    session.keep_alive()
    with pytest.raises(LinkError, match="the device at memory: is gone"):
        device.ping()
