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
from pixeltree_emu.array.selection import PatternSelect

_MOST_KEPT = 64
"""Joined blocks that are kept ready; the one used longest ago goes first."""


class LoadedBlock:
    """A block that an engine has made ready, with what it is made of. Compared by identity."""

    def __init__(self, items: Sequence[Item], kernel: Any) -> None:  # noqa: ANN401 - the engine's own
        self.items = tuple(items)
        self.kernel = kernel


class StepQueue:
    """Collects steps and runs them together: when somebody looks, or enough of them wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[LoadedBlock | PatternSelect] = []
        self._size = 0
        self._joined: OrderedDict[tuple[int, ...], tuple[list[Any], Any]] = OrderedDict()

    def add(self, step: LoadedBlock | PatternSelect) -> None:
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
        steps, self._waiting, self._size = self._waiting, [], 0
        first = steps[0]
        if len(steps) == 1 and isinstance(first, LoadedBlock):
            self._engine.run(first.kernel)
        else:
            self._engine.run(self._ready(steps))

    def _ready(self, steps: list[LoadedBlock | PatternSelect]) -> Any:  # noqa: ANN401
        """The steps as one kernel; steps are known by identity, and kept so that it stays theirs."""
        key = tuple(map(id, steps))
        known = self._joined.get(key)
        if known is not None:
            self._joined.move_to_end(key)
            return known[1]
        items: list[Item] = []
        for step in steps:
            items += step.items if isinstance(step, LoadedBlock) else (step,)
        kernel = self._engine.load(items)
        self._joined[key] = steps, kernel
        if len(self._joined) > _MOST_KEPT:
            self._joined.popitem(last=False)
        return kernel
