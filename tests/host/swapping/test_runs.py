"""TreeRunner.run on virtual time: iterators, deadlines, cancelling, what crosses the line."""

import asyncio

import pytest
from tests.support.in_world import device_in_world
from tests.support.inside import clock_of, evict, planner_of, residents_of, size_in, streamer_of, uploads_of

from pixeltree import TreeRunner
from pixeltree.bench.random_tree import album, random_tree
from pixeltree.errors import DataError
from pixeltree.simulate import make_sequence
from pixeltree.swapping import LINES, Trace
from pixeltree.swapping.chunking import IDLE_CHUNK
from pixeltree.swapping.describe import describe

PERIOD = 1 / 30


@pytest.fixture(scope="module")
def tree():
    return random_tree(children=4, labels_each=10)


@pytest.fixture(scope="module")
def pictures(tree):
    return album(tree, 4)


def names(results):
    return [result.path[-1].node for result in results]


def runner_for(tree, pictures, ends, share=0.6, line="usb_12M", **options):
    memory = int(describe(tree).total_bytes * share)
    device = device_in_world(line, pictures, ends, memory_bytes=1 << 18)
    return TreeRunner.open(device, tree, memory, line=LINES[line], **options)


def test_a_run_is_an_iterator_over_results(tree, pictures):
    runner = runner_for(tree, pictures, [0, 1, 2, 3])
    results = list(runner.run(frames=8, period=PERIOD))
    assert names(results) == [f"child {end}" for end in (0, 1, 2, 3) * 2]
    assert [result.frame for result in results] == list(range(1, 9))
    assert runner.counters.frames == 8
    assert all(result.latency_us > result.device_us for result in results)


def test_a_run_shows_the_images_of_its_source(tree, pictures):
    runner = TreeRunner.open(device_in_world(), tree)
    results = list(runner.run(iter(pictures.pictures)))
    assert names(results) == [f"child {end}" for end in range(4)]


def test_a_run_works_with_async_for(tree, pictures):
    runner = runner_for(tree, pictures, [2, 0])

    async def collect():
        return [result async for result in runner.run(frames=4)]

    assert names(asyncio.run(collect())) == ["child 2", "child 0"] * 2


def test_a_cancelled_task_leaves_the_device_free(tree, pictures):
    runner = runner_for(tree, pictures, [1])

    async def cancel():
        run = runner.run()

        async def consume():
            async for _ in run:
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert names([runner.run_frame()]) == ["child 1"]
    assert not runner.device.emulated.frame_in_hand


def test_an_interrupt_in_mid_frame_leaves_the_device_free(tree, pictures, monkeypatch):
    runner = runner_for(tree, pictures, [1])

    def interrupt(requests, until=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runner.device.exchange, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            runner.run_frame()
    assert not runner.device.emulated.frame_in_hand
    assert names([runner.run_frame()]) == ["child 1"]


def test_breaking_out_of_a_run_leaves_the_device_free(tree, pictures):
    runner = runner_for(tree, pictures, [1, 2])
    for _ in runner.run(period=PERIOD):
        break
    assert names([runner.run_frame()]) == ["child 2"]


def test_a_slow_consumer_gets_fewer_frames_and_never_old_ones(tree, pictures):
    runner = runner_for(tree, pictures, [0])
    device = runner.device
    began = device.now
    for _ in runner.run(frames=5, period=PERIOD):
        clock_of(device).sleep(2.5 * PERIOD)
    assert device.now - began == pytest.approx(5 * 2.5 * PERIOD, abs=PERIOD)
    assert device.emulated.frames == 5


def test_a_frame_through_resident_nodes_is_one_message_each_way(tree, pictures):
    runner = runner_for(tree, pictures, [0], share=2.0)
    list(runner.run(frames=40, period=PERIOD))
    device = runner.device
    device.ping()
    sent, received = device.wire_bytes_sent, device.wire_bytes_received
    result = runner.run_frame()
    assert result.faults == 0
    assert device.wire_bytes_sent - sent <= 2 * 25, "START_FRAME, perhaps an acknowledgement"
    assert device.wire_bytes_received - received <= 220, "RESULT"


def test_a_frame_that_cannot_end_in_time_is_answered_by_the_node_above(tree, pictures):
    runner = runner_for(tree, pictures, [3], line="serial_3M", share=0.9)
    list(runner.run(frames=1))  # capture, root and the first child are there
    planner_of(runner).restart()
    store = runner.device.emulated.store
    evict(store, set(residents_of(store)) - {*tree.capture.needs, *tree.root.needs})
    streamer_of(runner).begin()
    results = list(runner.run(frames=3, period=PERIOD, deadline=0.010))
    first = results[0]
    assert first.coarse
    assert names([first]) == ["root"]
    assert tree.nodes[tree.root.manifest.exits[first.path[0].outcome].node].name == "child 3"
    assert 30 <= first.label < 40
    assert first.latency_us <= 10_000
    assert not results[-1].coarse, "what it would have needed was sent ahead"
    assert names([results[-1]]) == ["child 3"]
    assert runner.counters.coarse == 1


def test_times_below_0_are_refused(tree):
    with pytest.raises(DataError, match="at least 0"):
        TreeRunner.open(device_in_world(), tree).run(deadline=-0.1)


@pytest.mark.parametrize("policy", ["belady", "random"])
def test_a_policy_that_cannot_be_is_refused(tree, policy):
    with pytest.raises(DataError):
        TreeRunner.open(device_in_world(), tree, policy=policy)


def test_what_was_sent_ahead_is_hidden(tree, pictures):
    trace = Trace()
    runner = runner_for(tree, pictures, [0, 1, 2, 3], share=2.0, trace=trace)
    results = list(runner.run(frames=20, period=PERIOD))
    assert sum(result.faults for result in results) == 3, "capture, root, the first child"
    counters = runner.finish()
    assert counters.consistent
    assert counters.hidden_fraction > 0.6
    assert counters.wasted_bytes == counters.duplicate_bytes == 0
    ahead = sum(event.duration_us for event in trace.events if event.lane == "link")
    assert ahead == pytest.approx(counters.sent_bytes * LINES["usb_12M"].us_per_byte, rel=0.01)


def test_another_runner_on_the_device_finds_what_is_there(tree, pictures):
    first = runner_for(tree, pictures, [0], share=2.0)
    first.run_frame()
    second = TreeRunner.open(first.device, tree, line=LINES["usb_12M"])
    assert second.run_frame().faults == 0


def test_the_host_believes_what_the_device_says_that_it_evicted(tree, pictures):
    runner = runner_for(tree, pictures, [0, 1, 2, 3], share=0.45, policy="lru")
    list(runner.run(frames=12))
    store = runner.device.emulated.store
    planner = planner_of(runner)
    ours = {planner.tree.objects[each].digest for each in planner.memory.resident}
    assert ours == set(residents_of(store))
    assert planner.memory.used == store.used_bytes


@pytest.mark.parametrize("line", LINES)
def test_the_hosts_picture_of_the_memory_stays_true_while_evictions_are_steered(line):
    tree = random_tree(children=8, labels_each=8)
    ends = make_sequence("markov", 8, 250, seed=2, coherence=0.6, skew=1.0)
    runner = runner_for(tree, album(tree, 8), ends, share=0.5, line=line)
    store = runner.device.emulated.store
    planner, compared = planner_of(runner), 0
    for _ in runner.run(frames=250, period=PERIOD):
        if not planner.memory.uploads and not streamer_of(runner).requests:
            ours = {planner.tree.objects[each].digest for each in planner.memory.resident}
            assert ours == set(residents_of(store))
            compared += 1
    assert compared > 50
    assert runner.counters.steering_bytes > 0


def test_the_pauses_of_an_async_consumer_are_used_to_send_ahead(tree, pictures):
    def hidden(pauses):
        runner = runner_for(tree, pictures, [0], share=2.0)
        clock = clock_of(runner.device)

        async def consume():
            async for _ in runner.run(frames=2):
                for _ in range(pauses):
                    await asyncio.sleep(0.001)  # the loop's other tasks have their turn
                    clock.sleep(0.01)  # the world goes on
            return runner.counters.hidden_bytes

        found = asyncio.run(consume())
        assert not runner.device.emulated.frame_in_hand
        return found, runner

    with_pauses, runner = hidden(60)
    assert with_pauses > 2 * hidden(0)[0] + 10_000
    assert runner.run_frame().faults == 0
    assert runner.finish().consistent


def test_a_pause_ends_when_there_is_nothing_more_to_send(tree, pictures):
    runner = runner_for(tree, pictures, [0], share=2.0)
    clock = clock_of(runner.device)

    async def consume():
        async for _ in runner.run(frames=1):
            pass
        for _ in range(500):
            await asyncio.sleep(0.001)
            clock.sleep(0.01)
            if len(asyncio.all_tasks()) == 1:
                return
        pytest.fail("it goes on for ever")

    asyncio.run(consume())


def test_a_part_is_on_its_way_before_a_paced_consumer_has_its_result(tree, pictures):
    runner = runner_for(tree, pictures, [0], share=2.0)
    run = iter(runner.run(frames=2, period=PERIOD))
    store = runner.device.emulated.store

    def received():
        sizes = [size_in(runner, digest) for digest in residents_of(store)]
        return sum(sizes) + sum(len(upload.data) for upload in uploads_of(store).values())

    next(run)
    before = received()
    clock_of(runner.device).sleep(PERIOD / 2)  # the host does nothing
    assert 1_500 < received() - before < 2 * IDLE_CHUNK
