"""Which pixels the address latches select, and what else the controller does to the array between words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import DigitalPlane
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.objects.step import last_of

_ADDRESSES = np.arange(ARRAY_SIZE)


@dataclass(frozen=True)
class PatternSelect:
    """SELECT and RECT := pixels whose address matches but for the don't-care bits (fact sheet 4.2).

    A controller step, not a word; engines take it between words, so that a run of selections and short
    blocks, which is how weights are expanded, is made ready as a whole.

    Attributes:
        r, c: row and column address.
        rx, cx: bits of each that may be anything.
    """

    r: int
    c: int
    rx: int
    cx: int

    @property
    def plane(self) -> DigitalPlane:
        """The selected pixels."""
        rows = (_ADDRESSES ^ self.r) & ~self.rx & 0xFF == 0
        columns = (_ADDRESSES ^ self.c) & ~self.cx & 0xFF == 0
        return np.outer(rows, columns)


pattern_select = lru_cache(maxsize=4096)(PatternSelect)
"""The same object for the same arguments."""


@dataclass(frozen=True)
class RectangleSelect:
    """SELECT and RECT := a rectangle, corners inclusive; see :func:`rectangle`."""

    r0: int
    c0: int
    r1: int
    c1: int

    @property
    def plane(self) -> DigitalPlane:
        """The selected pixels."""
        return rectangle(self.r0, self.c0, self.r1, self.c1)


Lines = slice | npt.NDArray[np.intp]
"""Rows or columns, as an index."""


@lru_cache(maxsize=4096)
def pattern_lines(address: int, mask: int) -> Lines:
    """The rows, or columns, whose address matches but for the don't-care bits."""
    found = np.flatnonzero((_ADDRESSES ^ address) & ~mask & 0xFF == 0)
    steps = np.diff(found)
    if len(found) == 1 or (steps == steps[0]).all():
        return slice(int(found[0]), int(found[-1]) + 1, int(steps[0]) if len(steps) else 1)
    return found


def rectangle_lines(first: int, last: int) -> Lines:
    """The rows, or columns, of a rectangle; see :func:`last_of`."""
    return slice(first, last_of(first, last) + 1)


@dataclass(frozen=True)
class DriveIn:
    """IN := a level, -128 to 127."""

    level: int


def rectangle(r0: int, c0: int, r1: int, c1: int) -> DigitalPlane:
    """Pixels of a rectangle, corners inclusive; (r0, c0) is the top right one.

    An end before its start stands for the edge; see :func:`last_of`.
    """
    rows = (r0 <= _ADDRESSES) & (last_of(r0, r1) >= _ADDRESSES)
    columns = (c0 <= _ADDRESSES) & (last_of(c0, c1) >= _ADDRESSES)
    return np.outer(rows, columns)
