"""What a run sets goes with its frames and ends with it; what it reports says how late frames were."""

import asyncio
from dataclasses import FrozenInstanceError, fields
from itertools import pairwise

import pytest
from tests.support.in_world import device_in_world
from tests.support.inside import clock_of

from pixeltree import TreeRunner
from pixeltree.bench.random_tree import album, random_tree
from pixeltree.errors import DataError, LinkError
from pixeltree.run.settings import FrameSettings
from pixeltree.simulate import Setup, make_sequence, simulate
from pixeltree.simulate.examples import uniform_tree
from pixeltree.swapping import LINES, LineRate, Pace, Trace
from pixeltree.swapping.describe import describe
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.serving.virtual_time import World
from pixeltree_emu.wires.line import LineSettings
from pixeltree_protocol.link.connection import Identity

PERIOD = 1 / 30
AWAY = 8.0
NONSENSE = [float("nan"), float("inf"), -float("inf"), -1, "soon"]


@pytest.fixture(scope="module")
def tree():
    return random_tree(children=4, labels_each=10)


@pytest.fixture(scope="module")
def pictures(tree):
    return album(tree, 4)


def slow_runner(tree, pictures, **options):
    """Every frame goes to another child, and the line takes longer for it than a deadline of 3 ms."""
    memory = int(describe(tree).total_bytes * 0.5)
    device = device_in_world("serial_3M", pictures, [0, 1, 2, 3], memory_bytes=1 << 18)
    return TreeRunner.open(device, tree, memory, line=LINES["serial_3M"], policy="no_prefetch", **options)


def test_the_settings_of_a_run_never_change():
    with pytest.raises(FrozenInstanceError):
        FrameSettings(PERIOD, 0.003).deadline = 1.0


def test_a_deadline_ends_with_its_run(tree, pictures):
    runner = slow_runner(tree, pictures)
    assert any(result.coarse for result in runner.run(frames=8, deadline=0.003))
    assert not any(runner.run_frame().coarse for _ in range(8))
    assert not any(result.coarse for result in runner.run(frames=8))


def test_a_deadline_ends_with_a_run_that_was_left_half_way(tree, pictures):
    runner = slow_runner(tree, pictures)
    for result in runner.run(deadline=0.003):
        if result.coarse:
            break
    assert not any(runner.run_frame().coarse for _ in range(8))


def test_a_deadline_ends_with_a_run_whose_source_raises(tree, pictures):
    def source():
        yield from pictures.pictures[:2]
        raise RuntimeError("the camera is gone")

    runner = slow_runner(tree, pictures)
    with pytest.raises(RuntimeError, match="camera"):
        list(runner.run(source(), deadline=0.003))
    assert not any(runner.infer(picture).coarse for picture in pictures.pictures)


def test_two_runs_in_turns_keep_each_its_own_period_and_deadline(tree, pictures):
    runner = slow_runner(tree, pictures)
    list(runner.run(frames=2))
    hasty, calm = runner.run(deadline=0.003), runner.run(period=PERIOD)
    began = runner.device.now
    pairs = [(next(hasty), next(calm)) for _ in range(6)]
    assert any(first.coarse for first, _ in pairs)
    assert not any(second.coarse for _, second in pairs)
    assert runner.device.now - began >= 5 * PERIOD, "the period of the second"


def test_the_pause_of_one_run_is_over_when_a_frame_of_another_is_asked_for(tree, pictures):
    runner = slow_runner(tree, pictures)

    async def consume():
        async for _ in runner.run(frames=3):
            break
        runner.run_frame()
        for _ in range(20):
            await asyncio.sleep(0.001)
        return len(asyncio.all_tasks())

    assert asyncio.run(consume()) == 1


def test_frames_that_start_late_are_counted_with_how_late(tree, pictures):
    runner = slow_runner(tree, pictures)
    period = 1 / 5_000
    results = list(runner.run(frames=20, period=period))
    counters = runner.finish()
    assert results[0].late_us == 0, "the first turn is when the first frame is asked for"
    assert counters.late_starts == 19
    assert counters.late == 0, "there is no deadline"
    late = [result.late_us for result in results]
    assert counters.latest_start_us == max(late) > 1e6 * period
    assert counters.late_start_us == pytest.approx(sum(late))
    for before, result in pairwise(results):
        assert before.latency_us - 2e6 * period <= result.late_us <= before.latency_us
    assert counters.summary().late_starts == 19


def test_frames_in_time_do_not_count_as_late(tree, pictures):
    runner = TreeRunner.open(device_in_world(album=pictures, ends=[0]), tree, line=LINES["usb_12M"])
    results = list(runner.run(frames=10, period=PERIOD))
    assert [result.late_us for result in results] == pytest.approx([0] * 10, abs=0.1)
    assert runner.counters.late_starts == 0


def test_a_slow_caller_makes_frames_late(tree, pictures):
    runner = TreeRunner.open(device_in_world(album=pictures, ends=[0]), tree, line=LINES["usb_12M"])
    list(runner.run(frames=1))
    lateness = []
    for result in runner.run(frames=4, period=PERIOD):
        lateness.append(result.late_us)
        clock_of(runner.device).sleep(2.5 * PERIOD)
    assert lateness[0] == 0
    assert all(late > 0.4e6 * PERIOD for late in lateness[1:])


@pytest.mark.parametrize("deadline_us", [1.0, 3_000.0])
def test_a_frame_that_is_coarse_and_late_misses_its_deadline_once(deadline_us):
    ends = make_sequence("markov", 12, 200, seed=1)
    tree = uniform_tree()
    setup = Setup(tree, tree.total_bytes // 2, LINES["usb_12M"], "lru", deadline_us=deadline_us)
    counters = simulate(setup, ends).counters
    assert counters.coarse > 0
    assert max(counters.late, counters.coarse) <= counters.deadline_misses <= 200
    if deadline_us == 1.0:
        assert counters.late == counters.deadline_misses == 200


def test_the_simulator_counts_late_starts_too():
    ends = make_sequence("markov", 12, 200, seed=1)
    tree = uniform_tree()
    counters = simulate(Setup(tree, tree.total_bytes // 2, LINES["usb_12M"], period_us=200.0), ends).counters
    assert counters.late_starts == 199
    assert counters.latest_start_us > 1_000


def test_a_coarse_answer_says_what_was_streamed_for_it_and_what_was_there(tree, pictures):
    runner = slow_runner(tree, pictures)
    first = next(runner.run(deadline=0.003))
    assert first.coarse
    assert [swap.node for swap in first.swaps] == ["capture", "root"]
    assert (runner.counters.faults, runner.counters.hits) == (3, 0)
    assert next(runner.run(deadline=0.003)).coarse
    assert (runner.counters.faults, runner.counters.hits) == (4, 2), "capture and root were there"


def restarted(device, away):
    """The device is started anew and comes back after so many seconds."""
    link = clock_of(device)
    emulated = EmulatedDevice(device.emulated.limits)
    before = device.emulated.array.sensor
    emulated.array.sensor.look_at(before.source, before.clock, before.order)
    emulated.follow(round((link.world.now + away) * 1e9))
    rate = LINES["serial_3M"]
    identity = Identity(b"boot-two", "world", emulated.limits.capabilities(), 30_000, 65_000)
    link.world = World(emulated, identity, LineSettings(rate.bits_per_second, rate.bits_per_byte, 0.0))
    device.emulated = emulated
    raise LinkError("the device is gone")


@pytest.mark.parametrize("moment", ["in the frame", "before the frame"])
def test_a_repeated_frame_counts_from_its_first_start(tree, pictures, moment):
    trace = Trace()
    runner = slow_runner(tree, pictures, trace=trace)
    list(runner.run(frames=2))
    link = clock_of(runner.device)
    receive, send = link.receive, link.send
    calls = []

    def broken(*args):
        calls.append(1)
        if len(calls) == 1:
            restarted(runner.device, AWAY)
        return receive(*args) if len(args) == 1 else send(*args)

    if moment == "in the frame":
        link.receive = broken
    else:
        link.send = broken
    result = runner.run_frame()
    assert result.repeats == 1
    assert AWAY * 1e6 < result.latency_us < AWAY * 1e6 + 1e6
    assert runner.counters.repeats == 1
    lost = [event for event in trace.events if event.name == "frame, lost"]
    assert len(lost) == (moment == "in the frame")
    assert not runner.run_frame().repeats


def test_a_frame_whose_link_breaks_while_its_image_is_shown_counts_from_then_on(tree, pictures):
    runner = slow_runner(tree, pictures)
    image = pictures.pictures[0]
    assert runner.infer(image).latency_us < 1e6
    link = clock_of(runner.device)
    receive, calls = link.receive, []

    def broken(timeout):
        calls.append(1)
        if len(calls) == 1:
            link.sleep(AWAY)
            raise LinkError("the cable was pulled")
        return receive(timeout)

    link.receive = broken
    result = runner.infer(image)
    assert runner.device.cuts == 1
    assert result.repeats == 0
    assert AWAY * 1e6 < result.latency_us < AWAY * 1e6 + 1e6


def test_the_summary_is_a_value_with_units_and_reads_as_text(tree, pictures):
    runner = slow_runner(tree, pictures)
    results = list(runner.run(frames=8, deadline=0.003, period=PERIOD))
    summary = runner.finish().summary()
    assert summary.frames == 8
    assert summary.swaps == summary.faults - summary.coarse == runner.counters.swaps
    assert summary.greatest_us == max(result.latency_us for result in results)
    assert summary.p50_us <= summary.p99_us <= summary.greatest_us
    assert summary.mean_us == pytest.approx(sum(result.latency_us for result in results) / 8)
    text = str(summary)
    assert text.startswith("8 frames, latency")
    assert f"{summary.coarse} answered by the node above" in text
    assert set(summary.as_dict()) == {field.name for field in fields(summary)}


def test_a_frame_after_a_restart_in_its_turns_pause_is_late(tree, pictures):
    runner = slow_runner(tree, pictures)
    run = runner.run(frames=4, period=PERIOD)
    next(run)
    link = clock_of(runner.device)
    receive, calls = link.receive, []

    def broken(timeout):
        calls.append(1)
        if len(calls) == 1:
            restarted(runner.device, AWAY)
        return receive(timeout)

    link.receive = broken
    result = next(run)
    assert result.late_us > (AWAY - 2 * PERIOD) * 1e6
    assert runner.counters.latest_start_us == result.late_us


@pytest.mark.parametrize("value", NONSENSE)
def test_times_that_make_no_sense_are_refused(tree, value):
    runner = TreeRunner.open(device_in_world(), tree)
    for name in ("period", "deadline"):
        with pytest.raises(DataError, match=name):
            runner.run(**{name: value})
    with pytest.raises(DataError, match="period"):
        Pace(value)
    for field in ("bits_per_second", "bits_per_byte", "latency_us"):
        with pytest.raises(DataError, match="line mine"):
            LineRate("mine", **{"bits_per_second": 1e6, field: value})
    swap_tree = uniform_tree()
    for field in ("period_us", "deadline_us", "memory", "icw_store"):
        options = {"memory": 1 << 16, field: value}
        with pytest.raises(DataError, match="must be a"):
            Setup(swap_tree, line=LINES["usb_12M"], **options)
    with pytest.raises(DataError, match="device time of node 'root'"):
        swap_tree.with_array_us({"root": value})
    with pytest.raises(DataError, match="device time of node 'root'"):
        describe(tree, {"root": value})
    for name in ("coherence", "skew", "frames", "seed"):
        with pytest.raises(DataError, match=name):
            make_sequence("markov", 4, **{"frames": 4, name: value})


@pytest.mark.parametrize(
    "options",
    [
        {"period": 0},
        {"period": 1e-9},
        {"frames": -1},
        {"frames": 2.5},
        {"frames": True},
    ],
)
def test_a_run_without_sense_is_refused(tree, options):
    with pytest.raises(DataError, match="must be a"):
        TreeRunner.open(device_in_world(), tree).run(**options)


@pytest.mark.parametrize(
    "options", [{"memory_limit": value} for value in (0, -1, 1e6, 2**32)] + [{"retries": -1}]
)
def test_a_runner_without_sense_is_refused(tree, options):
    with pytest.raises(DataError, match="must be a whole number"):
        TreeRunner.open(device_in_world(), tree, **options)


def test_a_run_of_no_frames_is_empty(tree):
    assert list(TreeRunner.open(device_in_world(), tree).run(frames=0)) == []
