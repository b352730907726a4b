"""The device's end, against a host made by hand.

It is one module because one state machine is taken through its life: greeting, session, resuming, silence.
"""

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
    capabilities,
    counting_random,
    heard,
    hello,
    identity,
    new_device,
    on_wire,
    ready_device,
)

from pixeltree_protocol.errors import MessageError, ProtocolError, StateError
from pixeltree_protocol.link.connection import DeviceConnection, Greeting, Left, Received, Rejected, State
from pixeltree_protocol.link.framing import encode_frame, wire_limit
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    LEAST_HOST_WINDOW,
    MAX_BODY,
    NO_SESSION,
    PROTOCOL_VERSION,
    Ack,
    Done,
    ErrorCode,
    Executed,
    Leave,
    Notice,
    Ping,
    PlanePart,
    Pong,
    Proof,
    Put,
    ReadOut,
    Role,
    Stopping,
    Welcome,
)

OTHER_NONCE = b"another nonce..."
WIDE = capabilities(window=524_288, max_body=65_280)


def codes(messages):
    return [message.code for message in messages if isinstance(message, Notice)]


# ---- greeting


def test_a_hello_is_an_event_and_is_answered_when_the_owner_says_so():
    device = new_device()
    assert device.receive_data(on_wire(hello()), NOW) == [Greeting(hello())]
    assert device.state is State.GREETED
    assert heard(device) == []
    device.welcome(SESSION, Role.OBSERVE, None, NOW)
    (said,) = heard(device)
    expected = Welcome(
        PROTOCOL_VERSION, hello().nonce, BOOT_ID, SESSION, False, 1, b"", 1000, 5000, 30_000, "test device",
        capabilities(),
    )  # fmt: skip
    assert said == expected
    assert device.state is State.READY


def sizes_said(device, said, resumed=None):
    """What a device's WELCOME says, and whether it then takes a body of 50,000 bytes."""
    device.receive_data(on_wire(said), NOW)
    device.welcome(SESSION, Role(said.role), resumed, NOW)
    welcome, *_ = heard(device)  # then perhaps an ACK
    (event,) = device.receive_data(on_wire(Put(bytes(16), 60_000, 0, bytes(50_000)), 1), NOW)
    return welcome.capabilities, isinstance(event, Received)


@pytest.mark.parametrize(
    ("local", "role", "wide"),
    [(True, Role.DRIVE, True), (True, Role.OBSERVE, False), (False, Role.DRIVE, False)],
)
def test_only_who_drives_over_a_local_wire_may_send_large_messages(local, role, wide):
    device = DeviceConnection(identity(wide=WIDE), counting_random(), local)
    assert sizes_said(device, hello(role=role)) == (WIDE if wide else capabilities(), wide)


def test_a_session_keeps_its_sizes_on_another_wire():
    first = DeviceConnection(identity(wide=WIDE), counting_random(), local=True)
    first.receive_data(on_wire(hello()), NOW)
    state = first.welcome(SESSION, Role.DRIVE, None, NOW)
    second = DeviceConnection(identity(wide=WIDE), counting_random(), local=False)
    assert sizes_said(second, hello(OTHER_NONCE, SESSION), state) == (WIDE, True)


def test_the_sizes_of_one_session_do_not_hold_for_the_next_on_its_wire():
    device = DeviceConnection(identity(wide=WIDE), counting_random(), local=True)
    sizes_said(device, hello())
    assert sizes_said(device, hello(OTHER_NONCE, role=Role.OBSERVE)) == (capabilities(), False)


def test_nobody_can_be_welcomed_who_did_not_greet():
    with pytest.raises(StateError, match="new"):
        new_device().welcome(SESSION, Role.DRIVE, None, NOW)


@pytest.mark.parametrize("versions", [(PROTOCOL_VERSION + 1, 255), (0, PROTOCOL_VERSION - 1), (5, 0), (2, 1)])
def test_a_host_of_other_versions_is_told_which_there_are(versions):
    device = new_device()
    (event,) = device.receive_data(on_wire(hello(versions=versions)), NOW)
    assert event.code is ErrorCode.VERSION
    (said,) = heard(device)
    assert said.code == ErrorCode.VERSION
    assert f"versions {versions[0]} to {versions[1]}, this device {PROTOCOL_VERSION}" in said.detail
    assert device.state is State.NEW


@pytest.mark.parametrize("versions", [(1, 1), (0, 1), (1, 200), (0, 255)])
def test_a_host_of_several_versions_gets_the_one_that_both_speak(versions):
    device = new_device()
    device.receive_data(on_wire(hello(versions=versions)), NOW)
    device.welcome(SESSION, Role.DRIVE, None, NOW)
    (said,) = heard(device)
    assert said.version == PROTOCOL_VERSION == 1


def test_after_a_wrong_version_a_right_hello_is_taken_even_with_the_same_nonce():
    device = new_device()
    device.receive_data(on_wire(hello(versions=(200, 201))), NOW)
    (event,) = device.receive_data(on_wire(hello(versions=(0, 255))), NOW)
    assert isinstance(event, Greeting)


@pytest.mark.parametrize("said", [hello(role=2), hello(window=LEAST_HOST_WINDOW - 1), hello(window=0)])
def test_a_role_or_window_outside_its_limits_is_refused(said):
    device = new_device()
    (event,) = device.receive_data(on_wire(said), NOW)
    assert event.code is ErrorCode.OUT_OF_RANGE
    assert codes(heard(device)) == [ErrorCode.OUT_OF_RANGE]


def test_a_repeated_hello_gets_the_same_welcome_and_makes_no_second_session():
    device = new_device()
    device.receive_data(on_wire(hello()), NOW)
    assert device.receive_data(on_wire(hello()), NOW) == [], "the owner knows already"
    device.welcome(SESSION, Role.DRIVE, None, NOW)
    first = heard(device)
    assert device.receive_data(on_wire(hello()), NOW) == []
    assert heard(device) == first


def test_a_damaged_hello_is_noticed_and_the_next_one_taken():
    device = new_device()
    frame = bytearray(on_wire(hello()))
    frame[20] ^= 1
    (event,) = device.receive_data(bytes(frame), NOW)
    assert event.code is ErrorCode.BAD_FRAME
    assert codes(heard(device)) == [ErrorCode.BAD_FRAME]
    assert device.damaged_frames == 1
    assert device.receive_data(on_wire(hello()), NOW) == [Greeting(hello())]


def test_noise_before_a_hello_is_ended_by_a_zero():
    device = new_device()
    events = device.receive_data(b"half a fra" + b"\0" + on_wire(hello()), NOW)
    assert isinstance(events[-1], Greeting)


def test_a_refused_host_is_told_why():
    device = new_device()
    device.receive_data(on_wire(hello()), NOW)
    device.refuse(ErrorCode.BUSY, "full")
    assert heard(device) == [Notice(ErrorCode.BUSY, "full")]
    assert device.state is State.NEW


def test_a_host_that_starts_again_on_the_same_wire_is_greeted_anew():
    device = ready_device()
    assert device.receive_data(on_wire(hello(OTHER_NONCE)), NOW) == [Greeting(hello(OTHER_NONCE))]
    assert device.session is None
    device.welcome(b"session2", Role.DRIVE, None, NOW)
    assert heard(device)[0].session == b"session2"


def test_of_two_hellos_in_one_read_only_the_last_is_an_event():
    """The owner welcomes each Greeting it sees; the first can no longer be welcomed."""
    device = new_device()
    events = device.receive_data(on_wire(hello()) + on_wire(hello(OTHER_NONCE)), NOW)
    assert events == [Greeting(hello(OTHER_NONCE))]


def test_a_hello_that_a_bad_one_follows_in_the_same_read_is_no_event():
    device = new_device()
    data = on_wire(hello()) + on_wire(hello(OTHER_NONCE, versions=(9, 9)))
    assert [type(event) for event in device.receive_data(data, NOW)] == [Rejected]
    assert device.state is State.NEW


def test_a_request_before_a_hello_in_the_same_read_still_belongs_to_its_session():
    device = ready_device()
    old = device.session
    data = on_wire(Ping(7), 3) + on_wire(hello(OTHER_NONCE, session=SESSION))
    request, greeting = device.receive_data(data, NOW)
    assert (request.message, type(greeting)) == (Ping(7), Greeting)
    old.send(Pong(7), request.request)
    old.handled(request)
    device.welcome(b"not used", Role.DRIVE, old, NOW)
    said = heard(device)
    assert said[0].resumed
    assert said[1] == Pong(7)


def test_without_a_session_nothing_can_be_sent_or_handled():
    device = ready_device()
    (request,) = device.receive_data(on_wire(Ping(7), 3), NOW)
    device.detach()
    with pytest.raises(StateError, match="no session"):
        device.send(Pong(7), 3)
    with pytest.raises(StateError, match="no session"):
        device.handled(request)


def test_a_session_counts_as_confirmed_once_the_host_has_said_something_in_it():
    device = ready_device()
    assert not device.session.confirmed
    device.receive_data(on_wire(hello()), NOW)
    assert not device.session.confirmed, "a repeated HELLO tells that WELCOME did not arrive"
    device.receive_data(on_wire(Ack(0, 0, False)), NOW)
    assert device.session.confirmed


@pytest.mark.parametrize(
    "problem",
    [
        {"window": wire_limit(8192 + ENVELOPE_BYTES) - 1},
        {"max_body": 511},
        {"max_body": MAX_BODY + 1, "window": 1 << 20},
        {"heartbeat_ms": 9},
        {"heartbeat_ms": 1000, "silence_ms": 2000},
        {"silence_ms": 0x10000},
    ],
)
def test_a_device_cannot_be_made_with_limits_that_hosts_refuse(problem):
    with pytest.raises(ProtocolError):
        identity(**problem)


# ---- the session


def test_requests_come_in_order_and_once():
    device = ready_device()
    frames = [on_wire(Ping(n), n + 1, sequence=n) for n in range(3)]
    events = device.receive_data(frames[0] * 2 + frames[2] + frames[1] + frames[2], NOW)
    assert [(e.message.nonce, e.request) for e in events] == [(0, 1), (1, 2), (2, 3)]
    assert device.receive_data(b"".join(frames), NOW) == []


def test_a_gap_is_rejected_with_the_number_that_is_missing():
    device = ready_device()
    device.receive_data(on_wire(Ping(0), 1, sequence=0) + on_wire(Ping(2), 3, sequence=2), NOW)
    assert heard(device) == [Ack(0, 0, True)]


def test_a_damaged_frame_is_rejected_at_once_and_noticed():
    device = ready_device()
    frame = bytearray(on_wire(Ping(0), 1))
    frame[5] ^= 4
    device.receive_data(bytes(frame), NOW)
    assert [type(message) for message in heard(device)] == [Notice, Ack]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"\x63" + bytes(8), "unknown message code 99"),
        (b"\x0a" + bytes(8), "not a message that a host sends"),
    ],
)
def test_a_whole_frame_that_is_no_request_takes_its_place_in_the_order(payload, says):
    device = ready_device()
    (event,) = device.receive_data(encode_frame(payload), NOW)
    assert (event.code, event.sequenced) == (ErrorCode.MALFORMED, True)
    assert says in event.detail
    assert codes(heard(device)) == [], "its owner answers with an ERROR"
    device.handled(event)
    (next_one,) = device.receive_data(on_wire(Ping(1), 2, sequence=1), NOW)
    assert next_one.message == Ping(1)


def test_a_session_message_without_a_session_is_noticed():
    device = new_device()
    for message in (Ping(1), Ack(0, 0, False)):
        (event,) = device.receive_data(on_wire(message), NOW)
        assert event.code is ErrorCode.UNEXPECTED
        assert codes(heard(device)) == [ErrorCode.UNEXPECTED]


def test_more_than_the_window_is_refused_until_something_is_handled():
    window = wire_limit(512 + ENVELOPE_BYTES)
    device = ready_device(window=window, max_body=512)
    part = Put(bytes(16), 512, 0, bytes(250))
    first, second = (on_wire(part, n, sequence=n) for n in range(2))
    (request,) = device.receive_data(first, NOW)
    assert len(first) * 2 > window
    (event,) = device.receive_data(second, NOW)
    assert event.code is ErrorCode.CREDIT_OVERRUN
    assert not event.sequenced
    device.handled(request)
    (event,) = device.receive_data(second, NOW)
    assert isinstance(event, Received)


def test_a_frame_longer_than_the_device_takes_is_damage():
    device = ready_device(max_body=512)
    (event,) = device.receive_data(on_wire(Put(bytes(16), 9999, 0, bytes(2000)), 1), NOW)
    assert event.code is ErrorCode.BAD_FRAME
    assert "too long" in event.detail


def test_results_overtake_long_answers_but_executed_does_not_overtake_its_parts():
    device = ready_device()
    for part in range(3):
        device.send(ReadOut(0, part, 3, b"x"), 1)
    device.send(PlanePart(0, 8192, b"y"), 2)
    device.send(Executed(1, 2), 1)
    device.send(Done(), 3)
    kinds = [type(message) for message in heard(device)]
    assert kinds == [Done, ReadOut, ReadOut, ReadOut, PlanePart, Executed]


def test_an_answer_that_no_frame_holds_is_refused():
    with pytest.raises(MessageError, match="65535"):
        ready_device().send(PlanePart(0, 1, bytes(0xFFFF)), 1)


def test_a_host_that_leaves_is_an_event():
    device = ready_device()
    assert device.receive_data(on_wire(Leave()), NOW) == [Left()]


def test_leave_and_proof_out_of_place_are_ignored():
    device = new_device()
    assert device.receive_data(on_wire(Leave()) + on_wire(Proof(bytes(32))), NOW) == []
    assert heard(device) == []


def test_a_device_that_stops_says_so():
    device = ready_device()
    device.stop("power")
    assert heard(device) == [Stopping("power")]


def test_who_sends_nonsense_and_takes_no_answers_makes_nothing_grow():
    device = new_device()
    for _ in range(50):
        device.receive_data(b"\x05x\0" * 1000, NOW)
    assert device.bytes_to_send < 20_000
    assert device.damaged_frames == 50_000


# ---- resuming


def resumed(numbers, sent=3):
    """A device that has sent something and is greeted on a new wire; the host stands at these numbers."""
    before = ready_device()
    state = before.session
    for n in range(sent):
        before.send(Pong(n), n + 1)
    before.data_to_send(NOW)
    before.detach()
    device = new_device()
    data = on_wire(hello(OTHER_NONCE, session=SESSION), received=numbers, handled=numbers)
    assert isinstance(device.receive_data(data, NOW)[0], Greeting)
    device.welcome(b"not used", Role.OBSERVE, state, NOW)
    return device


def test_a_resumed_session_keeps_its_id_and_role_and_goes_on_where_the_host_stands():
    said = heard(resumed(1))
    assert (said[0].session, said[0].resumed, said[0].role) == (SESSION, True, 0)
    assert said[1:3] == [Pong(1), Pong(2)]


@pytest.mark.parametrize("numbers", [4, 100, 0x8000, 0xFFFF])
def test_a_host_that_claims_to_have_what_was_never_sent_changes_nothing(numbers):
    said = heard(resumed(numbers))
    assert said[1:4] == [Pong(0), Pong(1), Pong(2)]


def test_answers_may_be_queued_while_there_is_no_wire():
    before = ready_device()
    state = before.session
    before.detach()
    state.send(Pong(5), 1)
    device = new_device()
    device.receive_data(on_wire(hello(OTHER_NONCE, session=SESSION)), NOW)
    device.welcome(b"not used", Role.DRIVE, state, NOW)
    assert Pong(5) in heard(device)


# ---- signs of life


def test_a_device_gives_a_sign_of_life_in_every_heartbeat_and_expects_one():
    device = ready_device()
    assert device.next_timer() == NOW + HEARTBEAT
    assert heard(device, NOW + HEARTBEAT) == [Ack(0, 0, False)]
    assert not device.silent(NOW + SILENCE - 0.001)
    assert device.silent(NOW + SILENCE)


def test_a_device_without_a_session_has_no_timers():
    device = new_device()
    device.receive_data(on_wire(hello()), NOW)
    assert device.next_timer() is None
    assert not device.silent(NOW + 1000)


session_messages = [Ping(1), Put(bytes(16), 9, 0, b"x"), Leave(), Ack(1, 0, True), Ack(0, 3, False), Done()]
garbage = st.one_of(
    st.binary(max_size=80),
    st.binary(min_size=1, max_size=60).map(encode_frame),
    st.builds(
        lambda message, sequence, received: on_wire(message, 1, sequence, received, received),
        st.sampled_from(
            [
                *session_messages,
                hello(),
                hello(OTHER_NONCE),
                hello(session=SESSION),
                hello(versions=(9, 9)),
                hello(role=9),
                Proof(bytes(32)),
                Stopping("x"),
            ]
        ),
        st.integers(0, 3) | st.integers(0, 0xFFFF),
        st.integers(0, 3) | st.integers(0, 0xFFFF),
    ),
)


@settings(max_examples=effort(300, 75))
@given(st.lists(garbage, max_size=20), st.sampled_from([None, b"token"]))
def test_no_bytes_make_a_device_raise_or_leave_it_deaf(pieces, token):
    device = new_device(token=token)
    now, session = NOW, None
    for piece in pieces:
        now += 0.05
        for event in device.receive_data(piece, now):
            if isinstance(event, Greeting):
                resume = session if event.hello.session == SESSION else None
                session = device.welcome(SESSION, Role.DRIVE, resume, now)
            elif session is not None:
                session.handled(event)
        device.data_to_send(now)
    device.receive_data(b"\0" + on_wire(hello(b"a third nonce...", NO_SESSION)), now)
    assert device.state is (State.GREETED if token is None else State.CHALLENGED)
