"""Host and device connections, joined by a wire that is two buffers in memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree_protocol.connection import (
    DeviceConnection,
    HostConnection,
    Received,
    Rejected,
    State,
    error_for,
)
from pixeltree_protocol.errors import MessageError, ProtocolError, StateError
from pixeltree_protocol.framing import Frame, FrameDecoder, encode_frame, wire_limit
from pixeltree_protocol.messages import (
    ENVELOPE_BYTES,
    PROTOCOL_VERSION,
    Capabilities,
    Credit,
    Done,
    Error,
    ErrorCode,
    Hello,
    Ping,
    Pong,
    Put,
    ReadPlane,
    Sender,
    Welcome,
    decode_message,
    encode_message,
)

DIGEST = bytes(range(16))
BOOT_ID = b"boot no1"
PING_BYTES = len(encode_frame(encode_message(Ping(0x01010101), 0x0101)))


def capabilities(window=4096, max_body=1024):
    return Capabilities(256, 256, 1024, 1 << 20, 1 << 16, max_body, window)


def device_with(window=4096, max_body=1024):
    return DeviceConnection(BOOT_ID, "test device", capabilities(window, max_body))


def on_wire(message, request=1):
    return encode_frame(encode_message(message, request))


def connected(window=4096, max_body=None):
    """A host and a device after their handshake; messages may take half the window unless told otherwise."""
    max_body = window // 2 if max_body is None else max_body
    host, device = HostConnection(), device_with(window, max_body)
    host.hello("test")
    for event in device.receive_data(host.data_to_send()):
        device.handled(event)
    host.receive_data(device.data_to_send())
    assert host.state is device.state is State.READY
    return host, device


def put_of(frame_bytes):
    """A Put whose frame has exactly so many bytes on the wire, up to 250."""
    empty = len(on_wire(Put(DIGEST, 1, 0, b"")))
    message = Put(DIGEST, 1, 0, b"x" * (frame_bytes - empty))
    assert len(on_wire(message)) == frame_bytes
    return message


def credits_in(data, decoder=None):
    """Bytes that the device grants in ``data``, read independently of HostConnection."""
    frames = (decoder or FrameDecoder()).feed(data)
    messages = [decode_message(frame.payload, Sender.DEVICE)[1] for frame in frames]
    return sum(message.wire_bytes for message in messages if isinstance(message, Credit))


def messages_of(events):
    return [event.message for event in events if isinstance(event, Received)]


# ---- handshake


def test_a_handshake_makes_both_ends_ready():
    host, device = HostConnection(), device_with()
    assert (host.state, device.state) == (State.NEW, State.NEW)
    host.hello("my client")
    assert host.state is State.GREETING
    (hello,) = device.receive_data(host.data_to_send())
    assert hello.message == Hello(1, PROTOCOL_VERSION, "my client")
    assert device.state is State.READY
    (welcome,) = host.receive_data(device.data_to_send())
    assert welcome.message == Welcome(PROTOCOL_VERSION, BOOT_ID, "test device", capabilities())
    assert host.welcome == welcome.message
    assert host.state is State.READY


def test_the_handshake_survives_arriving_byte_by_byte():
    host, device = HostConnection(), device_with()
    host.hello("client")
    for byte in host.data_to_send():
        device.receive_data(bytes([byte]))
    for byte in device.data_to_send():
        host.receive_data(bytes([byte]))
    assert host.state is device.state is State.READY


def test_data_to_send_is_taken_once():
    host = HostConnection()
    host.hello("client")
    assert host.data_to_send()
    assert host.data_to_send() == b""


def test_a_welcome_answers_the_request_id_of_its_hello():
    device = device_with()
    device.receive_data(on_wire(Hello(1, PROTOCOL_VERSION, "c"), 77))
    (frame,) = FrameDecoder().feed(device.data_to_send())
    assert decode_message(frame.payload, Sender.DEVICE)[0] == 77


@pytest.mark.parametrize(
    ("least", "greatest"), [(PROTOCOL_VERSION + 1, PROTOCOL_VERSION + 5), (0, PROTOCOL_VERSION - 1), (5, 0)]
)
def test_a_host_of_another_version_is_rejected_and_told_which_versions_there_are(least, greatest):
    device = device_with()
    (event,) = device.receive_data(on_wire(Hello(least, greatest, "c"), 9))
    assert (event.code, event.request) == (ErrorCode.VERSION, 9)
    assert f"versions {least} to {greatest}" in event.detail
    assert f"this device {PROTOCOL_VERSION}" in event.detail
    assert device.state is State.NEW
    assert device.data_to_send() == b""


def test_a_host_that_speaks_several_versions_is_welcome():
    device = device_with()
    device.receive_data(on_wire(Hello(0, 255, "c")))
    assert device.state is State.READY


def test_after_a_version_mismatch_a_right_hello_is_accepted():
    device = device_with()
    device.receive_data(on_wire(Hello(200, 201, "c")))
    (event,) = device.receive_data(on_wire(Hello(1, PROTOCOL_VERSION, "c")))
    assert isinstance(event, Received)
    assert device.state is State.READY


def test_a_welcome_in_a_version_that_the_host_did_not_offer_does_not_make_it_ready():
    host = HostConnection()
    host.hello("c")
    host.receive_data(on_wire(Welcome(PROTOCOL_VERSION + 1, BOOT_ID, "from the future", capabilities())))
    assert host.state is not State.READY


def test_a_message_before_hello_is_rejected():
    device = device_with()
    (event,) = device.receive_data(on_wire(Ping(1), 5))
    assert isinstance(event, Rejected)
    assert (event.code, event.detail, event.request) == (ErrorCode.UNEXPECTED, "Ping before HELLO", 5)
    assert device.state is State.NEW


def test_a_second_hello_is_rejected_and_the_connection_goes_on():
    host, device = connected()
    (event,) = device.receive_data(on_wire(Hello(1, PROTOCOL_VERSION, "again"), 3))
    assert (event.code, event.request) == (ErrorCode.UNEXPECTED, 3)
    assert "second HELLO" in event.detail
    assert device.data_to_send() == b""
    host.send(Ping(1))
    assert messages_of(device.receive_data(host.data_to_send())) == [Ping(1)]


def test_a_host_sends_no_second_hello():
    host, _ = connected()
    with pytest.raises(StateError, match="ready"):
        host.hello("again")


def test_a_host_sends_no_second_hello_while_it_waits_for_the_answer():
    host = HostConnection()
    host.hello("c")
    with pytest.raises(StateError, match="greeting"):
        host.hello("c")


@pytest.mark.parametrize("greeting", [False, True])
def test_a_host_sends_no_request_before_the_handshake_is_complete(greeting):
    host = HostConnection()
    if greeting:
        host.hello("c")
    with pytest.raises(StateError, match="greeting" if greeting else "new"):
        host.send(Ping(1))


def test_a_second_welcome_does_not_refill_the_hosts_credit():
    host, _ = connected(window=4 * PING_BYTES)
    for _ in range(8):
        host.send(Ping(0x01010101))
    host.data_to_send()
    host.receive_data(on_wire(Welcome(PROTOCOL_VERSION, BOOT_ID, "d", capabilities())))
    host.send(Ping(0x01010101))
    assert host.data_to_send() == b""


# ---- requests and answers


def test_request_ids_count_up_and_come_back_with_the_answers():
    host, device = connected()
    first, size = host.send(Ping(1))
    second, _ = host.send(Ping(2))
    assert second == first + 1
    events = device.receive_data(host.data_to_send())
    assert [event.request for event in events] == [first, second]
    assert events[0].wire_bytes == size
    device.send(Pong(2), second)
    assert device.bytes_to_send == len(on_wire(Pong(2), second))
    (answer,) = host.receive_data(device.data_to_send())
    assert (answer.request, answer.message) == (second, Pong(2))


def test_request_ids_never_are_zero_and_wrap_after_65535():
    host, _ = connected(window=0xFFFFFFFF, max_body=1024)
    ids = [host.send(Ping(0))[0] for _ in range(0x10001)]
    assert ids == [*range(1, 0x10000), 1, 2]


def test_a_message_longer_than_the_device_takes_is_refused_by_the_host():
    host, device = connected(max_body=100)
    header = 16 + 4 + 4
    host.send(Put(DIGEST, 100, 0, bytes(100 - header)))
    assert len(messages_of(device.receive_data(host.data_to_send()))) == 1
    with pytest.raises(MessageError, match="Put has 104 bytes; the device takes 103"):
        host.send(Put(DIGEST, 100, 0, bytes(101 - header)))
    assert host.data_to_send() == b""


def test_the_host_rejects_messages_that_only_hosts_send():
    host, _ = connected()
    (event,) = host.receive_data(on_wire(Ping(1), 8))
    assert (event.code, event.request) == (ErrorCode.MALFORMED, 8)


def test_the_device_rejects_messages_that_only_devices_send():
    _, device = connected()
    (event,) = device.receive_data(on_wire(Done(), 8))
    assert (event.code, event.request) == (ErrorCode.MALFORMED, 8)
    assert "Done is not a message that a host sends" in event.detail


# ---- credits


def test_frames_beyond_the_window_wait_until_the_device_has_handled_some():
    host, device = connected(window=4 * PING_BYTES)
    for _ in range(6):
        host.send(Ping(0x01010101))
    sent = host.data_to_send()
    assert 3 * PING_BYTES < len(sent) <= 4 * PING_BYTES
    waiting = host.waiting_bytes
    assert waiting > 0
    events = device.receive_data(sent)
    assert device.data_to_send() == b"", "a device must not acknowledge what its owner has not handled"
    for event in events:
        device.handled(event)
    assert host.receive_data(device.data_to_send()) == [], "credit is between the connections"
    assert len(host.data_to_send()) == waiting
    assert host.waiting_bytes == 0


@pytest.mark.parametrize(("spare", "pings"), [(-1, 3), (0, 4), (1, 4)])
def test_the_window_may_be_filled_to_the_last_byte_and_no_further(spare, pings):
    host, _ = connected(window=4 * PING_BYTES + spare)
    for _ in range(6):
        host.send(Ping(0x01010101))
    assert len(host.data_to_send()) == pings * PING_BYTES


def test_a_device_does_not_acknowledge_every_small_message():
    host, device = connected(window=100 * PING_BYTES)
    for _ in range(20):
        host.send(Ping(0x01010101))
    for event in device.receive_data(host.data_to_send()):
        device.handled(event)
    assert device.data_to_send() == b""


def test_frames_that_wait_keep_their_order_even_if_a_later_one_would_fit():
    host, device = connected(window=300, max_body=200)
    host.send(put_of(200))
    host.send(put_of(200))
    host.send(Ping(7))
    sent = host.data_to_send()
    assert len(sent) == 200
    for event in device.receive_data(sent):
        device.handled(event)
    host.receive_data(device.data_to_send())
    assert [type(m) for m in messages_of(device.receive_data(host.data_to_send()))] == [Put, Ping]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["send", "to device", "to host", "handle"]), st.integers(0, 1000)), max_size=60
)


class FakeWire:
    """A host, a device, the bytes between them, and the credit that must hold at every moment."""

    def __init__(self, window):
        self.window = window
        self.host, self.device = connected(window, max_body=16 + 4 + 4 + 199)
        self.meter = FrameDecoder()
        self.to_device, self.to_host = bytearray(), bytearray()
        self.sent, self.arrived, self.unhandled = [], [], []
        self.put_on_wire = self.granted = 0

    def send(self, size):
        message = Put(DIGEST, len(self.sent), 0, bytes([size % 256]) * (size % 200))
        self.host.send(message)
        self.sent.append(message)

    def collect(self):
        """Take what either end wants to send, and check the window."""
        data = self.host.data_to_send()
        self.put_on_wire += len(data)
        self.to_device += data
        assert self.put_on_wire - self.granted <= self.window

    def carry_to_device(self, size):
        piece = bytes(self.to_device[: size or 1])
        del self.to_device[: len(piece)]
        events = self.device.receive_data(piece) if piece else []
        assert all(isinstance(event, Received) for event in events), "an honest host is never rejected"
        self.arrived += messages_of(events)
        self.unhandled += events

    def handle(self, which):
        if self.unhandled:
            self.device.handled(self.unhandled.pop(which % len(self.unhandled)))
            self.to_host += self.device.data_to_send()

    def carry_to_host(self, size):
        piece = bytes(self.to_host[: size or 1])
        del self.to_host[: len(piece)]
        if piece:
            self.granted += credits_in(piece, self.meter)
            assert self.host.receive_data(piece) == []

    def act(self, action, number):
        do = {
            "send": self.send,
            "to device": self.carry_to_device,
            "to host": self.carry_to_host,
            "handle": self.handle,
        }
        do[action](number)
        self.collect()

    def finish(self):
        for _ in range(10 * len(self.sent) + 10):
            for action in ("to device", "handle", "to host"):
                self.act(action, 1000)


@settings(max_examples=100)
@given(ACTIONS, st.integers(330, 2000))
def test_the_window_always_holds_and_everything_arrives_in_order_however_events_are_handled(actions, window):
    wire = FakeWire(window)
    for action, number in actions:
        wire.act(action, number)
    wire.finish()
    assert wire.arrived == wire.sent
    assert wire.host.waiting_bytes == 0
    assert not wire.unhandled


@pytest.mark.parametrize("share", [0.5, 0.76, 0.9, 1.0])
def test_a_frame_of_any_legal_size_leaves_in_the_end_once_all_before_it_is_handled(share):
    """Whoever accepts a size must also send it: refusing it (in either end) is fine, waiting for ever not."""
    window = 240
    try:
        host, device = connected(window, max_body=1024)
        for _ in range(3):
            host.send(Ping(0x01010101))
        host.send(put_of(int(window * share)))
    except ProtocolError:
        return
    for _ in range(5):
        for event in device.receive_data(host.data_to_send() or b"\0"):
            device.handled(event)
        host.receive_data(device.data_to_send() or b"\0")
    assert host.waiting_bytes == 0


def test_a_host_that_sends_more_than_its_credit_is_rejected():
    _, device = connected(window=10 * PING_BYTES)
    events = device.receive_data(on_wire(Ping(0x01010101), 0x0101) * 11)
    assert messages_of(events) == [Ping(0x01010101)] * 10
    assert isinstance(events[10], Rejected)
    assert (events[10].code, events[10].request) == (ErrorCode.CREDIT_OVERRUN, 0x0101)
    assert f"on a credit of {10 * PING_BYTES}" in events[10].detail


def test_handling_makes_room_only_once_it_is_acknowledged():
    _, device = connected(window=100 * PING_BYTES)
    ping = on_wire(Ping(0x01010101), 0x0101)
    events = device.receive_data(ping * 100)
    device.handled(events[0])
    assert device.data_to_send() == b""
    (event,) = device.receive_data(ping)
    assert event.code is ErrorCode.CREDIT_OVERRUN


def test_after_an_overrun_that_is_handled_the_connection_goes_on():
    _, device = connected(window=10 * PING_BYTES)
    ping = on_wire(Ping(0x01010101), 0x0101)
    for event in device.receive_data(ping * 12):
        device.handled(event)
    assert credits_in(device.data_to_send()) > 0
    assert messages_of(device.receive_data(ping)) == [Ping(0x01010101)]


def test_hellos_buy_no_credit():
    """A host that repeats HELLO may not send more than its window of other messages."""
    window = 10 * PING_BYTES
    _, device = connected(window)
    hello = on_wire(Hello(1, PROTOCOL_VERSION, "x" * 50))
    for event in [event for _ in range(20) for event in device.receive_data(hello)]:
        device.handled(event)
    granted = credits_in(device.data_to_send()) - 20 * len(hello)  # less what the hellos themselves spent
    ping = on_wire(Ping(0x01010101), 0x0101)
    accepted = len(messages_of(device.receive_data(ping * 40))) * PING_BYTES
    assert accepted <= window + max(granted, 0)


def test_noise_before_the_handshake_costs_the_host_no_credit():
    device = device_with(window=10 * PING_BYTES, max_body=5 * PING_BYTES)
    for event in device.receive_data(b"noise of a port that opens\0"):
        device.handled(event)
    device.receive_data(on_wire(Hello(1, PROTOCOL_VERSION, "c")))
    events = device.receive_data(on_wire(Ping(0x01010101), 0x0101) * 10)
    assert messages_of(events) == [Ping(0x01010101)] * 10


@pytest.mark.parametrize("body", [0, 100, 1000])
def test_a_window_must_hold_the_greatest_message(body):
    largest = wire_limit(body + ENVELOPE_BYTES)
    DeviceConnection(BOOT_ID, "device", capabilities(largest, body))
    with pytest.raises(ProtocolError, match=f"needs {largest}"):
        DeviceConnection(BOOT_ID, "device", capabilities(largest - 1, body))


def test_a_host_refuses_a_device_whose_window_does_not_hold_its_messages():
    host = HostConnection()
    host.hello("test")
    (event,) = host.receive_data(on_wire(Welcome(PROTOCOL_VERSION, BOOT_ID, "d", capabilities(100, 1000)), 0))
    assert event.code is ErrorCode.VERSION
    assert host.state is State.GREETING


def test_credit_never_exceeds_the_window():
    """Noise that a device counted as bytes of ours comes back as credit; it must not widen the window."""
    host, _ = connected(window=4 * PING_BYTES)
    host.receive_data(on_wire(Credit(1000), 0))
    for _ in range(6):
        host.send(Ping(0x01010101))
    assert len(host.data_to_send()) == 4 * PING_BYTES


# ---- damage


def damaged(frame):
    return frame[:4] + bytes([frame[4] ^ 0xFF or 1]) + frame[5:]


def test_a_damaged_frame_is_rejected_and_the_device_goes_on():
    host, device = connected()
    host.send(Ping(0x01010101))
    (event,) = device.receive_data(damaged(host.data_to_send()))
    assert (event.code, event.request) == (ErrorCode.BAD_FRAME, 0)
    assert event.wire_bytes == PING_BYTES
    host.send(Ping(2))
    assert messages_of(device.receive_data(host.data_to_send())) == [Ping(2)]


def test_a_damaged_frame_is_rejected_and_the_host_goes_on():
    host, device = connected()
    device.send(Pong(0x01010101), 1)
    (event,) = host.receive_data(damaged(device.data_to_send()))
    assert event.code is ErrorCode.BAD_FRAME
    device.send(Pong(2), 1)
    assert messages_of(host.receive_data(device.data_to_send())) == [Pong(2)]


def test_a_damaged_frame_gives_its_credit_back():
    host, device = connected(window=4 * PING_BYTES)
    for _ in range(50):
        host.send(Ping(0x01010101))
        data = host.data_to_send()
        assert data, "the host has run out of credit"
        for event in device.receive_data(damaged(data)):
            assert isinstance(event, Rejected)
            device.handled(event)
        host.receive_data(device.data_to_send() or b"\0")


def test_a_malformed_message_is_rejected_with_its_request_id():
    _, device = connected()
    (event,) = device.receive_data(encode_frame(b"\x11\x34\x12short"[:5]))
    assert (event.code, event.request) == (ErrorCode.MALFORMED, 0x1234)


def test_a_payload_shorter_than_an_envelope_is_rejected():
    _, device = connected()
    (event,) = device.receive_data(encode_frame(b"\x11"))
    assert event.code is ErrorCode.MALFORMED


def test_a_message_longer_than_the_devices_limit_is_rejected():
    _, device = connected(max_body=600)
    (event,) = device.receive_data(on_wire(Put(DIGEST, 5000, 0, b"x" * 5000)))
    assert event.code is ErrorCode.BAD_FRAME
    assert "too long" in event.detail


@pytest.mark.parametrize("end", ["host", "device"])
def test_a_stream_that_ends_in_mid_frame_is_rejected_once(end):
    connection = connected()[end == "device"]
    message = Ping(1) if end == "device" else Pong(1)
    assert connection.receive_data(on_wire(message)[:7]) == []
    (event,) = connection.receive_data(b"")
    assert (event.code, event.wire_bytes) == (ErrorCode.BAD_FRAME, 7)
    assert "the stream ended 7 bytes into a frame" in event.detail
    assert connection.receive_data(b"") == []


@pytest.mark.parametrize("end", ["host", "device"])
def test_a_stream_that_ends_between_frames_is_no_event(end):
    assert connected()[end == "device"].receive_data(b"") == []


def test_an_error_message_says_what_was_rejected():
    event = Rejected(ErrorCode.UNEXPECTED, "Ping before HELLO", 5, 15)
    assert error_for(event) == Error(ErrorCode.UNEXPECTED, "Ping before HELLO")


@pytest.mark.parametrize("size", [100, 16_000, 60_000])
def test_whatever_was_rejected_can_be_answered(size):
    """The detail of a rejected message may quote its bytes, but the answer must fit into a message."""
    _, device = connected(window=1 << 20, max_body=65_000)
    text = b"\xff" * size
    body = size.to_bytes(2, "little") + text
    (event,) = device.receive_data(encode_frame(b"\x0f\x01\x00" + body))
    assert event.code is ErrorCode.MALFORMED
    device.send(error_for(event), event.request)
    (frame,) = FrameDecoder().feed(device.data_to_send())
    assert isinstance(frame, Frame)


garbage = st.one_of(
    st.binary(max_size=100),
    st.binary(min_size=1, max_size=60).map(encode_frame),
    st.builds(lambda code, body: encode_frame(bytes([code, 1, 0]) + body), st.integers(0, 32), st.binary()),
    st.sampled_from(
        [
            on_wire(Hello(1, PROTOCOL_VERSION, "c")),
            on_wire(Welcome(PROTOCOL_VERSION, BOOT_ID, "d", capabilities())),
            on_wire(Credit(100)),
            on_wire(Ping(1)),
            on_wire(ReadPlane("A")),
            b"",
        ]
    ),
)
pieces = st.lists(garbage, max_size=15)


@settings(max_examples=200)
@given(pieces, st.booleans())
def test_no_bytes_make_a_device_raise(data, greeted):
    device = connected(window=500)[1] if greeted else device_with(window=500, max_body=250)
    for piece in data:
        for event in device.receive_data(piece):
            assert isinstance(event, Received | Rejected)
            if isinstance(event, Rejected):
                device.send(error_for(event), event.request)
            device.handled(event)
    device.data_to_send()
    device.receive_data(b"\0")
    (event,) = device.receive_data(on_wire(Hello(1, PROTOCOL_VERSION, "still there?")))
    assert device.state is State.READY
    assert isinstance(event, Received | Rejected)


@settings(max_examples=200)
@given(pieces, st.sampled_from(["new", "greeting", "ready"]))
def test_no_bytes_make_a_host_raise(data, state):
    host = connected(window=500)[0] if state == "ready" else HostConnection()
    if state == "greeting":
        host.hello("c")
    for piece in data:
        for event in host.receive_data(piece):
            assert isinstance(event, Received | Rejected)
    assert (host.state is State.NEW) is (state == "new")
    host.receive_data(b"\0")
    assert messages_of(host.receive_data(on_wire(Pong(3)))) == [Pong(3)]
