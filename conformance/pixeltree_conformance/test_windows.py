"""Windows: neither end sends more than the other has room for; short answers overtake long ones."""

from __future__ import annotations

import time

import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.wire import frame_of
from pixeltree_protocol.link.framing import wire_limit
from pixeltree_protocol.link.messages import (
    LEAST_HOST_WINDOW,
    ErrorCode,
    Holdings,
    Message,
    Ping,
    PlanePart,
    Pong,
    Put,
    Query,
    ReadPlane,
    Stored,
    head_bytes,
)
from pixeltree_protocol.objects import digest_of

_SETTLING = 0.4
_PUT_HEAD = head_bytes(Put)
_MANY = 40


def arriving(driver: Conversation, seconds: float) -> list[int]:
    """Sizes of the payloads that come in, at least one, until none has come for so many seconds."""
    sizes: list[int] = []
    quiet = time.monotonic() + driver.answer_time
    while time.monotonic() < quiet:
        came = driver.take(0.1)
        if came is not None and came.sequenced:
            sizes.append(came.wire_bytes)
            quiet = time.monotonic() + seconds
    return sizes


def plane_of(driver: Conversation, request: int) -> bytes:
    """All parts of a plane."""
    data = b""
    while True:
        part = driver.answer(request, PlanePart)
        assert part.offset == len(data)
        data += part.data
        if len(data) >= part.total:
            return data


@pytest.mark.parametrize("window", [LEAST_HOST_WINDOW, LEAST_HOST_WINDOW + 20_000])
def test_the_device_keeps_to_the_hosts_window(bench: Bench, window: int) -> None:
    """HELLO's window: no more than so many bytes (or one frame) are on their way until they are handled."""
    driver = bench.drive(window)
    driver.handling = False
    planes = [driver.send(ReadPlane("A")) for _ in range(2)]
    sizes = arriving(driver, _SETTLING)
    assert sizes, "nothing came, though the window has room for a frame"
    assert len(sizes) == 1 or sum(sizes) <= window, f"{sum(sizes)} bytes for a window of {window}"
    driver.tell_handled()
    for request in planes:
        assert len(plane_of(driver, request)) == 65_536


def test_a_window_opens_by_what_is_handled(bench: Bench) -> None:
    """The number `handled` makes room, byte for byte of the frames that it covers."""
    driver = bench.drive(LEAST_HOST_WINDOW)
    driver.handling = False
    for _ in range(2):
        driver.send(ReadPlane("A"))
    first = arriving(driver, _SETTLING)
    driver.tell_handled(1)
    later = arriving(driver, _SETTLING)
    assert later, "there is room again"
    assert sum(first[1:]) + sum(later) <= LEAST_HOST_WINDOW


def test_a_short_answer_overtakes_a_long_one(bench: Bench) -> None:
    """A PONG does not wait for the planes that were asked for before it."""
    driver = bench.drive(LEAST_HOST_WINDOW)
    driver.handling = False
    planes = [driver.send(ReadPlane("A")) for _ in range(4)]
    arriving(driver, _SETTLING)
    ping = driver.send(Ping(1))
    driver.tell_handled()
    assert driver.answer(ping, Pong) == Pong(1)
    parts = [came for came in driver.inbox if came.request in planes]
    left = 4 * 65_536 - sum(len(_part(came.message).data) for came in parts)
    assert left > 65_536, "the long answers came first"
    for request in planes:
        assert len(plane_of(driver, request)) == 65_536


def _part(message: Message) -> PlanePart:
    assert isinstance(message, PlanePart)
    return message


def test_a_small_request_is_answered_while_an_upload_goes_on(driver: Conversation) -> None:
    """A request between the parts of an upload is acted on in its turn, not at the upload's end."""
    data = samples.segment_of(4_000)
    puts = samples.parts(data, 500)
    for put in puts[:4]:
        driver.send(put)
    assert driver.ask(Ping(4), Pong) == Pong(4)
    assert driver.ask(Query((digest_of(data),)), Holdings).received == (2_000,)
    for put in puts[4:-1]:
        driver.send(put)
    driver.ask(puts[-1], Stored)


def test_more_than_the_window_is_refused_and_counts_for_nothing(bench: Bench) -> None:
    """CREDIT_OVERRUN, in a NOTICE; what was sent beyond the window can be sent again when there is room."""
    driver = bench.drive(LEAST_HOST_WINDOW)
    driver.handling = False  # the device's answers pile up until it acts on nothing more
    planes = [driver.send(ReadPlane("R5")) for _ in range(_MANY)]
    arriving(driver, _SETTLING)
    capabilities = driver.welcome.capabilities
    size = min(capabilities.max_body - _PUT_HEAD, 8_000, capabilities.max_object)
    objects: list[tuple[bytes, int]] = []
    while driver.unhandled_bytes <= capabilities.credit_window + 2 * wire_limit(size):
        data = samples.segment_of(size)
        objects.append((data, driver.send(samples.whole(data), within_window=False)))
        driver.take(0.0)
        if len(objects) * size > 4 * capabilities.credit_window:
            pytest.skip("this device acts on everything at once: its window cannot be filled")
    driver.noticed(ErrorCode.CREDIT_OVERRUN)
    _take_everything(driver, planes)
    for data, request in objects:
        assert driver.answer(request, Stored).digest == digest_of(data)
    driver.settle()


def _take_everything(driver: Conversation, planes: list[int]) -> None:
    """Let the device go on: take its answers, and send again what it had no room for."""
    driver.tell_handled()
    for request in planes:
        assert len(plane_of(driver, request)) == 8_192
    deadline = time.monotonic() + driver.answer_time
    while driver.device_received < driver.next_sequence:
        assert time.monotonic() < deadline
        driver.send_again()
        driver.take(0.2)


def test_a_device_takes_as_much_as_its_window_says(driver: Conversation) -> None:
    """credit_window: so many bytes may be on their way at a time, and are acted on in order."""
    capabilities = driver.welcome.capabilities
    budget = capabilities.credit_window
    first = driver.next_sequence
    frames: list[bytes] = []
    size = 0
    for n in range(1_000):
        put = Put(bytes(16), 0, 0, bytes([1]) * 200)
        frame = frame_of(put, 1_000 + n, driver.numbers(first + n))
        if size + len(frame) > budget:
            break
        frames.append(frame)
        size += len(frame)
    driver.launch(*frames)
    for n in range(len(frames)):
        driver.error(1_000 + n, ErrorCode.BAD_UPLOAD)
    assert not driver.notices
