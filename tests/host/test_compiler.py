"""A compiled network on the reference engine equals the integer reference, whatever the network is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixeltree.compiler import CaptureGeometry, compile_capture, compile_node
from pixeltree.compiler.readout import feature_order
from pixeltree.compiler.weights import bias_counts, tap_path
from pixeltree.errors import CompileError
from pixeltree.network import FoldedNetwork, NetworkError
from pixeltree.tree import NodeSpec, Tree
from pixeltree_protocol.objects import Label, parse_object
from tests.host.in_memory import InMemoryDevice


@st.composite
def networks(draw):
    """Any folded network; thresholds include never (17) and always (-16)."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pool = draw(st.sampled_from([2, 4, 8, 16]))
    count = draw(st.integers(2, 6))
    signs = np.array([-1, 1], np.int8)
    cells = 64 // pool
    return FoldedNetwork(
        random.choice(signs, (16, 4, 4)),
        draw(hnp.arrays(np.int16, 16, elements=st.integers(-16, 17))),
        pool,
        random.choice(signs, (count, 16, cells, cells)),
        random.integers(-2000, 2000, count).astype(np.int32),
    )


def picture(seed):
    """Blobs of random size on a random level: long edges and solid areas, not just noise."""
    random = np.random.default_rng(seed)
    image = np.zeros((64, 64), np.float64)
    for _ in range(random.integers(1, 8)):
        r, c = random.integers(0, 64, 2)
        image[r : r + random.integers(1, 30), c : c + random.integers(1, 30)] = random.integers(0, 256)
    image += random.integers(0, 60) * random.random((64, 64))
    return np.clip(image, 0, 255).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 127), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_compiled_equals_reference_in_every_logit(network, threshold, row, column, seed):
    geometry = CaptureGeometry(threshold, row, column)
    labels = [str(i) for i in range(network.outcomes)]
    tree = Tree.build("any", labels, geometry, [NodeSpec("root", network, tuple(range(network.outcomes)))])
    image = picture(seed)
    label, path = tree.reference(image)
    result = InMemoryDevice(tree).infer(image)
    assert result.path[0].logits == path[0].logits
    assert result.label == label


def test_compiling_is_deterministic():
    network = some_network()
    first = compile_node(network, [Label(i) for i in range(network.outcomes)])
    second = compile_node(network, [Label(i) for i in range(network.outcomes)])
    assert first.objects == second.objects


def test_nodes_of_equal_shape_share_everything_but_weights():
    first, second = (compile_node(some_network(seed), [Label(0), Label(1)]) for seed in (1, 2))
    assert first.manifest.blocks == second.manifest.blocks
    assert first.manifest.program == second.manifest.program
    assert not set(first.manifest.segments) & set(second.manifest.segments)


def test_every_object_parses_under_its_digest():
    node = compile_node(some_network(), [Label(0), Label(1)])
    for data in node.objects.values():
        parse_object(data)


def test_convolution_weights_travel_as_their_information_content():
    """16 kernels of 4 x 4 are 32 bytes, 16 biases of 5 bits are 10; the layout adds 6."""
    node = compile_node(some_network(), [Label(0), Label(1)])
    assert len(node.objects[node.manifest.segments[0]]) == 32 + 10 + 6


def test_the_tap_path_never_jumps():
    path = tap_path()
    assert sorted(path) == [(r, c) for r in range(4) for c in range(4)]
    steps = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in itertools.pairwise(path)]
    assert set(steps) == {1}


@pytest.mark.parametrize("pool", [2, 4, 8, 16])
def test_every_feature_is_read_once(pool):
    order = feature_order(pool)
    assert np.array_equal(np.sort(order), np.arange(16 * (64 // pool) ** 2))


def test_bias_counts_turn_every_threshold_into_a_mismatch_count():
    network = some_network()
    bits = np.random.default_rng(3).random((64, 64)) < 0.4
    padded = np.pad(bits, ((0, 3), (0, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4))
    mismatches = (windows[None] != (network.kernels > 0)[:, None, None]).sum(axis=(3, 4))
    fires = bias_counts(network)[:, None, None] - mismatches > 0
    assert np.array_equal(fires, network.activations(bits))


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (CaptureGeometry(128), "threshold 128"),
        (CaptureGeometry(10, block_row=4), "grid"),
        (CaptureGeometry(10, margin=2), "margin 2"),
    ],
)
def test_an_impossible_capture_is_refused(geometry, message):
    with pytest.raises(CompileError, match=message):
        compile_capture(geometry)


def test_a_network_needs_an_exit_per_outcome():
    with pytest.raises(CompileError, match="2 outcomes"):
        compile_node(some_network(), [Label(0)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool": 3}, "pool is 3"),
        ({"kernels": np.zeros((16, 4, 4), np.int8)}, "only -1 and \\+1"),
        ({"kernels": np.ones((15, 4, 4), np.int8)}, "shape"),
        ({"biases": np.zeros(1, np.int32), "weights": np.ones((1, 16, 16, 16), np.int8)}, "at least 2"),
    ],
)
def test_a_malformed_network_is_refused(changes, message):
    network = some_network()
    values = {name: getattr(network, name) for name in ("kernels", "thresholds", "pool", "weights", "biases")}
    with pytest.raises(NetworkError, match=message):
        FoldedNetwork(**(values | changes))


def some_network(seed=0):
    random = np.random.default_rng(seed)
    signs = np.array([-1, 1], np.int8)
    return FoldedNetwork(
        random.choice(signs, (16, 4, 4)),
        random.integers(-6, 7, 16).astype(np.int16),
        4,
        random.choice(signs, (2, 16, 16, 16)),
        np.zeros(2, np.int32),
    )
