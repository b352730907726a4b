"""The object store: nothing is stored that was not checked, and the budget always holds."""

import contextlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.effort import effort
from tests.support.inside import residents_of

from pixeltree_emu.controller.store import MAX_OBJECTS, ObjectStore
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.chip.isa import Instruction, encode
from pixeltree_protocol.link.messages import WHOLE, ErrorCode
from pixeltree_protocol.objects import Block, BlockPlanes, PackedBits, digest_of

NOP = encode(Instruction("nop"))


def segment(seed, size=100):
    return PackedBits(seed.to_bytes(2, "little") + bytes(size)).encode()


def block(words):
    return Block((NOP,) * words).encode()


def make_store(memory=1000, words=64):
    return ObjectStore(memory, words, 4096, lambda digest, block: ())


def put(store, data):
    return store.put(digest_of(data), len(data), 0, data)


def refused(store, *arguments):
    with pytest.raises(RequestError) as caught:
        store.put(*arguments)
    return caught.value


def test_an_object_is_stored_whole_and_found_again():
    store, data = make_store(), segment(1)
    assert put(store, data) == []
    assert store.received(digest_of(data)) == WHOLE
    assert store.get(digest_of(data)).size == len(data)


def test_an_upload_resumes_where_it_stopped():
    store, data = make_store(), segment(1)
    digest = digest_of(data)
    assert store.put(digest, len(data), 0, data[:40]) is None
    assert store.received(digest) == 40
    assert store.put(digest, len(data), 40, data[40:]) == []
    assert digest in store


@pytest.mark.parametrize("offset", [39, 41])
def test_a_part_that_does_not_continue_is_refused(offset):
    store, data = make_store(), segment(1)
    store.put(digest_of(data), len(data), 0, data[:40])
    error = refused(store, digest_of(data), len(data), offset, data[offset:])
    assert error.code is ErrorCode.BAD_UPLOAD
    assert store.received(digest_of(data)) == 40


def test_bytes_that_do_not_match_their_digest_are_refused_by_name():
    store, data = make_store(), segment(1)
    wrong = digest_of(b"something else")
    error = refused(store, wrong, len(data), 0, data)
    assert error.code is ErrorCode.DIGEST_MISMATCH
    assert wrong.hex() in str(error)
    assert wrong not in store
    assert store.used_bytes == 0


def test_bytes_that_are_no_object_are_refused():
    store = make_store()
    error = refused(store, digest_of(b"\x07junk"), 5, 0, b"\x07junk")
    assert error.code is ErrorCode.BAD_OBJECT


def test_the_least_recently_used_object_goes_first():
    store = make_store(memory=350)
    first, second, third, fourth = (segment(i) for i in range(4))
    for data in (first, second, third):
        put(store, data)
    store.get(digest_of(first))
    assert put(store, fourth) == [digest_of(second)]


def test_pinned_objects_stay_and_the_refusal_changes_nothing():
    store = make_store(memory=230)
    first, second, third = (segment(i) for i in range(3))
    put(store, first)
    put(store, second)
    store.pin([digest_of(first), digest_of(second)])
    error = refused(store, digest_of(third), len(third), 0, third)
    assert error.code is ErrorCode.NO_ROOM
    assert digest_of(first) in store
    assert digest_of(second) in store


def test_blocks_are_also_limited_by_the_icw_store():
    store = make_store(words=64)
    put(store, block(40))
    put(store, segment(1))
    assert put(store, block(30)) == [digest_of(block(40))]
    assert digest_of(segment(1)) in store, "a segment has no words to give back"


def test_an_object_larger_than_allowed_is_refused_before_any_room_is_made():
    store = make_store()
    put(store, segment(1))
    error = refused(store, digest_of(b"x"), 1 << 20, 0, b"x")
    assert error.code is ErrorCode.BAD_UPLOAD
    assert digest_of(segment(1)) in store


def test_an_abandoned_upload_gives_its_room_to_one_that_needs_it():
    store = make_store(memory=250)
    abandoned, wanted = segment(1, 180), segment(2, 180)
    store.put(digest_of(abandoned), len(abandoned), 0, abandoned[:10])
    assert put(store, wanted) == []


def test_a_shortage_of_words_leaves_uploads_alone():
    store = make_store(words=64)
    begun = segment(1)
    store.put(digest_of(begun), len(begun), 0, begun[:40])
    put(store, block(40))
    store.pin([digest_of(block(40))])
    refused(store, digest_of(block(30)), len(block(30)), 0, block(30))
    assert store.received(digest_of(begun)) == 40


def test_an_object_that_can_never_fit_is_told_so():
    store = make_store(memory=100)
    error = refused(store, digest_of(b"x"), 200, 0, b"x")
    assert "can never fit into 100 bytes" in str(error)


def test_objects_are_limited_in_number_too():
    store = ObjectStore(1 << 24, 64, 4096, lambda digest, block: ())
    for i in range(MAX_OBJECTS):
        assert put(store, segment(i, 1)) == []
    assert put(store, segment(MAX_OBJECTS, 1)) == [digest_of(segment(0, 1))]


def test_a_lower_budget_evicts_at_once():
    store = make_store(memory=1000)
    for i in range(5):
        put(store, segment(i))
    assert len(store.limit(250)) == 3
    assert store.used_bytes <= 250


class StoreMachine(RuleBasedStateMachine):
    """Whatever is put, in whatever order, budgets hold and pinned objects stay."""

    @initialize(memory=st.integers(200, 2000), words=st.integers(10, 100))
    def start(self, memory, words):
        self.store = make_store(memory, words)
        self.pinned = set()

    @rule(seed=st.integers(0, 40), size=st.integers(1, 300))
    def put_segment(self, seed, size):
        self.try_put(segment(seed, size))

    @rule(words=st.integers(1, 90))
    def put_block(self, words):
        self.try_put(block(words))

    @rule(planes=st.lists(st.integers(0, 15), max_size=30), cut=st.integers(0, 20))
    def put_part(self, planes, cut):
        data = BlockPlanes(2, 2, tuple(planes)).encode()
        with contextlib.suppress(RequestError):
            self.store.put(digest_of(data), len(data), 0, data[:cut])

    @rule(data=st.data())
    def pin_some(self, data):
        residents = sorted(residents_of(self.store))
        if residents:
            self.pinned = set(data.draw(st.lists(st.sampled_from(residents), max_size=3)))
            self.store.pin(self.pinned)

    @rule(budget=st.integers(0, 2500))
    def limit(self, budget):
        self.store.pin([])
        self.pinned = set()
        self.store.limit(budget)

    def try_put(self, data):
        try:
            put(self.store, data)
        except RequestError:
            return
        assert digest_of(data) in self.store

    @invariant()
    def budgets_hold(self):
        if hasattr(self, "store"):
            assert self.store.used_bytes <= self.store.budget_bytes <= self.store.memory_bytes
            assert self.store.used_words <= self.store.icw_store
            assert all(digest in self.store for digest in self.pinned)


StoreMachine.TestCase.settings = settings(max_examples=effort(60, 25), stateful_step_count=30, deadline=None)
TestStoreMachine = StoreMachine.TestCase
