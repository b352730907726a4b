"""Frames: bytes come in any pieces, in any condition, and the decoder neither raises nor grows."""

import zlib
from itertools import pairwise

import pytest
from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_protocol.errors import FramingError
from pixeltree_protocol.link.framing import (
    MAX_PAYLOAD,
    OVERHEAD,
    BadFrame,
    Damage,
    Frame,
    FrameDecoder,
    encode_frame,
    wire_limit,
)

zeros_and_full_runs = st.builds(
    lambda a, b, c: b"\0" * a + b"\xff" * b + b"\0" * c,
    st.integers(0, 3),
    st.integers(1, 600),
    st.integers(0, 3),
)
payloads = st.binary(min_size=1, max_size=300) | zeros_and_full_runs


def frame_of(body, crc=None):
    """A frame around any bytes, with any CRC."""
    check = zlib.crc32(body).to_bytes(4, "little") if crc is None else crc
    return cobs.encode(body + check) + b"\0"


def cut(data, places):
    """``data`` in pieces, cut at the places given (modulo its length)."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def feed_all(decoder, pieces):
    return [event for piece in pieces for event in decoder.feed(piece)]


def held_bytes(decoder):
    """Bytes that the decoder keeps, wherever it keeps them."""
    return sum(len(value) for value in vars(decoder).values() if isinstance(value, bytes | bytearray | list))


def the_only(events):
    (event,) = events
    return event


@given(st.lists(payloads, min_size=1, max_size=6), st.lists(st.integers(0, 5000), max_size=12))
def test_frames_survive_any_division_of_the_byte_stream(sent, places):
    frames = [encode_frame(payload) for payload in sent]
    events = feed_all(FrameDecoder(), cut(b"".join(frames), places))
    assert events == [Frame(payload, len(frame)) for payload, frame in zip(sent, frames, strict=True)]


@given(payloads)
def test_a_frame_arrives_byte_by_byte(payload):
    decoder = FrameDecoder()
    *before, last = encode_frame(payload)
    assert feed_all(decoder, [bytes([byte]) for byte in before]) == []
    assert the_only(decoder.feed(bytes([last]))).payload == payload
    assert decoder.end() is None


@given(payloads)
def test_a_frame_has_one_zero_byte_and_it_is_the_last(payload):
    frame = encode_frame(payload)
    assert frame.index(0) == len(frame) - 1
    assert len(frame) <= wire_limit(len(payload))


def test_the_bytes_of_a_frame_are_those_of_the_format():
    body = b"\x03\x00abc"
    assert encode_frame(b"abc") == frame_of(body)
    assert cobs.decode(encode_frame(b"abc")[:-1]) == body + zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize("fill", [b"\0", b"\x01", b"\xff"])
@pytest.mark.parametrize("size", [1, 246, 247, 248, 249, 500, 501, 502, 503, MAX_PAYLOAD - 1, MAX_PAYLOAD])
def test_a_payload_as_long_as_the_limit_passes(size, fill):
    payload = fill * size
    assert the_only(FrameDecoder(size).feed(encode_frame(payload))).payload == payload
    assert len(encode_frame(payload)) <= wire_limit(size)


@pytest.mark.parametrize("payload", [b"", bytes(MAX_PAYLOAD + 1)], ids=["empty", "too long"])
def test_a_payload_that_no_frame_can_carry_is_refused(payload):
    with pytest.raises(FramingError, match=f"1 to 65535 bytes, not {len(payload)}"):
        encode_frame(payload)


# ---- damage


@given(payloads, st.data())
def test_a_frame_that_lost_its_tail_is_damaged_and_the_next_one_is_read(payload, data):
    whole = encode_frame(payload)
    kept = whole[: data.draw(st.integers(1, len(whole) - 2))]
    decoder = FrameDecoder()
    bad, good = decoder.feed(kept + b"\0" + encode_frame(b"next"))
    assert isinstance(bad, BadFrame)
    assert bad.wire_bytes == len(kept) + 1
    assert good.payload == b"next"


def test_a_frame_that_ends_in_the_middle_of_its_payload_is_truncated():
    body = (100).to_bytes(2, "little") + b"x" * 60
    bad = the_only(FrameDecoder().feed(frame_of(body)))
    assert bad.damage is Damage.TRUNCATED
    assert str(bad) == "truncated: 60 of 100 payload bytes arrived"


def test_a_frame_shorter_than_any_frame_is_truncated():
    bad = the_only(FrameDecoder().feed(cobs.encode(b"abcdef") + b"\0"))
    assert bad.damage is Damage.TRUNCATED
    assert "at least 7" in bad.detail


def test_a_frame_that_cobs_cannot_read_is_truncated():
    assert the_only(FrameDecoder().feed(b"\x09ab\0")).damage is Damage.TRUNCATED


def test_a_frame_with_an_empty_payload_is_no_frame():
    assert isinstance(the_only(FrameDecoder().feed(frame_of(b"\0\0"))), BadFrame)


@pytest.mark.parametrize("length", [0, 2, 4])
def test_a_right_crc_does_not_excuse_a_wrong_length(length):
    bad = the_only(FrameDecoder().feed(frame_of(length.to_bytes(2, "little") + b"abc")))
    assert isinstance(bad, BadFrame)


@given(payloads, st.integers(1, 255), st.data())
def test_a_changed_payload_byte_is_a_bad_crc_and_the_next_frame_is_read(payload, flip, data):
    body = bytearray(len(payload).to_bytes(2, "little") + payload)
    right = zlib.crc32(body).to_bytes(4, "little")
    body[data.draw(st.integers(2, len(body) - 1))] ^= flip
    bad, good = FrameDecoder().feed(frame_of(bytes(body), right) + encode_frame(payload))
    assert bad.damage is Damage.CRC
    assert good.payload == payload


@given(payloads, st.integers(1, 255), st.data())
def test_a_changed_byte_on_the_wire_never_yields_a_wrong_payload(payload, flip, data):
    wire = bytearray(encode_frame(payload))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= flip
    events = FrameDecoder().feed(bytes(wire) + b"\0" + encode_frame(b"next"))
    assert events[-1].payload == b"next"
    assert all(isinstance(event, BadFrame) for event in events[:-1])


@given(payloads)
def test_lone_delimiters_are_nothing(payload):
    decoder = FrameDecoder()
    assert decoder.feed(b"\0" * 50) == []
    events = decoder.feed(b"\0\0" + encode_frame(payload) + b"\0\0\0" + encode_frame(payload))
    assert [event.payload for event in events] == [payload, payload]
    assert decoder.end() is None


def test_a_reader_that_joins_in_mid_frame_is_in_step_at_the_next():
    first, second = encode_frame(b"first" * 20), encode_frame(b"second")
    bad, good = FrameDecoder().feed(first[40:] + second)
    assert isinstance(bad, BadFrame)
    assert good == Frame(b"second", len(second))


# ---- length


def test_ten_megabytes_without_a_delimiter_are_not_kept():
    decoder = FrameDecoder(1000)
    chunk = b"x" * 999
    for _ in range(10_000_000 // len(chunk) + 1):
        assert decoder.feed(chunk) == []
        assert held_bytes(decoder) <= wire_limit(1000)
    bad, good = decoder.feed(b"\0" + encode_frame(b"next"))
    assert bad.damage is Damage.TOO_LONG
    assert bad.wire_bytes > 10_000_000
    assert good.payload == b"next"


def test_ten_megabytes_at_once_are_not_kept():
    decoder = FrameDecoder(1000)
    assert decoder.feed(b"x" * 10_000_000) == []
    assert held_bytes(decoder) == 0
    assert the_only(decoder.feed(b"\0")).wire_bytes == 10_000_001


def test_a_frame_that_is_too_long_says_how_long_it_may_be():
    bad = the_only(FrameDecoder(100).feed(encode_frame(b"x" * 200)))
    assert bad.damage is Damage.TOO_LONG
    assert bad.wire_bytes == len(encode_frame(b"x" * 200))
    assert str(wire_limit(100)) in bad.detail


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
@pytest.mark.parametrize("limit", [1, 100, 1000])
def test_a_payload_one_byte_longer_than_the_limit_is_not_delivered(limit, fill):
    assert isinstance(the_only(FrameDecoder(limit).feed(encode_frame(fill * (limit + 1)))), BadFrame)


def test_a_frame_far_longer_than_the_limit_is_damage_however_it_is_divided():
    wire = encode_frame(b"x" * 5000) + encode_frame(b"next")
    for size in (1, 7, 254, 4000, len(wire)):
        pieces = [wire[i : i + size] for i in range(0, len(wire), size)]
        bad, good = feed_all(FrameDecoder(1000), pieces)
        assert bad.damage is Damage.TOO_LONG
        assert bad.wire_bytes == len(wire) - len(encode_frame(b"next"))
        assert good.payload == b"next"


# ---- the end of the stream


def test_a_stream_that_ends_between_frames_ends_well():
    decoder = FrameDecoder()
    decoder.feed(encode_frame(b"abc"))
    assert decoder.end() is None


@pytest.mark.parametrize("size", [1, 50, 5000], ids=["one byte", "within the limit", "too long"])
def test_a_stream_that_ends_in_mid_frame_leaves_a_truncated_frame_once(size):
    decoder = FrameDecoder(100)
    decoder.feed(b"x" * size)
    bad = decoder.end()
    assert (bad.damage, bad.wire_bytes) == (Damage.TRUNCATED, size)
    assert decoder.end() is None
    assert the_only(decoder.feed(encode_frame(b"next"))).payload == b"next"


# ---- anything


@settings(max_examples=effort(300, 75))
@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(1, 300))
def test_random_bytes_never_raise_and_never_pile_up(pieces, limit):
    decoder = FrameDecoder(limit)
    events = []
    for piece in pieces:
        events += decoder.feed(piece)
        assert held_bytes(decoder) <= wire_limit(limit)
    ended = decoder.end()
    total = sum(event.wire_bytes for event in events) + (ended.wire_bytes if ended else 0)
    assert total <= sum(map(len, pieces))
    assert wire_limit(limit) >= limit + OVERHEAD + 2


@given(st.lists(st.tuples(st.binary(max_size=60), payloads), max_size=6))
def test_every_whole_frame_is_read_between_any_garbage(parts):
    decoder = FrameDecoder()
    events = feed_all(decoder, [garbage + b"\0" + encode_frame(payload) for garbage, payload in parts])
    assert [e.payload for e in events if isinstance(e, Frame)] == [payload for _, payload in parts]
