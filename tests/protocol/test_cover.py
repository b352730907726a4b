"""Covers are exact where it matters, small, and the same every time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree_protocol.objects.cover import ChannelGrid, Cube, Pattern, cover, cube_counts, expand


def union(cubes, minterms):
    covered = 0
    for cube in cubes:
        covered |= sum(1 << m for m in range(minterms) if (m ^ cube.value) & ~cube.free & (minterms - 1) == 0)
    return covered


@settings(deadline=None)
@given(st.sampled_from([1, 4, 16, 64, 256]), st.data())
def test_a_cover_is_the_function_where_it_matters(minterms, data):
    care = data.draw(st.integers(0, (1 << minterms) - 1))
    ones = data.draw(st.integers(0, (1 << minterms) - 1)) & care
    assert union(cover(ones, care, minterms), minterms) & care == ones


@pytest.mark.parametrize(("function", "cubes"), [(0, 0), (0xFFFF, 1), (0x00FF, 1), (0xAAAA, 1), (0x6996, 8)])
def test_covers_of_known_functions_are_smallest(function, cubes):
    assert len(cover(function, 0xFFFF, 16)) == cubes == cube_counts()[function]


def test_positions_that_do_not_matter_make_covers_smaller():
    assert cover(0b0110, 0b1111, 4) == (Cube(1, 0), Cube(2, 0))
    assert cover(0b0110, 0b1110, 4) == (Cube(1, 0), Cube(2, 0))
    assert cover(0b0110, 0b0110, 4) == (Cube(0, 3),)


def test_large_functions_get_large_cubes():
    top = ((1 << 256) - 1) ^ ((1 << 128) - 1)
    assert cover(top, (1 << 256) - 1, 256) == (Cube(128, 127),)


def test_blocks_and_cells_name_positions_by_other_address_bits():
    ones = 1 << (1 * 4 + 2)  # row 1, column 2 from the right
    assert expand(ChannelGrid(4, 6), ones, 0xFFFF) == (Pattern(64, 128, 63, 63),)
    assert expand(ChannelGrid(4, 0), ones, 0xFFFF) == (Pattern(1, 2, 252, 252),)
