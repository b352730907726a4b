"""Kernel text: calls of the vendor's kernel API with comments, several a line, and named parameters.

What stands around a kernel in the vendor's C++ is passed over: ``scamp5_kernel_begin()`` and ``_end()``, and
``using namespace`` lines. A call may go on in the next line after a comma or an opening bracket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pixeltree_protocol.chip.isa import Instruction, encode
from pixeltree_protocol.chip.kernel_api import Operand, expand, is_name, read_call
from pixeltree_protocol.errors import AssemblyError, InstructionError
from pixeltree_protocol.names import known_names
from pixeltree_protocol.objects.block import MAX_BLOCK_WORDS, Block

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*|#[^\n]*", re.DOTALL)
_GOES_ON = re.compile(r"[,({|]\s*$")
_AROUND = re.compile(
    r"scamp[57]_(dynamic_)?kernel_(begin|end)\s*\(\s*\)|us(e|ing)\s+namespace\s+[\w:]+", re.IGNORECASE
)
_PARAMETER = re.compile(r"param\s+([A-Za-z_]\w*)\s*=\s*(-?\d+)(?:\s+in\s+(-?\d+)\s*\.\.\s*(-?\d+))?")
_LOAD_IN = re.compile(r"(?:scamp[57]_)?load_in\s*\(\s*(-?\w+)\s*\)")
_NAME = re.compile(r"\b[A-Za-z_]\w*\b")
_LEAST_LEVEL, _MOST_LEVEL = -128, 127


@dataclass(frozen=True)
class KernelParameter:
    """A parameter of a kernel file.

    Attributes:
        name: by which calls use it.
        value: its default, or what was given for it.
        least, most: its range, or None.
        line: where it is declared, from 1.
    """

    name: str
    value: int
    least: int | None
    most: int | None
    line: int


@dataclass(frozen=True)
class Statement:
    """One call of a kernel file.

    Attributes:
        line: where it begins, from 1.
        text: as it is written, parameters put in.
        name: what it calls.
        operands: in its order; none of ``icw``, which has bits.
        words: its words; none of ``load_in``.
        level: the level that ``load_in`` drives IN to, else None.
    """

    line: int
    text: str
    name: str
    operands: tuple[Operand, ...]
    words: tuple[Instruction, ...]
    level: int | None = None


@dataclass(frozen=True)
class KernelText:
    """A kernel file, read.

    Attributes:
        name: what messages call the file.
        statements: its calls, in order.
        parameters: by name.
    """

    name: str
    statements: tuple[Statement, ...]
    parameters: Mapping[str, KernelParameter] = field(default_factory=dict)

    def block(self) -> Block:
        """Its words as one block.

        Raises:
            AssemblyError: there are none or too many, or it drives IN, which words cannot.
        """
        for statement in self.statements:
            if statement.level is not None:
                raise AssemblyError(
                    f"{self.name}:{statement.line}: {statement.text} drives IN, which a block cannot: run "
                    f"the file with run-kernel, or leave the line out and drive IN from the host"
                )
        return self._block(self.statements)

    def parts(self) -> Iterator[int | Block]:
        """Levels for IN and blocks, in order: a ``load_in`` ends a block and starts another.

        Raises:
            AssemblyError: there are no words, or too many between two ``load_in``.
        """
        rest: list[Statement] = []
        for statement in self.statements:
            if statement.level is None:
                rest.append(statement)
                continue
            if rest:
                yield self._block(rest)
            rest = []
            yield statement.level
        if rest or not any(statement.words for statement in self.statements):
            yield self._block(rest)

    def _block(self, statements: list[Statement] | tuple[Statement, ...]) -> Block:
        instructions: list[Instruction] = []
        for statement in statements:
            instructions += statement.words
            if len(instructions) > MAX_BLOCK_WORDS:
                raise AssemblyError(
                    f"{self.name}:{statement.line}: word {len(instructions)} does not fit; "
                    f"a block has at most {MAX_BLOCK_WORDS} words"
                )
        if not instructions:
            raise AssemblyError(f"{self.name}: there is no instruction in it")
        return Block(tuple(encode(instruction) for instruction in instructions))


def read_kernel_text(text: str, name: str = "kernel", values: Mapping[str, int] | None = None) -> KernelText:
    """Read a kernel file's text.

    Args:
        text: the text.
        name: what messages call the file.
        values: of parameters, in place of their defaults.

    Raises:
        AssemblyError: the first thing that is wrong, with file, line and operand.
    """
    values = dict(values or {})
    parameters: dict[str, KernelParameter] = {}
    statements: list[Statement] = []
    for line, statement in _statements(text, name):
        try:
            if _AROUND.fullmatch(statement):
                continue
            if statement.startswith("param "):
                parameter = _parameter(statement, line, parameters, values)
                parameters[parameter.name] = parameter
                continue
            statements.append(_call(statement, line, parameters))
        except InstructionError as error:
            raise AssemblyError(f"{name}:{line}: {error}") from error
    unknown = sorted(set(values) - set(parameters))
    if unknown:
        known = known_names(unknown[0], parameters)
        raise AssemblyError(f"{name}: it has no parameter {unknown[0]!r}; {known}")
    return KernelText(name, tuple(statements), parameters)


def _statements(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Line and text of every statement, comments left out."""
    for match in _COMMENT.finditer(text):
        if match[0].startswith("/*") and not (match[0].endswith("*/") and len(match[0]) > 3):
            at = text.count("\n", 0, match.start()) + 1
            raise AssemblyError(f"{name}:{at}: a comment begins with /* and never ends with */")
    plain = _COMMENT.sub(lambda match: "\n" * match[0].count("\n") or " ", text)
    held, began = "", 0
    for number, line in enumerate(plain.split("\n"), 1):
        *_, last = pieces = list(enumerate(line.split(";")))
        for place, piece in pieces:
            began = began if held else number
            held = f"{held} {piece}".strip()
            if place == last[0] and _GOES_ON.search(held):
                break
            if held:
                yield began, held
            held = ""
    if held:
        yield began, held


def _parameter(
    text: str, line: int, known: Mapping[str, KernelParameter], values: Mapping[str, int]
) -> KernelParameter:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise InstructionError(f"{text!r} is not of the form param name = 40 in -128..127")
    name, default = match[1], int(match[2])
    if is_name(name):
        raise InstructionError(f"a parameter cannot be named {name}: the kernel API has that name")
    if name in known:
        raise InstructionError(f"parameter {name} is declared in line {known[name].line} already")
    least, most = (int(end) if end else None for end in (match[3], match[4]))
    for value in (default, values.get(name, default)):
        if least is not None and most is not None and not least <= value <= most:
            raise InstructionError(f"parameter {name} must be {least} to {most}, not {value}")
    return KernelParameter(name, values.get(name, default), least, most, line)


def _call(text: str, line: int, parameters: Mapping[str, KernelParameter]) -> Statement:
    name, bracket, inside = text.partition("(")
    if parameters:
        inside = _NAME.sub(
            lambda match: str(parameters[match[0]].value) if match[0] in parameters else match[0], inside
        )
    text = name + bracket + inside
    drive = _LOAD_IN.fullmatch(text)
    if drive is not None:
        return Statement(line, text, "load_in", (), (), _level(drive[1]))
    name, operands, words = read_call(text)
    return Statement(line, text, name, operands, words if words is not None else expand(name, operands))


def _level(text: str) -> int:
    number = re.fullmatch(r"-?\d+", text)
    if number is None:
        raise InstructionError(f"load_in: operand 1: {text!r} is neither a number nor a parameter")
    if not _LEAST_LEVEL <= int(text) <= _MOST_LEVEL:
        raise InstructionError(f"load_in: operand 1 must be {_LEAST_LEVEL} to {_MOST_LEVEL}, not {text}")
    return int(text)
