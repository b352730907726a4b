"""Messages: every one survives the wire; everything else is a MessageError.

It is one module because its tables have an example and the refusals of every message.
"""

import struct
from dataclasses import replace

import construct
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.declaration import MESSAGES, RECORDS, Sender, field_values, make
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    MAX_BODY,
    MEANINGS,
    NO_SESSION,
    ROLE_MEANINGS,
    WHOLE,
    Ack,
    CancelFrame,
    Capabilities,
    Challenge,
    Done,
    Error,
    ErrorCode,
    Execute,
    Executed,
    Exposure,
    Fault,
    GetSettings,
    GetStatus,
    Hello,
    Holdings,
    Leave,
    Notice,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Proof,
    Put,
    PutSeveral,
    Query,
    ReadOut,
    ReadPlane,
    Result,
    Role,
    SetExposure,
    Settings,
    Show,
    StartFrame,
    Status,
    Stopping,
    Stored,
    StoredSeveral,
    TreeOpened,
    Visit,
    Welcome,
    decode_message,
    encode_body,
    encode_message,
    frames,
    head_bytes,
    is_sequenced,
    item_bytes,
    open_envelope,
)
from pixeltree_protocol.link.messages.layouts import BYTE_STRINGS
from pixeltree_protocol.objects import MAX_DEPTH, MAX_PATH_LOGITS

u8, u16, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
u64, i32 = st.integers(0, (1 << 64) - 1), st.integers(-(1 << 31), (1 << 31) - 1)
text, data = st.text(max_size=30), st.binary(max_size=60)
digest = nonce = st.binary(min_size=16, max_size=16)
ids = st.binary(min_size=8, max_size=8)
digests = st.lists(digest, max_size=5).map(tuple)
capabilities = st.builds(Capabilities, u16, u16, u32, u32, u32, u16, u32)
visits = st.builds(Visit, digest, u8, st.lists(i32, max_size=6).map(tuple), u64)

STRATEGIES = {
    Hello: st.builds(Hello, u8, u8, nonce, ids, u8, u32, text),
    Challenge: st.builds(Challenge, nonce, nonce),
    Proof: st.builds(Proof, st.binary(min_size=32, max_size=32)),
    Welcome: st.builds(
        Welcome, u8, nonce, ids, ids, st.booleans(), u8, data, u16, u16, u32, text, capabilities
    ),
    Ack: st.builds(Ack, u8, u8, st.booleans()),
    Notice: st.builds(Notice, u16, text),
    Leave: st.builds(Leave),
    Stopping: st.builds(Stopping, text),
    GetStatus: st.builds(GetStatus),
    GetSettings: st.builds(GetSettings),
    Settings: st.builds(Settings, text),
    Status: st.builds(Status, u16, text, digest, st.booleans(), u64, u32, u32, u32, u16, u64, u64, u32, u64),
    Query: st.builds(Query, digests),
    Holdings: st.builds(Holdings, st.lists(u32 | st.just(WHOLE), max_size=6).map(tuple)),
    Put: st.builds(Put, digest, u32, u32, data),
    Stored: st.builds(Stored, digest, digests),
    PutSeveral: st.builds(PutSeveral, st.lists(data, max_size=40).map(tuple)),
    StoredSeveral: st.builds(StoredSeveral, digest, digests),
    OpenTree: st.builds(OpenTree, digest, u32, u32),
    TreeOpened: st.builds(TreeOpened, u32, digests),
    Show: st.builds(Show, st.booleans(), u16, u16, u16, u16, data),
    Done: st.builds(Done),
    StartFrame: st.builds(StartFrame, u32),
    CancelFrame: st.builds(CancelFrame, u32),
    Result: st.builds(Result, u32, u16, st.lists(visits, max_size=4).map(tuple), u64, u64, u64, u32),
    Fault: st.builds(Fault, u32, digest, digests),
    ReadPlane: st.builds(ReadPlane, text),
    PlanePart: st.builds(PlanePart, u32, u32, data),
    Ping: st.builds(Ping, u32),
    Pong: st.builds(Pong, u32),
    Error: st.builds(Error, u16, text),
    Execute: st.builds(Execute, digests, digests, data),
    ReadOut: st.builds(ReadOut, u16, u32, u32, data),
    Executed: st.builds(Executed, u64, u32),
    SetExposure: st.builds(SetExposure, u8, u32),
    Exposure: st.builds(Exposure, u8, u32),
}

# Code and sender of every message: the wire format, which may not change under a protocol version.
CODES = {
    Hello: (1, "host"),
    Welcome: (2, "device"),
    Query: (3, "host"),
    Holdings: (4, "device"),
    Put: (5, "host"),
    Stored: (6, "device"),
    PutSeveral: (25, "host"),
    StoredSeveral: (26, "device"),
    OpenTree: (7, "host"),
    TreeOpened: (8, "device"),
    Show: (9, "host"),
    Done: (10, "device"),
    StartFrame: (11, "host"),
    CancelFrame: (13, "host"),
    Result: (12, "device"),
    Fault: (14, "device"),
    ReadPlane: (15, "host"),
    PlanePart: (16, "device"),
    Ping: (17, "host"),
    Pong: (18, "device"),
    Leave: (19, "host"),
    Stopping: (20, "device"),
    GetStatus: (21, "host"),
    GetSettings: (43, "host"),
    Settings: (44, "device"),
    Status: (22, "device"),
    Challenge: (23, "device"),
    Proof: (24, "host"),
    Ack: (30, "either end"),
    Notice: (33, "device"),
    Error: (31, "device"),
    Execute: (40, "host"),
    ReadOut: (41, "device"),
    Executed: (42, "device"),
    SetExposure: (45, "host"),
    Exposure: (46, "device"),
}

DIGEST = bytes(range(16))
VISIT = Visit(DIGEST, 1, (-1, 2), 77)
CAPABLE = Capabilities(256, 256, 1024, 9, 8, 7, 6)
SAMPLES = [
    Hello(1, 2, DIGEST, NO_SESSION, 1, 70_000, "Zürich"),
    Challenge(DIGEST, DIGEST[::-1]),
    Proof(bytes(range(32))),
    Welcome(1, DIGEST, b"bootboot", b"sessions", True, 1, bytes(32), 1000, 5000, 30_000, "emulator", CAPABLE),
    Ack(1, 2, True),
    Notice(ErrorCode.BAD_FRAME, "noise"),
    Leave(),
    Stopping("power"),
    GetStatus(),
    GetSettings(),
    Settings("source=moving\nchip=3"),
    Status(2, "me", DIGEST, True, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    Query((DIGEST, DIGEST[::-1])),
    Holdings((0, WHOLE)),
    Put(DIGEST, 100, 50, b"xyz"),
    Stored(DIGEST, (DIGEST,)),
    PutSeveral((b"one", b"", b"three")),
    StoredSeveral(DIGEST, (DIGEST,)),
    OpenTree(DIGEST, 0, 500),
    TreeOpened(4096, (DIGEST, DIGEST)),
    Show(True, 1, 2, 1, 3, b"abc"),
    Done(),
    StartFrame(7),
    CancelFrame(7),
    Result(7, 3, (VISIT, VISIT), 1, 2, 3, 4),
    Fault(7, DIGEST, (DIGEST,)),
    ReadPlane("R12"),
    PlanePart(10, 20, b"plane"),
    Ping(1),
    Pong(1),
    Error(ErrorCode.BUSY, "later"),
    Execute((DIGEST,), (), b"program"),
    ReadOut(3, 0, 9, b"bytes"),
    Executed(10, 11),
    SetExposure(1, 0),
    Exposure(1, 16_666),
]
GREEDY = {Put, Show, PlanePart, Execute, ReadOut}  # the last field takes all bytes that there are

every_class = pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)


def sender_of(message):
    return MESSAGES[type(message)].sender


def reader_of(message):
    """Whose messages the other end expects; either will do for what both send."""
    sender = sender_of(message)
    return Sender.HOST if sender is Sender.EITHER else sender


def other(sender):
    return Sender.HOST if sender is Sender.DEVICE else Sender.DEVICE


def decodes_or_is_refused(payload, sender):
    """The one promise about hostile bytes: a message that survives a round trip, or MessageError."""
    try:
        request, message = decode_message(payload, sender)
    except MessageError as error:
        assert str(error)
        return
    assert decode_message(encode_message(message, request), sender) == (request, message)


def test_every_message_has_a_strategy_a_sample_and_a_fixed_code():
    assert set(STRATEGIES) == set(MESSAGES) == {type(sample) for sample in SAMPLES}
    assert {cls: (d.code, d.sender.value) for cls, d in MESSAGES.items()} == CODES
    assert len({code for code, _ in CODES.values()}) == len(CODES)


@every_class
def test_a_message_survives_encoding(cls):
    @given(STRATEGIES[cls], u16)
    def check(message, request):
        payload = encode_message(message, request)
        assert payload[0] == CODES[cls][0]
        assert int.from_bytes(payload[1:3], "little") == request
        assert decode_message(payload, reader_of(message)) == (request, message)

    check()


def varying_bytes(cls, record, fields, *names):
    """Bytes that arrays, texts and byte strings add to a message's head, by the declared sizes of items."""
    size = 0
    for field in fields:
        value = getattr(record, field.name)
        if isinstance(value, tuple):
            size += len(value) * item_bytes(cls, *names, field.name)
            if field.layout is BYTE_STRINGS:
                size += sum(map(len, value))
            for item in value:
                if type(item) is Visit:
                    size += varying_bytes(cls, item, RECORDS[frames.VISIT].fields, *names, field.name)
        elif isinstance(value, str):
            size += len(value.encode())
        elif isinstance(value, bytes) and not isinstance(field.layout, construct.Bytes):
            size += len(value)
    return size


@every_class
def test_a_message_is_as_long_as_its_declaration_says(cls):
    @given(STRATEGIES[cls])
    def check(message):
        declared = head_bytes(cls) + varying_bytes(cls, message, MESSAGES[cls].fields)
        assert len(encode_body(message)) == declared

    check()


def test_sizes_are_of_fields_that_there_are():
    for names in (("digest",), ("digests", "more")):
        with pytest.raises(KeyError):
            item_bytes(Query, *names)


def test_the_longest_result_fits_into_one_message():
    path = MAX_DEPTH * item_bytes(Result, "path") + MAX_PATH_LOGITS * item_bytes(Result, "path", "logits")
    assert head_bytes(Result) + path <= MAX_BODY


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (
            Hello(1, 2, DIGEST, b"sessions", 1, 258, "hé"),
            f"01 02 {DIGEST.hex()} 73657373696f6e73 01 02010000 0300 68c3a9",
        ),
        (Ack(3, 4, True), "03 04 01"),
        (Query((DIGEST,)), "0100" + DIGEST.hex()),
        (Holdings((5, WHOLE)), "0200 05000000 ffffffff"),
        (Put(DIGEST, 300, 256, b"\x00z"), DIGEST.hex() + "2c010000 00010000 007a"),
        (PutSeveral((b"\x00z", b"", b"y")), "0300 0200 007a 0000 0100 79"),
        (StoredSeveral(DIGEST, (DIGEST,)), DIGEST.hex() + "0100" + DIGEST.hex()),
        (Show(True, 1, 2, 3, 4, b"p"), "01 0100 0200 0300 0400 70"),
        (Done(), ""),
        (
            Result(1, 2, (Visit(DIGEST, 3, (-1,), 4),), 5, 6, 7, 8),
            f"01000000 0200 01 {DIGEST.hex()} 0300 0100 ffffffff 0400000000000000"
            "0500000000000000 0600000000000000 0700000000000000 08000000",
        ),
        (Error(ErrorCode.CREDIT_OVERRUN, "no"), "0e00 0200 6e6f"),
        (SetExposure(1, 500), "01 f4010000"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_the_bytes_of_a_message_are_those_of_the_format(message, body):
    assert encode_message(message, 0x0102)[ENVELOPE_BYTES:].hex() == body.replace(" ", "")
    head = encode_message(message, 0x0102, Numbers(0x0304, 0x0506, 0x0708))[:ENVELOPE_BYTES]
    assert head == bytes([CODES[type(message)][0], 2, 1, 4, 3, 6, 5, 8, 7])
    assert open_envelope(head).numbers == Numbers(0x0304, 0x0506, 0x0708)


@pytest.mark.parametrize(
    "sample", [s for s in SAMPLES if not isinstance(s, Ack)], ids=lambda sample: type(sample).__name__
)
def test_a_message_from_the_end_that_never_sends_it_is_refused(sample):
    wrong = other(sender_of(sample))
    with pytest.raises(MessageError, match=f"{type(sample).__name__} is not a message that a {wrong.value}"):
        decode_message(encode_message(sample, 1), wrong)


@pytest.mark.parametrize("code", sorted(set(range(256)) - {code for code, _ in CODES.values()}))
def test_an_unknown_code_is_refused(code):
    for sender in (Sender.HOST, Sender.DEVICE):
        with pytest.raises(MessageError, match=f"unknown message code {code}$"):
            decode_message(bytes([code, *range(8), 1, 2, 3]), sender)


@pytest.mark.parametrize("size", range(ENVELOPE_BYTES))
def test_a_payload_without_a_whole_envelope_is_refused(size):
    with pytest.raises(MessageError, match=f"at least 9 bytes, not {size}"):
        decode_message((b"\x11" + bytes(8))[:size], Sender.HOST)


@every_sample
def test_a_truncated_message_is_refused_or_is_an_open_ended_one_with_less_data(sample):
    payload = encode_message(sample, 5)
    tail = {Put: "data", Show: "pixels", PlanePart: "data", Execute: "program", ReadOut: "data"}.get(
        type(sample)
    )
    open_part = len(getattr(sample, tail)) if tail else 0
    for length in range(len(payload)):
        if length >= len(payload) - open_part:
            _, shorter = decode_message(payload[:length], reader_of(sample))
            assert getattr(sample, tail).startswith(getattr(shorter, tail))
        else:
            with pytest.raises(MessageError):
                decode_message(payload[:length], reader_of(sample))


@every_sample
def test_bytes_after_a_message_are_refused_unless_its_data_are_open_ended(sample):
    payload = encode_message(sample, 5) + b"\0"
    if type(sample) in GREEDY:
        assert decode_message(payload, reader_of(sample))
    else:
        with pytest.raises(MessageError, match=f"malformed {type(sample).__name__}"):
            decode_message(payload, reader_of(sample))


@every_sample
def test_any_single_damaged_byte_gives_a_message_or_a_message_error(sample):
    payload = encode_message(sample, 5)
    for position, byte in enumerate(payload):
        for value in {byte ^ flip for flip in (1, 2, 4, 8, 16, 32, 64, 128, 0xFF)} | {0, 0xFF}:
            damaged = payload[:position] + bytes([value]) + payload[position + 1 :]
            decodes_or_is_refused(damaged, reader_of(sample))


@pytest.mark.parametrize(
    "body",
    ["0100 0300 6161", "0100 ffff 61", "0200 0100 61", "ffff 0000", "0000 61", "0100 01", "0100 0000 00"],
)
def test_lengths_of_objects_are_not_believed(body):
    with pytest.raises(MessageError, match="malformed PutSeveral"):
        decode_message(b"\x19" + bytes(8) + bytes.fromhex(body), Sender.HOST)


@settings(max_examples=effort(400, 100))
@given(
    st.sampled_from([None, *MESSAGES]), st.binary(max_size=120), st.sampled_from([Sender.HOST, Sender.DEVICE])
)
def test_random_bytes_are_a_message_or_a_message_error(cls, body, sender):
    if cls is None:
        decodes_or_is_refused(body, sender)
    else:
        sender = Sender.HOST if MESSAGES[cls].sender is Sender.EITHER else MESSAGES[cls].sender
        decodes_or_is_refused(bytes([CODES[cls][0], *bytes(8)]) + body, sender)


@pytest.mark.parametrize(
    ("payload", "sender"),
    [
        (b"\x01" + bytes(8) + bytes(31) + b"\x02\0\xff\xff", Sender.HOST),
        (b"\x0f" + bytes(8) + b"\x02\0\xc3\x28", Sender.HOST),
        (b"\x1f" + bytes(8) + b"\x01\0\x01\0\x80", Sender.DEVICE),
    ],
)
def test_text_that_is_not_utf8_is_refused(payload, sender):
    with pytest.raises(MessageError, match="malformed"):
        decode_message(payload, sender)


@pytest.mark.parametrize(
    "message",
    [
        Hello(256, 1, DIGEST, NO_SESSION, 0, 0, ""),
        Hello(-1, 1, DIGEST, NO_SESSION, 0, 0, ""),
        Hello(1, 1, DIGEST[1:], NO_SESSION, 0, 0, ""),
        Hello(1, 1, DIGEST, NO_SESSION, 0, 0, "x" * 65536),
        Hello(1, 1, DIGEST, NO_SESSION, 0, 0, "\ud800"),
        Proof(bytes(31)),
        Challenge(DIGEST, DIGEST + b"x"),
        Ack(256, 0, False),
        Query((b"short",)),
        Query((DIGEST + b"x",)),
        Query((DIGEST,) * 65536),
        Put(DIGEST, 1 << 32, 0, b""),
        PutSeveral((b"",) * 65_536),
        PutSeveral((b"ok", bytes(65_536))),
        StoredSeveral(DIGEST[1:], ()),
        Holdings((-1,)),
        Welcome(1, DIGEST, b"seven b", bytes(8), True, 0, b"", 1, 1, 1, "", CAPABLE),
        Welcome(1, DIGEST, bytes(8), bytes(8), True, 0, bytes(256), 1, 1, 1, "", CAPABLE),
        Welcome(
            1, DIGEST, bytes(8), bytes(8), True, 0, b"", 1, 1, 1, "", Capabilities(1, 1, 1, 1, 1, 1 << 16, 1)
        ),
        Result(1, 1, (Visit(DIGEST, 65_536, (), 0),), 0, 0, 0, 0),
        Result(1, 1, (Visit(DIGEST, 0, (1 << 31,), 0),), 0, 0, 0, 0),
        Result(1, 1, (VISIT,) * 256, 0, 0, 0, 0),
        Error(1 << 16, ""),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_field_that_does_not_fit_its_declaration_is_refused_with_the_message_named(message):
    with pytest.raises(MessageError, match=f"{type(message).__name__} cannot be encoded"):
        encode_message(message, 0)


def test_error_codes_are_fixed_numbers():
    assert [(code.name, code.value) for code in ErrorCode] == [
        (name, number)
        for number, name in enumerate(
            """BAD_FRAME MALFORMED UNEXPECTED VERSION BUSY BAD_OBJECT DIGEST_MISMATCH NO_ROOM BAD_UPLOAD
            BAD_TREE CANNOT_SHOW NO_TREE FAULT_TIMEOUT CREDIT_OVERRUN OUT_OF_RANGE INTERNAL
            AUTHENTICATION NOT_DRIVER UNSUPPORTED""".split(),
            start=1,
        )
    ]


def test_every_error_code_and_role_has_a_meaning():
    assert set(MEANINGS) == set(ErrorCode)
    assert set(ROLE_MEANINGS) == set(Role)


def test_the_messages_of_the_link_itself_and_no_others_are_not_sequenced():
    link = {Hello, Challenge, Proof, Welcome, Ack, Notice, Leave, Stopping}
    for cls, (code, _) in CODES.items():
        assert is_sequenced(code) is (cls not in link)
    assert is_sequenced(99), "a message that this end does not know is a payload of the session"


# ---- two codecs, one format

QUICK = [cls for cls, declaration in MESSAGES.items() if declaration.quick is not None]


def either(action, *arguments):
    """A value, or the fact that there is none."""
    try:
        return action(*arguments)
    except (construct.ConstructError, struct.error, UnicodeDecodeError):
        return None


def test_what_is_sent_while_frames_run_has_a_quick_codec():
    bulk = {ReadOut, PlanePart, Show, Execute}
    assert {PutSeveral, StoredSeveral} <= set(QUICK)
    assert {Put, Stored, Query, Holdings, StartFrame, Fault, Result, Ping, Pong, Ack} | bulk <= set(QUICK)


@pytest.mark.parametrize("cls", QUICK, ids=lambda cls: cls.__name__)
def test_the_quick_codec_writes_and_reads_what_the_construct_does(cls):
    layout, quick = MESSAGES[cls].layout, MESSAGES[cls].quick

    def slow(body):
        return make(cls, layout.parse(body))

    @settings(max_examples=effort(80, 25))
    @given(STRATEGIES[cls], st.integers(0, 80), st.binary(max_size=4), st.binary(max_size=60))
    def check(message, kept, more, noise):
        body = quick.build(message)
        assert body == layout.build(field_values(message))
        for found in (body, body[:kept], body + more, noise):
            assert either(quick.parse, found) == either(slow, found)

    check()


@every_sample
def test_what_does_not_fit_is_refused_by_both_codecs(sample):
    for field in MESSAGES[type(sample)].fields:
        value = getattr(sample, field.name)
        if isinstance(value, bool | str | tuple) or (isinstance(value, bytes) and not value):
            continue
        wrong = -(1 << 70) if isinstance(value, int) else None
        if wrong is None and isinstance(field.layout, construct.Bytes):
            wrong = value + b"x"
        if wrong is not None:
            with pytest.raises(MessageError, match="cannot be encoded"):
                encode_body(replace(sample, **{field.name: wrong}))
