"""Steps that only send the array something: blocks, selections, IN, weights; each charges the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.selection import pattern_select
from pixeltree_emu.controller.clock import DeviceClock
from pixeltree_emu.controller.device_array import Kernel
from pixeltree_protocol.chip.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.chip.registers import DIGITAL_LOAD, DIGITAL_READ, DREGS, Digital, bits
from pixeltree_protocol.objects import BlockPlanes, PackedBits, TernaryWeights
from pixeltree_protocol.objects.cover import selections
from pixeltree_protocol.objects.program import Launch, LoadCover, SelectPattern, SelectRect, SetIn, Step
from pixeltree_protocol.objects.verify import VerifiedNode, VerifiedProgram

Verified = VerifiedNode | VerifiedProgram

Bits = PackedBits | TernaryWeights
"""Segments that a cover takes its bits from."""

_REMEMBERED = 1024
"""Covers that are kept ready; a node of the demo has 30."""


_Action = Callable[[Any, Any, Verified, Sequence[Kernel]], Iterator[None] | None]


class Target(Protocol):
    """What steps are sent to: a :class:`pixeltree_emu.controller.device_array.PixelArray`, or a scribe."""

    def load(self, words: Sequence[Item]) -> Kernel:
        """Make a block ready to run."""
        ...

    def elapse(self, now_ns: int) -> None:
        """Device time goes on."""
        ...

    def run(self, kernel: Kernel, now_ns: int = 0) -> None:
        """Execute a block once."""
        ...

    def set_in(self, level: int) -> None:
        """Drive IN to a level."""
        ...

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """Select pixels by address."""
        ...

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """Select a rectangle."""
        ...


class Launcher:
    """Sends steps to the array.

    Args:
        target: the array.
        clock: charged for every step.
    """

    def __init__(self, target: Target, clock: DeviceClock) -> None:
        self._target = target
        self._clock = clock
        self._covers: dict[tuple[BlockPlanes, Bits, LoadCover], _Cover] = {}

    @classmethod
    def takes(cls, step: Step) -> bool:
        """Whether a step is one of these."""
        return type(step) in cls._ACTIONS

    def send(self, step: Step, verified: Verified, kernels: Sequence[Kernel]) -> Iterator[None]:
        """Execute a step; yields where it is long, so that the link is served."""
        self._target.elapse(self._clock.now_ns)
        yield from self._ACTIONS[type(step)](self, step, verified, kernels) or ()

    def _launch(self, step: Launch, _verified: Verified, kernels: Sequence[Kernel]) -> Iterator[None]:
        kernel = kernels[step.block]
        for _ in range(step.times):
            self._target.run(kernel, self._clock.now_ns)
            self._clock.charge(self._clock.costs.launch_ns)
            self._clock.charge_words(kernel.classes)
            yield

    def _set_in(self, step: SetIn, *_: object) -> None:
        self._target.set_in(step.level)
        self._clock.charge(self._clock.costs.set_in_ns)

    def _select_pattern(self, step: SelectPattern, *_: object) -> None:
        self._target.select_pattern(step.r, step.c, step.rx, step.cx)
        self._clock.charge(self._clock.costs.select_ns)

    def _select_rect(self, step: SelectRect, *_: object) -> None:
        self._target.select_rect(step.r0, step.c0, step.r1, step.c1)
        self._clock.charge(self._clock.costs.select_rect_ns)

    def _load_cover(self, step: LoadCover, verified: Verified, _kernels: object) -> None:
        mask, segment = verified.segments[step.mask], verified.segments[step.segment]
        assert isinstance(mask, BlockPlanes)  # verify_node has seen to it
        assert isinstance(segment, Bits)
        loaded = self._covers.get((mask, segment, step))
        if loaded is None:
            if len(self._covers) >= _REMEMBERED:
                self._covers.clear()
            loaded = self._make_cover(step, mask, segment)
            self._covers[mask, segment, step] = loaded
        if loaded.kernel is not None:
            self._target.run(loaded.kernel, self._clock.now_ns)
        costs = self._clock.costs
        self._clock.charge(loaded.selections * costs.select_ns + loaded.merges * costs.launch_ns)
        self._clock.words += loaded.selections - loaded.merges
        self._clock.charge_words({ClockClass.DIGITAL: 2 * loaded.merges})

    def _make_cover(self, step: LoadCover, mask: BlockPlanes, segment: Bits) -> _Cover:
        """Loads as ``scamp5_load_pattern``, whose MOV is part of the select's time; then in-place ORs."""
        patterns = selections(step, mask, segment)
        if not patterns:
            return _Cover(None, 0, 0)
        last = DREGS[step.fourth]
        items: list[Item] = []
        for index, pattern in enumerate(patterns):
            items.append(pattern_select(*pattern))
            if index < len(step.dregs):
                items.append(encode(Instruction("MOV", (DREGS[step.dregs[index]],), (Digital.SELECT,))))
            else:
                items += _or_selection(last)
        merges = max(0, len(patterns) - len(step.dregs))
        return _Cover(self._target.load(items), len(patterns), merges)

    _ACTIONS: ClassVar[dict[type[Step], _Action]] = {
        Launch: _launch,
        SetIn: _set_in,
        SelectPattern: _select_pattern,
        SelectRect: _select_rect,
        LoadCover: _load_cover,
    }


@dataclass(frozen=True)
class _Cover:
    """A cover made ready; no kernel where nothing is selected."""

    kernel: Kernel | None
    selections: int
    merges: int


def _or_selection(register: Digital) -> tuple[ICW, ICW]:
    """Register := register OR SELECT, in place: one word reads, the next loads (fact sheet 3.5)."""
    return (
        _digital(bits("plrb", "bit", "bitmode") | DIGITAL_READ[register] | DIGITAL_READ[Digital.SELECT]),
        _digital(bits("bit", "bitmode") | DIGITAL_LOAD[register]),
    )


def _digital(value: int) -> ICW:
    return ICW(value, ClockClass.DIGITAL)
