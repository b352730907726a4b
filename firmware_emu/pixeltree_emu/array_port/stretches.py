"""Runs of commands that only send the array something: each is made ready as one block, and kept.

A stretch is known by the blocks that it executes, not by where they lie in the instruction store. So it is
found again after nodes were swapped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect, pattern_select
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_protocol.array_port import commands as port

_MOST_STRETCHES = 256
"""Stretches that are kept ready; the one used longest ago goes first."""


@dataclass(frozen=True)
class Stretch:
    """Commands that are done together.

    Attributes:
        commands: one by one.
        kernel: all of them as one block.
        ns: device time that passes.
        words: instruction words.
        selected: the pixels that are selected at the end; None where that does not change.
    """

    commands: tuple[Any, ...]
    kernel: Kernel
    ns: int
    words: int
    selected: PatternSelect | RectangleSelect | None


class Stretches:
    """Makes and keeps stretches.

    Args:
        array: the array.
        kernel: the block of an ``Execute``.
    """

    def __init__(self, array: PixelArray, kernel: Callable[[port.Execute], Kernel]) -> None:
        self._array = array
        self._kernel = kernel
        self._kept: OrderedDict[tuple[Hashable, ...], tuple[list[Item], Kernel]] = OrderedDict()

    def join(self, commands: Sequence[Any]) -> list[Any]:
        """The commands as stretches; those that execute nothing stay as they are."""
        plan: list[Any] = []
        waiting: list[Any] = []
        size = 0
        for command in commands:
            more = command.count * command.times if isinstance(command, port.Execute) else 1
            if waiting and size + more > self._array.most_waiting:
                plan += self._stretch(waiting)
                waiting, size = [], 0
            waiting.append(command)
            size += more
        if waiting:
            plan += self._stretch(waiting)
        return plan

    def _stretch(self, commands: Sequence[Any]) -> Sequence[Any]:
        executed = [command for command in commands if isinstance(command, port.Execute)]
        if not executed:
            return commands
        elapsed = [command.ns for command in commands if isinstance(command, port.Elapse)]
        selections = [item for command in commands if (item := _selection(command)) is not None]
        key = tuple(self._name(command) for command in commands if not isinstance(command, port.Elapse))
        kept = self._kept.get(key)
        if kept is None:
            items = [item for command in commands for item in self._items(command)]
            kept = items, self._array.load(items)
            self._kept[key] = kept
            if len(self._kept) > _MOST_STRETCHES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return [
            Stretch(
                tuple(commands),
                kept[1],
                sum(elapsed),
                sum(command.count * command.times for command in executed),
                selections[-1] if selections else None,
            )
        ]

    def _name(self, command: Any) -> Hashable:  # noqa: ANN401
        if isinstance(command, port.Execute):
            return self._kernel(command), command.times  # kept alive by the key: compared by identity
        return command  # type: ignore[no-any-return]

    def _items(self, command: Any) -> Sequence[Item]:  # noqa: ANN401
        if isinstance(command, port.Execute):
            return self._kernel(command).items * command.times
        if isinstance(command, port.DriveDac):
            return (DriveIn(command.dac // 16 - 128),)
        selected = _selection(command)
        return () if selected is None else (selected,)


def _selection(command: Any) -> PatternSelect | RectangleSelect | None:  # noqa: ANN401
    if isinstance(command, port.Latch):
        return pattern_select(command.r, command.c, command.rx, command.cx)
    if isinstance(command, port.Rectangle):
        return RectangleSelect(command.r0, command.c0, command.r1, command.c1)
    return None
