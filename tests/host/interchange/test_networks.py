"""An imported network computes what ONNX's reference computes, on the integer reference and on the array."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.effort import chosen, effort
from tests.support.on_array import run_node
from tests.support.onnx_networks import images, network, reference, saved

from pixeltree.compiler import compile_model
from pixeltree.interchange import read_onnx
from pixeltree.model import infer_many
from pixeltree_emu.controller.device_array import PixelArray


def compare(build, found, pictures):
    """Every activation that was noted, and every decision."""
    *activations, logits = reference(build, pictures)
    bits = np.array([found.model.input.binarize(each) for each in pictures])
    ours = infer_many(found.model, bits)
    for (_, layers, turned), values in zip(build.bits, activations, strict=True):
        middle = (values.min() + values.max()) / 2
        if values.min() < values.max():
            assert np.array_equal(ours.activations[layers], (values > middle) != turned)
    assert np.array_equal(ours.logits.argmax(axis=1), logits.argmax(axis=1))
    return bits, ours


@settings(max_examples=effort(300, 25))
@given(st.integers(0, 2**32))
def test_a_network_whose_floats_are_exact_gives_the_same_bits_and_decisions_ties_included(folder, seed):
    build = network(seed, dyadic=True)
    found = read_onnx(saved(build.model(), folder))
    compare(build, found, images(seed, build.size))


@settings(max_examples=effort(300, 20))
@given(st.integers(0, 2**32))
def test_a_network_of_any_floats_gives_the_same_where_no_sum_is_within_rounding(folder, seed):
    build = network(seed, dyadic=False)
    found = read_onnx(saved(build.model(), folder))
    assume(not found.near)
    compare(build, found, images(seed, build.size))


@pytest.mark.parametrize("seed", chosen(range(20), (0, 1)))
def test_an_emulated_array_gives_the_logits_of_an_imported_network(folder, array, seed):
    build = network(seed, dyadic=True)
    found = read_onnx(saved(build.model(), folder))
    bits, ours = compare(build, found, images(seed, build.size, 2))
    compiled = compile_model(found.model)
    for plane, logits in zip(bits, ours.logits, strict=True):
        assert run_node(compiled, plane, array).logits == tuple(logits)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def array():
    return PixelArray()
