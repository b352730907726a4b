"""A fully connected head on the array gives the same logits as on the controller, exactly."""

import numpy as np
import pytest
from tests.support.on_array import run_node
from tests.support.strategies import convolution, fully_connected, heat_map

from pixeltree.compiler.pipeline import Where, compile_model
from pixeltree.errors import CompileError
from pixeltree.model import FoldedModel, FullyConnected, InputSpec, Pooling, infer
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.objects.program import ApplyFullyConnected, Program, SumLogit

RANDOM = np.random.default_rng(3)


def conv(outputs, side, **rest):
    return convolution(RANDOM, 1, outputs, side, **rest)


MODELS = {
    "cells of 16, some empty": (64, (conv(16, 4), Pooling(16)), (16, 3, 3), 5),
    "cells of 32": (64, (conv(4, 4), Pooling(16)), (4, 3, 3), 3),
    "every cell an activation": (256, (Pooling(16),), (1, 16, 16), 3),
    "one activation a block": (64, (conv(13, 3), Pooling(16), Pooling(3)), (13, 1, 1), 2),
    "one activation": (16, (Pooling(16),), (1, 1, 1), 4),
}


def model(name, planes=1):
    size, layers, shape, outcomes = MODELS[name]
    head = fully_connected(np.random.default_rng(4), shape, outcomes, planes)
    return FoldedModel(InputSpec(size), layers, head)


@pytest.fixture(scope="module")
def array():
    return PixelArray()


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.97, 1])
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_exact_and_time_is_as_predicted(name, share, array):
    network = model(name)
    compiled = compile_model(network, head=Where.ARRAY)
    bits = np.random.default_rng(5).random((network.input.size,) * 2) < share
    result = run_node(compiled, bits, array)
    assert result.logits == tuple(infer(network, bits).logits)
    assert (result.ns, result.words) == (compiled.cost.nanoseconds, compiled.cost.words)


@pytest.mark.parametrize("name", ["cells of 16, some empty", "every cell an activation"])
def test_ternary_weights_on_the_array_are_exact_too(name, array):
    network = model(name)
    zeros = np.random.default_rng(6).random(network.head.weights.shape) < 0.4
    head = FullyConnected(np.where(zeros, 0, network.head.weights).astype(np.int8), network.head.bias)
    network = FoldedModel(network.input, network.layers, head)
    compiled = compile_model(network, head=Where.ARRAY)
    bits = np.random.default_rng(5).random((network.input.size,) * 2) < 0.05
    result = run_node(compiled, bits, array)
    assert result.logits == tuple(infer(network, bits).logits)
    assert (result.ns, result.words) == (compiled.cost.nanoseconds, compiled.cost.words)


@pytest.mark.parametrize("name", MODELS)
def test_the_faster_place_is_taken_unless_told(name):
    here, there = (compile_model(model(name), head=where).cost.nanoseconds for where in Where)
    assert compile_model(model(name)).cost.nanoseconds == min(here, there)


@pytest.mark.parametrize("planes", [2, 7])
@pytest.mark.parametrize("name", MODELS)
def test_weights_of_several_planes_are_for_the_controller(name, planes, array):
    """The array refuses them; left to choose, the compiler takes the controller."""
    network = model(name, planes)
    assert network.head.planes == planes
    message = rf"x {planes} planes on the array: its weights have {planes} planes.*use the controller's head"
    with pytest.raises(CompileError, match=message):
        compile_model(network, head=Where.ARRAY)
    compiled = compile_model(network)
    steps = Program.decode(compiled.node.objects[compiled.node.manifest.program]).steps
    assert any(isinstance(step, ApplyFullyConnected) for step in steps)
    bits = np.random.default_rng(5).random((network.input.size,) * 2) < 0.02
    assert run_node(compiled, bits, array).logits == tuple(infer(network, bits).logits)


def test_the_patterns_of_a_sum_are_all_combinations_of_its_bits():
    step = SumLogit(0, 0, 1, 0, 4, 0, 3, 127, 4, 8)
    assert step.patterns == tuple((row, column, 3, 127) for row in (4, 12) for column in (0, 128))
    assert SumLogit(0, 0, 1, 0, 4, 5, 3, 127, 0, 0).patterns == ((4, 5, 3, 127),)


@pytest.mark.parametrize(("network", "message"), [
    (FoldedModel(InputSpec(64), (), fully_connected(RANDOM, (1, 64, 64), 2)), "PEs apart.*they need 16"),
    (FoldedModel(InputSpec(64), (), heat_map(RANDOM, 1, 7, stride=8)), "--head is for fully connected heads"),
], ids=["too close", "map"])  # fmt: skip
def test_what_cannot_be_on_the_array_is_told(network, message):
    with pytest.raises(CompileError, match=message):
        compile_model(network, head=Where.ARRAY)
