"""Stretches of a program that nobody looks into: each is made ready as one block, once for a node.

The steps of a stretch are sent to somebody who only writes down what is sent and how the clock is charged, so
that a stretch takes the time and the words that its steps take one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pixeltree_emu.array.engine import Crossing, Item
from pixeltree_emu.array.selection import DriveIn, RectangleSelect, pattern_select
from pixeltree_emu.array.touched import crossings
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import Kernel
from pixeltree_emu.controller.launches import Launcher, Verified
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.program import Launch, Step


@dataclass(frozen=True)
class Stretch:
    """Steps that can be executed as one block.

    Attributes:
        kernel: the block.
        ns, words: what they charge to the clock.
        moments: when each of them, or of its parts, begins, from the beginning of the first, and with which
            item of the block.
    """

    kernel: Kernel
    ns: int
    words: int
    moments: tuple[tuple[int, int], ...]

    @property
    def last_ns(self) -> int:
        """When the last of them, or of its parts, begins, from the beginning of the first."""
        return self.moments[-1][0]

    def crossing(self, from_ns: int) -> tuple[Crossing, int]:
        """What the block touches around the first moment that is not before ``from_ns``, and when that is."""
        moment_ns, item = next(moment for moment in self.moments if moment[0] >= from_ns)
        return self._crossings[item], moment_ns

    @cached_property
    def _crossings(self) -> dict[int, Crossing]:
        return crossings(self.kernel.items, (item for _, item in self.moments))


@dataclass(frozen=True)
class Part:
    """Steps of a program, in a row; with the stretch that they are, where they are one."""

    steps: tuple[Step, ...]
    stretch: Stretch | None


class _Scribe:
    """Writes down what is sent to the array; see :class:`pixeltree_emu.controller.launches.Target`."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.moments: list[tuple[int, int]] = []

    def load(self, words: Sequence[Item]) -> Kernel:
        """A block that nothing will run by itself."""
        return Kernel(words, None)

    def elapse(self, now_ns: int) -> None:
        """Something begins now."""
        self.moments.append((now_ns, len(self.items)))

    def run(self, kernel: Kernel, now_ns: int = 0) -> None:
        """Its words come next."""
        self.elapse(now_ns)
        self.items += kernel.items

    def set_in(self, level: int) -> None:
        """IN changes next."""
        self.items.append(DriveIn(level))

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """A selection comes next."""
        self.items.append(pattern_select(r, c, rx, cx))

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """A selection comes next."""
        self.items.append(RectangleSelect(r0, c0, r1, c1))


class Cutter:
    """Cuts programs into stretches and the steps between them.

    Args:
        costs: device time of each step.
        load: makes a block ready to run.
        most: words of a stretch, about; more may take too long while somebody waits.
    """

    def __init__(self, costs: CostModel, load: Callable[[Sequence[Item]], Kernel], most: int) -> None:
        self._costs = costs
        self._load = load
        self._most = most

    def cut(self, verified: Verified) -> tuple[Part, ...]:
        """All steps of a program, in parts."""
        kernels = [Kernel(block.words, None) for block in verified.blocks]
        return tuple(self._parts(verified, kernels))

    def _parts(self, verified: Verified, kernels: Sequence[Kernel]) -> Iterator[Part]:
        waiting: list[Step] = []
        words = 0
        for step in verified.program.steps:
            more = self._words(step, verified.blocks)
            joins = self._joins(step, kernels) and more <= self._most
            if waiting and not (joins and words + more <= self._most):
                yield self._part(waiting, verified, kernels)
                waiting, words = [], 0
            if joins:
                waiting.append(step)
                words += more
            else:
                yield Part((step,), None)
        if waiting:
            yield self._part(waiting, verified, kernels)

    @staticmethod
    def _words(step: Step, blocks: Sequence[Block]) -> int:
        return step.times * len(blocks[step.block].words) if isinstance(step, Launch) else 1

    @staticmethod
    def _joins(step: Step, kernels: Sequence[Kernel]) -> bool:
        """Whether a step may be part of a stretch: light comes into PIX at times of its own."""
        if isinstance(step, Launch):
            return not (kernels[step.block].reads_pix or kernels[step.block].resets_pix)
        return Launcher.takes(step)

    def _part(self, steps: Sequence[Step], verified: Verified, kernels: Sequence[Kernel]) -> Part:
        scribe, clock = _Scribe(), DeviceClock(self._costs)
        launcher = Launcher(scribe, clock)
        for step in steps:
            for _ in launcher.send(step, verified, kernels):
                pass
        stretch = Stretch(self._load(scribe.items), clock.now_ns, clock.words, tuple(scribe.moments))
        return Part(tuple(steps), stretch)
