"""The simulator: counts that add up, orders between policies, flat memory."""

import tracemalloc

import numpy as np
import pytest
from tests.support.effort import effort

from pixeltree.errors import DataError, TreeError
from pixeltree.simulate import Setup, make_sequence, simulate
from pixeltree.simulate.examples import uniform_tree
from pixeltree.swapping import LINES, POLICIES, LineRate, SwapTree, Trace
from pixeltree.swapping.line import fault_bytes, put_bytes, stored_bytes

TREE = uniform_tree()
HALF = TREE.total_bytes // 2
PERIOD = 1e6 / 30


def run(policy="expected", frames=600, line="usb_12M", memory=HALF, period=PERIOD, **options):
    sequence = make_sequence("markov", 12, frames, seed=3, skew=2.0)
    return simulate(Setup(TREE, memory, LINES[line], policy, period, **options), sequence)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("period", [None, PERIOD])
@pytest.mark.parametrize("line", LINES)
def test_every_byte_sent_is_used_wasted_or_duplicate(policy, period, line):
    counters = run(policy, line=line, period=period, deadline_us=period).counters
    assert counters.consistent
    assert counters.unjudged_bytes == 0
    assert counters.sent_bytes == counters.used_bytes + counters.wasted_bytes + counters.duplicate_bytes > 0
    assert counters.frames == 600
    assert counters.hits + counters.faults + counters.coarse >= 3 * 600 - counters.coarse


def test_with_room_for_all_each_byte_is_sent_once():
    counters = run("lru", memory=2 * TREE.total_bytes).counters
    assert counters.faults <= len(TREE.nodes)
    assert counters.wasted_bytes == 0
    assert counters.sent_bytes <= sum(put_bytes(size) for size in TREE.sizes)


def test_sending_ahead_beats_waiting_and_the_future_beats_the_past():
    faults = {policy: run(policy, 3_000).counters.faults for policy in POLICIES}
    assert faults["expected"] < faults["no_prefetch"] / 2
    assert faults["belady"] < faults["no_prefetch"] <= faults["lru"]


def test_a_frame_that_faults_takes_what_its_bytes_take():
    line = LineRate("slow", 1e6, 8, 100.0)
    outcome = simulate(Setup(TREE, HALF, line, "lru"), [0])
    needed = {need for node in TREE.paths[0] for need in TREE.nodes[node].needs}
    sizes = [TREE.sizes[need] for need in needed]
    bytes_us, alone_us = sum(sizes) * line.us_per_byte, sum(map(put_bytes, sizes)) * line.us_per_byte
    assert outcome.counters.faults == 3
    # a fault waits for the answer to the last upload
    answers = 3 * fault_bytes(1) + 2 * stored_bytes()
    messages = 6 * 100.0 + (answers + put_bytes(0)) * line.us_per_byte
    assert bytes_us < outcome.counters.stall_us <= alone_us + messages


def test_a_deadline_is_answered_from_above():
    line = LineRate("slow", 1e6, 8)
    waiting = simulate(Setup(TREE, HALF, line, "no_prefetch", PERIOD), make_sequence("zipf", 12, 300))
    prompt = simulate(Setup(TREE, HALF, line, "no_prefetch", PERIOD, PERIOD), make_sequence("zipf", 12, 300))
    assert waiting.counters.coarse == 0
    assert prompt.counters.coarse > 0
    assert prompt.latencies.quantile(0.99) < PERIOD < waiting.latencies.quantile(0.99)


def test_a_thousand_frames_more_take_no_more_memory():
    frames = effort(20_000, 4_000)
    tracemalloc.start()
    try:
        run(frames=1_000)
        tracemalloc.reset_peak()
        sequence = (int(end) for end in make_sequence("markov", 12, frames, seed=4, skew=2.0))
        before = tracemalloc.get_traced_memory()[0]
        outcome = simulate(Setup(TREE, HALF, LINES["usb_12M"], "expected", PERIOD), sequence)
        growth = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert outcome.counters.frames == frames
    assert growth < 50 * frames, "bytes"


def test_the_same_input_gives_the_same_output():
    assert run().summary() == run().summary()


def test_a_trace_holds_what_the_counters_count(tmp_path):
    trace = Trace()
    sequence = make_sequence("markov", 12, 100, seed=3)
    outcome = simulate(Setup(TREE, HALF, LINES["usb_12M"], "lru", PERIOD), sequence, trace=trace)
    trace.save(tmp_path / "trace.json")
    again = Trace.load(tmp_path / "trace.json")
    assert again.busy_us("controller") == pytest.approx(outcome.counters.stall_us, abs=1)
    assert again.busy_us("host") == pytest.approx(outcome.latencies.total_us, abs=1)
    assert len([event for event in again.events if event.lane == "host"]) == 100


def test_a_memory_that_no_node_fits_is_refused():
    with pytest.raises(TreeError, match="allow more memory"):
        run(memory=4_000)


@pytest.mark.parametrize("kind", ["zipf", "markov", "adversarial"])
def test_sequences_are_the_same_for_the_same_seed(kind):
    sequence = make_sequence(kind, 12, 500, seed=7)
    assert np.array_equal(sequence, make_sequence(kind, 12, 500, seed=7))
    assert len(sequence) == 500
    assert set(sequence.tolist()) <= set(range(12))


def test_coherence_is_how_often_a_frame_shows_what_was_there_before():
    sequence = make_sequence("markov", 12, 20_000, coherence=0.8)
    assert np.mean(sequence[1:] == sequence[:-1]) == pytest.approx(0.8, abs=0.01)


def test_a_recorded_sequence(tmp_path):
    path = tmp_path / "sequence.txt"
    path.write_text("0\n3\n11\n")
    assert make_sequence(str(path), 12, 5).tolist() == [0, 3, 11, 0, 3]
    path.write_text("12\n")
    with pytest.raises(DataError, match="0 to 11"):
        make_sequence(str(path), 12, 5)
    with pytest.raises(DataError, match="is no file and no sequence; "):
        make_sequence("nothing", 12, 5)


def test_a_deep_tree_counts_shared_objects_once():
    assert isinstance(TREE, SwapTree)
    shared = set(TREE.nodes[2].needs) & set(TREE.nodes[3].needs)
    assert len(shared) == 1
    assert TREE.uses[shared.pop()].sum() == len(TREE.ends)
