"""Folded models become what the compiler takes, and compute the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from pixeltree.errors import CompileError  # noqa: E402
from pixeltree.folded import (  # noqa: E402
    Convolution,
    FoldedModel,
    FullyConnected,
    HeatMap,
    InputSpec,
    Pooling,
    PoolingKind,
    infer,
)
from pixeltree.train.export import FoldedNode, compile_tree, folded_network  # noqa: E402


def signs(random, *shape):
    return (random.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def model(seed, pool=8, outcomes=3, source=None):
    random = np.random.default_rng(seed)
    bias = random.integers(-18, 19, 16).astype(np.int32)
    convolution = Convolution(signs(random, 16, 1, 4, 4), bias, random.random(16) < 0.5, after=3)
    cells = 64 // pool
    head = FullyConnected(
        signs(random, outcomes, 16, cells, cells), random.integers(-50, 51, outcomes).astype(np.int32)
    )
    return FoldedModel(
        source or InputSpec(margin=4, threshold=50), (convolution, Pooling(PoolingKind.OR, pool)), head
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), pool=st.sampled_from([2, 4, 8, 16]), density=st.floats(0, 1))
def test_bits_in_place_of_signs_compute_the_same(seed, pool, density):
    folded = model(seed, pool)
    network = folded_network(folded)
    bits = np.random.default_rng(seed + 1).random((64, 64)) < density
    inference = infer(folded, bits)
    np.testing.assert_array_equal(network.activations(bits), inference.activations[1])
    np.testing.assert_array_equal(network.logits(bits), inference.logits)


def test_a_compiled_tree_sees_and_decides_as_the_models_do():
    nodes = {"root": FoldedNode(model(1, outcomes=2), ("leaf", 0)), "leaf": FoldedNode(model(2), (1, 2, 0))}
    tree = compile_tree("t", "abc", nodes)
    for image in np.random.default_rng(0).integers(0, 256, (10, 64, 64)).astype(np.uint8):
        bits = nodes["root"].model.input.binarize(image)
        np.testing.assert_array_equal(tree.input_bits(image), bits)
        label, visits = tree.reference(image)
        expected = nodes["root"].leads[infer(nodes["root"].model, bits).outcome]
        if expected == "leaf":
            expected = nodes["leaf"].leads[infer(nodes["leaf"].model, bits).outcome]
        assert label == expected
        assert visits[0].node == "root"


def other(**change):
    whole = model(0)
    convolution, pooling = whole.layers
    parts = {
        "weights": convolution.weights,
        "bias": convolution.bias,
        "falling": convolution.falling,
        "after": 3,
    }
    parts |= {name: value for name, value in change.items() if name in parts or name in ("before", "stride")}
    layers = (Convolution(**parts), change.get("pooling", pooling))
    return FoldedModel(whole.input, layers, change.get("head", whole.head))


@pytest.mark.parametrize(
    "make",
    [
        lambda: other(before=1, after=2),
        lambda: other(pooling=Pooling(PoolingKind.MAJORITY, 8)),
        lambda: FoldedModel(
            InputSpec(),
            (model(0).layers[0], Pooling(PoolingKind.OR, 8)),
            HeatMap(np.ones((1, 16, 1, 1), np.int8), np.zeros(1, np.int32)),
        ),
    ],
)
def test_other_shapes_are_refused_with_a_way_out(make):
    with pytest.raises(CompileError, match=r"compiles one convolution .* save the folded model instead"):
        folded_network(make())


def test_nodes_of_different_inputs_are_refused():
    nodes = {
        "root": FoldedNode(model(1, outcomes=2), ("leaf", 0)),
        "leaf": FoldedNode(model(2, outcomes=2, source=InputSpec(margin=4, threshold=51)), (0, 1)),
    }
    with pytest.raises(CompileError, match="2 different inputs"):
        compile_tree("t", "ab", nodes)
