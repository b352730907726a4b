"""Compiled networks on an emulated array in ideal mode equal the integer reference, bit for bit."""

import re

import numpy as np
import pytest
from tests.support.effort import chosen
from tests.support.on_array import run_node
from tests.support.random_models import any_model, check, check_network, random_model, ternary
from tests.support.strategies import convolution, heat_map

from pixeltree.compiler.pipeline import compile_model
from pixeltree.errors import CompileError
from pixeltree.model import Convolution, FoldedModel, InputSpec, Pooling, infer
from pixeltree_emu.controller.device_array import PixelArray

NETWORKS = 500
SHARES = 50
TERNARY_NETWORKS = 4
"""Of a share, beside the others."""

MOST_REFUSED = 2
"""Of a share; the controller's store is too small for a few."""


@pytest.fixture(scope="module")
def array():
    return PixelArray()


@pytest.mark.parametrize("share", chosen(range(SHARES), (3, 17)))
def test_random_networks_equal_the_reference_and_take_the_predicted_time(share, array):
    checked = refused = 0
    seed = share
    while checked < NETWORKS // SHARES:
        try:
            problem = check_network(seed, array)
        except CompileError:
            refused += 1
        else:
            assert problem is None, f"network {seed}: {problem}"
            checked += 1
        seed += SHARES
    assert refused <= MOST_REFUSED


@pytest.mark.parametrize("share", chosen(range(SHARES), (5,)))
def test_random_ternary_networks_equal_the_reference_and_take_the_predicted_time(share, array):
    checked = seed = 0
    while checked < TERNARY_NETWORKS:
        model, layout = random_model(SHARES * seed + share)
        try:
            problem = check(ternary(model, seed), layout, seed, array)
        except CompileError:
            seed += 1
            continue
        assert problem is None, f"network {SHARES * seed + share}: {problem}"
        checked, seed = checked + 1, seed + 1
    assert seed <= TERNARY_NETWORKS + MOST_REFUSED


@pytest.mark.parametrize("share", chosen(range(4), (1,)))
def test_any_model_compiles_or_is_refused_with_a_reason(share, array):
    outcomes = {"fits": 0, "does not fit": 0}
    for seed in range(share * 20, share * 20 + 20):
        model = any_model(seed)
        if model is None:
            continue
        try:
            problem = check(model, None, seed, array)
        except CompileError as error:
            assert re.search(r"layer|channels|size", str(error))
            outcomes["does not fit"] += 1
        else:
            assert problem is None, f"model {seed}: {problem}"
            outcomes["fits"] += 1
    assert min(outcomes.values()) >= 3


def test_the_random_networks_are_of_all_kinds():
    """So that nobody narrows the generator without noticing."""
    seen = set()
    for seed in range(NETWORKS):
        model, layout = random_model(seed)
        seen |= {type(layer).__name__ for layer in (*model.layers, model.head)}
        seen.add(f"planes {getattr(model.head, 'planes', 1)}")
        seen |= {f"depth {len(model.layers)}", "blocks" if layout.in_blocks else "cells"}
        geometries = [layer.geometry for layer in model.layers if isinstance(layer, Convolution)]
        seen |= {f"kernel {geometry.kernel}" for geometry in geometries}
        seen |= {"grouped" for geometry in geometries if geometry.groups > 1}
        seen |= {"strided" for geometry in geometries if geometry.stride > 1}
        seen |= {"bordered" for geometry in geometries if geometry.borders[0]}
        seen.add(f"grid {layout.grid.side}")
        seen.add(f"size {model.input.size}")
    wanted = {"Convolution", "Pooling", "FullyConnected", "HeatMap", "blocks", "cells", "grouped", "strided"}
    wanted |= {f"kernel {side}" for side in range(2, 8)} | {f"grid {side}" for side in (1, 2, 4, 8, 16)}
    wanted |= {"planes 1", "planes 2", "planes 3"}
    wanted |= {"bordered", "size 16", "size 256", "depth 1", "depth 2", "depth 3", "depth 4"}
    assert wanted <= seen, wanted - seen


def test_compiling_is_deterministic():
    model, layout = random_model(3)
    first, second = (compile_model(model, layout=layout) for _ in range(2))
    assert first.node.objects == second.node.objects


def test_a_dark_and_a_bright_input(array):
    model, layout = random_model(5)
    compiled = compile_model(model, layout=layout)
    for value in (False, True):
        bits = np.full((model.input.size, model.input.size), value)
        margin = model.input.margin
        if margin:
            bits[:margin] = bits[-margin:] = bits[:, :margin] = bits[:, -margin:] = False
        assert run_node(compiled, bits, array).logits == tuple(infer(model, bits).logits)


def test_a_segmentation_map_of_256_cells_comes_back_whole(array):
    """64 x 64 pixels, a logit for every 4 x 4 of them."""
    random = np.random.default_rng(0)
    layers = (
        convolution(random, 1, 16, 4, before=1, after=2),
        Pooling(2),
        convolution(random, 16, 16, 3, 16, before=1, after=1),
        Pooling(2),
    )
    model = FoldedModel(InputSpec(64), layers, heat_map(random, 16, 3, before=1, after=1))
    assert model.shapes[-1] == (1, 16, 16)
    compiled = compile_model(model)
    bits = random.random((64, 64)) < 0.5
    result = run_node(compiled, bits, array)
    assert result.logits == tuple(infer(model, bits).logits)
    assert (result.ns, result.words) == (compiled.cost.nanoseconds, compiled.cost.words)
