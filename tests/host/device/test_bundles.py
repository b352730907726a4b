"""What goes together in one message: small whole objects, in their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.in_memory import in_memory_device
from tests.support.inside import emulated_of
from tests.support.objects import object_of
from tests.support.random_models import deep_tree, picture

from pixeltree.demo.run import count_mismatches
from pixeltree.device.upload import Uploading
from pixeltree.errors import DeviceError
from pixeltree.run import TreeRunner
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.link.bundles import MOST_BUNDLED, bundle_body, fit_together
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.messages import (
    MOST_PUT_TOGETHER,
    WHOLE,
    ErrorCode,
    Put,
    PutSeveral,
    encode_body,
)
from pixeltree_protocol.objects import digest_of

sizes_of_objects = st.lists(st.integers(1, 3_000), max_size=80)


def named(*objects):
    return {digest_of(data): data for data in objects}


@pytest.fixture(scope="module")
def tree():
    return deep_tree()


@pytest.fixture
def device():
    return in_memory_device()


def sent_by(device):
    """What the device gets from now on of messages that carry objects."""
    emulated, seen = emulated_of(device), []
    handle = emulated.handle

    def noting(message, request, wire_bytes):
        if isinstance(message, Put | PutSeveral):
            seen.append(message)
        handle(message, request, wire_bytes)

    emulated.handle = noting
    return seen


def body_of(message):
    return len(encode_body(message))


def order_of(messages):
    """Names of the objects in the order in which they are whole."""
    order = []
    for message in messages:
        if isinstance(message, PutSeveral):
            order += [digest_of(data) for data in message.objects]
        elif message.offset + len(message.data) == message.total:
            order.append(message.digest)
    return order


@given(sizes_of_objects, st.integers(0, 9_000))
def test_what_fits_together_fits_and_one_more_does_not(sizes, most):
    count = fit_together(sizes, most)
    assert count <= MOST_PUT_TOGETHER
    assert not count or bundle_body(sizes[:count]) <= most
    assert count in (len(sizes), MOST_PUT_TOGETHER) or bundle_body(sizes[: count + 1]) > most


def test_small_objects_go_together_in_their_order_and_large_ones_in_parts(device):
    seen = sent_by(device)
    objects = named(
        object_of(20), object_of(21), object_of(4_000), object_of(30), object_of(900), object_of(1_200)
    )
    upload = device.upload(objects)
    assert upload.objects == len(objects)
    assert order_of(seen) == list(objects)
    assert [
        [len(data) for data in m.objects] if isinstance(m, PutSeveral) else len(m.data) for m in seen
    ] == [
        [20, 21],
        4_000,
        [30, 900],
        [1_200],
    ]
    assert set(device.holdings(objects).values()) == {WHOLE}


def test_no_message_is_longer_than_the_device_takes():
    device = in_memory_device(max_body=512)
    seen = sent_by(device)
    objects = named(*(object_of(size) for size in range(100, 700, 20)))
    device.upload(objects)
    assert order_of(seen) == list(objects)
    assert max(map(body_of, seen)) <= 512


def test_ahead_of_need_no_message_is_longer_than_a_part(device):
    seen = sent_by(device)
    objects = named(*(object_of(size) for size in range(100, 2_500, 100)))
    Uploading(device.exchange, objects, Priority.PREFETCH).wait()
    assert order_of(seen) == list(objects)
    assert max(map(body_of, seen)) <= MOST_BUNDLED


def test_what_is_half_there_is_continued_by_put(device):
    first, half, last = object_of(50, 1), object_of(60, 2), object_of(70, 3)
    emulated_of(device).store.put(digest_of(half), 60, 0, half[:25])
    seen = sent_by(device)
    device.upload(named(first, half, last))
    assert seen == [PutSeveral((first,)), Put(digest_of(half), 60, 25, half[25:]), PutSeveral((last,))]


def test_what_is_there_is_not_sent_again(device):
    objects = [object_of(size) for size in (20, 30, 40)]
    device.upload(named(objects[1]))
    seen = sent_by(device)
    device.upload(named(*objects))
    assert seen == [PutSeveral((objects[0], objects[2]))]


def test_a_refusal_is_an_error_and_the_next_upload_works(device):
    good, bad = object_of(20), b"\x02\x01 no object"
    with pytest.raises(DeviceError, match="BAD_OBJECT"):
        device.upload(named(good, bad))
    device.upload(named(good))
    assert device.holdings(named(good, bad)) == {digest_of(good): WHOLE, digest_of(bad): 0}


def test_a_device_that_makes_other_objects_of_the_bytes_is_found_out(device, monkeypatch):
    real = ObjectStore.put_several
    monkeypatch.setattr(
        ObjectStore, "put_several", lambda self, objects, came_in: real(self, objects[:1], came_in)
    )
    with pytest.raises(DeviceError, match="DIGEST_MISMATCH"):
        device.upload(named(object_of(20), object_of(30)))


def test_a_runner_sends_what_is_small_together_and_manifests_last(tree, device):
    runner = TreeRunner.open(device, tree)
    seen = sent_by(device)
    visited = {visit.node for visit in runner.infer(picture(0)).path}
    order = order_of(seen)
    assert any(isinstance(message, PutSeveral) and len(message.objects) > 3 for message in seen)
    visited_nodes = [node for node in tree.nodes.values() if node.name in {*visited, "capture"}]
    assert len(visited_nodes) == 1 + len(visited)
    before = set()
    for node in sorted(visited_nodes, key=lambda node: order.index(node.digest)):
        sent_with_it = set(node.needs) - before
        assert max(sent_with_it, key=order.index) == node.digest
        before |= sent_with_it


def test_a_refused_bundle_is_sent_again_and_the_frame_ends(tree, device, monkeypatch):
    real = ObjectStore.put_several
    refusals = []

    def refuse_once(self, objects, came_in):
        if len(objects) > 2 and not refusals:
            refusals.append(objects)
            real(self, objects[:2], came_in)
            raise RequestError(ErrorCode.NO_ROOM, "not now")
        return real(self, objects, came_in)

    monkeypatch.setattr(ObjectStore, "put_several", refuse_once)
    runner = TreeRunner.open(device, tree)
    seen = sent_by(device)
    result = runner.infer(picture(0))
    assert refusals
    assert count_mismatches(result, *tree.reference(picture(0))) == 0
    assert [order_of(seen).count(digest_of(data)) for data in refusals[0]][:3] == [1, 1, 2]
