"""Warnings about kernel text whose words are legal and whose result may not be what was meant.

What a call reads follows from its words, what it clobbers from the macro table
(:data:`pixeltree_protocol.chip.macros.MACROS`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pixeltree_protocol.chip.isa import Instruction, encode
from pixeltree_protocol.chip.kernel_api import macro_of
from pixeltree_protocol.chip.macros import Macro
from pixeltree_protocol.chip.registers import DIGITAL_READ, DREGS, Analog, Digital, Register, bits
from pixeltree_protocol.objects.verify import registers_read, registers_written
from pixeltree_protocol.text.kernel_text import KernelText, Statement

_FLAG_WRITTEN = bits("wrf")
_FLAG_SET = bits("setf")
_IMPLICIT = DREGS[:5]
"""R0-R4: words go by them without naming them: the mask of R12, directions, links of the resistive grid."""

_RESULT = re.compile(r"(\w+(?:, \w+)*) :=")


@dataclass(frozen=True)
class LintWarning:
    """One warning.

    Attributes:
        line: of the kernel file, from 1.
        text: what may be wrong.
    """

    line: int
    text: str


@dataclass(frozen=True)
class _Effects:
    """What a call reads of what was there before, and writes as its result or beside it."""

    reads: frozenset[Register]
    results: frozenset[Register]
    clobbers: frozenset[Register]


@dataclass(frozen=True)
class _Lost:
    """What a register held when a call overwrote it."""

    by: Statement
    held: str


def lint(kernel: KernelText, wanted: Iterable[Register] = ()) -> tuple[LintWarning, ...]:
    """Look for clobbered registers, a FLAG that is left, and blurs and floods without directions.

    Args:
        kernel: the kernel file.
        wanted: registers that somebody reads when it has run.

    Returns:
        Warnings by line.
    """
    state = _State()
    for statement in kernel.statements:
        if statement.words:
            state.take(statement, _effects(statement))
    state.end(wanted)
    return tuple(sorted(state.warnings, key=lambda warning: warning.line))


class _State:
    """What is known of every register at a place in the kernel."""

    def __init__(self) -> None:
        self.warnings: list[LintWarning] = []
        self._set_in: dict[Register, int] = {}
        self._lost: dict[Register, _Lost] = {}
        self._left_by: dict[Register, Statement] = {}
        self._where: Statement | None = None

    def take(self, statement: Statement, effects: _Effects) -> None:
        """Go past one call."""
        for register in sorted(effects.reads & set(self._lost)):
            self._warn_lost(register, f"line {statement.line} reads")
        self._look_at_implicit(statement, effects)
        for register in effects.clobbers:
            self._clobber(register, statement, effects)
        for register in effects.results:
            self._set_in[register] = statement.line
            self._lost.pop(register, None)
            self._left_by.pop(register, None)
        for word in statement.words:
            value = encode(word).bits
            if value & (_FLAG_WRITTEN | _FLAG_SET):
                self._where = statement if value & _FLAG_WRITTEN else None

    def end(self, wanted: Iterable[Register]) -> None:
        """The kernel is over."""
        for register in wanted:
            if register in self._lost:
                self._warn_lost(register, "is wanted at the end")
        if self._where is not None:
            text = (
                f"{self._where.text} leaves FLAG as it is: analog writes of later kernels happen only there"
            )
            self._warn(self._where.line, f"{text}; end with all")

    def _clobber(self, register: Register, statement: Statement, effects: _Effects) -> None:
        if register is Digital.FLAG and self._where is None:
            return  # it is 1 before and after
        if register in self._set_in:
            self._lost[register] = _Lost(statement, f"which line {self._set_in.pop(register)} set")
        elif register in effects.reads and register not in self._left_by:
            self._lost[register] = _Lost(statement, "which held something before")
        self._left_by[register] = statement

    def _look_at_implicit(self, statement: Statement, effects: _Effects) -> None:
        """Registers that a call goes by without naming them, which nothing in this kernel set for it."""
        going_by = [
            register
            for register in _IMPLICIT
            if register in effects.reads
            and register not in statement.operands
            and register not in self._set_in
            and register not in self._lost
        ]
        for register in going_by:
            self._set_in[register] = statement.line  # said once
        left = {register: self._left_by[register] for register in going_by if register in self._left_by}
        unset = [register for register in going_by if register not in left]
        if unset:
            names = ", ".join(unset)
            self._warn(statement.line, f"{statement.text} goes by {names}, which nothing in this kernel sets")
        for register, by in left.items():
            self._warn(
                statement.line, f"{statement.text} goes by {register} as {by.text} in line {by.line} left it"
            )

    def _warn_lost(self, register: Register, why: str) -> None:
        lost = self._lost.pop(register)
        self._set_in[register] = lost.by.line  # said once
        self._warn(lost.by.line, f"{lost.by.text} overwrites {register}, {lost.held} and which {why}")

    def _warn(self, line: int, text: str) -> None:
        self.warnings.append(LintWarning(line, text))


def _effects(statement: Statement) -> _Effects:
    reads: set[Register] = set()
    writes: set[Register] = set()
    for word in statement.words:
        reads |= _reads(word) - writes
        writes |= _writes(word)
    macro = macro_of(statement.name, statement.operands)
    clobbers = _clobbers(macro, statement) & writes if macro else set()
    return _Effects(frozenset(reads), frozenset(writes - clobbers), frozenset(clobbers))


def _clobbers(macro: Macro, statement: Statement) -> set[Register]:
    """The registers of a macro's column of clobbers that are not its result."""
    if not macro.parameters:
        return set()  # what it changes is what it is for
    results = {name for match in _RESULT.finditer(macro.result) for name in match[1].split(", ")}
    given = {
        parameter.name: operand
        for parameter, operand in zip(macro.parameters, statement.operands, strict=False)
    }
    found: set[Register] = set()
    for name in macro.overwritten:
        register = given.get(name, _BY_NAME.get(name))
        if name not in results and isinstance(register, Analog | Digital):
            found.add(register)
    return found


_BY_NAME: dict[str, Register] = {register.value: register for kind in (Analog, Digital) for register in kind}


def _reads(word: Instruction) -> set[Register]:
    icw = encode(word)
    read = set(registers_read(icw))
    written = registers_written(icw)
    if icw.bits & DIGITAL_READ[Digital.FLAG] or any(isinstance(register, Analog) for register in written):
        read.add(Digital.FLAG)  # analog writes happen where FLAG is 1
    return read


def _writes(word: Instruction) -> set[Register]:
    icw = encode(word)
    written = set(registers_written(icw))
    if icw.bits & (_FLAG_WRITTEN | _FLAG_SET):
        written.add(Digital.FLAG)
    return written
