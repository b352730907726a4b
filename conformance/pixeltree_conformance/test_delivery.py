"""Delivery: in order and once, whatever the wire loses or repeats."""

from __future__ import annotations

import secrets
import time

import pytest

from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.wire import Came, frame_of
from pixeltree_protocol.link.messages import Ack, Ping, Pong

_SECOND = 1.0


def until_handled(driver: Conversation) -> None:
    """Wait until the device tells that all that was sent has been acted on."""
    deadline = time.monotonic() + driver.answer_time
    while driver.device_handled < driver.next_sequence:
        assert time.monotonic() < deadline, "the device does not tell what it has handled"
        driver.take(_SECOND)


def payload(driver: Conversation) -> Came:
    """The next payload off the wire, whether it was there before or not."""
    deadline = time.monotonic() + driver.answer_time
    while time.monotonic() < deadline:
        came = driver.take(_SECOND)
        if came is not None and came.sequenced:
            return came
    raise AssertionError("no payload came")


def test_a_request_that_comes_twice_is_acted_on_once(driver: Conversation) -> None:
    """A payload with a number that was received before is dropped, and acknowledged again."""
    frame = frame_of(Ping(3), 7777, driver.numbers(driver.next_sequence))
    driver.launch(frame)
    driver.wire.send(frame)
    driver.wire.send(frame)
    assert driver.answer(7777, Pong) == Pong(3)
    driver.settle()
    driver.unanswered(7777)


def test_a_request_that_comes_too_early_waits_for_those_before_it(driver: Conversation) -> None:
    """Payloads are taken in order only: a gap is answered by a rejecting ACK that names what is missing."""
    first = driver.next_sequence
    frames = [frame_of(Ping(n), 1000 + n, driver.numbers(first + n)) for n in range(3)]
    driver.wire.send(frames[1] + frames[2])
    assert driver.acked(reject=True).numbers.received == first
    driver.launch(*frames)
    for n in range(3):
        assert driver.answer(1000 + n, Pong) == Pong(n)
    driver.settle()
    driver.unanswered(1000, 1001, 1002)


def test_a_missing_payload_is_rejected_once_not_for_every_later_one(driver: Conversation) -> None:
    """ACK: reject is said once for each payload that is missed, so that little is sent twice."""
    first = driver.next_sequence
    frames = [frame_of(Ping(n), 1000 + n, driver.numbers(first + n)) for n in range(30)]
    driver.wire.send(b"".join(frames[1:]))
    driver.acked(reject=True)
    driver.launch(*frames)
    for n in range(30):
        driver.answer(1000 + n, Pong)
    assert sum(ack.reject for ack in driver.acks) <= 3


@pytest.mark.parametrize("number", [1, 2, 255])
def test_a_poll_is_answered_with_its_number_and_what_was_received(driver: Conversation, number: int) -> None:
    """ACK: a poll that is not 0 is answered at once, with the numbers as they are."""
    driver.settle()
    driver.wire.say(Ack(number, 0, False), 0, driver.numbers())
    assert driver.acked(poll=number).numbers.received == driver.next_sequence


def test_what_was_handled_is_told(driver: Conversation) -> None:
    """The numbers in every frame: in the end all that was sent has been received and handled."""
    for _ in range(10):
        driver.send(Ping(0))
    until_handled(driver)


def test_what_the_host_lost_is_sent_again(driver: Conversation) -> None:
    """A rejecting ACK: the device sends again from the number that the host names, the same content."""
    driver.settle()
    driver.acknowledging = False
    request = driver.send(Ping(77))
    lost = payload(driver)
    assert lost.message == Pong(77)
    driver.wire.say(Ack(0, 0, True), 0, driver.numbers())
    again = payload(driver)
    assert (again.message, again.request, again.numbers.sequence) == (
        Pong(77),
        request,
        lost.numbers.sequence,
    )
    driver.acknowledging = True
    driver.settle()


def test_a_device_that_hears_no_acknowledgement_asks_and_sends_again(driver: Conversation) -> None:
    """ACK: while something is unacknowledged, the device polls; the answer tells it what to send again."""
    driver.settle()
    driver.acknowledging = False
    driver.acks.clear()
    request = driver.send(Ping(78))
    assert payload(driver).message == Pong(78)
    assert payload(driver).message == Pong(78), "the answers to its polls say that it has not arrived"
    assert any(ack.poll for ack in driver.acks)
    driver.acknowledging = True
    assert driver.answer(request, Pong) == Pong(78)
    driver.settle()


def test_a_stale_number_is_not_taken_for_a_new_one(driver: Conversation) -> None:
    """Numbers behind those received are repetitions, whatever they carry."""
    driver.settle()
    for behind in (1, 2, 1_000, 30_000):
        driver.wire.send(frame_of(Ping(9), 7777, driver.numbers(driver.next_sequence - behind)))
    driver.settle()
    driver.unanswered(7777)


def test_request_ids_are_the_hosts_business(driver: Conversation) -> None:
    """An answer carries the id of its request, also where ids repeat or are at the end of their range."""
    for request in (0xFFFF, 1, 1, 0x8000):
        driver.launch(frame_of(Ping(request), request, driver.numbers(driver.next_sequence)))
        assert driver.answer(request, Pong) == Pong(request)


def test_numbers_wrap_around(bench: Bench, driver: Conversation) -> None:
    """65,536 payloads in each direction: the numbers begin again at 0 and nothing is lost."""
    if not bench.thorough:
        pytest.skip("takes long; --thorough runs it")
    nonce = secrets.randbits(16)
    together = 200
    for start in range(0, 0x10000 + 2_000, together):
        requests = [driver.send(Ping(nonce + start + n)) for n in range(together)]
        for n, request in enumerate(requests):
            assert driver.answer(request, Pong) == Pong(nonce + start + n)
