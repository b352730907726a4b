"""Planes that no state of the array makes any difference to, such as weights: worked out before a block runs.

Weights are selections that are put together. Whoever runs a block again and again loads the result instead. A
plane is packed as 128 numbers, one for each pair of rows, and the different pairs that they stand for: where
channels lie on a grid there are few.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.fast.compiled import Row, Table, entry
from pixeltree_emu.array.fast.layout import DIGITAL_BYTES, DIGITAL_PLANES, FIRST_ROW, MARGIN, aligned_bytes
from pixeltree_emu.array.fast.passes import (
    CODE,
    COLUMNS,
    CONSTANT,
    DST,
    LAST_ANALOG,
    MASK,
    NO_MASK,
    NO_PLANE,
    NOR,
    OR,
    SELECT_PATTERN,
    SELECT_RECTANGLE,
    SET_TO,
    SHIFT,
    VALUE,
    A,
    B,
    C,
    D,
)

PAIRS = 128
PAIR_BYTES = 64

Memory = npt.NDArray[np.int8]


@entry
def find_constants(passes: Table, total: int, constant: Row) -> None:
    """Put CONSTANT in the place of passes that only depend on selections; VALUE says which passes they were.

    Args:
        passes: int64, as ``translate`` makes them; rewritten.
        total: how many.
        constant: int64 (total,), becomes 1 for every pass whose result is a constant, rewritten or not.
    """
    known = np.zeros(DIGITAL_PLANES, np.int64)
    for index in range(total):
        row = passes[index]
        code, dst = row[CODE], row[DST]
        if code <= LAST_ANALOG:
            continue
        same = row[MASK] == NO_MASK
        if code == SHIFT:
            same = same and known[row[A]] == 1
        elif code in (OR, NOR):
            for column in (A, B, C, D):
                same = same and (row[column] == NO_PLANE or known[row[column]] == 1)
        else:
            same = same and code in (SELECT_PATTERN, SELECT_RECTANGLE, SET_TO)
        known[dst] = 1 if same else 0
        if same:
            constant[index] = 1
            if code in (OR, NOR, SHIFT):
                for column in range(COLUMNS):
                    row[column] = NO_PLANE
                row[CODE], row[DST], row[VALUE] = CONSTANT, dst, index


def load_constants(passes: Table, before: Table, constant: Row, execute: Callable[..., None]) -> Memory:
    """Work out the constants that are left, and put their addresses in.

    Args:
        passes: int64, optimized; rewritten.
        before: int64, as they were before :func:`find_constants`.
        constant: int64, what that found.
        execute: runs passes.

    Returns:
        int8, where the constants lie; to be kept as long as the passes are.
    """
    left = np.flatnonzero(passes[:, CODE] == CONSTANT)
    if not len(left):
        return aligned_bytes(0)
    sources = np.flatnonzero(constant)
    ends = {int(source): int(end) for end, source in enumerate(sources, 1)}
    makers = np.ascontiguousarray(before[sources])
    nothing, errors = np.zeros((0, 2), np.int64), np.zeros(16, np.int64)
    analog = np.zeros((1, 64), np.int8)
    digital = aligned_bytes(DIGITAL_PLANES * DIGITAL_BYTES).reshape(DIGITAL_PLANES, DIGITAL_BYTES)
    done, size = 0, 0
    places: dict[bytes, int] = {}
    packed: list[bytes] = []
    for index in left:
        end = ends[int(passes[index, VALUE])]
        execute(makers[done:end], nothing, analog, digital, errors)
        done = end
        plane = digital[passes[index, DST], FIRST_ROW:-MARGIN].tobytes()
        if plane not in places:
            places[plane] = size
            packed.append(_packed(plane))
            size += len(packed[-1])
        passes[index, VALUE] = places[plane]
    memory = aligned_bytes(size)
    memory[:] = np.frombuffer(b"".join(packed), np.int8)
    passes[left, VALUE] += memory.ctypes.data
    return memory


def _packed(plane: bytes) -> bytes:
    numbers: dict[bytes, int] = {}
    pairs = [plane[at : at + PAIR_BYTES] for at in range(0, PAIRS * PAIR_BYTES, PAIR_BYTES)]
    chosen = bytes(numbers.setdefault(pair, len(numbers)) for pair in pairs)
    return chosen + b"".join(numbers)
