"""Signs of life: both ends give them, and an end without them is gone. Bounds are generous on both sides."""

from __future__ import annotations

import contextlib
import time

from pixeltree.errors import LinkError
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_protocol.link.messages import ErrorCode, GetStatus, Ping, Pong, Status

_SLACK = 2.0


def test_an_idle_device_gives_signs_of_life(driver: Conversation) -> None:
    """heartbeat_ms: something comes at least so often; never is it silent for silence_ms."""
    driver.settle()
    heartbeat, silence = driver.welcome.heartbeat_ms / 1000, driver.welcome.silence_ms / 1000
    begun = last = time.monotonic()
    count = 0
    while time.monotonic() < begun + 4 * heartbeat:
        if driver.take(4 * heartbeat) is not None:
            count += 1
            now = time.monotonic()
            assert now - last < silence, "the device was silent for longer than it allows itself"
            last = now
    elapsed = time.monotonic() - begun
    assert count >= 2, "at most one sign of life in four heartbeats"
    assert count <= 20 + 10 * elapsed / heartbeat, "far more signs of life than asked for"


def test_a_host_that_only_gives_signs_of_life_is_kept(driver: Conversation) -> None:
    """silence_ms: empty acknowledgements are enough for a session to live on."""
    begun = time.monotonic()
    while time.monotonic() < begun + 1.3 * driver.welcome.silence_ms / 1000:
        driver.take(0.2)
    driver.settle()


def test_a_host_that_is_silent_for_a_while_is_kept(driver: Conversation) -> None:
    """silence_ms: less than that is no reason to give a host up."""
    driver.settle()
    time.sleep(driver.welcome.silence_ms / 4000)
    assert driver.ask(Ping(1), Pong) == Pong(1)


def test_a_silent_host_loses_its_wire_and_can_come_back(bench: Bench) -> None:
    """silence_ms: a host that says nothing is gone; its session is kept for resume_ms."""
    driver = bench.drive()
    driver.settle()
    driver.mute = True
    silence = driver.welcome.silence_ms / 1000
    patience = time.monotonic() + 3 * silence + _SLACK
    pause = max(0.5, 5 * driver.welcome.heartbeat_ms / 1000)
    try:
        while driver.take(pause) is not None:
            assert time.monotonic() < patience, "the device talks to a host that has long been silent"
    except LinkError:
        pass  # it closed the wire
    driver.mute = False
    bench.cut(driver)
    assert bench.resume(driver).resumed
    driver.settle()


def test_a_silent_host_does_not_keep_another_from_driving(bench: Bench) -> None:
    """silence_ms: what a host that is gone had is free for others."""
    bench.need_wires()
    silent = bench.drive()
    silent.settle()  # and not a word any more, though its wire stays open
    observer = bench.observe()
    deadline = time.monotonic() + 3 * silent.welcome.silence_ms / 1000 + _SLACK
    while observer.ask(GetStatus(), Status).sessions > 1:
        assert time.monotonic() < deadline, "the device counts a host that has long been silent"
        observer.take(0.2)
    bench.drive().settle()


def test_a_forgotten_session_is_told_so(bench: Bench) -> None:
    """UNEXPECTED, in a NOTICE: how a host on a serial line learns that its session is gone."""
    driver = bench.drive()
    driver.leave()
    driver.wire.say(Ping(1), 1, driver.numbers(driver.next_sequence))
    with contextlib.suppress(LinkError):  # a device may also close the wire, which says the same
        driver.noticed(ErrorCode.UNEXPECTED)
