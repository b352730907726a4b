"""Blocks and selections that wait until somebody looks.

Between two looks at the array, only the planes at the end matter. Blocks that a program runs one after the
other are therefore put together and made ready as one, once per program: their intermediate results need not
be kept, and starting a block costs next to nothing. Draws of a non-ideal mode depend on the number of a word
within its frame, which this does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_emu.array.remembered import Remembered
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


class Joint(NamedTuple):
    """Steps as one block.

    Attributes:
        steps: kept, so that their identity stays theirs.
        size: words and selections.
        kernel: the engine's own.
    """

    steps: Sequence[QueuedStep]
    size: int
    kernel: Any


Joints = Remembered[tuple[int, ...], Joint]
"""Joined blocks that are kept ready, by the identities of their steps; of engines that are alike."""


def no_joints(most: int = _MOST_KEPT) -> Joints:
    """Room for joined blocks of so many words and selections together."""
    return Remembered(most, lambda joint: joint.size)


class StepQueue:
    """Collects steps and runs them together: when somebody looks, or enough of them wait.

    Args:
        engine: runs them.
        joints: what is ready by now.
    """

    def __init__(self, engine: Engine, joints: Joints) -> None:
        self._engine = engine
        self._joints = joints
        self._waiting: list[QueuedStep] = []
        self._size = 0

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
            key = tuple(map(id, steps))
            self._engine.run(self._joints.get(key, lambda: self._joined(steps, size)).kernel)

    def _joined(self, steps: Sequence[QueuedStep], size: int) -> Joint:
        items: list[Item] = []
        for step in steps:
            items += step.items if isinstance(step, LoadedBlock) else (step,)
        return Joint(steps, size, self._engine.load(items))
