"""What follows a node in any case is sent with it, where there is room, and comes while the node computes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree.simulate import Setup, simulate
from pixeltree.swapping import LineRate, SwapNode, SwapObject, SwapTree

ARRAY_US = 1000.0
LINE = LineRate("a byte a microsecond", 8e6, latency_us=100)


def tree_of(*sizes, ends=2):
    """Nodes of one way, each with a manifest and one object of so many bytes; then some that end."""
    objects, nodes = [], [SwapNode("capture", (0,), 10.0, outcomes=0, ends=False)]
    objects.append(SwapObject(b"capture", 50))
    for index, size in enumerate((*sizes, *[sizes[-1]] * ends)):
        parent = None if index == 0 else min(index, len(sizes))
        objects += [SwapObject(b"m%d" % index, 80), SwapObject(b"w%d" % index, size)]
        needs = len(objects) - 2, len(objects) - 1
        nodes.append(SwapNode(f"n{index}", needs, ARRAY_US, parent, 2, index >= len(sizes)))
    return SwapTree(tuple(objects), tuple(nodes))


def run(tree, memory, ends, policy="expected"):
    return simulate(Setup(tree, memory, LINE, policy), ends)


def test_a_way_goes_on_while_there_is_one():
    tree = tree_of(100, 100, 100)
    assert tree.trunk == (1, 2, 3)
    assert tree.way_from(2) == (2, 3)
    assert tree.way_from(4) == (4,)
    assert tree_of(100, ends=2).trunk == (1,)


def test_the_first_frame_computes_while_the_rest_of_the_way_comes():
    """Four nodes of 3,000 bytes: without, each transfer waits for the node before it."""
    tree = tree_of(3000, 3000, 3000)
    ahead, alone = (run(tree, 100_000, [0], policy) for policy in ("expected", "no_prefetch"))
    # the second and third node of the way are there when their turn comes, but for what the line takes longer
    saved = alone.latencies.quantile(1) - ahead.latencies.quantile(1)
    assert 2 * ARRAY_US < saved < 2 * ARRAY_US + 6 * LINE.latency_us + 200
    assert ahead.counters.sent_bytes == pytest.approx(alone.counters.sent_bytes, rel=0.05)


def test_without_room_beside_the_node_nothing_else_is_sent():
    tree = tree_of(3000, 3000, 3000)
    room = tree.bytes_of(0) + tree.bytes_of(1) + 100
    assert run(tree, room, [0, 1, 0]).counters.frames == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(50, 4000), min_size=1, max_size=5),
    st.integers(0, 12_000),
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
    st.sampled_from(["expected", "no_prefetch", "lru", "belady"]),
)
def test_every_frame_ends_whatever_the_memory(sizes, more, ends, policy):
    tree = tree_of(*sizes, ends=3)
    least = max(tree.bytes_of(node) for node in range(len(tree.nodes)))
    outcome = run(tree, least + more, ends, policy)
    counters = outcome.counters
    assert counters.frames == len(ends)
    assert counters.consistent
