"""Window nodes: what they show, and what their children make of it, equal the integer reference."""

import numpy as np
import pytest
from tests.support.on_array import input_plane, run_node
from tests.support.strategies import convolution, fully_connected, heat_map

from pixeltree.compiler import CaptureGeometry, compile_model, compile_window
from pixeltree.compiler.layout import INPUT
from pixeltree.errors import CompileError
from pixeltree.model import FoldedModel, InputSpec, ModelError, Pooling, Window, infer
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.objects import Child, Label

CHAINS = 24


@pytest.fixture(scope="module")
def array():
    return PixelArray()


def random_chain(random):
    """A geometry, a window, and a child that fits below it."""
    in_cells = bool(random.random() < 0.6)
    size = int(random.choice([16, 20, 32, 60, 64] if in_cells else [32, 60, 64, 128]))
    geometry = CaptureGeometry(60, 0, 0, margin=0, size=size, in_cells=in_cells)
    seen = int(random.integers(16, size + 1))
    window = Window(*(int(edge) for edge in random.integers(1 - seen, size, 2)), seen)
    channels = int(random.integers(1, min(16, (geometry.pitch if in_cells else geometry.grid) ** 2) + 1))
    side = int(random.integers(2, 6))
    quiet = in_cells or geometry.room - seen >= side
    before = int(random.integers(0, side)) if quiet else 0
    after = int(random.integers(0, side - before)) if quiet else 0
    layers = [convolution(random, 1, channels, side, before=before, after=after), Pooling(4)]
    shape = layers[1].output_shape(layers[0].output_shape((1, seen, seen)))
    head = heat_map(random, channels, 2) if in_cells and random.random() < 0.3 else None
    head = head or fully_connected(random, shape, int(random.integers(2, 6)))
    return geometry, window, FoldedModel(InputSpec(seen), tuple(layers), head)


@pytest.mark.parametrize("share", range(2))
def test_a_child_below_a_window_equals_the_reference(share, array):
    for seed in range(share, CHAINS, 2):
        random = np.random.default_rng([seed, 3])
        geometry, window, model = random_chain(random)
        child = compile_model(model, layout=geometry.layout(model, window))
        above = compile_window(geometry, window, Child(child.node.digest))
        bits = random.random((geometry.size, geometry.size)) < random.choice([0.2, 0.5, 1.0])
        array.engine.set_digital(INPUT, input_plane(child.layout, bits))
        first = run_node(above, None, array)
        assert (first.logits, first.ns) == ((0,), above.cost.nanoseconds), seed
        second = run_node(child, None, array)
        assert second.logits == tuple(infer(model, window.cut(bits)).logits), (seed, geometry, window)


def test_windows_share_their_blocks():
    geometry = CaptureGeometry(60, margin=4, size=64, in_cells=True)
    nodes = [
        compile_window(geometry, Window(row, column, 32), Label(0)).node
        for row in range(-16, 48, 8)
        for column in range(-16, 48, 8)
    ]
    objects = {digest: data for node in nodes for digest, data in node.objects.items()}
    assert len({node.digest for node in nodes}) == 64
    assert sum(map(len, objects.values())) < 64 * 300


def test_a_window_shows_0_beyond_the_edges():
    plane = np.arange(1, 257, dtype=np.uint8).reshape(16, 16)
    shown = Window(-3, 5, 16).cut(np.stack([plane, plane.T]))
    assert shown.dtype == np.uint8
    assert (shown[0, :3] == 0).all() and (shown[0, :, 11:] == 0).all()
    np.testing.assert_array_equal(shown[0, 3:, :11], plane[:13, 5:])
    np.testing.assert_array_equal(shown[1, 3:, :11], plane.T[:13, 5:])


def test_windows_that_cannot_be_are_refused():
    geometry = CaptureGeometry(60, margin=0, size=64, in_cells=True)
    for row, column, size, message in (
        (0, 0, 8, "16 to 256 rows"),
        (-256, 0, 16, "begins at -255"),
        (0.5, 0, 16, "whole numbers"),
    ):
        with pytest.raises(ModelError, match=message):
            Window(row, column, size)
    for window, message in ((Window(0, 0, 65), "of 64 x 64"), (Window(-16, 0, 16), "sees nothing")):
        with pytest.raises(CompileError, match=message):
            compile_window(geometry, window, Label(0))
    child = FoldedModel(
        InputSpec(32, margin=2), (), fully_connected(np.random.default_rng(0), (1, 32, 32), 2)
    )
    with pytest.raises(CompileError, match="the window above it shows"):
        geometry.layout(child, Window(0, 0, 32))
