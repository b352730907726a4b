"""A compiled network on the reference engine equals the integer reference, whatever the network is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.support.effort import effort
from tests.support.in_memory import in_memory_runner
from tests.support.random_models import picture, sixteen_kernels, some_network
from tests.support.strategies import convolution, fully_connected, heat_map, signs

from pixeltree.compiler import CaptureGeometry, compile_model
from pixeltree.compiler.layout import FeatureMap, block_layout
from pixeltree.compiler.pipeline import compile_capture
from pixeltree.compiler.readout import feature_numbers, progressions
from pixeltree.compiler.taps import taps, thresholds
from pixeltree.errors import CompileError
from pixeltree.model import Convolution, ConvolutionGeometry, FoldedModel, InputSpec, Pooling
from pixeltree.model.reference import apply_layer
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.objects import Label, parse_object


@st.composite
def networks(draw):
    """Any network of 16 kernels; some of them fire never (17) or always (-16)."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pool = draw(st.sampled_from([2, 4, 8, 16]))
    count = draw(st.integers(2, 6))
    cells = 64 // pool
    return sixteen_kernels(
        signs(random, 16, 1, 4, 4),
        draw(hnp.arrays(np.int16, 16, elements=st.integers(-16, 17))),
        pool,
        signs(random, count, 16, cells, cells),
        random.integers(-2000, 2000, count).astype(np.int32),
        CaptureGeometry(0),
    )


@settings(max_examples=effort(40, 12), deadline=None)
@given(
    networks(),
    st.integers(0, 127),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_compiled_equals_reference_in_every_logit(network, threshold, row, column, seed, in_cells):
    geometry = CaptureGeometry(threshold, row, column, in_cells=in_cells)
    model = replace(network, input=geometry.spec)
    labels = [str(i) for i in range(model.outcomes)]
    tree = Tree.build("any", labels, geometry, [NodeSpec("root", model, tuple(range(model.outcomes)))])
    image = picture(seed)
    label, path = tree.reference(image)
    result = in_memory_runner(tree).infer(image)
    assert result.path[0].logits == path[0].logits
    assert result.label == label


@pytest.mark.parametrize(("size", "in_cells", "local_mean"), [
    (16, True, 5), (20, True, 1), (64, True, 3), (64, False, 3), (100, False, 2), (128, False, 5),
    (256, True, 4),
])  # fmt: skip
def test_an_adaptive_threshold_follows_the_light_of_the_picture(size, in_cells, local_mean):
    """Every bit of the input is a cell of a heat map, so that none can hide; beyond the window it is dark."""
    random = np.random.default_rng(size + local_mean)
    row = 0 if size > 64 else 1
    geometry = CaptureGeometry(-3, row, 0, 2, size, in_cells, local_mean)
    cells = [Pooling(-(-size // 32))] if size > 32 else []
    model = FoldedModel(geometry.spec, tuple(cells), heat_map(random, 1, 1))
    labels = [str(i) for i in range(model.outcomes)]
    tree = Tree.build("any", labels, geometry, [NodeSpec("root", model, tuple(range(model.outcomes)))])
    image = random.integers(0, 100, (256, 256), dtype=np.uint8) + np.arange(0, 128, 0.5).astype(np.uint8)
    result = in_memory_runner(tree).infer(image)
    label, path = tree.reference(image)
    assert 0.1 < tree.input_bits(image).mean() < 0.9
    assert result.path[0].logits == path[0].logits
    assert result.label == label


@pytest.mark.parametrize(("size", "margin", "excess", "threshold"), [
    (16, 0, 1, -20), (32, 3, 2, 5), (64, 4, 3, 0), (100, 2, 16, -100), (256, 2, 1, 127),
])  # fmt: skip
@pytest.mark.parametrize("light", [1, 90, 255])
def test_a_threshold_follows_the_image(size, margin, excess, threshold, light):
    """Every bit of the input is an activation; what lies around the window counts for nothing."""
    random = np.random.default_rng(size + light)
    place = 0 if size > 128 else 1
    geometry = CaptureGeometry(threshold, place, place, margin, size, excess=excess)
    side = max(2, -(-size // 32))
    kernel = Convolution(
        ConvolutionGeometry(1, 1),
        np.ones((1, 1, 1, 1), np.int8),
        np.zeros(1, np.int32),
        np.zeros(1, np.bool_),
    )
    cells = size // side
    head = fully_connected(random, (1, cells, cells), 5)
    model = FoldedModel(geometry.spec, (kernel, Pooling(side)), head)
    tree = Tree.build("any", list("abcde"), geometry, [NodeSpec("root", model, tuple(range(5)))])
    image = random.integers(0, light, (256, 256), endpoint=True).astype(np.uint8)
    label, path = tree.reference(image)
    result = in_memory_runner(tree).infer(image)
    assert result.path[0].logits == path[0].logits
    assert result.label == label
    predicted = compile_capture(geometry).cost + compile_model(model, layout=geometry.layout(model)).cost
    assert result.words == predicted.words
    assert result.device_us == (predicted.nanoseconds + CostTable().result_ns) / 1000


def test_a_threshold_that_follows_the_image_wants_blocks():
    with pytest.raises(CompileError, match=r"excess.*needs cells"):
        CaptureGeometry(5, in_cells=True, excess=2)


def test_a_node_must_take_the_input_that_its_tree_captures():
    model = FoldedModel(InputSpec(64, local_mean=2), (), heat_map(np.random.default_rng(0), 1, 7, stride=8))
    with pytest.raises(CompileError, match=r"local_mean=2.*captures.*local_mean=0"):
        CaptureGeometry(20).layout(model)


def compiled(seed=0):
    return compile_model(some_network(seed)).node


def test_compiling_is_deterministic():
    assert compiled().objects == compiled().objects


def test_nodes_of_equal_shape_share_everything_but_weights():
    first, second = compiled(1).manifest, compiled(2).manifest
    assert first.blocks == second.blocks
    assert first.program == second.program
    masks, *weights = first.segments
    assert masks == second.segments[0]
    assert not set(weights) & set(second.segments)


def test_every_object_parses_under_its_digest():
    for data in compiled().objects.values():
        parse_object(data)


def test_convolution_weights_travel_as_their_information_content():
    """16 kernels of 4 x 4 are 32 bytes, 16 biases of 5 bits 10; kind, version, layout and length add 4."""
    node = compiled()
    assert len(node.objects[node.manifest.segments[1]]) == 32 + 10 + 4


@pytest.mark.parametrize("pool", [2, 4, 8, 16])
def test_every_feature_is_read_once(pool):
    shape = (16, 64 // pool, 64 // pool)
    source = FeatureMap(shape, block_layout(4), pool, tuple(range(16)))
    features = feature_numbers(source)
    assert np.array_equal(np.sort(features[features >= 0]), np.arange(np.prod(shape)))


def test_rows_that_are_no_progression_are_scanned_in_several():
    assert progressions([0, 4, 8, 64, 68, 72]) == [(0, 4, 3), (64, 4, 3)]
    assert progressions([7]) == [(7, 1, 1)]
    assert progressions([]) == []


def test_thresholds_turn_every_bias_into_a_number_of_differences():
    layer = some_network().layers[0]
    bits = np.random.default_rng(3).random((64, 64)) < 0.4
    padded = np.pad(bits, ((0, 3), (0, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4))
    differences = (windows[None] != (layer.weights > 0)[:, 0, None, None]).sum(axis=(3, 4))
    fires = differences < np.array(thresholds(layer))[:, None, None]
    assert np.array_equal(fires, apply_layer(layer, bits[None, None])[0])


def test_the_input_only_moves_away_from_where_it_lay():
    """What has left the array does not come back."""
    layer = convolution(np.random.default_rng(0), 1, 4, 5, before=2, after=2)
    layout = block_layout(2)
    order = taps(
        layer,
        FeatureMap((1, 128, 128), layout, 1, ()),
        FeatureMap((4, 128, 128), layout, 1, (0, 1, 2, 3)),
    )
    assert sorted(tap.offset for tap in order) == [(r, c) for r in range(-2, 3) for c in range(-2, 3)]
    for here, there in itertools.pairwise(order):
        (row, column), (next_row, next_column) = here.offset, there.offset
        if row == next_row and (column < 0) == (next_column < 0):
            assert abs(next_column) == abs(column) + 1
        elif row != next_row and (row < 0) == (next_row < 0):
            assert abs(next_row) == abs(row) + 1


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ((128,), "threshold 128"),
        ((10, 4), "grid"),
        ((10, 1, 1, 32), "leaves nothing"),
        (("10",), "whole numbers"),
    ],
)
def test_an_impossible_capture_is_refused(geometry, message):
    with pytest.raises(CompileError, match=message):
        CaptureGeometry(*geometry)


def test_a_network_needs_an_exit_per_outcome():
    with pytest.raises(CompileError, match="2 outcomes"):
        compile_model(some_network(), [Label(0)])
