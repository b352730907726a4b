"""Weight expansion: covers are exact, small, and become the right pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree_emu.array.device_array import PixelArray
from pixeltree_emu.runtime.expansion import cover, expand
from pixeltree_protocol.objects import BlockPlanes
from pixeltree_protocol.registers import Digital


def union(cubes, minterms):
    covered = 0
    for cube in cubes:
        covered |= sum(1 << m for m in range(minterms) if (m ^ cube.value) & ~cube.free == 0)
    return covered


@given(st.integers(0, (1 << 16) - 1))
def test_a_cover_is_exactly_the_function(function):
    assert union(cover(function, 16), 16) == function


@pytest.mark.parametrize(("function", "cubes"), [(0, 0), (0xFFFF, 1), (0x00FF, 1), (0xAAAA, 1), (0x6996, 8)])
def test_covers_of_known_functions_are_minimal(function, cubes):
    """Empty, full, half planes, and parity, the worst function of four bits."""
    assert len(cover(function, 16)) == cubes


@settings(max_examples=30)
@given(st.sampled_from([(1, 1), (2, 4), (4, 4), (8, 2)]), st.data())
def test_an_expanded_plane_holds_every_blocks_bit(grid, data):
    rows, columns = grid
    plane = data.draw(st.integers(0, (1 << rows * columns) - 1))
    segment = BlockPlanes(rows, columns, (plane,))
    array = PixelArray()
    expansion = expand(segment, 0)
    result = np.zeros((256, 256), bool)
    for selection in expansion.selections:
        array.select_pattern(selection.r, selection.c, selection.rx, selection.cx)
        result |= array.engine.digital(Digital.SELECT)
    if expansion.inverted:
        result = ~result
    blocks = result.reshape(rows, 256 // rows, columns, 256 // columns)
    expected = np.array([plane >> i & 1 for i in range(rows * columns)], bool).reshape(rows, columns)
    assert np.array_equal(blocks, np.broadcast_to(expected[:, None, :, None], blocks.shape))


def test_a_nearly_empty_plane_is_loaded_as_it_is():
    expansion = expand(BlockPlanes(4, 4, (1 << 5,)), 0)
    assert not expansion.inverted
    assert len(expansion.selections) == 1


def test_a_nearly_full_plane_is_loaded_inverted():
    expansion = expand(BlockPlanes(4, 4, (0xFFFF & ~(1 << 5),)), 0)
    assert expansion.inverted
    assert len(expansion.selections) == 1
