"""Several whole objects in one message: all are checked before one is stored, and what had to go is named."""

from __future__ import annotations

import pytest

from pixeltree_conformance import samples, trees
from pixeltree_conformance.conversation import Conversation
from pixeltree_protocol.link.messages import (
    MOST_PUT_TOGETHER,
    WHOLE,
    ErrorCode,
    Holdings,
    PutSeveral,
    Query,
    Stored,
    StoredSeveral,
    encode_body,
)
from pixeltree_protocol.objects import FullyConnected, digest_of

_SIZE = 1_000


def held(driver: Conversation, *objects: bytes) -> tuple[int, ...]:
    """What the device has of each object."""
    return driver.ask(Query(tuple(digest_of(data) for data in objects)), Holdings).received


def named(*objects: bytes) -> bytes:
    """What the answer must say of these."""
    return digest_of(b"".join(digest_of(data) for data in objects))


def store(driver: Conversation, *objects: bytes) -> tuple[bytes, ...]:
    """Store objects together; returns what was evicted for them."""
    stored = driver.ask(PutSeveral(objects), StoredSeveral)
    assert stored.digest == named(*objects)
    return stored.evicted


@pytest.mark.parametrize("count", [1, 2, MOST_PUT_TOGETHER])
def test_objects_that_come_together_are_stored(driver: Conversation, count: int) -> None:
    """PUT_SEVERAL: the device computes the names; STORED_SEVERAL says that they are right."""
    objects = [samples.segment_of(26 + number) for number in range(count - 1)] + [samples.block_of(15)]
    if len(encode_body(PutSeveral(tuple(objects)))) > driver.welcome.capabilities.max_body:
        pytest.skip(f"the device takes no message with {count} objects")
    assert held(driver, *objects) == (0,) * count
    store(driver, *objects)
    assert held(driver, *objects) == (WHOLE,) * count


def test_an_object_may_come_twice_and_be_there_already(driver: Conversation) -> None:
    """PUT_SEVERAL: what is resident stays as it is."""
    here, new = samples.segment_of(50), samples.segment_of(60)
    driver.ask(samples.whole(here), Stored)
    assert store(driver, new, here, new) == ()
    assert held(driver, here, new) == (WHOLE, WHOLE)


@pytest.mark.parametrize("place", range(3))
def test_one_that_is_no_object_keeps_all_from_being_stored(driver: Conversation, place: int) -> None:
    """BAD_OBJECT: nothing has changed, whichever it is; without it the others are stored."""
    objects = [samples.segment_of(40 + number) for number in range(3)]
    spoiled = [*objects[:place], objects[place] + b"\0", *objects[place + 1 :]]
    driver.refused(PutSeveral(tuple(spoiled)), ErrorCode.BAD_OBJECT)
    assert held(driver, *objects, *spoiled) == (0,) * 6
    store(driver, *objects)


def test_an_object_without_bytes_is_refused(driver: Conversation) -> None:
    """BAD_UPLOAD: an object has 1 byte or more; nothing has changed."""
    data = samples.segment_of(40)
    driver.refused(PutSeveral((data, b"")), ErrorCode.BAD_UPLOAD)
    assert held(driver, data) == (0,)


@pytest.mark.parametrize("count", [0, MOST_PUT_TOGETHER + 1])
def test_a_number_of_objects_outside_its_limits_is_refused(driver: Conversation, count: int) -> None:
    """OUT_OF_RANGE: there is a least and a greatest number."""
    least = FullyConnected(8, (0,), b"\1").encode()  # so many fit the least max_body
    driver.refused(PutSeveral((least,) * count), ErrorCode.OUT_OF_RANGE)


def test_what_came_in_by_put_is_continued_by_put(driver: Conversation) -> None:
    """BAD_UPLOAD: an object of which a part is there does not come whole; the upload goes on."""
    half, other = samples.segment_of(80), samples.segment_of(90)
    driver.send(samples.part(half, 0, 30))
    driver.refused(PutSeveral((other, half)), ErrorCode.BAD_UPLOAD)
    assert held(driver, half, other) == (30, 0)
    driver.ask(samples.part(half, 30, 80), Stored)


def test_evictions_for_several_are_named_and_only_what_is_named_is_gone(driver: Conversation) -> None:
    """STORED_SEVERAL.evicted: exactly the objects that had to go for all of them."""
    trees.open_tree(driver, trees.small_tree(), 4 * _SIZE + 200)
    before = [samples.segment_of(_SIZE) for _ in range(4)]
    for data in before:
        driver.ask(samples.whole(data), Stored)
    after = [samples.segment_of(_SIZE // 2) for _ in range(3)]
    gone = store(driver, *after)
    assert digest_of(before[0]) in gone
    assert held(driver, *before) == tuple(0 if digest_of(data) in gone else WHOLE for data in before)
    assert held(driver, *after) == (WHOLE,) * 3


def test_without_room_for_one_those_before_it_are_stored(driver: Conversation) -> None:
    """NO_ROOM: the objects before the one that does not fit stay, those after it do not come."""
    trees.open_tree(driver, trees.small_tree(), _SIZE)
    small, large, last = samples.segment_of(100), samples.segment_of(_SIZE + 1), samples.segment_of(110)
    driver.refused(PutSeveral((small, large, last)), ErrorCode.NO_ROOM)
    assert held(driver, small, large, last) == (WHOLE, 0, 0)
