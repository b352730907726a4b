"""Functions as machine code, and the random numbers that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

F = TypeVar("F", bound=Callable[..., object])

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]

_njit: Any = numba.njit


def compiled(function: F) -> F:
    """A function as machine code, kept beside its source like Python's own bytecode.

    It does not hold the interpreter's lock. Sums of many numbers may be taken in any order, so that they are
    vectors; on one machine it is the same order each time.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return cast(F, _njit(cache=True, **options)(function))
    except RuntimeError:  # no folder can be written to
        return cast(F, _njit(**options)(function))


@compiled
def normal(place: int, first: int, second: int) -> float:
    """A normal number, known by its place and two keys alone, so that threads need no generator.

    It is the sum of the four bytes of a hashed place, with the fourth moment mended (Cornish, Fisher 1938):
    at most 3.8, and the tails beyond 2.5 are a tenth too light. The hash is the finalizer "lowbias32" of
    C. Wellons' Hash Prospector, with a key before each of its rounds.

    Args:
        place: 32 bits, as the keys; what is beyond does not count.
        first: a key.
        second: another one.
    """
    word = np.uint32(np.uint32(place) + np.uint32(first))
    word = np.uint32(np.uint32(word ^ (word >> np.uint32(16))) * np.uint32(0x7FEB352D))
    word = np.uint32(word ^ (word >> np.uint32(15)) ^ np.uint32(second))
    word = np.uint32(word * np.uint32(0x846CA68B))
    word = np.uint32(word ^ (word >> np.uint32(16)))
    pairs = np.uint32((word & np.uint32(0xFF00FF)) + ((word >> np.uint32(8)) & np.uint32(0xFF00FF)))
    total = np.int32(np.uint32((pairs & np.uint32(0xFFFF)) + (pairs >> np.uint32(16))))
    even = np.float32(total - np.int32(510)) * np.float32(0.0067659)
    result: float = even * (np.float32(0.9660) + np.float32(0.012545) * even * even)  # type: ignore[assignment]
    return result
