"""The vendor's kernel API as a function: name and operands in, instruction words out.

Single words come from :data:`pixeltree_protocol.chip.isa.FORMS`, macros from
:data:`pixeltree_protocol.chip.macros.MACROS`; this module only binds operands to them. Text goes the same
way: :func:`parse_line` reads a call as the vendor spells it.

>>> [str(word) for word in parse_line("movx(A, B, west)")]
['bus(XE, B)', 'bus(A, NEWS)']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pixeltree_protocol.chip.isa import FORMS, ICW, ClockClass, Form, Instruction, encode
from pixeltree_protocol.chip.macros import (
    MACRO_NAMES,
    MACROS,
    MAX_ITERATIONS,
    OLD_NAMES,
    Kind,
    Macro,
    Parameter,
)
from pixeltree_protocol.chip.registers import (
    BIT,
    DIGITAL_LOAD,
    DIGITAL_READ,
    DIRECTION_REGISTER,
    OPPOSITE,
    PORT,
    PORTS,
    Analog,
    Digital,
    Direction,
    Register,
    bits,
)
from pixeltree_protocol.errors import InstructionError
from pixeltree_protocol.names import meant

ALLDIR = frozenset(Direction)
"""The vendor's ``alldir``."""

ALIASES: dict[str, Digital] = {
    "RF": Digital.R0,
    "RS": Digital.R1,
    "RW": Digital.R2,
    "RN": Digital.R3,
    "RE": Digital.R4,
    **{f"S{i}": Digital(f"R{i + 5}") for i in range(7)},
    "RP": Digital.R12,
}
"""The vendor's second names of DREGs (fact sheet 1.2)."""

Operand = Analog | Digital | Direction | frozenset[Direction] | tuple[Analog, ...] | int
"""What a call may be given: registers, directions (one or several), a ``{list}`` of AREGs, a number."""

_FORMS_BY_NAME: dict[str, tuple[Form, ...]] = {}
for _form in FORMS:
    _FORMS_BY_NAME[_form.mnemonic] = (*_FORMS_BY_NAME.get(_form.mnemonic, ()), _form)
_MACROS_BY_NAME = {name: tuple(macro for macro in MACROS if macro.name == name) for name in MACRO_NAMES}

_NAMES: dict[str, Operand] = {
    **{reg.value: reg for reg in Analog},
    **{reg.value: reg for reg in Digital},
    **{direction.value: direction for direction in Direction},
    **ALIASES,
    "alldir": ALLDIR,
}

_CALL = re.compile(r"(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_TOKEN = re.compile(r"\w+")
_NUMBER = re.compile(r"-?[0-9]+")
_PIECE = re.compile(r"\s*(\{[^{}]*\}|[^,{}]*?)\s*(,|$)")


def expand(name: str, operands: Sequence[Operand]) -> tuple[Instruction, ...]:
    """The words of one call of the kernel API.

    Args:
        name: instruction or macro, as the vendor spells it; its old names mean the same.
        operands: in the vendor's order.

    Returns:
        One instruction per word, each known to encode.

    Raises:
        InstructionError: unknown name, an operand of the wrong kind, operands that one word cannot take, or
            operands that the macro would overwrite before it reads them. The message names the call, the
            word and the operand.
    """
    name = OLD_NAMES.get(name, name)
    if name not in _FORMS_BY_NAME and name not in _MACROS_BY_NAME:
        raise InstructionError(f"unknown instruction or macro {name!r}", _meant(name))
    problems: list[str] = []
    for macro in _MACROS_BY_NAME.get(name, ()):
        if macro.least <= len(operands) <= len(macro.parameters):
            problem = _kind_problem(macro, operands)
            if problem is None:
                return _instantiate(macro, tuple(operands))
            problems.append(problem)
    if name in _FORMS_BY_NAME and not problems:
        return (_single_word(name, operands),)
    if problems:
        raise InstructionError(f"{_call(name, operands)}: {problems[0]}")
    known = " or ".join(macro.signature for macro in _MACROS_BY_NAME[name])
    raise InstructionError(f"{_call(name, operands)}: {len(operands)} operands; the vendor has {known}")


def _meant(name: str) -> str:
    """What an unknown name may stand for."""
    if name.startswith(("scamp5_", "vs_")):
        return "functions of the controller are no words of a kernel: they are methods of pixeltree.Device"
    alike = meant(name, (*_FORMS_BY_NAME, *_MACROS_BY_NAME))
    return f"did you mean {' or '.join(alike)}?" if alike else ""


def raw_word(clock: str, names: Iterable[str]) -> Instruction:
    """The ``icw(clock, {bits})`` escape; the clock class by name or, as the vendor writes it, by number.

    Raises:
        InstructionError: a clock class or bit that does not exist.
    """
    numbered = {str(int(known)): known.name for known in ClockClass}
    clock = numbered.get(clock.strip(), clock)
    if clock not in ClockClass.__members__:
        raise InstructionError(
            f"icw: operand 1: no clock class {clock!r}; known: {', '.join(ClockClass.__members__)}"
        )
    names = tuple(names)
    for name in names:
        if name not in BIT:
            raise InstructionError(f"icw: operand 2: no bit is named {name!r}")
    return Instruction("icw", raw=ICW(bits(*names), ClockClass[clock]))


def parse_line(text: str) -> tuple[Instruction, ...]:
    """The words of one call written as text: ``name``, ``name(operands)`` or ``icw(CLOCK, {bits})``.

    Raises:
        InstructionError: what is wrong, naming the operand.
    """
    name, operands, words = read_call(text)
    return words if words is not None else expand(name, operands)


def read_call(text: str) -> tuple[str, tuple[Operand, ...], tuple[Instruction, ...] | None]:
    """Name and operands of one call written as text; of ``icw``, which has bits, its word.

    Raises:
        InstructionError: it is no call, or an operand is no register, direction or number.
    """
    match = _CALL.fullmatch(text.strip())
    if match is None:
        raise InstructionError(f"{text.strip()!r} is not of the form name(operand, ...)")
    name, inside = match.groups()
    pieces = _split(inside or "")
    if name == "icw":
        if len(pieces) != 2 or not pieces[1].startswith("{"):
            raise InstructionError(
                "icw takes a clock class and {bits}, as in icw(DIGITAL, {plrb, nbit, RR5})"
            )
        return name, (), (raw_word(pieces[0], _split(pieces[1][1:-1])),)
    return name, tuple(_operand(name, index, piece) for index, piece in enumerate(pieces)), None


def is_name(name: str) -> bool:
    """Whether the kernel API has an instruction, macro, register or direction of this name."""
    return name in _NAMES or name in _FORMS_BY_NAME or name in _MACROS_BY_NAME or name in OLD_NAMES


def macro_of(name: str, operands: Sequence[Operand]) -> Macro | None:
    """The row of the macro table that a call uses; None for a single word."""
    name = OLD_NAMES.get(name, name)
    for macro in _MACROS_BY_NAME.get(name, ()):
        fits = macro.least <= len(operands) <= len(macro.parameters)
        if fits and _kind_problem(macro, operands) is None:
            return macro
    return None


def _split(text: str) -> list[str]:
    """Pieces between commas; a ``{list}`` is one piece."""
    pieces: list[str] = []
    position = 0
    while position < len(text) or (pieces and text.rstrip().endswith(",")):
        match = _PIECE.match(text, position)
        if match is None or (not match[1] and text.strip()):
            raise InstructionError(f"operand {len(pieces) + 1} of ({text}) is missing or malformed")
        if match[1]:
            pieces.append(match[1])
        if not match[2]:
            break
        position = match.end()
    return pieces


def _operand(name: str, index: int, piece: str) -> Operand:
    where = f"{name}: operand {index + 1}"
    if piece.startswith("{"):
        registers = [_named(where, part) for part in _split(piece[1:-1])]
        if not all(isinstance(register, Analog) for register in registers):
            raise InstructionError(f"{where}: {piece} must list analog registers")
        return tuple(register for register in registers if isinstance(register, Analog))
    if "|" in piece:
        directions = [_named(where, part.strip()) for part in piece.split("|")]
        if not all(isinstance(direction, Direction) for direction in directions):
            raise InstructionError(f"{where}: {piece} must join directions")
        return frozenset(direction for direction in directions if isinstance(direction, Direction))
    return _named(where, piece)


def _named(where: str, token: str) -> Operand:
    if token in _NAMES:
        return _NAMES[token]
    if _NUMBER.fullmatch(token):
        return int(token)
    raise InstructionError(f"{where}: {token!r} is no register, direction or number")


def _call(name: str, operands: Sequence[Operand]) -> str:
    return f"{name}({', '.join(operand_text(operand) for operand in operands)})"


def operand_text(operand: Operand) -> str:
    """An operand as the assembler spells it."""
    if isinstance(operand, frozenset):
        return "|".join(direction for direction in Direction if direction in operand)
    if isinstance(operand, tuple):
        return f"{{{', '.join(operand)}}}"
    return str(operand)


# -- single words ----------------------------------------------------------------------------------


def _single_word(name: str, operands: Sequence[Operand]) -> Instruction:
    form = _FORMS_BY_NAME[name][0]
    if name == "bus" and operands and isinstance(operands[0], tuple):
        destinations, sources = _list_form(operands)
    else:
        registers = tuple(_register(name, index, operand) for index, operand in enumerate(operands))
        # The destinations come first; all are destinations where the instruction has no sources.
        count = len(registers) if form.source is None else form.destinations[1]
        destinations, sources = registers[:count], registers[count:]
    instruction = Instruction(name, destinations, sources)
    encode(instruction)
    return instruction


def _list_form(operands: Sequence[Operand]) -> tuple[tuple[Register, ...], tuple[Register, ...]]:
    """``bus({destinations}, {sources})``; the sources may be left out."""
    lists = [operand for operand in operands if isinstance(operand, tuple)]
    if len(lists) != len(operands) or len(lists) > 2:
        raise InstructionError(f"{_call('bus', operands)}: takes {{destinations}}, {{sources}}")
    return lists[0], lists[1] if len(lists) == 2 else ()


def _register(name: str, index: int, operand: Operand) -> Register:
    if not isinstance(operand, Analog | Digital):
        raise InstructionError(f"{name}: operand {index + 1} must be a register, not {operand_text(operand)}")
    return operand


# -- macros ----------------------------------------------------------------------------------------


def _kind_problem(macro: Macro, operands: Sequence[Operand]) -> str | None:
    for index, (parameter, operand) in enumerate(zip(macro.parameters, operands, strict=False)):
        if not _fits(parameter.kind, operand):
            wanted, given = parameter.kind.value, operand_text(operand)
            return f"operand {index + 1} ({parameter.name}) must be {wanted}, not {given}"
        unloadable = isinstance(operand, Digital) and operand not in DIGITAL_LOAD
        if unloadable and any(f"LR_{parameter.name}" in template for template in macro.words):
            return f"operand {index + 1} ({parameter.name}) must be one of R0 to R12, not {operand}"
    return None


def _fits(kind: Kind, operand: Operand) -> bool:
    match kind:
        case Kind.ANALOG:
            return isinstance(operand, Analog)
        case Kind.DIGITAL:
            return isinstance(operand, Digital)
        case Kind.DIRECTION:
            return isinstance(operand, Direction)
        case Kind.DIRECTIONS:
            return isinstance(operand, Direction) or (isinstance(operand, frozenset) and bool(operand))
        case Kind.BOUNDARY:
            return isinstance(operand, int) and operand in (0, 1)
        case Kind.ITERATIONS:
            return isinstance(operand, int) and 0 <= operand <= MAX_ITERATIONS


@lru_cache(maxsize=4096)
def _instantiate(macro: Macro, operands: tuple[Operand, ...]) -> tuple[Instruction, ...]:
    defaults = [p.default for p in macro.parameters[len(operands) :] if p.default is not None]
    bound = dict(zip(macro.parameters, (*operands, *defaults), strict=True))
    tokens = {
        key: text for parameter, operand in bound.items() for key, text in _tokens(parameter, operand).items()
    }
    iterations = next((v for p, v in bound.items() if p.kind is Kind.ITERATIONS and isinstance(v, int)), 1)
    templates = macro.templates(iterations)
    call = _call(macro.name, operands)
    registers = {p.name: v for p, v in bound.items() if isinstance(v, Analog | Digital)}
    words: list[Instruction] = []
    for index, template in enumerate(templates):
        text = _TOKEN.sub(lambda match: tokens.get(match[0], match[0]), template)
        try:
            words += parse_line(text)
        except InstructionError as error:
            remedy = _macro_remedy(macro, registers)
            raise InstructionError(f"{call}, word {index}: {error.problem}", remedy) from error
    _refuse_overwritten(call, templates, words, registers)
    return tuple(words)


def _macro_remedy(macro: Macro, registers: Mapping[str, Register]) -> str:
    """Which operands of a macro to change where one of its words cannot have them."""
    used = {token for template in (*macro.words, *macro.again) for token in _TOKEN.findall(template)}
    for name, register in registers.items():
        if register in used:
            return f"{macro.name} uses {register} itself: give another register for {name}"
    names = list(registers)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            if registers[other] is registers[name]:
                copy = f"copy {registers[name]} to another register first, and give the copy for {other}"
                return f"{name} and {other} must differ: {copy}"
    return ""


def _tokens(parameter: Parameter, operand: Operand) -> dict[str, str]:
    """What a parameter's tokens stand for (see the table in :mod:`pixeltree_protocol.chip.macros`)."""
    name = parameter.name
    if isinstance(operand, Direction) and parameter.kind is Kind.DIRECTION:
        return {f"X_{name}": PORT[operand], f"X_opp_{name}": PORT[OPPOSITE[operand]]}
    if isinstance(operand, Direction | frozenset):
        chosen = (operand,) if isinstance(operand, Direction) else operand
        registers = [register for direction, register in DIRECTION_REGISTER.items() if direction in chosen]
        return {f"R_{name}": ", ".join(registers)}
    if isinstance(operand, Digital):
        read = ", ".join(ICW(DIGITAL_READ[operand]).bit_names)
        load = ", ".join(ICW(DIGITAL_LOAD[operand]).bit_names) if operand in DIGITAL_LOAD else ""
        return {name: operand, f"RR_{name}": read, f"LR_{name}": load}
    if parameter.kind is Kind.BOUNDARY:
        return {f"DNEWS_{name}": f"DNEWS{operand}"}
    return {name: str(operand)}


def _refuse_overwritten(
    call: str, templates: Sequence[str], words: Sequence[Instruction], registers: dict[str, Register]
) -> None:
    """Refuse operands that the macro overwrites, under another name, before it reads them.

    The words would be legal and the result silently wrong: ``AND(R5, R0, R6)`` begins with ``SET(R0)``.
    """
    writers: dict[Register, tuple[int, set[str]]] = {}
    for index, (template, word) in enumerate(zip(templates, words, strict=True)):
        tokens = set(_TOKEN.findall(template))
        written = _written(word)
        for name, register in registers.items():
            reads = f"RR_{name}" in tokens or (name in tokens and register not in written)
            if reads and register in writers and name not in writers[register][1]:
                raise InstructionError(
                    f"{call}: {register} ({name}) is overwritten by word {writers[register][0]} "
                    f"before word {index} reads it",
                    f"copy {register} to another register first, and give the copy for {name}",
                )
        for register in written:
            by = {n for n, r in registers.items() if r is register and tokens & {n, f"LR_{n}"}}
            writers[register] = index, by


def _written(word: Instruction) -> set[Register]:
    if word.raw is not None:
        return {register for register, mask in DIGITAL_LOAD.items() if word.raw.bits & mask}
    written: set[Register] = {Analog.NEWS if reg in PORTS else reg for reg in word.destinations}
    if word.mnemonic == "rpix":
        written.add(Analog.PIX)
    if word.mnemonic in ("where", "WHERE", "all"):
        written.add(Digital.FLAG)
    return written
