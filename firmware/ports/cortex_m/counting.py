"""Counts the instructions that functions take, those that they call included.

Unicorn says where each straight piece of code begins; how many instructions a piece has follows from its
bytes. The functions that stand for the array's hardware (array_channel.c and main.c's channel) are counted
apart: a board with an array has a few register writes in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware.ports.cortex_m.elf import Elf
from unicorn import UC_HOOK_BLOCK, Uc
from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_R0, UC_ARM_REG_SP

WATCHED = (
    "run_step", "work_in_hand", "verify", "is_object", "block_words", "blake2b_128", "frame_encode",
    "frame_decode", "take_byte", "fully_connected", "cover", "load_cover", "store_begin", "store_finish",
    "work_off", "tick", "frame_begin",
)  # fmt: skip
ARRAY = ("array_", "channel_")
OPCODE_AT = 49
"""Of `opcode` in a struct run; main.c holds the compiler to it."""


@dataclass
class Count:
    """Calls of a function, and instructions: all, least and most; and all that were the array's port's."""

    calls: int = 0
    instructions: int = 0
    least: int = 0
    most: int = 0
    array: int = 0

    def add(self, instructions: int, array: int) -> None:
        """One more call."""
        self.least = instructions if not self.calls else min(self.least, instructions)
        self.most = max(self.most, instructions)
        self.calls += 1
        self.instructions += instructions
        self.array += array


@dataclass(frozen=True)
class _Call:
    name: str
    back_to: int
    stack: int
    argument: int
    core: int
    array: int


def instructions_in(code: bytes) -> int:
    """How many Thumb instructions these bytes are: those of 32 bits begin with 11101, 11110 or 11111."""
    at = count = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count


class Counter:
    """Watches a processor from now on.

    Args:
        cpu: with the program loaded.
        elf: the program, with symbols.
        name_of_step: the name of a step's opcode.
    """

    def __init__(self, cpu: Uc, elf: Elf, name_of_step: Callable[[int], str]) -> None:
        self.counts: dict[str, Count] = {}
        self.frames: list[int] = []
        self._cpu = cpu
        self._name_of_step = name_of_step
        functions = [symbol for symbol in elf.symbols if symbol.is_function]
        self._watched = {symbol.address: symbol.name for symbol in functions if symbol.name in WATCHED}
        self._array_entries = {symbol.address for symbol in functions if symbol.name.startswith(ARRAY)}
        self._sizes: dict[tuple[int, int], int] = {}
        self._calls: list[_Call] = []
        self._core = self._array = 0
        self._in_array: tuple[int, int] | None = None
        cpu.hook_add(UC_HOOK_BLOCK, self._block)

    def _block(self, cpu: Uc, address: int, size: int, _data: object) -> None:
        while self._calls and self._calls[-1].back_to == address and self._stack() == self._calls[-1].stack:
            self._leave()
        if self._in_array is not None and self._in_array[0] == address and self._stack() == self._in_array[1]:
            self._in_array = None
        if address in self._watched:
            self._enter(address)
        if self._in_array is None and address in self._array_entries:
            self._in_array = (cpu.reg_read(UC_ARM_REG_LR) & ~1, self._stack())
        key = (address, size)
        count = self._sizes.get(key)
        if count is None:
            count = self._sizes[key] = instructions_in(bytes(cpu.mem_read(address, size)))
        if self._in_array is None:
            self._core += count
        else:
            self._array += count

    def _worked(self) -> int:
        work = self.counts.get("work_in_hand", Count())
        return work.instructions

    def per_frame(self) -> list[int]:
        """Instructions of each frame's steps, verification and search included, and nothing of the link."""
        ends = [*self.frames[1:], self._worked()]
        return [end - begin for begin, end in zip(self.frames, ends, strict=True)]

    def _stack(self) -> int:
        return int(self._cpu.reg_read(UC_ARM_REG_SP))

    def _enter(self, address: int) -> None:
        if self._watched[address] == "frame_begin":
            self.frames.append(self._worked())
        back = self._cpu.reg_read(UC_ARM_REG_LR) & ~1
        argument = self._cpu.reg_read(UC_ARM_REG_R0)
        self._calls.append(
            _Call(self._watched[address], back, self._stack(), argument, self._core, self._array)
        )

    def _leave(self) -> None:
        call = self._calls.pop()
        name = call.name
        if name == "run_step":
            name = f"step {self._name_of_step(self._cpu.mem_read(call.argument + OPCODE_AT, 1)[0])}"
        self.counts.setdefault(name, Count()).add(self._core - call.core, self._array - call.array)
