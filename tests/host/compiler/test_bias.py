"""The bias matrix: digits that add up to half a count below the bias, and a chip's noise that stays small."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.on_array import run_node

from pixeltree.compiler import compile_model
from pixeltree.compiler.layout import FeatureMap, cell_layout
from pixeltree.compiler.lower import GREATEST_SUM, GREATEST_UNIT
from pixeltree.compiler.taps import bias_planes, digit_levels, plus_taps, taps, thresholds
from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.model import Convolution, ConvolutionGeometry, infer
from pixeltree_emu.array.nonidealities import TYPICAL, Chip
from pixeltree_emu.controller.device_array import PixelArray


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), side=st.integers(1, 7), inputs=st.sampled_from([1, 3, 4]))
def test_the_digits_add_up_to_the_bias_and_never_leave_the_range(seed, side, inputs):
    random = np.random.default_rng(seed)
    weights = (random.integers(0, 2, (4, inputs, side, side)) * 2 - 1).astype(np.int8)
    bias = random.integers(-300, 300, 4).astype(np.int32)
    geometry = ConvolutionGeometry(4, side, before=0, after=0)
    layer = Convolution(geometry, weights, bias, random.random(4) < 0.5)
    layout = cell_layout(32, 4)
    source = FeatureMap((inputs, 32, 32), layout, 8, tuple(range(inputs)) if inputs > 1 else ())
    target = FeatureMap((4, 33 - side, 33 - side), layout, 8, (0, 1, 2, 3))
    order = taps(layer, source, target)
    planes = bias_planes(layer, order, target)[::-1]
    for position, count in enumerate(thresholds(layer)):
        plus = plus_taps(order, position)
        greatest = max(max(p, layer.taps + 1 - p) for p in (plus_taps(order, o) for o in range(4)))
        level = min(GREATEST_UNIT, GREATEST_SUM // greatest)
        total = 0
        for index, plane in enumerate(planes):
            add, take = digit_levels(level, index)
            total += add if plane[position] else -take
            assert abs(total) <= GREATEST_SUM
        assert total == (count - plus) * level - level // 2


def test_a_typical_chips_noise_changes_few_activations():
    """With doubled bits of the bias, logits of 4,096 activations were off by 170 on average."""
    tree = demo_tree()
    model = tree.root.model
    compiled = compile_model(model, layout=tree.geometry.layout(model))
    array = PixelArray(chip=Chip(TYPICAL, 0, 0))
    errors = []
    for image in demo_digits().images[:4]:
        bits = tree.input_bits(image)
        errors.append(np.subtract(run_node(compiled, bits, array).logits, infer(model, bits).logits))
    inputs = model.head.weights[0].size
    assert np.abs(errors).mean() < 0.02 * inputs
    assert np.abs(errors).max() > 0


@pytest.mark.parametrize(("level", "levels"), [(12, (6, 6)), (3, (2, 1)), (1, (1, 0))])
def test_half_a_count_that_is_no_whole_number_goes_up(level, levels):
    assert digit_levels(level, 0) == levels
    assert digit_levels(level, 3) == (4 * level, 4 * level)
