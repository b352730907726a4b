"""Folded models become a compiled tree that computes the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.errors import CompileError  # noqa: E402
from pixeltree.model import (  # noqa: E402
    Convolution,
    ConvolutionGeometry,
    FoldedModel,
    FullyConnected,
    InputSpec,
    Pooling,
    infer,
)
from pixeltree.train.export import compile_tree, geometry_of  # noqa: E402
from pixeltree.tree.node import NodeSpec  # noqa: E402


def signs(random, *shape):
    return (random.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def convolution(random, inputs, outputs, side, after=0):
    bias = random.integers(-18, 19, outputs).astype(np.int32)
    geometry = ConvolutionGeometry(outputs, side, before=0, after=after)
    weights = signs(random, outputs, inputs, side, side)
    return Convolution(geometry, weights, bias, random.random(outputs) < 0.5)


def model(seed, outcomes=3, source=None, convolutions=1):
    random = np.random.default_rng(seed)
    layers = [convolution(random, 1, 16, 4, after=3), Pooling(8)]
    layers += [convolution(random, 16, 16, 1) for _ in range(convolutions - 1)]
    head = FullyConnected(
        signs(random, outcomes, 16, 8, 8), random.integers(-50, 51, outcomes).astype(np.int32)
    )
    return FoldedModel(source or InputSpec(margin=4, threshold=50), tuple(layers), head)


@pytest.mark.parametrize("convolutions", [1, 2])
def test_a_compiled_tree_sees_and_decides_as_the_models_do(convolutions):
    root = NodeSpec("root", model(1, outcomes=2, convolutions=convolutions), ("leaf", 0))
    leaf = NodeSpec("leaf", model(2), (1, 2, 0))
    tree = compile_tree("t", "abc", [root, leaf])
    assert tree.geometry.in_cells == (convolutions > 1)
    for image in np.random.default_rng(0).integers(0, 256, (10, 64, 64)).astype(np.uint8):
        bits = root.model.input.binarize(image)
        np.testing.assert_array_equal(tree.input_bits(image), bits)
        label, visits = tree.reference(image)
        expected = root.leads[infer(root.model, bits).outcome]
        if expected == "leaf":
            expected = leaf.leads[infer(leaf.model, bits).outcome]
        assert label == expected
        assert visits[0].node == "root"


@pytest.mark.parametrize(
    ("size", "channels"), [(64, 16), (32, 64), (16, 256), (128, 4), (256, 1), (64, 17), (100, 5), (32, 112)]
)
def test_channels_that_do_not_mix_lie_in_blocks_in_time_slots_if_need_be(size, channels):
    random = np.random.default_rng(0)
    layer = convolution(random, 1, channels, 3)
    head = FullyConnected(signs(random, 2, channels, size - 2, size - 2), np.zeros(2, np.int32))
    geometry = geometry_of([FoldedModel(InputSpec(size, threshold=9), (layer,), head)])
    assert (geometry.in_cells, geometry.size, geometry.threshold) == (False, size, 9)


def test_channels_that_mix_lie_in_cells():
    random = np.random.default_rng(0)
    layers = (convolution(random, 1, 4, 3), convolution(random, 4, 4, 3))
    head = FullyConnected(signs(random, 2, 4, 60, 60), np.zeros(2, np.int32))
    assert geometry_of([FoldedModel(InputSpec(64), layers, head)]).in_cells


def test_what_the_array_does_not_take_is_refused():
    nodes = [
        NodeSpec("root", model(1, outcomes=2), ("leaf", 0)),
        NodeSpec("leaf", model(2, outcomes=2, source=InputSpec(margin=4, threshold=51)), (0, 1)),
    ]
    with pytest.raises(CompileError, match="2 different inputs"):
        compile_tree("t", "ab", nodes)


@pytest.mark.parametrize("more", [{"local_mean": 3}, {"excess": 2}], ids=str)
def test_what_a_threshold_follows_is_the_capture_nodes(more):
    source = InputSpec(margin=4, threshold=-3, **more)
    tree = compile_tree("t", "abc", [NodeSpec("root", model(1, source=source), (0, 1, 2))])
    image = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    np.testing.assert_array_equal(tree.input_bits(image), source.binarize(image))
