"""Instruction words: encode, decode and print every single-word SCAMP-5 instruction.

One table (:data:`FORMS`) says which bits an instruction sets; encoder, decoder and the documentation
are derived from it. Source: SCAMP-5 fact sheet sections 2.2 and 2.4.

>>> str(decode(encode(Instruction("bus", (Analog.A,), (Analog.XE, Analog.B)))))
'bus(A, B, XE)'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from pixeltree_protocol.chip.registers import (
    ANALOG_SELECT,
    ANALOG_WRITE,
    BIT_NAMES,
    DIGITAL_LOAD,
    DIGITAL_READ,
    PORTS,
    Analog,
    Digital,
    Register,
    bits,
)
from pixeltree_protocol.errors import InstructionError

WORD_BITS = 80
PORT_WORDS = 5


class ClockClass(IntEnum):
    """Timing class of an instruction word (bits 19-21 of port word 0)."""

    ANALOG = 0
    DIGITAL = 1
    DNEWS = 2
    PROP = 3
    AER = 4
    DOUT = 5
    FAST = 6


@dataclass(frozen=True, order=True)
class ICW:
    """One instruction control word: 80 bits and a clock class."""

    bits: int
    clock: ClockClass = ClockClass.ANALOG

    def __post_init__(self) -> None:
        if not 0 <= self.bits < 1 << WORD_BITS:
            raise InstructionError(f"an instruction word has 80 bits; {self.bits:#x} does not fit")

    @property
    def words(self) -> tuple[int, int, int, int, int]:
        """The five 32-bit port words: 16 data bits, the word's index in bits 16-18, clock in word 0."""
        data = [(self.bits >> 16 * index & 0xFFFF) | index << 16 for index in range(PORT_WORDS)]
        return data[0] | self.clock << 19, data[1], data[2], data[3], data[4]

    @classmethod
    def from_words(cls, words: Sequence[int]) -> ICW:
        """Read five port words. Bits 22-31 are unused by the chip and ignored.

        Raises:
            InstructionError: not five words, a wrong word index, or an unknown clock class.
        """
        if len(words) != PORT_WORDS:
            raise InstructionError(f"an instruction word is 5 port words, not {len(words)}")
        value = 0
        for index, word in enumerate(words):
            if word >> 16 & 7 != index:
                raise InstructionError(f"port word {index} ({word:#010x}) carries index {word >> 16 & 7}")
            value |= (word & 0xFFFF) << 16 * index
        clock = words[0] >> 19 & 7
        if clock not in ClockClass.__members__.values():
            raise InstructionError(f"port word 0 ({words[0]:#010x}) carries clock class {clock}; known: 0-6")
        return cls(value, ClockClass(clock))

    @property
    def bit_names(self) -> tuple[str, ...]:
        """Names of the bits that are set, in bit order."""
        return tuple(name for number, name in enumerate(BIT_NAMES) if self.bits >> number & 1)


class Operand(Enum):
    """Which table turns an operand into bits."""

    ANALOG_DESTINATION = "analog destination"
    ANALOG_SOURCE = "analog source"
    DIGITAL_DESTINATION = "digital destination"
    DIGITAL_SOURCE = "digital source"

    @property
    def table(self) -> Mapping[Register, int]:
        """Register -> bits for this kind of operand."""
        return _OPERAND_BITS[self]


_OPERAND_BITS: dict[Operand, dict[Register, int]] = {
    Operand.ANALOG_DESTINATION: {reg: ANALOG_WRITE[reg] | ANALOG_SELECT[reg] for reg in ANALOG_WRITE},
    Operand.ANALOG_SOURCE: ANALOG_SELECT,
    Operand.DIGITAL_DESTINATION: DIGITAL_LOAD,
    Operand.DIGITAL_SOURCE: DIGITAL_READ,
}


@dataclass(frozen=True)
class Form:
    """One row of the instruction table.

    Attributes:
        mnemonic: the vendor's name.
        clock: clock class of the word.
        bits: bits that are set whatever the operands are.
        destination: kind of the destination operands, or None.
        destinations: least and greatest number of destinations.
        source: kind of the source operands, or None.
        sources: least and greatest number of sources.
        meaning: one line for the documentation.
    """

    mnemonic: str
    clock: ClockClass
    bits: int
    meaning: str
    destination: Operand | None = None
    destinations: tuple[int, int] = (0, 0)
    source: Operand | None = None
    sources: tuple[int, int] = (0, 0)


_AD, _AS = Operand.ANALOG_DESTINATION, Operand.ANALOG_SOURCE
_DD, _DS = Operand.DIGITAL_DESTINATION, Operand.DIGITAL_SOURCE
_A, _D, _N, _P = ClockClass.ANALOG, ClockClass.DIGITAL, ClockClass.DNEWS, ClockClass.PROP

_COPY = bits("s_in", "plrb", "bit", "bitmode")
_INVERT = bits("s_in", "plwb", "plrb", "nbit", "bitmode")
_NEIGHBOUR = bits("s_in", "rid", "nb", "plrb", "bit", "fbus")
_PROPAGATE = bits("s_in", "RR12", "LR12", "fbus", "rid", "nb")
_SQUARE = bits("selsq") | _OPERAND_BITS[_AD][Analog.NEWS]

FORMS: tuple[Form, ...] = (
    Form("nop", _A, 0, "nothing"),
    Form("rpix", _A, bits("rstpix", "selpix"), "reset the photodiode integrator"),
    Form("aout", _A, bits("ana"), "hold an analog source on the read-out bus", None, (0, 0), _AS, (1, 1)),
    Form("bus", _A, 0, "d := -(s0 + ...)", _AD, (1, 1), _AS, (0, 13)),
    Form("bus2", _A, 0, "both d := -(s0 + s1) / 2", _AD, (2, 2), _AS, (0, 2)),
    Form("bus3", _A, 0, "all three d := -s0 / 3", _AD, (3, 3), _AS, (1, 1)),
    Form("bus", _A, 0, "every d := -(s0 + ...) / number of d", _AD, (2, 11), _AS, (0, 13)),
    Form("blurset", _D, bits("RR1", "RR2"), "prepare the resistive grid"),
    Form("blur", _A, bits("seldiffe", "seldiffs"), "resistive blur, both axes", _AD, (1, 1), _AS, (1, 1)),
    Form("blurh", _A, bits("seldiffe"), "resistive blur, horizontal", _AD, (1, 1), _AS, (1, 1)),
    Form("blurv", _A, bits("seldiffs"), "resistive blur, vertical", _AD, (1, 1), _AS, (1, 1)),
    Form("sq", _A, _SQUARE, "NEWS := square of the sum", None, (0, 0), _AS, (1, 2)),
    Form("where", _A, bits("wrf"), "FLAG := (s0 + ...) > 0", None, (0, 0), _AS, (1, 3)),
    Form("WHERE", _D, bits("wrf", "plrb", "rid"), "FLAG := s0 OR ...", None, (0, 0), _DS, (1, 3)),
    Form("all", _A, bits("setf", "plrb", "rid"), "FLAG := 1"),
    Form("SET", _D, bits("s_in", "plwb"), "every d := 1", _DD, (1, 4)),
    Form("CLR", _D, _COPY, "every d := 0", _DD, (1, 4)),
    Form("MOV", _D, _COPY, "d := s", _DD, (1, 1), _DS, (1, 1)),
    Form("OR", _D, _COPY, "d := s0 OR s1 ...", _DD, (1, 1), _DS, (2, 4)),
    Form("NOT", _D, _INVERT, "d := NOT s", _DD, (1, 1), _DS, (1, 1)),
    Form("NOR", _D, _INVERT, "d := NOT (s0 OR s1 ...)", _DD, (1, 1), _DS, (2, 4)),
    Form("REFRESH_R", _D, _COPY, "read half of a refresh", None, (0, 0), _DS, (1, 1)),
    Form("REFRESH_L", _D, bits("s_in", "bit", "bitmode"), "load half of a refresh", _DD, (1, 1)),
    Form("DNEWS0", _N, _NEIGHBOUR, "d := OR of enabled neighbours' s, edge 0", _DD, (1, 1), _DS, (1, 1)),
    Form("DNEWS1", _N, _NEIGHBOUR | bits("pupd"), "same, edge 1", _DD, (1, 1), _DS, (1, 1)),
    Form("PROP_R", _A, _COPY | bits("RR12"), "put R12 on the propagation bus"),
    Form("PROP_0", _P, _PROPAGATE, "flood R12 inside R0, edge 0"),
    Form("PROP_1", _P, _PROPAGATE | bits("pupd"), "flood R12 inside R0, edge 1"),
)
"""Every single-word instruction. Where forms share bits the decoder takes the first that re-encodes."""

_BY_COPY = "copy it to another register first, with mov, and name the copy"
_BY_TEMP = "go by {temp}: {name}({temp}, {d}), then {name}({d}, {temp})"
_BY_FLAG = "copy it to FLAG first: WHERE({d}), then {name}({d}, FLAG), then all"

IN_PLACE: dict[str, str] = {
    "bus": "go by {temp}: bus({temp}, ...), then bus({d}, {temp}); each of them turns the sign",
    "bus2": _BY_COPY,
    "bus3": _BY_COPY,
    "blur": _BY_TEMP,
    "blurh": _BY_TEMP,
    "blurv": _BY_TEMP,
    "MOV": "it stays as it is: leave the word out, or write REFRESH({d}) to restore its level",
    "OR": "in place it is {first}OR({d}, {last})",
    "NOT": "in place it is NOT({d})",
    "NOR": "in place it is {first}NOR({d}, {last})",
    "DNEWS0": _BY_FLAG,
    "DNEWS1": _BY_FLAG,
}
"""What to write where a register is both destination and source, by mnemonic.

``{d}`` is that register, ``{name}`` the mnemonic, ``{temp}`` an AREG to go by, ``{last}`` the last of the
other sources, ``{first}`` in-place ORs of those before it.
"""

MNEMONICS = tuple(dict.fromkeys(form.mnemonic for form in FORMS))

_RANK: dict[Register, int] = {reg: i for i, reg in enumerate((*Analog, *Digital))}


@dataclass(frozen=True)
class Instruction:
    """A mnemonic with operands, or ``icw``: a raw word that no mnemonic describes.

    Operands are put in register order, because their order within a word means nothing; a ``bus`` list
    that is exactly a ``bus2`` or ``bus3`` takes that name.
    """

    mnemonic: str
    destinations: tuple[Register, ...] = ()
    sources: tuple[Register, ...] = ()
    raw: ICW | None = None

    def __post_init__(self) -> None:
        strangers = [reg for reg in (*self.destinations, *self.sources) if reg not in _RANK]
        if strangers:
            raise InstructionError(f"{self.mnemonic}: {strangers[0]!r} is not a register")
        object.__setattr__(self, "destinations", tuple(sorted(self.destinations, key=_RANK.__getitem__)))
        object.__setattr__(self, "sources", tuple(sorted(self.sources, key=_RANK.__getitem__)))
        if self.mnemonic == "bus" and len(self.destinations) == 2 and len(self.sources) <= 2:
            object.__setattr__(self, "mnemonic", "bus2")
        if self.mnemonic == "bus" and len(self.destinations) == 3 and len(self.sources) == 1:
            object.__setattr__(self, "mnemonic", "bus3")

    def __str__(self) -> str:
        if self.raw is not None:
            return f"icw({self.raw.clock.name}, {{{', '.join(self.raw.bit_names)}}})"
        if self.mnemonic == "bus" and len(self.destinations) > 1:
            return f"bus({{{', '.join(self.destinations)}}}, {{{', '.join(self.sources)}}})"
        operands = (*self.destinations, *self.sources)
        return f"{self.mnemonic}({', '.join(operands)})" if operands else self.mnemonic


def encode(instruction: Instruction) -> ICW:
    """The instruction word of ``instruction``.

    Raises:
        InstructionError: unknown mnemonic, wrong operands, or a combination one word cannot express.
    """
    if instruction.raw is not None:
        return instruction.raw
    forms = [form for form in FORMS if form.mnemonic == instruction.mnemonic]
    if not forms:
        raise InstructionError(f"unknown mnemonic {instruction.mnemonic!r}; known: {', '.join(MNEMONICS)}")
    _check_combination(instruction)
    problems: list[str] = []
    for form in forms:
        problem = _operand_problem(form, instruction)
        if problem is None:
            return ICW(_form_bits(form, instruction), form.clock)
        problems.append(problem)
    wrong_kind = [problem for problem in problems if not problem.startswith("takes")]
    raise InstructionError(f"{instruction}: {(wrong_kind or problems)[0]}")


def decode(word: ICW) -> Instruction:
    """The instruction that encodes to ``word``; ``icw`` with the raw word where no mnemonic does."""
    for form in FORMS:
        if form.clock is not word.clock or form.bits & ~word.bits:
            continue
        rest = word.bits & ~form.bits
        for candidate in _candidates(form, word.bits, rest):
            if (
                _operand_problem(form, candidate) is None
                and not _combination_problem(candidate)
                and _form_bits(form, candidate) == word.bits
            ):
                return candidate
    return Instruction("icw", raw=word)


def _candidates(form: Form, all_bits: int, rest: int) -> list[Instruction]:
    """Readings of a word as ``form``: operands whose own bits are present beside the fixed bits."""
    destinations = _operands_in(form.destination, rest)
    sources = _operands_in(form.source, rest)
    if form.mnemonic == "sq":  # NEWS is the fixed destination; its bits are not a source
        return [Instruction("sq", (), sources)]
    if form.source is Operand.ANALOG_SOURCE:
        # A port source shares SEL4 with NEWS: look for sources among all bits, then drop destinations.
        sources = tuple(reg for reg in _operands_in(form.source, all_bits) if reg not in destinations)
        if form.bits & bits("selpix"):
            sources = tuple(reg for reg in sources if reg is not Analog.PIX)
    return [Instruction(form.mnemonic, destinations, sources)]


def _operands_in(kind: Operand | None, word_bits: int) -> tuple[Register, ...]:
    if kind is None:
        return ()
    found = [reg for reg, mask in kind.table.items() if mask & word_bits == mask]
    if Digital.RECT in found:
        found.remove(Digital.SELECT)
    return tuple(found)


def _form_bits(form: Form, instruction: Instruction) -> int:
    value = form.bits
    for kind, registers in ((form.destination, instruction.destinations), (form.source, instruction.sources)):
        for register in registers:
            value |= kind.table[register] if kind else 0
    return value


def _operand_problem(form: Form, instruction: Instruction) -> str | None:
    for role, kind, (least, most), registers in (
        ("destination", form.destination, form.destinations, instruction.destinations),
        ("source", form.source, form.sources, instruction.sources),
    ):
        if not least <= len(registers) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            return f"takes {wanted} {role} operands, not {len(registers)}"
        for register in registers:
            if kind is None or register not in kind.table:
                article = "an" if kind and kind.value.startswith("a") else "a"
                return f"{register} cannot be {article} {kind.value if kind else role} here"
    return None


def _check_combination(instruction: Instruction) -> None:
    problem = _combination_problem(instruction)
    if problem:
        raise InstructionError(f"{instruction}: {problem}", _remedy(instruction))


def _remedy(instruction: Instruction) -> str:
    """What to write instead where a register stands in two places; empty where none does."""
    destinations, sources = instruction.destinations, instruction.sources
    both = [register for register in destinations if register in sources]
    if both:
        register = both[0]
        *first, last = [source for source in sources if source is not register] or [register]
        return IN_PLACE.get(instruction.mnemonic, "").format(
            name=instruction.mnemonic,
            d=register,
            temp=Analog.F if register is Analog.NEWS else Analog.NEWS,
            first="".join(f"OR({register}, {source}), then " for source in first),
            last=last,
        )
    twice = _named_twice(destinations) or _named_twice(sources)
    if isinstance(twice, Analog) and twice in sources:
        return "a bus connects a register once: copy it to another first, with mov, and name both"
    return "name it once" if twice else ""


def _named_twice(registers: Sequence[Register]) -> Register | None:
    return next((register for register in registers if registers.count(register) > 1), None)


def _combination_problem(instruction: Instruction) -> str | None:
    """Combinations that one word cannot tell apart from another, or that the vendor forbids."""
    destinations, sources = instruction.destinations, instruction.sources
    twice = _named_twice(destinations) or _named_twice(sources)
    if twice:
        return f"{twice} is named twice"
    both = set(destinations) & set(sources)
    if both:
        return f"{', '.join(sorted(both))} is both destination and source"
    share_strobe = {Analog.NEWS, *PORTS}
    if share_strobe & set(destinations) and len(share_strobe & {*destinations, *sources}) > 1:
        return "NEWS, XN, XE, XS, XW share one write strobe; a word that writes one can use no other"
    if instruction.mnemonic == "sq" and share_strobe & set(sources):
        return "sq writes NEWS, which shares its strobe with the ports; use another source"
    if {Digital.SELECT, Digital.RECT} <= set(sources):
        return "RECT already contains the SELECT bit; name one of them"
    return None
