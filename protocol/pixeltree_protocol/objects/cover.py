"""Expanding weights: which selections make a plane that differs only between the channels of a grid.

Channels lie on a grid of ``side`` x ``side`` positions, ``1 << shift`` PEs apart: blocks of the array, or
neighbours within a cell. A plane that depends on the position alone is a boolean function of address bits,
and one pattern select (address and don't-care mask) is a cube of that function; so a plane is loaded as a
cover of cubes. Device and compiler use this module, so that they agree about what a plane costs.

Positions are numbered in the array's coordinates: ``row * side + column``, column 0 the RIGHT one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.objects.program import LoadCover
from pixeltree_protocol.objects.segment import BlockPlanes, PackedBits, TernaryWeights

_EXACT_MINTERMS = 16
"""Functions of up to four address bits get a smallest cover; larger ones an irredundant one."""

_UNKNOWN = 127
"""In place of the size of a cover that is not known yet."""

_ALL = ARRAY_SIZE - 1


class Cube(NamedTuple):
    """The positions that agree with ``value`` in every bit that ``free`` leaves."""

    value: int
    free: int


class Pattern(NamedTuple):
    """Operands of a pattern select: row and column address, and the bits of each that may be anything."""

    r: int
    c: int
    rx: int
    cx: int


@dataclass(frozen=True)
class ChannelGrid:
    """Positions of channels on the array.

    Attributes:
        side: positions along each side, a power of two from 1 to 16.
        shift: log2 of the distance between neighbouring positions, in PEs.
    """

    side: int
    shift: int

    @property
    def positions(self) -> int:
        """Number of positions."""
        return self.side * self.side

    def pattern(self, cube: Cube) -> Pattern:
        """The select of a cube; address bits that do not name a position are free."""
        own = (self.side - 1) << self.shift
        (row, column), (free_row, free_column) = divmod(cube.value, self.side), divmod(cube.free, self.side)
        others = _ALL & ~own
        return Pattern(
            row << self.shift,
            column << self.shift,
            free_row << self.shift | others,
            free_column << self.shift | others,
        )


def selections(
    step: LoadCover, mask: BlockPlanes, segment: PackedBits | TernaryWeights
) -> tuple[Pattern, ...]:
    """Pattern selects of a cover step: the positions in the mask take the segment's bits one by one."""
    care = mask.planes[step.plane]
    positions = [position for position in range(mask.blocks) if care >> position & 1]
    if isinstance(segment, TernaryWeights):
        ones, care = _of_ternary(segment, step.bit, positions)
    else:
        values = segment.field(step.bit, len(positions))
        ones = sum(1 << position for index, position in enumerate(positions) if values >> index & 1)
    return expand(ChannelGrid(mask.grid_rows, step.shift), ones, care)


def _of_ternary(segment: TernaryWeights, bit: int, positions: list[int]) -> tuple[int, int]:
    """Which positions are 1, and which matter; a position whose weight is 0 has no sign."""
    tells_zeros, first = divmod(bit, segment.count)
    weights = segment.weights[first : first + len(positions)].tolist()
    if tells_zeros:
        return _set_of(positions, [weight == 0 for weight in weights]), _set_of(positions)
    return _set_of(positions, [weight > 0 for weight in weights]), _set_of(positions, map(bool, weights))


def _set_of(positions: list[int], there: Iterable[bool] = repeat(True)) -> int:
    """Those positions that are there, as bits."""
    return sum(1 << position for position, one in zip(positions, there, strict=False) if one)


def expand(grid: ChannelGrid, ones: int, care: int) -> tuple[Pattern, ...]:
    """Selections whose union is 1 at ``ones`` and 0 at the other positions of ``care``.

    Args:
        grid: where the channels are.
        ones: bit p: position p is 1; within ``care``.
        care: bit p: position p matters.
    """
    return tuple(grid.pattern(cube) for cube in cover(ones, care, grid.positions))


@lru_cache(maxsize=4096)
def cover(ones: int, care: int, minterms: int) -> tuple[Cube, ...]:
    """Cubes whose union contains ``ones`` and nothing else of ``care``; bit m stands for minterm m.

    Deterministic. Smallest for up to 16 minterms, irredundant (Minato and Morreale 1996) beyond.
    """
    if minterms <= _EXACT_MINTERMS:
        return _smallest_cover(ones, care, minterms)
    everything = (1 << minterms) - 1
    cubes, _ = _irredundant(ones, ones | everything & ~care, minterms)
    return tuple(sorted(cubes))


def cube_counts() -> npt.NDArray[np.int8]:
    """Size of the smallest cover of every function of four address bits: int8 (65,536,)."""
    return _tables(_EXACT_MINTERMS)[0]


def _smallest_cover(ones: int, care: int, minterms: int) -> tuple[Cube, ...]:
    counts, last_cube, before = _tables(minterms)
    functions = _completions(ones, care, minterms)
    function = int(functions[np.argmin(counts[functions])])
    cubes = []
    all_cubes = [cube for cube, _ in _all_cubes(minterms)]
    while function:
        cubes.append(all_cubes[last_cube[function]])
        function = int(before[function])
    return tuple(sorted(cubes))


def _completions(ones: int, care: int, minterms: int) -> npt.NDArray[np.int64]:
    """Every function that is ``ones`` within ``care``."""
    functions = np.array([ones], np.int64)
    for minterm in range(minterms):
        if not care >> minterm & 1:
            functions = np.concatenate([functions, functions | 1 << minterm])
    return functions


@lru_cache(maxsize=8)
def _tables(minterms: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Of every function: size of its smallest cover, index of that cover's last cube, function before it.

    Breadth first: the functions of n cubes are those of n - 1 with one cube more. Of several ways to a new
    function the first one counts: NumPy keeps the last value that goes to a place, so the order is reversed.
    """
    masks = np.array([mask for _, mask in _all_cubes(minterms)], np.int64)
    counts = np.full(1 << minterms, _UNKNOWN, np.int8)
    last_cube = np.zeros(1 << minterms, np.int16)
    before = np.zeros(1 << minterms, np.int64)
    counts[0] = 0
    frontier = np.zeros(1, np.int64)
    size = 0
    while len(frontier):
        size += 1
        unions = (frontier[:, None] | masks[None, :]).ravel()
        new = np.flatnonzero(counts[unions] == _UNKNOWN)[::-1]
        way = np.full(1 << minterms, -1, np.int64)
        way[unions[new]] = new
        reached = np.flatnonzero(way >= 0)
        way = way[reached]
        counts[reached] = size
        before[reached], last_cube[reached] = frontier[way // len(masks)], way % len(masks)
        frontier = reached
    return counts, last_cube, before


@lru_cache(maxsize=8)
def _all_cubes(minterms: int) -> tuple[tuple[Cube, int], ...]:
    """Every cube over ``log2(minterms)`` address bits with the set of its minterms, largest first."""
    address_mask = minterms - 1
    cubes = []
    for free in range(minterms):
        for value in range(minterms):
            if not value & free:
                mask = sum(1 << m for m in range(minterms) if (m ^ value) & ~free & address_mask == 0)
                cubes.append((Cube(value, free), mask))
    return tuple(sorted(cubes, key=lambda entry: -entry[1].bit_count()))


def _irredundant(lower: int, upper: int, minterms: int) -> tuple[list[Cube], int]:
    """An irredundant sum of products f with lower <= f <= upper, and f itself.

    The top address bit splits both bounds into halves; what either half needs and the other may not have goes
    into cubes with that bit, the rest into cubes without it.
    """
    if lower == 0:
        return [], 0
    if upper == (1 << minterms) - 1:
        return [Cube(0, minterms - 1)], upper
    half = minterms // 2
    mask = (1 << half) - 1
    lower_0, lower_1, upper_0, upper_1 = lower & mask, lower >> half, upper & mask, upper >> half
    cubes_0, f_0 = _irredundant(lower_0 & ~upper_1, upper_0, half)
    cubes_1, f_1 = _irredundant(lower_1 & ~upper_0, upper_1, half)
    both, f_both = _irredundant(lower_0 & ~f_0 | lower_1 & ~f_1, upper_0 & upper_1, half)
    cubes = [
        *cubes_0,
        *(Cube(cube.value | half, cube.free) for cube in cubes_1),
        *(Cube(cube.value, cube.free | half) for cube in both),
    ]
    return cubes, f_0 | f_both | (f_1 | f_both) << half
