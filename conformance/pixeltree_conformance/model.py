"""What instruction words and controller steps do, in NumPy: planes in, planes out.

Planes are indexed ``[row, column]`` in the array's own coordinates: row 0 is the top edge, column 0 the RIGHT
one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree_protocol.chip.registers import ARRAY_SIZE, Direction

SHAPE = (ARRAY_SIZE, ARRAY_SIZE)

Bits = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.int16]


def positions_at(side: int, shift: int) -> npt.NDArray[np.int64]:
    """The position of each PE: row * side + column in a square grid, by its address bits ``shift`` and up."""
    numbers = np.arange(ARRAY_SIZE) >> shift & side - 1
    return side * numbers[:, None] + numbers[None, :]


def pattern(r: int, c: int, rx: int, cx: int) -> Bits:
    """Pixels whose row and column match but for the mask's bits."""
    numbers = np.arange(ARRAY_SIZE)
    rows = (numbers ^ r) & ~rx & 0xFF == 0
    columns = (numbers ^ c) & ~cx & 0xFF == 0
    return np.asarray(rows[:, None] & columns[None, :], np.bool_)


def rectangle(r0: int, c0: int, r1: int, c1: int) -> Bits:
    """Pixels of a rectangle, corners included."""
    plane = np.zeros(SHAPE, np.bool_)
    plane[r0 : r1 + 1, c0 : c1 + 1] = True
    return plane


def bits_at(plane: Bits, direction: Direction, beyond: bool = False) -> Bits:
    """What every PE sees of a digital plane in its neighbour at a direction."""
    return np.asarray(_moved(plane, direction, beyond), np.bool_)


def levels_at(plane: Levels, *directions: Direction) -> Levels:
    """What every PE sees of an analog plane some hops away; 0 beyond the edge."""
    for direction in directions:
        plane = np.asarray(_moved(plane, direction, 0), np.int16)
    return plane


def _moved(plane: npt.NDArray[np.generic], direction: Direction, beyond: int) -> npt.NDArray[np.generic]:
    seen = np.full_like(plane, beyond)
    match direction:
        case Direction.NORTH:
            seen[1:, :] = plane[:-1, :]
        case Direction.SOUTH:
            seen[:-1, :] = plane[1:, :]
        case Direction.EAST:
            seen[:, 1:] = plane[:, :-1]
        case Direction.WEST:
            seen[:, :-1] = plane[:, 1:]
    return seen


def clip(levels: npt.NDArray[np.generic]) -> Levels:
    """Saturated as an AREG saturates."""
    return np.asarray(np.clip(levels, -128, 127), np.int16)


def half(levels: Levels) -> Levels:
    """Halved toward zero, as a transfer to two registers divides."""
    return np.asarray(np.sign(levels) * (np.abs(levels) // 2), np.int16)
