"""The host's picture of the controller's memory against the emulated controller's own."""

import random

import pytest
from tests.support.inside import residents_of, uploads_of

from pixeltree.swapping import ControllerMemory, NoRoomError
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.objects import FullyConnected, digest_of


def segments(count):
    sizes = [random.Random(index).choice((8, 40, 300)) for index in range(count)]
    return [FullyConnected(8 * size, (index,), bytes(size)).encode() for index, size in enumerate(sizes)]


@pytest.mark.parametrize("seed", range(20))
def test_it_evicts_what_the_device_evicts(seed):
    dice = random.Random(seed)
    data = segments(12)
    digests = [digest_of(each) for each in data]
    index = {digest: each for each, digest in enumerate(digests)}
    ours = ControllerMemory([len(each) for each in data], [0] * 12, 900, 100)
    theirs = ObjectStore(900, 100, 900, lambda digest, block: None)
    for _ in range(300):
        each = dice.randrange(12)
        action = dice.choice(("put", "put", "begin", "touch", "pin"))
        if action == "touch":
            ours.touch([each])
            theirs.get(digests[each])
        elif action == "pin":
            ours.pinned = frozenset({each})
            theirs.pin([digests[each]])
        elif each not in ours.resident:
            half = len(data[each]) // 2
            try:
                gone = [] if each in ours.uploads else ours.begin(each)
                if action == "put":
                    gone += ours.finish(each)
            except NoRoomError:
                gone = None
            try:
                if digests[each] not in uploads_of(theirs):
                    theirs.put(digests[each], len(data[each]), 0, data[each][:half])
                if action == "put":
                    theirs.put(digests[each], len(data[each]), half, data[each][half:])
            except RequestError:
                assert gone is None
        assert list(ours.resident) == [index[digest] for digest in residents_of(theirs)]
        assert list(ours.uploads) == [index[digest] for digest in uploads_of(theirs)]
        assert ours.used == theirs.used_bytes


def test_words_are_a_resource_of_their_own():
    memory = ControllerMemory([10, 10, 10], [60, 0, 60], 1_000, 100)
    for each in (0, 1):
        memory.begin(each)
        memory.finish(each)
    memory.begin(2)
    assert memory.finish(2) == [0]
    assert list(memory.resident) == [1, 2]
    assert memory.used_words == 60


def test_what_is_pinned_stays_whatever_is_wanted():
    memory = ControllerMemory([60, 60], [0, 0], 100, 0)
    memory.begin(0)
    memory.finish(0)
    memory.pinned = frozenset({0})
    with pytest.raises(NoRoomError, match="allow more memory"):
        memory.begin(1)
