"""Sessions: they outlive wires, one drives, others observe, each ends when its host leaves or stays away."""

from __future__ import annotations

import contextlib
import secrets
import time

import pytest

from pixeltree.errors import LinkError
from pixeltree_conformance import samples
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.wire import frame_of
from pixeltree_protocol.link.messages import (
    WHOLE,
    CancelFrame,
    ErrorCode,
    Execute,
    GetStatus,
    Holdings,
    Message,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Query,
    ReadPlane,
    Role,
    SetExposure,
    Show,
    StartFrame,
    Status,
    Stored,
)
from pixeltree_protocol.objects import digest_of

_LONGEST_STAY = 5_000

# -- resuming -----------------------------------------------------------------------------------------


def test_a_session_goes_on_after_a_cut(bench: Bench) -> None:
    """HELLO with a session: WELCOME says that it is resumed, nothing lost, in the same role."""
    driver = bench.drive()
    driver.settle()
    session = driver.welcome.session
    bench.cut(driver)
    welcome = bench.resume(driver)
    assert welcome.resumed
    assert welcome.session == session
    assert welcome.role == Role.DRIVE
    driver.settle()


def test_answers_lost_with_the_wire_come_on_the_next_one_once(bench: Bench) -> None:
    """The numbers in HELLO and WELCOME tell both ends what arrived; the rest is sent again."""
    driver = bench.drive()
    requests = [driver.send(Ping(n)) for n in range(20)]
    bench.cut(driver)  # nobody took the answers
    assert bench.resume(driver).resumed
    for n, request in enumerate(requests):
        assert driver.answer(request, Pong) == Pong(n)
    driver.settle()
    driver.unanswered(*requests)


def test_requests_lost_with_the_wire_are_acted_on_once(bench: Bench) -> None:
    """A part of an upload that had arrived before the cut is not put in twice when it is sent again."""
    driver = bench.drive()
    data = samples.segment_of(600)
    puts = samples.parts(data, 100)
    for put in puts[:3]:
        driver.send(put)
    bench.cut(driver)
    assert bench.resume(driver).resumed
    for put in puts[3:-1]:
        driver.send(put)
    assert driver.ask(puts[-1], Stored).digest == digest_of(data)


def test_half_a_frame_before_a_cut_is_forgotten(bench: Bench) -> None:
    """What a cut leaves of a frame is no part of what comes on the next wire."""
    driver = bench.drive()
    driver.settle()  # a session that its host has not confirmed ends with its wire
    frame = frame_of(Ping(5), 7777, driver.numbers(driver.next_sequence))
    driver.wire.send(frame[:7])
    bench.cut(driver)
    assert bench.resume(driver).resumed
    driver.launch(frame)
    assert driver.answer(7777, Pong) == Pong(5)


def test_a_session_survives_many_cuts(bench: Bench) -> None:
    """Ten cuts with requests under way: each answer comes exactly once."""
    driver = bench.drive()
    for n in range(10):
        request = driver.send(Ping(n))
        bench.cut(driver)
        assert bench.resume(driver).resumed
        assert driver.answer(request, Pong) == Pong(n)
    driver.settle()
    assert not driver.inbox


def test_a_session_may_move_while_its_old_wire_seems_well(bench: Bench) -> None:
    """A half-open wire: who asks for its session on another wire gets it; the old wire is of no more use."""
    bench.need_wires()
    driver = bench.drive()
    old = driver.wire
    assert bench.resume(driver).resumed
    driver.settle()
    with contextlib.suppress(LinkError):  # closed, or deaf to us
        old.say(Ping(9), 7777, driver.numbers(driver.next_sequence))
        old.next(0.1)
    driver.settle()
    driver.unanswered(7777)


def test_a_session_that_was_left_cannot_be_resumed(bench: Bench) -> None:
    """LEAVE: nothing of the session is kept, though its host was known to know of it."""
    driver = bench.drive()
    driver.settle()
    driver.leave()
    bench.cut(driver)
    assert not bench.resume(driver).resumed
    driver.settle()


def test_after_leave_the_wire_may_serve_another_session(bench: Bench) -> None:
    """LEAVE ends the session, not the wire: what comes before a new HELLO is UNEXPECTED."""
    driver = bench.drive()
    driver.leave()
    driver.wire.say(Ping(1), 1, driver.numbers(driver.next_sequence))
    with contextlib.suppress(LinkError):  # a device may also close it
        driver.noticed(ErrorCode.UNEXPECTED)
        assert not driver.greet().resumed
        driver.settle()


def test_a_host_that_begins_anew_finds_objects_but_no_session(bench: Bench) -> None:
    """A restarted host: another session, the same boot id, and what it had uploaded is still there."""
    driver = bench.drive()
    data, half = samples.segment_of(200), samples.segment_of(400)
    driver.ask(samples.whole(data), Stored)
    driver.send(samples.part(half, 0, 150))
    driver.settle()
    first = driver.welcome
    driver.leave()
    bench.cut(driver)
    second = bench.begin_anew(driver)
    assert not second.resumed
    assert second.session != first.session
    assert second.boot_id == first.boot_id
    held = driver.ask(Query((digest_of(data), digest_of(half))), Holdings).received
    assert held[0] == WHOLE
    assert held[1] in (0, 150)
    for put in samples.parts(half, 200) if held[1] == 0 else [samples.part(half, 150, 400)]:
        driver.send(put)
    driver.settle()
    assert driver.ask(Query((digest_of(half),)), Holdings).received == (WHOLE,)


def test_a_session_without_a_wire_is_kept_no_longer_than_promised(bench: Bench) -> None:
    """resume_ms: for so long a session may be resumed; long afterwards it may not."""
    bench.need_wires()
    driver = bench.drive()
    driver.settle()
    stay = driver.welcome.resume_ms
    if stay > _LONGEST_STAY:
        pytest.skip(f"the device keeps sessions for {stay / 1000:g} s, too long to wait for here")
    bench.cut(driver)
    time.sleep(1.5 * stay / 1000 + 1)
    assert not bench.resume(driver).resumed


# -- who drives ---------------------------------------------------------------------------------------


def test_one_session_drives_and_the_next_is_told_that_it_observes(bench: Bench) -> None:
    """WELCOME's role: a host that wants to drive a device that is driven may only observe."""
    bench.need_wires()
    driver = bench.drive()
    second = bench.conversation()
    assert second.greet(Role.DRIVE).role == Role.OBSERVE
    second.refused(StartFrame(1), ErrorCode.NOT_DRIVER)
    driver.settle()
    status = driver.ask(GetStatus(), Status)
    assert status.sessions >= 2
    assert status.driver


def test_who_leaves_makes_room_for_another_driver(bench: Bench) -> None:
    """LEAVE: the next host that wants to drives."""
    first = bench.drive()
    first.leave()
    bench.drive().settle()


def test_a_driver_without_a_wire_gives_way_to_another(bench: Bench) -> None:
    """A cut session keeps the device only until another host wants to drive."""
    bench.need_wires()
    first = bench.drive()
    first.settle()
    bench.cut(first)
    bench.drive().settle()
    assert not bench.resume(first).resumed
    assert first.welcome.role == Role.OBSERVE


@pytest.mark.parametrize(
    "message",
    [
        samples.whole(samples.segment_of(50)),
        OpenTree(bytes(16), 0, 0),
        Show(True, 0, 0, 1, 1, b"\0"),
        StartFrame(1),
        CancelFrame(1),
        Execute((), (), b""),
        SetExposure(0, 1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_an_observer_may_not_drive(bench: Bench, message: Message) -> None:
    """NOT_DRIVER: requests that change the device are refused to a session that observes."""
    observer = bench.observe()
    observer.refused(message, ErrorCode.NOT_DRIVER)
    observer.settle()


def test_an_observer_may_look(bench: Bench) -> None:
    """OBSERVE: PING, QUERY, GET_STATUS and READ_PLANE are answered as to a driver."""
    observer = bench.observe()
    assert observer.ask(Ping(3), Pong) == Pong(3)
    assert observer.ask(Query((secrets.token_bytes(16),)), Holdings).received == (0,)
    assert observer.ask(GetStatus(), Status).sessions >= 1
    assert observer.ask(ReadPlane("R0"), PlanePart).total == 8_192
    observer.refused(ReadPlane("Z"), ErrorCode.OUT_OF_RANGE)


def test_an_observers_session_goes_on_after_a_cut(bench: Bench) -> None:
    """Sessions that observe are resumed like others, in their role."""
    observer = bench.observe()
    observer.settle()
    bench.cut(observer)
    welcome = bench.resume(observer)
    assert welcome.resumed
    assert welcome.role == Role.OBSERVE
    observer.settle()


def test_too_many_sessions_are_told_so(bench: Bench) -> None:
    """BUSY, in a NOTICE before any WELCOME (or a wire that cannot be opened): never a silent wire."""
    bench.need_wires()
    observers: list[Conversation] = []
    try:
        for _ in range(40):
            observers.append(bench.observe())
    except LinkError:
        pass
    except AssertionError as refusal:
        assert f"code={ErrorCode.BUSY:d}" in str(refusal).replace("ErrorCode.", "")
    for observer in observers:
        observer.settle()
        bench.dismiss(observer)
    _until_room(bench)


def _until_room(bench: Bench) -> None:
    deadline = time.monotonic() + bench.answer_time
    while True:
        try:
            bench.drive()
        except (AssertionError, LinkError):
            assert time.monotonic() < deadline, "the device has no room though all sessions have left"
            time.sleep(0.1)
        else:
            return
