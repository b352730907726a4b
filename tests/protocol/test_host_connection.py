"""The host's end, against a device made by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.ends import (
    BOOT_ID,
    HEARTBEAT,
    NOW,
    SESSION,
    SILENCE,
    Listener,
    capabilities,
    counting_random,
    greeting_host,
    heard,
    on_wire,
    ready_host,
    welcome,
)

from pixeltree_protocol.errors import MessageError, ProtocolError, StateError
from pixeltree_protocol.link.connection import (
    Departing,
    HostConnection,
    Ready,
    Received,
    Refused,
    Rejected,
    SessionLost,
    State,
)
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.messages import (
    LEAST_HOST_WINDOW,
    MAX_BODY,
    NO_SESSION,
    PROTOCOL_VERSION,
    Ack,
    Challenge,
    Done,
    ErrorCode,
    Hello,
    Leave,
    Notice,
    Ping,
    Pong,
    Put,
    Role,
    Stopping,
)

DIGEST = bytes(16)


def resumed_host(**changes):
    """A host that was cut and has greeted again, and what it was told then."""
    host = ready_host()
    host.cut()
    host.connect(NOW)
    (said,) = heard(host)
    return host, host.receive_data(on_wire(welcome(said.nonce, **changes)), NOW)


# ---- greeting


def test_a_host_greets_on_a_new_wire_after_a_zero_that_ends_what_was_there():
    host = HostConnection("name", counting_random(), Role.OBSERVE, window=70_000)
    assert host.state is State.CUT
    host.connect(NOW)
    data = host.data_to_send(NOW)
    assert data[0] == 0
    host.connect(NOW)
    (said,) = heard(host)
    nonce = (2).to_bytes(16, "big")
    assert said == Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, nonce, NO_SESSION, Role.OBSERVE, 70_000, "name")


def test_a_host_repeats_the_same_hello_with_growing_pauses_until_it_is_answered():
    host = HostConnection("test", counting_random())
    host.connect(NOW)
    times, said = [], []
    for _ in range(6):
        now = max(NOW, host.next_timer())
        assert host.data_to_send(now - 0.001) == b""
        said += heard(host, now)
        times.append(now - NOW)
    assert times == [0.0, 0.25, 0.75, 1.75, 2.75, 3.75]
    assert len(set(said)) == 1


def test_a_welcome_makes_a_host_ready_and_is_confirmed_at_once():
    host, nonce = greeting_host()
    said = welcome(nonce)
    assert host.receive_data(on_wire(said), NOW) == [Ready(said, Role.DRIVE)]
    assert host.state is State.READY
    assert heard(host) == [Ack(0, 0, False)]


def test_a_welcome_to_another_hello_is_ignored():
    host, _ = greeting_host()
    assert host.receive_data(on_wire(welcome(b"another host's n")), NOW) == []
    assert host.state is State.GREETING


def test_a_second_welcome_is_ignored():
    host, nonce = greeting_host()
    host.receive_data(on_wire(welcome(nonce)), NOW)
    assert host.receive_data(on_wire(welcome(nonce, session=b"another1")), NOW) == []
    assert host.welcome.session == SESSION


@pytest.mark.parametrize(
    "changes",
    [
        {"version": PROTOCOL_VERSION + 1},
        {"version": PROTOCOL_VERSION - 1},
        {"role": 2},
        {"session": NO_SESSION},
        {"heartbeat_ms": 9},
        {"heartbeat_ms": 0, "silence_ms": 0},
        {"heartbeat_ms": 1000, "silence_ms": 2000},
        {"capabilities": capabilities(max_body=511)},
        {"capabilities": capabilities(max_body=MAX_BODY + 1, window=1 << 20)},
        {"capabilities": capabilities(window=8192 + 9)},
    ],
)
def test_a_device_with_limits_that_make_no_sense_is_refused(changes):
    host, nonce = greeting_host()
    (event,) = host.receive_data(on_wire(welcome(nonce, **changes)), NOW)
    assert isinstance(event, Refused)
    assert event.code is ErrorCode.VERSION
    assert host.state is State.CUT
    assert host.data_to_send(NOW + 10) == b"", "a refused host does not go on greeting"


@pytest.mark.parametrize("code", [ErrorCode.VERSION, ErrorCode.BUSY, ErrorCode.AUTHENTICATION])
def test_a_notice_before_welcome_may_be_a_refusal(code):
    host, _ = greeting_host()
    assert host.receive_data(on_wire(Notice(code, "no")), NOW) == [Refused(code, "no")]


@pytest.mark.parametrize("code", [ErrorCode.BAD_FRAME, ErrorCode.UNEXPECTED, 999])
def test_other_notices_before_welcome_do_not_stop_the_greeting(code):
    host, _ = greeting_host()
    (event,) = host.receive_data(on_wire(Notice(code, "hm")), NOW)
    assert isinstance(event, Rejected)
    assert [type(said) for said in heard(host, NOW + 1)] == [Hello]


def test_a_window_too_small_for_the_greatest_frame_is_refused():
    with pytest.raises(ProtocolError, match="65801"):
        HostConnection("test", counting_random(), window=LEAST_HOST_WINDOW - 1)


# ---- requests


def test_no_request_before_the_first_handshake():
    host, _ = greeting_host()
    with pytest.raises(StateError, match="before the handshake"):
        host.send(Ping(1))


def test_request_ids_never_are_zero_and_wrap():
    host = ready_host()
    ids = [host.send(Ping(0)).request for _ in range(0x10001)]
    assert ids == [*range(1, 0x10000), 1, 2]


def test_a_ticket_knows_the_size_of_its_frame_once_it_is_sent():
    host = ready_host()
    ticket = host.send(Ping(1))
    assert ticket.wire_bytes == 0
    data = host.data_to_send(NOW)
    assert data[0] == 0
    assert ticket.wire_bytes == len(data) - 1


def test_a_message_longer_than_the_device_takes_is_refused():
    host = ready_host(capabilities=capabilities(max_body=512))
    head = 16 + 4 + 4
    host.send(Put(DIGEST, 1, 0, bytes(512 - head)))
    with pytest.raises(MessageError, match="Put has 522 bytes; the other end takes 521"):
        host.send(Put(DIGEST, 1, 0, bytes(513 - head)))


def test_a_refused_message_takes_no_request_id():
    host = ready_host(capabilities=capabilities(max_body=512))
    with pytest.raises(MessageError):
        host.send(Put(DIGEST, 1, 0, bytes(5000)))
    assert host.send(Ping(1)).request == 1


def test_answers_come_in_order_and_once():
    host = ready_host()
    frames = [on_wire(Pong(n), n + 1, sequence=n) for n in range(3)]
    events = host.receive_data(frames[0] + frames[0] + frames[2] + frames[1] + frames[2], NOW)
    assert [event.message for event in events] == [Pong(0), Pong(1), Pong(2)]
    assert [event.request for event in events] == [1, 2, 3]


def test_a_malformed_answer_takes_its_place_in_the_order():
    host = ready_host()
    bad = on_wire(Ping(1), 7, sequence=0)  # a host's message from a device
    events = host.receive_data(bad + on_wire(Done(), 8, sequence=1), NOW)
    assert events[0].code is ErrorCode.MALFORMED
    assert events[1] == Received(Done(), 8, len(on_wire(Done(), 8, sequence=1)))
    ((envelope, _),) = Listener(Sender.HOST).frames(host.data_to_send(NOW + 0.5) + host.data_to_send(NOW + 1))
    assert envelope.numbers == Numbers(0, 2, 2), "both have made room again"


def test_answers_before_welcome_are_refused():
    host, _ = greeting_host()
    (event,) = host.receive_data(on_wire(Pong(1)), NOW)
    assert event.code is ErrorCode.UNEXPECTED


def test_a_stopping_device_says_why():
    assert ready_host().receive_data(on_wire(Stopping("power")), NOW) == [Departing("power")]


def test_leaving_is_the_last_that_a_host_says():
    host = ready_host()
    host.send(Ping(1))
    host.leave()
    assert heard(host) == [Leave()]
    assert host.data_to_send(NOW + 100) == b""


# ---- signs of life


def test_a_host_that_has_nothing_to_say_gives_a_sign_of_life_in_every_heartbeat():
    host = ready_host()
    assert host.next_timer() == NOW + HEARTBEAT
    assert host.data_to_send(NOW + 0.999) == b""
    assert heard(host, NOW + HEARTBEAT) == [Ack(0, 0, False)]
    assert host.next_timer() == NOW + 2 * HEARTBEAT


def test_what_is_sent_anyway_is_a_sign_of_life():
    host = ready_host()
    host.send(Ping(1))
    host.data_to_send(NOW + 0.9)
    host.receive_data(on_wire(Ack(0, 0, False), received=1, handled=1), NOW + 0.9)
    assert host.data_to_send(NOW + 1.8) == b""
    assert heard(host, NOW + 1.9) == [Ack(0, 0, False)]


def test_silence_is_measured_from_the_last_whole_frame():
    host = ready_host()
    assert not host.silent(NOW + SILENCE - 0.001)
    assert host.silent(NOW + SILENCE)
    host.receive_data(on_wire(Ack(0, 0, False)), NOW + 3)
    assert not host.silent(NOW + 3 + SILENCE - 0.001)
    host.receive_data(b"\x05noise\0", NOW + 7)
    assert host.silent(NOW + 3 + SILENCE), "noise is no sign of life"


def test_a_host_without_a_wire_is_not_waiting_for_signs_of_life():
    host = ready_host()
    host.cut()
    assert not host.silent(NOW + 1000)
    assert host.next_timer() is None
    assert host.data_to_send(NOW + 1000) == b""


# ---- a new wire


def test_after_a_cut_a_host_asks_for_its_session_and_says_where_it_stands():
    host = ready_host()
    host.receive_data(on_wire(Pong(1), sequence=0), NOW)
    host.cut()
    host.connect(NOW)
    data = host.data_to_send(NOW)
    (said,) = Listener(Sender.HOST).frames(data)
    assert said[1].session == SESSION
    assert (said[0].numbers.received, said[0].numbers.handled) == (1, 1)


def test_a_resumed_session_is_ready_and_sends_again_what_did_not_arrive():
    host = ready_host()
    for n in range(3):
        host.send(Ping(n))
    host.data_to_send(NOW)
    host.cut()
    host.send(Ping(3))
    host.connect(NOW)
    (said,) = heard(host)
    events = host.receive_data(on_wire(welcome(said.nonce, resumed=True), received=1, handled=1), NOW)
    assert [type(event) for event in events] == [Ready]
    assert [m.nonce for m in heard(host) if isinstance(m, Ping)] == [1, 2, 3]
    assert host.resent_bytes == 2 * len(on_wire(Ping(1), 2, 1))


def test_a_session_that_the_device_gave_up_is_lost_but_its_objects_are_not():
    host, events = resumed_host(session=b"session2")
    assert [(type(event), event.restarted) for event in events] == [(SessionLost, False)]
    assert host.state is State.READY


def test_a_device_that_restarted_is_known_by_its_boot_id():
    _, events = resumed_host(session=b"session2", boot_id=b"boot no2")
    assert [(type(event), event.restarted) for event in events] == [(SessionLost, True)]
    assert events[0].welcome.boot_id != BOOT_ID


def test_a_device_cannot_resume_a_session_that_is_not_ours():
    _, events = resumed_host(session=b"session2", resumed=True)
    assert isinstance(events[0], SessionLost)


def test_what_was_queued_for_a_lost_session_is_not_sent_in_the_new_one():
    host = ready_host()
    host.send(Ping(1))
    host.cut()
    host.connect(NOW)
    (said,) = heard(host)
    host.receive_data(on_wire(welcome(said.nonce, session=b"session2")), NOW)
    assert [type(message) for message in heard(host)] == [Ack]


def test_a_device_that_has_forgotten_the_session_is_greeted_again():
    """On a serial line nothing else tells of a restart."""
    host = ready_host()
    host.send(Ping(1))
    host.data_to_send(NOW)
    (event,) = host.receive_data(on_wire(Notice(ErrorCode.UNEXPECTED, "who are you?")), NOW)
    assert isinstance(event, Rejected)
    assert host.state is State.GREETING
    (said,) = heard(host)
    assert said.session == SESSION


def test_several_notices_of_a_forgotten_session_make_one_greeting():
    host = ready_host()
    host.receive_data(on_wire(Notice(ErrorCode.UNEXPECTED, "")) * 5, NOW)
    (said,) = heard(host)
    events = host.receive_data(on_wire(welcome(said.nonce, session=b"session2")), NOW)
    assert isinstance(events[-1], SessionLost)


garbage = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda message, sequence, received: on_wire(message, 1, sequence, received, received),
        st.sampled_from(
            [
                Pong(1),
                Done(),
                Ping(1),
                Ack(1, 1, True),
                Ack(0, 7, False),
                Leave(),
                Stopping("x"),
                Notice(3, "x"),
                Notice(77, "x"),
                Challenge(bytes(16), bytes(16)),
                welcome((1).to_bytes(16, "big")),
                welcome((2).to_bytes(16, "big"), session=b"session2"),
                welcome((2).to_bytes(16, "big"), resumed=True),
            ]
        ),
        st.integers(0, 3) | st.integers(0, 0xFFFF),
        st.integers(0, 3) | st.integers(0, 0xFFFF),
    ),
)


@settings(max_examples=effort(200, 50))
@given(st.lists(garbage, max_size=20), st.sampled_from(["cut", "greeting", "ready"]))
def test_no_bytes_make_a_host_raise_or_leave_it_deaf(pieces, state):
    host = ready_host() if state == "ready" else greeting_host()[0]
    if state == "cut":
        host.cut()
    now = NOW
    for piece in pieces:
        now += 0.05
        host.receive_data(piece, now)
        host.data_to_send(now)
    host.cut()
    host.connect(now)
    (said,) = heard(host, now)
    host.receive_data(on_wire(welcome(said.nonce, session=b"session9")), now)
    assert host.state is State.READY
