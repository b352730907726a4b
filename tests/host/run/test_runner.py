"""TreeRunner and Device against an emulated device without a process in between."""

from dataclasses import replace

import numpy as np
import pytest
from tests.support.in_memory import (
    InMemoryLink,
    device_on,
    in_memory_device,
    in_memory_runner,
    in_memory_session,
)
from tests.support.inside import emulated_of, evict, link_of, residents_of
from tests.support.random_models import deep_tree, picture

from pixeltree.demo.run import count_mismatches, demo_budget, demo_digits, demo_tree, run_demo
from pixeltree.errors import DataError, DeviceError, LinkError, TreeError
from pixeltree.run import TreeRunner
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import Frame, FrameDecoder, encode_frame
from pixeltree_protocol.link.messages import (
    WHOLE,
    Fault,
    OpenTree,
    Pong,
    Put,
    PutSeveral,
    Show,
    StartFrame,
    TreeOpened,
    decode_message,
    encode_message,
)
from pixeltree_protocol.objects import digest_of


@pytest.fixture(scope="module")
def tree():
    return deep_tree()


def test_a_deep_tree_runs_in_the_memory_of_one_node(tree):
    smallest = max(tree.bytes_of(node.needs) for node in tree.nodes.values())
    runner = in_memory_runner(tree, memory_limit=smallest)
    assert runner.budget_bytes == smallest < tree.total_bytes
    for seed in range(6):
        image = picture(seed)
        result = runner.infer(image)
        assert count_mismatches(result, *tree.reference(image)) == 0
        assert len(result.path) == 3
        assert result.swaps


def test_nothing_is_sent_twice_while_it_stays(tree):
    runner = in_memory_runner(tree)
    image = picture(1)
    first, second = runner.infer(image), runner.infer(image)
    assert [swap.node for swap in first.swaps] == ["capture", *(visit.node for visit in first.path)]
    assert second.swaps == ()
    assert second.stall_us == 0 < first.stall_us
    assert second.logits == first.logits


def test_siblings_of_equal_shape_move_weights_only(tree):
    runner = in_memory_runner(tree)
    swaps = {swap.node: swap for seed in range(12) for swap in runner.infer(picture(seed)).swaps}
    root, later = swaps["root"], [swap for name, swap in swaps.items() if name not in ("root", "capture")]
    assert later
    for swap in later:
        assert swap.objects == 3, "two segments and the manifest"
        assert swap.wire_bytes < root.wire_bytes


def test_one_fault_brings_a_whole_node(tree):
    result = in_memory_runner(tree).infer(picture(0))
    assert result.faults == len(result.swaps) == 1 + len(result.path)


def test_a_runner_believes_the_device_about_what_is_missing(tree):
    runner = in_memory_runner(tree)
    runner.infer(picture(0))
    store = emulated_of(runner.device).store
    evict(store, list(residents_of(store)))
    result = runner.infer(picture(0))
    assert count_mismatches(result, *tree.reference(picture(0))) == 0


def test_wire_bytes_streamed_is_what_crossed_the_link(tree):
    device = in_memory_device()
    sent = bytearray()
    link = link_of(device)
    send = link.send

    def noting(data, timeout):
        sent.extend(data)
        send(data, timeout)

    link.send = noting
    upload = device.upload(dict(list(tree.objects.items())[:5]))
    frames = [frame for frame in FrameDecoder().feed(bytes(sent)) if isinstance(frame, Frame)]
    messages = [(frame.wire_bytes, decode_message(frame.payload, Sender.HOST)[1]) for frame in frames]
    assert upload.wire_bytes == sum(size for size, said in messages if isinstance(said, Put | PutSeveral))
    assert device.wire_bytes_sent >= sum(frame.wire_bytes for frame in frames)


def test_a_limit_that_no_node_fits_is_refused_by_name(tree):
    with pytest.raises(TreeError, match=r"needs \d+ bytes of controller memory; the limit is 100"):
        TreeRunner.open(in_memory_device(), tree, memory_limit=100)


def test_an_upload_resumes_where_it_stopped(tree):
    device = in_memory_device()
    data = max(tree.objects.values(), key=len)
    digest = digest_of(data)
    link = link_of(device)
    link.emulated.store.put(digest, len(data), 0, data[:1000])
    assert device.holdings([digest]) == {digest: 1000}
    assert device.upload({digest: data}).wire_bytes < len(data) - 1000 + 64
    assert device.holdings([digest]) == {digest: WHOLE}


def test_a_fault_that_comes_while_something_else_is_waited_for_is_not_lost(tree):
    device = in_memory_device()
    device.upload({tree.digest: tree.objects[tree.digest]})
    device.exchange.ask(OpenTree(tree.digest, 0, 5_000), TreeOpened)
    request = device.exchange.send(StartFrame(1)).request
    leaf = max(tree.objects, key=lambda digest: len(tree.objects[digest]))
    device.upload({leaf: tree.objects[leaf]})
    device.ping()
    event = device.exchange.next({request}, Fault)
    assert event == (request, Fault(1, tree.capture.digest, (tree.capture.digest,)))


@pytest.mark.parametrize(
    ("what", "code"),
    [("nothing", "BAD_OBJECT"), ("another", "DIGEST_MISMATCH"), ("another in parts", "DIGEST_MISMATCH")],
)
def test_an_object_that_does_not_match_its_digest_is_refused(tree, what, code):
    device = in_memory_device()
    others = {"another": tree.objects[tree.digest], "another in parts": bytes(3_000)}
    with pytest.raises(DeviceError, match=code):
        device.upload({b"\x11" * 16: others.get(what, b"not what it says")})
    device.ping()


def test_planes_come_the_right_way_round():
    device = in_memory_device()
    image = np.zeros((256, 256), np.uint8)
    image[3, 250] = 255
    device.show(image)
    emulated = emulated_of(device)
    emulated.array.expose()
    emulated.array.engine.set_digital("R5", emulated.array.engine.analog("PIX") >= 0)
    emulated.array.engine.set_analog("A", emulated.array.engine.analog("PIX"))
    assert np.argwhere(device.read_plane("R5")).tolist() == [[3, 250]]
    assert device.read_plane("A")[3, 250] == 0
    assert device.read_plane("A")[3, 249] == -127


def test_a_large_picture_is_sent_in_parts_that_the_device_takes():
    device = in_memory_device(max_body=1000)
    image = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    device.show(image)
    assert np.array_equal(emulated_of(device).array.sensor.scene, image)


def test_a_small_credit_window_slows_an_upload_and_breaks_nothing(tree):
    runner = in_memory_runner(tree, max_body=512, credit_window=1200)
    assert count_mismatches(runner.infer(picture(2)), *tree.reference(picture(2))) == 0


def bursts_of(device):
    """What is handed to the link from now on, piece by piece."""
    link = link_of(device)
    send, bursts = link.send, []

    def noting(data, timeout):
        bursts.append(bytes(data))
        send(data, timeout)

    link.send = noting
    return bursts


def requests_in(burst):
    frames = [frame for frame in FrameDecoder().feed(burst) if isinstance(frame, Frame)]
    said = [decode_message(frame.payload, Sender.HOST)[1] for frame in frames]
    return [type(message) for message in said if isinstance(message, Show | StartFrame)]


@pytest.mark.parametrize(
    ("window", "bursts"), [(524_288, [[Show, StartFrame]]), (32_768, [[Show], [StartFrame]])]
)
def test_a_small_image_goes_with_its_frame_where_the_window_is_that_of_a_fast_wire(tree, window, bursts):
    runner = in_memory_runner(tree, credit_window=window)
    expected = [runner.infer(picture(3)).logits for _ in range(4)][-1]  # bursts grow while they get through
    seen = bursts_of(runner.device)
    assert runner.infer(picture(3)).logits == expected
    assert [found for found in map(requests_in, seen) if found] == bursts


def test_a_frame_whose_image_is_refused_is_given_up(tree, monkeypatch):
    runner = in_memory_runner(tree, credit_window=524_288)
    expected = runner.infer(picture(3)).logits
    sensor = emulated_of(runner.device).array.sensor

    def refuse(*_):
        raise ValueError("this device has real optics")

    monkeypatch.setattr(sensor, "show", refuse)
    with pytest.raises(DeviceError, match="real optics"):
        runner.infer(picture(4))
    monkeypatch.undo()
    assert not emulated_of(runner.device).frame_in_hand
    assert runner.infer(picture(3)).logits == expected


@pytest.mark.parametrize("images", [0, 401])
def test_the_demo_has_only_so_many_images(images):
    with pytest.raises(DataError, match="1 to 400"):
        run_demo(in_memory_device(), demo_tree(), images, lambda done: None)


def test_the_demo_swaps_and_is_exact():
    tree = demo_tree()
    done = []
    report = run_demo(in_memory_device(), tree, 12, done.append)
    assert done == list(range(1, 13))
    assert report.reference_mismatches == 0
    assert report.budget_bytes == demo_budget(tree) < report.bytes_tree
    assert report.swaps >= 4
    assert report.bytes_streamed < report.wire_bytes_sent


def test_every_difference_from_the_reference_is_counted():
    """A report of 0 means something only if a wrong logit would have counted."""
    tree = demo_tree()
    image = demo_digits().images[0]
    result = in_memory_runner(tree).infer(image)
    label, path = tree.reference(image)
    assert count_mismatches(result, label, path) == 0
    first = path[0]
    for changed in (
        replace(first, logits=(first.logits[0] + 1, *first.logits[1:])),
        replace(first, outcome=first.outcome + 1),
        replace(first, node="another"),
    ):
        assert count_mismatches(result, label, (changed, *path[1:])) == 1
    assert count_mismatches(result, label + 1, path) == 1
    assert count_mismatches(result, label, path[:1]) == 1


def test_two_runners_may_take_turns_on_one_device(tree):
    device = in_memory_device()
    first, second = TreeRunner.open(device, tree), TreeRunner.open(device, demo_tree())
    image = np.kron(picture(1), np.ones((4, 4), np.uint8))  # the sensor's whole view, for inputs of any size
    for runner in (first, second, first, second):
        assert count_mismatches(runner.infer(image), *runner.tree.reference(image)) == 0


@pytest.mark.parametrize("code", ["BAD_OBJECT", "DIGEST_MISMATCH"])
def test_a_frame_that_cannot_be_served_is_cancelled_and_the_next_one_runs(tree, code):
    runner = TreeRunner.open(in_memory_device(), tree)
    spoiled = tree.capture.digest
    good = tree.objects[spoiled]
    tree.objects[spoiled] = good[:-1] if code == "BAD_OBJECT" else tree.objects[tree.root.digest]
    try:
        with pytest.raises(DeviceError, match=code):
            runner.infer(picture(0))
    finally:
        tree.objects[spoiled] = good
    assert count_mismatches(runner.infer(picture(0)), *tree.reference(picture(0))) == 0
    assert runner.device.exchange.open == set()


def test_a_node_of_more_words_than_the_device_stores_is_refused_by_name(tree):
    with pytest.raises(TreeError, match=r"needs \d+ instruction words; the device's store has 60"):
        TreeRunner.open(in_memory_device(icw_store=60), tree)


@pytest.mark.parametrize("seconds", [-1, 3601, float("inf"), float("nan")])
def test_a_fault_time_out_must_make_sense(tree, seconds):
    with pytest.raises(DataError, match="fault time-out"):
        TreeRunner.open(in_memory_device(), tree, fault_timeout=seconds)


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (0, 250), (256, 0)])
def test_a_picture_beyond_the_sensor_is_refused(top, left):
    with pytest.raises(DataError, match="does not fit the sensor"):
        in_memory_device().show(np.zeros((10, 10), np.uint8), top, left)


class ChattyLink(InMemoryLink):
    """A peer that keeps sending whole messages, none of them an answer to what was asked."""

    chatty = False
    sequence = -1

    def receive(self, timeout):
        if self.chatty:
            self.sequence += 1
            return encode_frame(encode_message(Pong(1), 999, Numbers(self.sequence % 0x10000, 0, 0)))
        return super().receive(timeout)


def test_a_device_that_never_answers_the_question_is_given_up_however_much_it_says():
    link = ChattyLink(emulated_of(in_memory_device()))
    device = device_on(link, answer=0.05)
    link.chatty = True
    with pytest.raises(LinkError, match="did not answer"):
        device.ping()


class SilentLink(InMemoryLink):
    """A peer that takes everything and says nothing."""

    def receive(self, timeout):
        return None


class BabblingLink(InMemoryLink):
    """Something that answers, but not with our protocol."""

    def receive(self, timeout):
        return b"HTTP/1.1 400 Bad Request\r\n\r\n\0"


@pytest.mark.parametrize(
    ("kind", "message"),
    [(SilentLink, "does not answer"), (BabblingLink, "does not speak the Pixeltree protocol")],
)
def test_a_peer_that_is_no_device_is_an_error_that_says_so(kind, message):
    link = kind(emulated_of(in_memory_device()))
    with pytest.raises(LinkError, match=message):
        in_memory_session(link, connect=0.05).greet()
