"""Gives a block machine code of its own: kept from before, or made now and kept."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

from pixeltree_emu.array.fast.compiled import Table
from pixeltree_emu.array.fast.fused import native, store
from pixeltree_emu.array.fast.fused.lines import Facts
from pixeltree_emu.array.fast.fused.plan import Segment, segments_of
from pixeltree_emu.array.fast.hot import Block, Part
from pixeltree_emu.array.fast.passes import CODE, CONSTANT, VALUE
from pixeltree_emu.machine.logs import fields

logger = logging.getLogger(__name__)

_numbers = itertools.count()


class Fuser:
    """Makes code, or finds it.

    Args:
        folder: where code is kept; None keeps none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, block: Block) -> bool:
        """Let a block run code that was kept, if there is any."""
        found = store.kept(self._folder, _name(block))
        if found is None:
            return False
        _attach(block, *found)
        return True

    def make(self, block: Block) -> None:
        """Make code for a block and keep it, unless another process was faster."""
        if self.find(block):
            return
        runs = list(_runs(segments_of(_movable(block))))
        parts = [(run[0].first, run[-1].last, run[0].graph is not None) for run in runs]
        native_runs = [run for run in runs if run[0].graph is not None]
        if not native_runs:
            return
        code = native.compiled(native.block_text(native_runs, _facts(block)))
        store.keep(self._folder, _name(block), parts, code)
        _attach(block, parts, code)
        logger.debug("a block has code of its own", extra=fields(passes=len(block.passes), bytes=len(code)))


def _facts(block: Block) -> Facts:
    return Facts(native.width(), block.around.boundary, block.around.saturates)


def _runs(segments: list[Segment]) -> Iterator[list[Segment]]:
    """Segments that are run by one call."""
    for _, run in itertools.groupby(segments, lambda segment: segment.graph is not None):
        yield list(run)


def _movable(block: Block) -> Table:
    """Passes that tell where constants lie among the block's, not where in memory."""
    passes = block.passes.copy()
    passes[passes[:, CODE] == CONSTANT, VALUE] -= block.constants.ctypes.data
    return passes


def _name(block: Block) -> str:
    digest = hashlib.blake2b(repr(_facts(block)).encode(), digest_size=16)
    digest.update(_movable(block).tobytes())
    return digest.hexdigest()


def _attach(block: Block, parts: store.Parts, code: bytes) -> None:
    """From now on a block is run by code."""
    entries = iter(native.loaded(code, sum(native_ for *_, native_ in parts), f"block{next(_numbers)}"))
    made: list[Part] = []
    for first, last, has_code in parts:
        made.append((next(entries), None) if has_code else (None, block.passes[first:last]))
    block.parts = tuple(made)
