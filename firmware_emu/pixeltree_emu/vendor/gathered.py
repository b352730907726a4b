"""An array that gathers what a program sends until somebody looks, and keeps what it has made ready.

A program of the vendor's sends one macro a packet, a selection or a level of IN at a time, and nobody looks
in between. What comes between two looks is made ready as one block; a program that goes round finds it ready.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_emu.array.queue import LoadedBlock
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect, pattern_select
from pixeltree_emu.controller.device_array import Kernel, PixelArray

_MOST_KEPT = 262_144
"""Words and selections of the blocks that are kept ready; about 150 bytes each."""

_Piece = LoadedBlock | PatternSelect | RectangleSelect | DriveIn

_rectangle_select = lru_cache(maxsize=4096)(RectangleSelect)
_drive_in = lru_cache(maxsize=512)(DriveIn)


class GatheredArray(PixelArray):
    """A :class:`PixelArray` whose blocks, selections and levels of IN all wait together.

    Blocks are not made ready one by one: ``load`` only notes what they are made of, so whoever loads words
    has seen to it that they mean something.
    """

    _gathering: _Gathering

    def gather(self) -> None:
        """Begin; before it, it is like any other array."""
        self._gathering = _Gathering(self._engine)

    @property
    def engine(self) -> Engine:
        """The engine, with everything done that was asked of the array so far."""
        self._gathering.settle()
        return self._engine

    def load(self, words: Sequence[Item]) -> Kernel:
        """Note a block."""
        return Kernel(words, None)

    def settle(self) -> None:
        """Do everything that was asked of the array so far."""
        self._gathering.settle()

    def run(self, kernel: Kernel, now_ns: int = 0) -> None:
        """Execute a block; see :meth:`PixelArray.run`."""
        self.elapse(now_ns)
        if kernel.reads_pix and not self._pix_set:
            self._integrate(now_ns)
        self._gathering.add(kernel, len(kernel.items))
        if kernel.resets_pix:
            self.begin_exposure(now_ns)

    def set_in(self, level: int) -> None:
        """Drive IN to a level from -128 to 127."""
        self._gathering.add(_drive_in(level), 1)

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """Select pixels by address; see :meth:`PixelArray.select_pattern`."""
        self._gathering.add(pattern_select(r, c, rx, cx), 1)

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """Select a rectangle; see :meth:`PixelArray.select_rect`."""
        self._gathering.add(_rectangle_select(r0, c0, r1, c1), 1)


class _Gathering:
    """Pieces that wait, and joined blocks by the identity of their pieces, which stay alive with them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[_Piece] = []
        self._size = 0
        self._ready: OrderedDict[tuple[int, ...], tuple[list[_Piece], int, Any]] = OrderedDict()
        self._kept = 0

    def add(self, piece: _Piece, size: int) -> None:
        """Let a piece wait."""
        if self._size + size > self._engine.most_waiting:
            self.settle()
        self._waiting.append(piece)
        self._size += size

    def settle(self) -> None:
        """Run all that waits."""
        if not self._waiting:
            return
        pieces, size = self._waiting, self._size
        self._waiting, self._size = [], 0
        key = tuple(map(id, pieces))
        known = self._ready.get(key)
        if known is None:
            known = self._make(pieces, size)
            self._ready[key] = known
            self._forget()
        self._engine.run(known[2])

    def _make(self, pieces: list[_Piece], size: int) -> tuple[list[_Piece], int, Any]:
        items: list[Item] = []
        for piece in pieces:
            items += piece.items if isinstance(piece, LoadedBlock) else (piece,)
        self._kept += size
        return pieces, size, self._engine.load(items)

    def _forget(self) -> None:
        """Let go of the oldest; one that is used still is made again, once in so many words."""
        while self._kept > _MOST_KEPT and len(self._ready) > 1:
            _, size, _ = self._ready.popitem(last=False)[1]
            self._kept -= size
