"""Blocks and selections that wait until somebody looks.

Between two looks at the array, only the planes at the end matter. Blocks that a program runs one after the
other are therefore put together and made ready as one, once per program: their intermediate results need not
be kept, and starting a block costs next to nothing. Draws of a non-ideal mode depend on the number of a word
within its frame, which this does not change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect

_MOST_KEPT = 65_536
"""Words and selections of joined blocks that are kept ready; about 150 bytes each."""


class LoadedBlock:
    """A block that an engine has made ready, with what it is made of. Compared by identity.

    Args:
        items: what it is made of.
        kernel: the engine's own; None where it was not made ready by itself.
    """

    def __init__(self, items: Sequence[Item], kernel: Any) -> None:  # noqa: ANN401
        self.items = tuple(items)
        self.kernel = kernel


QueuedStep = LoadedBlock | PatternSelect | RectangleSelect | DriveIn
"""What can wait: it is known by identity."""


class StepQueue:
    """Collects steps and runs them together: when somebody looks, or enough of them wait.

    Args:
        engine: runs them.
        most_kept: words and selections of joined blocks that are kept ready; the block used longest ago goes
            first.
    """

    def __init__(self, engine: Engine, most_kept: int = _MOST_KEPT) -> None:
        self._engine = engine
        self._most_kept = most_kept
        self._waiting: list[QueuedStep] = []
        self._size = 0
        self._joined: OrderedDict[tuple[int, ...], tuple[list[QueuedStep], int, Any]] = OrderedDict()
        self._kept = 0

    def add(self, step: QueuedStep) -> None:
        """Let a step wait."""
        size = len(step.items) if isinstance(step, LoadedBlock) else 1
        if self._size + size > self._engine.most_waiting:
            self.settle()
        self._waiting.append(step)
        self._size += size

    def settle(self) -> None:
        """Run all that waits."""
        if not self._waiting:
            return
        steps, size = self._waiting, self._size
        self._waiting, self._size = [], 0
        first = steps[0]
        if len(steps) == 1 and isinstance(first, LoadedBlock) and first.kernel is not None:
            self._engine.run(first.kernel)
        else:
            self._engine.run(self._ready(steps, size))

    def _ready(self, steps: list[QueuedStep], size: int) -> Any:  # noqa: ANN401
        """The steps as one kernel; steps are kept, so that their identity stays theirs."""
        key = tuple(map(id, steps))
        known = self._joined.get(key)
        if known is not None:
            self._joined.move_to_end(key)
            return known[2]
        items: list[Item] = []
        for step in steps:
            items += step.items if isinstance(step, LoadedBlock) else (step,)
        kernel = self._engine.load(items)
        self._joined[key] = steps, size, kernel
        self._kept += size
        while self._kept > self._most_kept and len(self._joined) > 1:
            self._kept -= self._joined.popitem(last=False)[1][1]
        return kernel
