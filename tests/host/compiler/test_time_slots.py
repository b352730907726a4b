"""Channels that have no room together share the array in time slots, and nobody can tell from the logits."""

from dataclasses import replace

import numpy as np
import pytest
from tests.support.on_array import run_node
from tests.support.random_models import check, model_with, random_input
from tests.support.strategies import convolution, fully_connected, heat_map

from pixeltree.compiler.capture import CaptureGeometry
from pixeltree.compiler.layout import block_layout, cell_layout
from pixeltree.compiler.pipeline import Where, compile_model
from pixeltree.compiler.time_slots import time_slots
from pixeltree.errors import CompileError
from pixeltree.model import FoldedModel, InputSpec, infer
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.objects.program import ApplyFullyConnected, Program


@pytest.fixture(scope="module")
def array():
    return PixelArray()


@pytest.mark.parametrize(("channels", "parts"), [(4, [4]), (5, [3, 2]), (9, [3, 3, 3]), (11, [4, 4, 3])])
def test_time_slots_are_as_even_as_they_can_be_and_add_up(channels, parts):
    model = model_with(3, channels, depthwise=True)
    found = time_slots(model, block_layout(2))
    assert [slot.shapes[-1][0] for slot in found] == parts
    bits = random_input(model, 3)
    each = [infer(slot, bits).logits - slot.head.bias for slot in found]
    assert (np.sum(each, axis=0) + model.head.bias == infer(model, bits).logits).all()


def test_channels_that_mix_or_make_a_heat_map_stay_together():
    random = np.random.default_rng(0)
    first = convolution(random, 1, 8, 3)
    mixing = convolution(random, 8, 8, 2)
    dense = FoldedModel(InputSpec(16), (first, mixing), fully_connected(random, (8, 13, 13), 3))
    mapped = FoldedModel(InputSpec(16), (first,), heat_map(random, 8, 2))
    for model in (dense, mapped, FoldedModel(InputSpec(16), (), fully_connected(random, (1, 16, 16), 3))):
        assert time_slots(model, block_layout(2)) == [model]


@pytest.mark.parametrize(("channels", "pool", "planes", "depthwise"), [
    (65, 3, 2, False), (112, 3, 2, False), (100, 4, 1, False), (70, 3, 1, True), (192, 5, 3, False),
])  # fmt: skip
def test_time_slots_in_blocks_are_exact_and_take_the_time_that_is_predicted(
    channels, pool, planes, depthwise, array
):
    model = model_with(pool, channels, planes=planes, depthwise=depthwise)
    assert len(time_slots(model, block_layout(8))) == -(-channels // 64)
    assert check(model, None, 1, array) is None


@pytest.mark.parametrize("seed", range(20))
def test_any_time_slots_are_exact(seed, array):
    random = np.random.default_rng([seed, 7])
    side, size = random.choice([(2, 120), (4, 60), (4, 50), (8, 30)])
    channels = int(random.integers(side * side + 1, 3 * side * side))
    model = model_with(
        int(random.choice([3, 4, 5, 7])),
        channels,
        int(size),
        outcomes=int(random.integers(2, 6)),
        planes=int(random.integers(1, 4)),
        depthwise=bool(random.random() < 0.3),
        seed=seed,
    )
    layout = block_layout(int(side))
    assert len(time_slots(model, layout)) > 1
    assert check(model, layout, seed, array) is None


def test_time_slots_in_cells(array):
    model = model_with(4, 40, size=60)
    layout = CaptureGeometry(threshold=50, size=60, in_cells=True).layout(model)
    assert layout == cell_layout(60, 16)
    assert check(model, layout, 2, array) is None


def test_a_time_slot_shares_its_blocks_with_the_first_and_the_head_is_applied_once():
    compiled = compile_model(model_with(3, 112))
    stored = {section.name: section.needs.stored_words for section in compiled.sections}
    assert all(words for name, words in stored.items() if name.endswith("time slot 1 of 2"))
    layers = [name for name in stored if name.endswith("time slot 2 of 2") and "connected" not in name]
    assert len(layers) == 2
    assert not any(stored[name] for name in layers)
    program = Program.decode(compiled.node.objects[compiled.node.manifest.program])
    assert sum(isinstance(step, ApplyFullyConnected) for step in program.steps) == 1


def test_a_head_on_the_array_needs_all_channels_together(array):
    model = model_with(8, 20, size=60, planes=1)
    layout = block_layout(4)
    with pytest.raises(CompileError, match=r"in time slots.*together"):
        compile_model(model, layout=layout, head=Where.ARRAY)
    compiled = compile_model(model, layout=layout)
    bits = random_input(model, 4)
    assert run_node(compiled, bits, array).logits == tuple(infer(model, bits).logits)


def test_what_does_not_divide_still_says_that_there_is_no_room():
    model = model_with(3, 20, size=60)
    random = np.random.default_rng(1)
    mixing = (model.layers[0], convolution(random, 20, 20, 2))
    shape = mixing[1].output_shape(mixing[0].output_shape((1, 60, 60)))
    dense = replace(model, layers=mixing, head=fully_connected(random, shape, 3))
    with pytest.raises(CompileError, match=r"20 channels.*room for 16"):
        compile_model(dense, layout=block_layout(4))
