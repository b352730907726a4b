"""Expanding weights: which selections make a plane that is constant over each block of a grid.

Such a plane is a boolean function of the block's address bits, and one pattern select (address and
don't-care mask) is a cube of that function. A plane is therefore loaded as a cover of cubes; where the
complement has a smaller cover, it is loaded instead and inverted at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pixeltree_emu.array.selection import PatternSelect
from pixeltree_protocol.cover import ChannelGrid, Pattern
from pixeltree_protocol.cover import expand as expand_positions
from pixeltree_protocol.objects.program import LoadCover
from pixeltree_protocol.objects.segment import BlockPlanes, PackedBits, block_size

_INVERSION_WORTH = 1
"""Covers one cube smaller pay for the two words of an inversion: a cube costs a select and a launch."""


@dataclass(frozen=True)
class Expansion:
    """How to load one plane: OR these selections together, then invert if asked."""

    selections: tuple[PatternSelect, ...]
    inverted: bool


def expand(segment: BlockPlanes, plane: int) -> Expansion:
    """The cheapest expansion found for a plane of a segment."""
    bits = segment.planes[plane]
    whole = (1 << segment.blocks) - 1
    direct = cover(bits, segment.blocks)
    inverse = cover(whole & ~bits, segment.blocks)
    inverted = len(inverse) + _INVERSION_WORTH < max(len(direct), 1)
    cubes = inverse if inverted else direct
    return Expansion(tuple(_selection(segment, cube) for cube in cubes), inverted)


@dataclass(frozen=True)
class Cube:
    """The minterms that agree with ``value`` in every bit that ``free`` leaves."""

    value: int
    free: int


def cover(function: int, minterms: int) -> tuple[Cube, ...]:
    """Cubes whose union is exactly the set bits of ``function`` (bit m: minterm m is in).

    Greedy over all cubes inside the function, largest gain first; deterministic. Not always minimal,
    but within one cube of it for grids of 4 x 4 in practice.
    """
    cubes = [(cube, mask) for cube, mask in _all_cubes(minterms) if not mask & ~function]
    chosen: list[Cube] = []
    rest = function
    while rest:
        cube, mask = max(cubes, key=lambda entry: (entry[1] & rest).bit_count())
        chosen.append(cube)
        rest &= ~mask
    return tuple(chosen)


@lru_cache(maxsize=16)
def _all_cubes(minterms: int) -> tuple[tuple[Cube, int], ...]:
    """Every cube over ``log2(minterms)`` address bits with the set of its minterms, largest first."""
    address_mask = minterms - 1
    cubes = []
    for free in range(minterms):
        for value in range(minterms):
            if value & free:
                continue
            mask = sum(1 << m for m in range(minterms) if (m ^ value) & ~free & address_mask == 0)
            cubes.append((Cube(value, free), mask))
    return tuple(sorted(cubes, key=lambda entry: -entry[1].bit_count()))


def _selection(segment: BlockPlanes, cube: Cube) -> PatternSelect:
    """Block address bits -> row and column addresses; the bits inside a block are always free."""
    height, width = block_size(segment)
    rows = divmod(cube.value, segment.grid_columns), divmod(cube.free, segment.grid_columns)
    (row, column), (free_row, free_column) = rows
    return PatternSelect(
        row * height, column * width, free_row * height | height - 1, free_column * width | width - 1
    )


def cover_of(step: LoadCover, mask: BlockPlanes, segment: PackedBits) -> tuple[Pattern, ...]:
    """The selections of a cover step: the positions in the mask take the segment's bits one by one."""
    care = mask.planes[step.plane]
    positions = [position for position in range(mask.blocks) if care >> position & 1]
    values = segment.field(step.bit, len(positions))
    ones = sum(1 << position for index, position in enumerate(positions) if values >> index & 1)
    return expand_positions(ChannelGrid(mask.grid_rows, step.shift), ones, care)
