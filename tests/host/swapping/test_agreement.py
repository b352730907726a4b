"""The simulator of swapping against the emulated device, frame by frame the same decisions."""

import pytest
from tests.support.in_world import device_in_world

from pixeltree import TreeRunner
from pixeltree.bench.random_tree import album, random_tree
from pixeltree.simulate import Setup, make_sequence, simulate
from pixeltree.swapping import LINES, Markov, Prior, Trace
from pixeltree.swapping.describe import describe

FRAMES = 150
PERIOD = 1 / 30


@pytest.fixture(scope="module")
def tree():
    return random_tree()


@pytest.fixture(scope="module")
def pictures(tree):
    return album(tree, 12)


def both(tree, pictures, line, policy, period, memory_share=0.5, deadline=None):
    sequence = make_sequence("markov", 12, FRAMES, seed=5, coherence=0.8, skew=2.0)
    swap_tree = describe(tree)
    memory = int(swap_tree.total_bytes * memory_share)
    device = device_in_world(line, pictures, sequence, memory_bytes=1 << 18)
    real, simulated = Trace(), Trace()
    runner = TreeRunner.open(
        device, tree, memory, line=LINES[line], policy=policy, trace=real, predictor=Markov(Prior(12))
    )
    began = device.now
    results = list(runner.run(None, FRAMES, period, deadline))
    elapsed = (device.now - began) * 1e6
    runner.finish()
    times = {visit.node: visit.device_us for result in results for visit in result.path}
    times["capture"] = next(event.duration_us for event in real.events if event.name == "capture")
    outcome = simulate(
        Setup(
            swap_tree.with_array_us(times),
            memory,
            LINES[line],
            policy,
            period and period * 1e6,
            deadline and deadline * 1e6,
        ),
        sequence,
        Markov(Prior(12)),
        simulated,
    )
    return results, runner.counters, elapsed, real, outcome, simulated


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("policy", ["expected", "no_prefetch", "lru"])
@pytest.mark.parametrize("period", [None, PERIOD])
def test_prediction_and_device_agree_within_a_percent(tree, pictures, line, policy, period):
    results, counters, elapsed, real, outcome, simulated = both(tree, pictures, line, policy, period)
    latency = sum(result.latency_us for result in results)
    assert elapsed == pytest.approx(outcome.elapsed_us, rel=0.01)
    assert latency == pytest.approx(outcome.latencies.total_us, rel=0.01)
    assert counters.sent_bytes == pytest.approx(outcome.counters.sent_bytes, rel=0.01)
    assert counters.hidden_bytes == pytest.approx(outcome.counters.hidden_bytes, rel=0.01)
    assert counters.stall_us == pytest.approx(outcome.counters.stall_us, rel=0.01)
    assert counters.array_us == pytest.approx(outcome.counters.array_us, rel=0.01)
    assert (counters.faults, counters.hits) == (outcome.counters.faults, outcome.counters.hits)
    assert counters.consistent
    for lane in ("link", "array", "controller", "host"):
        assert real.busy_us(lane) == pytest.approx(simulated.busy_us(lane), rel=0.01), lane
