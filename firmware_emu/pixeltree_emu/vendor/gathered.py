"""An array that gathers what a program sends until somebody looks, and keeps what it has made ready.

A program of the vendor's sends one macro a packet, a selection or a level of IN at a time, and nobody looks
in between. What comes between two looks is made ready as one block; a program that goes round finds it ready.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.queue import StepQueue, no_joints
from pixeltree_emu.array.selection import DriveIn, RectangleSelect
from pixeltree_emu.controller.device_array import Kernel, PixelArray

_MOST_KEPT = 262_144
"""Words and selections of the blocks that are kept ready; about 150 bytes each."""

_rectangle_select = lru_cache(maxsize=4096)(RectangleSelect)
_drive_in = lru_cache(maxsize=512)(DriveIn)


class GatheredArray(PixelArray):
    """A :class:`PixelArray` whose blocks, selections and levels of IN all wait together.

    Blocks are not made ready one by one: ``load`` only notes what they are made of, so whoever loads words
    has seen to it that they mean something.
    """

    def gather(self) -> None:
        """Begin to keep as much ready as programs need that go round."""
        self._queue = StepQueue(self._engine, no_joints(_MOST_KEPT))

    def load(self, words: Sequence[Item]) -> Kernel:
        """Note a block."""
        return Kernel(words, None)

    def set_in(self, level: int) -> None:
        """Drive IN to a level from -128 to 127."""
        self._queue.add(_drive_in(level))

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """Select a rectangle; see :meth:`PixelArray.select_rect`."""
        self._queue.add(_rectangle_select(r0, c0, r1, c1))
