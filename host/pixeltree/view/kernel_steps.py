"""A kernel file as it is run by the page: whole, or word by word; with sliders for its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pixeltree.arguments.files import TEXT
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_kernel
from pixeltree.view.panels import Control
from pixeltree_protocol.chip.isa import encode
from pixeltree_protocol.chip.registers import AREGS, DREGS
from pixeltree_protocol.names import known_names
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.step import Step
from pixeltree_protocol.text.kernel_text import KernelParameter, KernelText

_SHOW = re.compile(r"(?:#|//)\s*show:\s*(.*)")
_REGISTERS = frozenset(str(register) for register in (*AREGS, *DREGS)) - {"NEWS"}
_MOST_SHOWN = 4
_ONE_RANGE = (-128, 127)
"""Range of a slider whose parameter has none and lies in it: what an analog level can be."""


@dataclass(frozen=True)
class Word:
    """A word of a kernel, or a level for IN.

    Attributes:
        line: of the file, from 1.
        text: the word, as the disassembler writes it.
        call: the call that it is part of.
        part: a block of this word alone, or the level.
    """

    line: int
    text: str
    call: str
    part: Block | int


class LiveKernel:
    """A kernel file that may change while it runs: its parameters, and the file itself.

    Args:
        path: the file.
        values: of parameters, in place of their defaults.

    Attributes:
        kernel: the text in force.
        parts: levels for IN and blocks, in order.

    Raises:
        DataError: the file cannot be read.
        AssemblyError: a line is wrong.
        DataError: there is a ``repeat`` in it.
    """

    def __init__(self, path: Path, values: Mapping[str, int] | None = None) -> None:
        self._path = path
        self.values = dict(values or {})
        self.kernel: KernelText
        self.parts: list[int | Block]
        self._load()

    def _load(self) -> None:
        self._stamp = self._time()
        kernel = read_kernel(self._path, self.values)
        parts = [part for part in kernel.parts() if not isinstance(part, Step)]
        loops = [statement.line for statement in kernel.statements if statement.steps]
        if loops:
            raise DataError(
                f"{self._path}:{loops[0]}: the page runs no repeat of a kernel; pixeltree run-kernel does"
            )
        self.kernel, self.parts = kernel, parts
        self.text = self._path.read_text(TEXT).splitlines()

    def _time(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0  # between two versions of an editor's

    @property
    def changed(self) -> bool:
        """Whether the file has been written since it was read."""
        return self._time() not in (0, self._stamp)

    def reload(self) -> None:
        """Read the file again; values of parameters that it still has are kept.

        Raises:
            PixeltreeError: it is wrong; what was in force remains.
        """
        self._stamp = self._time()
        known = read_kernel(self._path).parameters
        self.values = {name: value for name, value in self.values.items() if name in known}
        self._load()

    def set(self, name: str, value: int) -> None:
        """Give a parameter another value.

        Raises:
            AssemblyError: a call does not take it; what was in force remains.
        """
        before = self.values
        self.values = {**before, name: value}
        try:
            self._load()
        except BaseException:
            self.values = before
            raise

    def words(self) -> list[Word]:
        """Every word, in order."""
        found: list[Word] = []
        for statement in self.kernel.statements:
            if statement.level is not None:
                found.append(Word(statement.line, statement.text, statement.text, statement.level))
            found += [
                Word(statement.line, str(word), statement.text, Block((encode(word),)))
                for word in statement.words
            ]
        return found

    def controls(self) -> list[Control]:
        """A slider for each parameter."""
        return [
            Control(f"parameter {name}", "slider", parameter.value, name, "kernel", *_range(parameter))
            for name, parameter in self.kernel.parameters.items()
        ]

    def shown(self) -> tuple[str, ...]:
        """The registers that are worth looking at: those of a line ``# show: R5, D``, else the last results.

        Raises:
            DataError: the line names something else.
        """
        for line in self.text:
            if match := _SHOW.fullmatch(line.strip()):
                return check_registers([name.strip() for name in match[1].split(",") if name.strip()])
        last: dict[str, None] = {}
        for statement in reversed(self.kernel.statements):
            operands = [str(operand) for operand in statement.operands[:1]]
            last |= {name: None for name in operands if name in _REGISTERS}
        return tuple(last)[:_MOST_SHOWN]


def check_registers(names: list[str]) -> tuple[str, ...]:
    """Names of registers that the page can show.

    Raises:
        DataError: one is none.
    """
    known = sorted({*_REGISTERS, "NEWS", "FLAG"})
    for name in names:
        if name not in known:
            raise DataError(f"no register {name!r} can be shown; {known_names(name, known)}")
    return tuple(names)


def _range(parameter: KernelParameter) -> tuple[int, int]:
    if parameter.least is not None and parameter.most is not None:
        return parameter.least, parameter.most
    if _ONE_RANGE[0] <= parameter.value <= _ONE_RANGE[1]:
        return _ONE_RANGE
    return min(0, 2 * parameter.value), max(0, 2 * parameter.value)
