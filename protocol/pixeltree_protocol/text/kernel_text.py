"""Kernel text: calls of the vendor's kernel API with comments, several a line, and named parameters.

What stands around a kernel in the vendor's C++ is passed over: ``scamp5_kernel_begin()`` and ``_end()``, and
``using namespace`` lines. A call may go on in the next line after a comma or an opening bracket.

``load_in(level)`` drives IN. What stands between ``repeat(times)`` and ``until(...)`` runs until something
holds, or so many times. These are the controller's, and no part of a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pixeltree_protocol.chip.isa import Instruction, encode
from pixeltree_protocol.chip.kernel_api import Operand, expand, is_name, read_call
from pixeltree_protocol.chip.registers import AREGS, DREGS, Register
from pixeltree_protocol.errors import AssemblyError, InstructionError
from pixeltree_protocol.names import known_names
from pixeltree_protocol.objects.block import MAX_BLOCK_WORDS, Block
from pixeltree_protocol.objects.control_steps import (
    MAX_TIMES,
    End,
    LeaveIf,
    Operation,
    Part,
    Relation,
    Repeat,
    Set,
    Source,
    Take,
)
from pixeltree_protocol.objects.controller_steps import GlobalCount, GlobalOr
from pixeltree_protocol.objects.step import Step

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*|#[^\n]*", re.DOTALL)
_GOES_ON = re.compile(r"[,({|]\s*$")
_AROUND = re.compile(
    r"scamp[57]_(dynamic_)?kernel_(begin|end)\s*\(\s*\)|us(e|ing)\s+namespace\s+[\w:]+", re.IGNORECASE
)
_PARAMETER = re.compile(r"param\s+([A-Za-z_]\w*)\s*=\s*(-?\d+)(?:\s+in\s+(-?\d+)\s*\.\.\s*(-?\d+))?")
_LOAD_IN = re.compile(r"(?:scamp[57]_)?load_in\s*\(\s*(-?\w+)\s*\)")
_REPEAT = re.compile(r"repeat\s*\(\s*(-?\w+)\s*\)")
_UNTIL = re.compile(
    r"until\s*\(\s*(?:scamp[57]_)?(?:global_or\s*\(\s*(?P<ored>\w+)\s*\)"
    r"|global_count\s*\(\s*(?P<counted>\w+)\s*,\s*(?P<temp>\w+)\s*\))"
    r"\s*(?P<relation>[=!]=|[<>]=?)\s*(?P<value>-?\d+)\s*\)"
)
_RELATIONS = dict(zip(("==", "!=", "<", "<=", ">", ">="), Relation, strict=True))
_SEEN, ROUNDS = 0, 1
"""Variables of the controller: what ``until`` looks at, and how many rounds all ``repeat`` have begun."""

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
        words: its words; none of ``load_in``, ``repeat`` and ``until``.
        level: the level that ``load_in`` drives IN to, else None.
        steps: what ``repeat`` and ``until`` are to the controller.
    """

    line: int
    text: str
    name: str
    operands: tuple[Operand, ...]
    words: tuple[Instruction, ...]
    level: int | None = None
    steps: tuple[Step, ...] = ()

    @property
    def is_the_controllers(self) -> bool:
        """Whether it ends a block and starts another."""
        return self.level is not None or bool(self.steps)


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
            AssemblyError: there are none or too many, or it drives IN or has loops, which words cannot.
        """
        for statement in self.statements:
            if statement.level is not None:
                raise AssemblyError(
                    f"{self.name}:{statement.line}: {statement.text} drives IN, which a block cannot: run "
                    f"the file with run-kernel, or leave the line out and drive IN from the host"
                )
            if statement.steps:
                raise AssemblyError(
                    f"{self.name}:{statement.line}: {statement.text} is the controller's, and no part of a "
                    f"block: run the file with run-kernel"
                )
        return self._block(self.statements)

    def parts(self) -> Iterator[int | Step | Block]:
        """Levels for IN, steps and blocks, in order.

        ``load_in``, ``repeat`` and ``until`` end a block and start another.

        Raises:
            AssemblyError: there are no words, or too many in a row.
        """
        rest: list[Statement] = []
        for statement in self.statements:
            if not statement.is_the_controllers:
                rest.append(statement)
                continue
            if rest:
                yield self._block(rest)
            rest = []
            yield from statement.steps if statement.level is None else (statement.level,)
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
    _check_loops(statements, name)
    unknown = sorted(set(values) - set(parameters))
    if unknown:
        known = known_names(unknown[0], parameters)
        raise AssemblyError(f"{name}: it has no parameter {unknown[0]!r}; {known}")
    return KernelText(name, tuple(statements), parameters)


def _check_loops(statements: list[Statement], name: str) -> None:
    """Whether every ``repeat`` has its ``until``."""
    begun: list[Statement] = []
    for statement in statements:
        if statement.name == "repeat":
            begun.append(statement)
        elif statement.name == "until" and not begun:
            raise AssemblyError(f"{name}:{statement.line}: until has no repeat before it")
        elif statement.name == "until":
            begun.pop()
    if begun:
        raise AssemblyError(f"{name}:{begun[-1].line}: repeat has no until behind it")


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
    repeat = _REPEAT.fullmatch(text)
    if repeat is not None:
        count = Set(ROUNDS, Operation.ADD, Source.CONSTANT, 1)
        return Statement(line, text, "repeat", (), (), None, (Repeat(_times(repeat[1])), count))
    if text.startswith("until"):
        return Statement(line, text, "until", (), (), None, _until(text))
    name, operands, words = read_call(text)
    return Statement(line, text, name, operands, words if words is not None else expand(name, operands))


def _level(text: str) -> int:
    number = re.fullmatch(r"-?\d+", text)
    if number is None:
        raise InstructionError(f"load_in: operand 1: {text!r} is neither a number nor a parameter")
    if not _LEAST_LEVEL <= int(text) <= _MOST_LEVEL:
        raise InstructionError(f"load_in: operand 1 must be {_LEAST_LEVEL} to {_MOST_LEVEL}, not {text}")
    return int(text)


def _times(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_TIMES:
        raise InstructionError(f"repeat: operand 1 must be 1 to {MAX_TIMES}, not {text}")
    return int(text)


def _until(text: str) -> tuple[Step, ...]:
    """Look at a DREG, leave the loop where that is so, and end it."""
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise InstructionError(
            f"{text!r} is not of the form until(global_or(R7) == 0) or until(global_count(R5, D) < 400)"
        )
    relation = _RELATIONS[match["relation"]]
    look: Step
    if match["ored"]:
        look, part = GlobalOr(_number(match["ored"], DREGS), 0, 0, 255, 255), Part.BYTE
    else:
        look, part = (
            GlobalCount(_number(match["counted"], DREGS), _number(match["temp"], AREGS), 0),
            Part.UINT16,
        )
    leave = LeaveIf(_SEEN, relation, Source.CONSTANT, int(match["value"]))
    return look, Take(_SEEN, part, 0), leave, End()


def _number(name: str, registers: Sequence[Register]) -> int:
    if name not in registers:
        raise InstructionError(f"until: no register {name!r}; {known_names(name, registers)}")
    return [str(register) for register in registers].index(name)
