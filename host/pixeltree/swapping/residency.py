"""Which objects are evicted when memory is short: policies behind one interface.

A policy gives each object a worth, and the object of least worth is evicted first. Worth is the expected cost
of having to send the object again, per byte that its eviction frees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixeltree.errors import DataError
from pixeltree.swapping.description import SwapTree
from pixeltree.swapping.line import put_bytes
from pixeltree.swapping.prediction import Predictor
from pixeltree_protocol.names import known_names

Worth = npt.NDArray[np.float64]
"""float64 (objects,): what keeping a byte of each object is worth."""


class Residency(Protocol):
    """A policy."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def prefetches(self) -> bool:
        """Whether objects are sent before they are asked for."""
        ...

    @property
    def steers(self) -> bool:
        """Whether the host decides what is evicted; otherwise the device does: least recently used."""
        ...

    def learn(self, end: int, frame: int) -> None:
        """Frame number ``frame``, counted from 0, has ended there."""
        ...

    def worth(self, at: int | None = None) -> Worth:
        """What keeping each object is worth, now or as if a frame had just ended at ``at``."""
        ...


class LeastRecentlyUsed:
    """Demand paging as the device does it by itself."""

    name = "lru"
    prefetches = False
    steers = False

    def __init__(self, tree: SwapTree) -> None:
        self._worth = np.zeros(len(tree.objects))

    def learn(self, end: int, frame: int) -> None:
        """The order of use is kept by the memory."""

    def worth(self, at: int | None = None) -> Worth:
        """Nothing is worth more than anything else; the order of use decides."""
        return self._worth


class ExpectedCost:
    """Probability that an object is needed soon, times the bytes that bring it back, per byte kept.

    Args:
        tree: the tree.
        predictor: says what is probable; the planner teaches it.
        prefetches: whether to send ahead.
    """

    steers = True

    def __init__(self, tree: SwapTree, predictor: Predictor, prefetches: bool = True) -> None:
        self.name = "expected" if prefetches else "no_prefetch"
        self.prefetches = prefetches
        self._predictor = predictor
        self._uses = tree.uses
        self._per_byte = np.array([put_bytes(size) / size for size in tree.sizes])

    def learn(self, end: int, frame: int) -> None:
        """The predictor learns."""

    def worth(self, at: int | None = None) -> Worth:
        """See :data:`Worth`."""
        return np.asarray((self._uses @ self._predictor.forecast(at)) * self._per_byte)


class Belady:
    """The offline optimum for equal sizes: what is needed again last goes first. Knows the future.

    Args:
        tree: the tree.
        sequence: the ends of all frames, in order.
    """

    name = "belady"
    prefetches = False
    steers = True

    def __init__(self, tree: SwapTree, sequence: Sequence[int]) -> None:
        self._uses = tree.uses > 0
        ends = np.asarray(sequence)
        self._times = [np.flatnonzero(ends == end).tolist() for end in range(len(tree.ends))]
        self._frame = -1

    def learn(self, end: int, frame: int) -> None:
        """Time goes on."""
        self._frame = frame

    def worth(self, at: int | None = None) -> Worth:
        """The sooner an object is needed, the more it is worth."""
        waits = np.array([self._wait(times) for times in self._times])
        soonest = np.where(self._uses, waits, np.inf).min(axis=1)
        return np.asarray(1.0 / (1.0 + soonest))

    def _wait(self, times: list[int]) -> float:
        """Frames until an end comes next; the frame in hand is the one after ``_frame``."""
        following = bisect_right(times, self._frame)
        return float(times[following] - self._frame) if following < len(times) else np.inf


POLICIES: dict[str, Callable[[SwapTree, Predictor, Sequence[int]], Residency]] = {
    "expected": lambda tree, predictor, sequence: ExpectedCost(tree, predictor),
    "no_prefetch": lambda tree, predictor, sequence: ExpectedCost(tree, predictor, prefetches=False),
    "lru": lambda tree, predictor, sequence: LeastRecentlyUsed(tree),
    "belady": lambda tree, predictor, sequence: Belady(tree, sequence),
}


def policy_named(name: str, tree: SwapTree, predictor: Predictor, sequence: Sequence[int]) -> Residency:
    """A policy by its name; the offline ones want the sequence.

    Raises:
        DataError: there is none of that name.
    """
    if name not in POLICIES:
        raise DataError(f"no policy is called {name!r}; {known_names(name, POLICIES)}")
    return POLICIES[name](tree, predictor, sequence)
