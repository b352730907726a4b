"""Memory: a budget is kept, what is wanted stays, and what cannot fit is refused."""

from __future__ import annotations

import pytest

from pixeltree_conformance import samples, trees
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_protocol.link.messages import (
    WHOLE,
    CancelFrame,
    Done,
    ErrorCode,
    Fault,
    GetStatus,
    Holdings,
    Put,
    Query,
    Status,
    Stored,
)
from pixeltree_protocol.objects import MAX_BLOCK_WORDS, Digest, digest_of

_SIZE = 1_000


def put(driver: Conversation, data: bytes) -> tuple[Digest, ...]:
    """Store an object; returns what was evicted for it."""
    return driver.answer(samples.send_object(driver, data), Stored).evicted


def residents(driver: Conversation, objects: list[bytes]) -> list[bool]:
    """Which of the objects are resident."""
    held = driver.ask(Query(tuple(digest_of(data) for data in objects)), Holdings).received
    return [received == WHOLE for received in held]


def test_a_budget_is_said_and_kept(driver: Conversation) -> None:
    """OPEN_TREE's memory_limit: TREE_OPENED and STATUS say it, and used_bytes never exceeds it."""
    tree = trees.small_tree()
    assert trees.open_tree(driver, tree, 3 * _SIZE).budget_bytes == 3 * _SIZE
    for _ in range(6):
        put(driver, samples.segment_of(_SIZE))
        status = driver.ask(GetStatus(), Status)
        assert status.budget_bytes == 3 * _SIZE
        assert 0 < status.used_bytes <= 3 * _SIZE
        assert status.objects >= 1


def test_without_a_limit_all_memory_is_the_budget(driver: Conversation) -> None:
    """OPEN_TREE: 0, and anything beyond what there is, stand for all of it."""
    memory = driver.welcome.capabilities.memory_bytes
    tree = trees.small_tree()
    assert trees.open_tree(driver, tree, 0).budget_bytes == memory
    assert trees.open_tree(driver, tree, 0xFFFFFFFF).budget_bytes == memory


def test_a_smaller_budget_forces_objects_out_and_names_them(driver: Conversation) -> None:
    """TREE_OPENED.evicted: exactly what is gone."""
    tree = trees.small_tree()
    objects = [samples.segment_of(_SIZE) for _ in range(4)]
    trees.open_tree(driver, tree, 6 * _SIZE)
    for data in objects:
        put(driver, data)
    evicted = trees.open_tree(driver, tree, 2 * _SIZE).evicted
    gone = [digest_of(data) in evicted for data in objects]
    assert sum(gone) >= 2
    assert residents(driver, objects) == [not each for each in gone]


def test_evictions_are_named_and_only_what_is_named_is_gone(driver: Conversation) -> None:
    """STORED.evicted: exactly the objects that had to go."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree, 3 * _SIZE + 200)
    objects: list[bytes] = []
    gone: set[Digest] = set()
    for _ in range(6):
        objects.append(samples.segment_of(_SIZE))
        gone |= set(put(driver, objects[-1]))
    assert len(gone) >= 3
    assert residents(driver, objects) == [digest_of(data) not in gone for data in objects]


def test_what_the_driver_asks_about_stays(driver: Conversation) -> None:
    """QUERY, asked by the driver: the objects become the most recently used, so that others go first."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree, 3 * _SIZE + 200)
    first, second, third = (samples.segment_of(_SIZE) for _ in range(3))
    for data in (first, second, third):
        put(driver, data)
    assert residents(driver, [first]) == [True]
    assert digest_of(second) in put(driver, samples.segment_of(_SIZE))
    assert residents(driver, [first]) == [True]


def test_what_an_observer_asks_about_does_not_stay_for_it(bench: Bench) -> None:
    """QUERY, asked by an observer: it looks, and changes nothing."""
    bench.need_wires()
    driver, observer = bench.drive(), bench.observe()
    trees.open_tree(driver, trees.small_tree(), 3 * _SIZE + 200)
    first, second, third = (samples.segment_of(_SIZE) for _ in range(3))
    for data in (first, second, third):
        put(driver, data)
    assert residents(observer, [first]) == [True]
    assert digest_of(first) in put(driver, samples.segment_of(_SIZE))


def test_an_object_larger_than_the_budget_is_refused(driver: Conversation) -> None:
    """NO_ROOM: it could never fit; nothing is evicted in the attempt."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree, 2 * _SIZE)
    small = samples.segment_of(_SIZE)
    put(driver, small)
    large = samples.segment_of(2 * _SIZE + 1)
    driver.refused(samples.part(large, 0, 100), ErrorCode.NO_ROOM)
    assert residents(driver, [small, large]) == [True, False]


def test_room_is_taken_when_an_upload_begins(driver: Conversation) -> None:
    """PUT: the first part takes the room of the whole object, as STATUS shows."""
    trees.open_tree(driver, trees.small_tree(), 4 * _SIZE)
    before = driver.ask(GetStatus(), Status).used_bytes
    data = samples.segment_of(_SIZE)
    driver.send(samples.part(data, 0, 10))
    driver.settle()
    assert driver.ask(GetStatus(), Status).used_bytes <= 4 * _SIZE
    driver.ask(samples.part(data, 10, _SIZE), Stored)
    assert driver.ask(GetStatus(), Status).used_bytes <= 4 * _SIZE
    assert before <= 4 * _SIZE


def test_abandoned_uploads_do_not_hold_their_room_for_ever(driver: Conversation) -> None:
    """PUT: where nothing else makes room, uploads that were begun and left are given up."""
    trees.open_tree(driver, trees.small_tree(), 3 * _SIZE)
    for _ in range(8):
        driver.send(samples.part(samples.segment_of(_SIZE), 0, 10))
    data = samples.segment_of(2 * _SIZE)
    put(driver, data)
    assert residents(driver, [data]) == [True]


def test_the_frame_in_hand_keeps_what_it_needs(driver: Conversation) -> None:
    """NO_ROOM: an object does not push out what the frame in hand needs."""
    tree = trees.small_tree()
    capture = [tree.objects[tree.capture], *(tree.objects[need] for need in tree.needs(tree.capture))]
    limit = sum(map(len, capture)) + 100
    trees.open_tree(driver, tree, limit)
    request = trees.start(driver, 1)
    assert driver.answer(request, Fault).missing == (tree.capture,)
    trees.put_all(driver, tree, (tree.capture,))
    missing = driver.answer(request, Fault).missing
    assert set(missing) <= set(tree.needs(tree.capture))
    trees.put_all(driver, tree, missing[:-1])
    driver.refused(Put(bytes(16), limit - 20, 0, b"\1"), ErrorCode.NO_ROOM)
    assert all(residents(driver, [tree.objects[tree.capture], *(tree.objects[d] for d in missing[:-1])]))
    driver.ask(CancelFrame(1), Done)


def test_instruction_words_have_a_budget_of_their_own(driver: Conversation) -> None:
    """icw_store: blocks push out blocks, and icw_used never exceeds the store."""
    store = driver.welcome.capabilities.icw_store
    words = min(MAX_BLOCK_WORDS, store // 2 + 1)
    if 4 * words <= store:
        pytest.skip(f"a store of {store} words takes too many blocks to fill")
    gone: set[Digest] = set()
    blocks = [samples.block_of(words) for _ in range(5)]
    for block in blocks:
        gone |= set(put(driver, block))
        assert words <= driver.ask(GetStatus(), Status).icw_used <= store
    assert gone & {digest_of(block) for block in blocks}
    assert residents(driver, blocks) == [digest_of(block) not in gone for block in blocks]


def test_a_block_larger_than_the_store_is_refused(driver: Conversation) -> None:
    """NO_ROOM: more words than there is room for at all."""
    store = driver.welcome.capabilities.icw_store
    if store >= MAX_BLOCK_WORDS:
        pytest.skip(f"the store of {store} words takes the greatest block")
    driver.refused(samples.whole(samples.block_of(store + 1)), ErrorCode.NO_ROOM)
