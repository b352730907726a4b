"""Sizes on the wire: those that the planner reckons with are those of the messages themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree.swapping import line
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import (
    CancelFrame,
    Fault,
    Holdings,
    Put,
    PutSeveral,
    Query,
    Result,
    StartFrame,
    Stored,
    StoredSeveral,
    Visit,
    encode_message,
)

NAME = bytes(16)
FEW = st.integers(0, 6)
"""Items: COBS adds a single byte to so short a message, whatever is in it."""


def on_wire(message):
    """Bytes of a message with the zero that begins its burst."""
    return 1 + len(encode_frame(encode_message(message, 1)))


@given(FEW)
def test_messages_with_a_list_are_as_long_as_reckoned(count):
    names = (NAME,) * count
    assert line.query_bytes(count) == on_wire(Query(names))
    assert line.holdings_bytes(count) == on_wire(Holdings((0,) * count))
    assert line.stored_bytes(count) == on_wire(Stored(NAME, names)) == on_wire(StoredSeveral(NAME, names))
    assert line.fault_bytes(count) == on_wire(Fault(1, NAME, names))


@given(st.lists(FEW, max_size=3))
def test_a_result_is_as_long_as_reckoned(logits):
    path = tuple(Visit(NAME, 0, (1,) * count, 5) for count in logits)
    assert line.result_bytes(len(path), sum(logits)) == on_wire(Result(1, 2, path, 3, 4, 5, 6))


@given(st.integers(0, 200), st.lists(st.integers(1, 40), max_size=5))
def test_objects_are_as_long_on_the_wire_as_reckoned(size, sizes):
    assert line.put_bytes(size) == on_wire(Put(NAME, size, 0, bytes(size)))
    assert line.bundle_bytes(sizes) == on_wire(PutSeveral(tuple(bytes(each) for each in sizes)))


def test_a_frame_begins_and_is_cancelled_by_as_many_bytes_as_reckoned():
    assert on_wire(StartFrame(1)) == line.START_BYTES
    assert on_wire(CancelFrame(1)) == line.CANCEL_BYTES


@pytest.mark.parametrize("room", [60, 100, 507, 508, 509, 2_000, 10_000])
def test_the_part_within_some_bytes_is_no_longer_on_the_wire_and_hardly_shorter(room):
    size = line.chunk_within(room)
    assert line.put_bytes(size) <= room <= line.put_bytes(size + 2)
