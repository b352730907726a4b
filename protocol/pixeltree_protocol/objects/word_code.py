"""Instruction words as arithmetic-coded decisions: about one byte a word.

A word is coded by its mnemonic and operands (isa.py), registers by how long ago they were named last, so
that code which does the same with other registers looks the same. One procedure, :class:`_Words`, serves both
ways: it asks a coder for every decision, and hands it the answer when encoding. Before a block, both sides
learn from the blocks of :data:`PRIMER`, which are like those that kernels are made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from pixeltree_protocol.chip.isa import ICW, MNEMONICS, WORD_BITS, ClockClass, Instruction, decode, encode
from pixeltree_protocol.chip.kernel_api import parse_line
from pixeltree_protocol.chip.registers import Analog, Digital, Register
from pixeltree_protocol.errors import InstructionError, ObjectError
from pixeltree_protocol.objects.arithmetic import Context, Decoder, Encoder, Estimates, learn

_FIRST: tuple[Register, ...] = (
    *(Digital(f"R{number}") for number in (8, 9, 10, 11, 0, 7, 6, 1, 2, 3, 4, 5, 12)),
    *(Analog.NEWS, Analog.IN, Analog.B, Analog.A),
)
REGISTERS: tuple[Register, ...] = (*_FIRST, *(reg for reg in (*Analog, *Digital) if reg not in _FIRST))
"""Registers as a block begins, the one that was named last first."""

RAW = len(MNEMONICS)
"""In place of a mnemonic: the 80 bits of a word that has none, and 3 bits of its clock class, follow."""

_SYMBOL_BITS, _COUNT_BITS, _CLOCK_BITS = 5, 4, 3

PRIMER = """\
CLR(R1, R2, R3, R4); CLR(R8, R9, R10, R11)
CLR(R8, R9, R10, R11)
all; bus(NEWS); bus(B, NEWS); MOV(R6, R5); MOV(R7, R6); CLR(R8, R9, R10, R11)
all; bus(NEWS); bus(A, NEWS); OR(R10, R1, R2, R3, R4); WHERE(R10); bus(A, IN); all; bus(NEWS, A); bus(B, A); \
bus(A, B, NEWS); OR(R10, R6, R7, R8, R9); WHERE(R10); bus(NEWS, A, IN); bus(A, NEWS); CLR(R1, R2, R3, R4); \
CLR(R6, R7, R8, R9)
OR(R0, R8, R9, R10, R11); NOR(R8, R0, R7); NOR(R9, R7, R8); NOR(R10, R0, R8); WHERE(R9, R10); bus(NEWS, B); \
bus(B, NEWS, IN); CLR(R1, R2, R3, R4); SET(R4)
DNEWS0(R8, R7); DNEWS0(R7, R8); MOV(R8, R7); DNEWS0(R7, R8); DNEWS0(R8, R7); MOV(R7, R8)
DNEWS0(R7, R6); DNEWS0(R6, R7); MOV(R7, R6); DNEWS0(R6, R7); DNEWS0(R7, R6); MOV(R6, R7)
OR(R0, R8, R9, R10, R11); NOR(R8, R0, R7); NOR(R9, R7, R8); NOR(R10, R0, R8); WHERE(R9, R10); \
bus(NEWS, B, IN); bus(B, NEWS); MOV(R7, R6); CLR(R1, R2, R3, R4); SET(R2)
OR(R0, R1, R2, R3, R4); NOR(R1, R0, R7); NOR(R2, R1, R7); NOR(R3, R0, R1); WHERE(R2, R3); bus(NEWS, B); \
bus(B, NEWS, IN); CLR(R1, R2, R3, R4); SET(R1); DNEWS0(R0, R7); MOV(R7, R0); OR(R0, R8, R9, R10, R11); \
NOR(R8, R0, R7); NOR(R1, R7, R8); NOR(R2, R0, R8); WHERE(R1, R2); bus(NEWS, B, IN); bus(B, NEWS); \
where(A, B); MOV(R6, FLAG)
OR(R8, R6, R7); MOV(R6, R8)
MOV(R7, R6); CLR(R2); SET(R1)
"""
"""A block a line: what both sides learn from, in this order, before each block."""


def encode_words(words: Sequence[ICW]) -> bytes:
    """The code of some words."""
    coder = Encoder(dict(_primed()))
    walk = _Words(coder)
    for word in words:
        walk.word(decode(word))
    return coder.finish()


@lru_cache(maxsize=64)
def decode_words(data: bytes, count: int) -> tuple[ICW, ...]:
    """So many words from their code; it takes milliseconds and swaps bring blocks back: the last are kept.

    Raises:
        ObjectError: the bytes are not the code of words.
    """
    walk = _Words(Decoder(dict(_primed()), data))
    words = []
    for index in range(count):
        try:
            words.append(encode(walk.word(None)))
        except (InstructionError, ValueError) as error:
            raise ObjectError(f"word {index} of the block is not an instruction word: {error}") from error
    return tuple(words)


@lru_cache(maxsize=1)
def _primed() -> Estimates:
    learner = _Learner()
    for line in PRIMER.splitlines():
        walk = _Words(learner)
        for call in line.split("; "):
            for instruction in parse_line(call):
                walk.word(instruction)
    return learner.estimates


class _Coder(Protocol):
    """Where decisions go to, or come from."""

    def bit(self, context: Context, bit: int) -> int:
        """A decision: the one handed over when encoding, the one found when decoding."""
        ...


class _Learner:
    """Learns from decisions and codes nothing."""

    def __init__(self) -> None:
        self.estimates: Estimates = {}

    def bit(self, context: Context, bit: int) -> int:
        learn(self.estimates, context, bit)
        return bit


class _Words:
    """Every decision of the words of one block, in order."""

    def __init__(self, coder: _Coder) -> None:
        self._coder = coder
        self._recent = list(REGISTERS)
        self._previous = RAW + 1  # before the first word

    def word(self, instruction: Instruction | None) -> Instruction:
        """Code the next word; None when decoding."""
        symbol = 0
        if instruction is not None:
            symbol = RAW if instruction.raw else MNEMONICS.index(instruction.mnemonic)
        previous = self._previous
        symbol = self._previous = self._number(("mnemonic", previous), symbol, _SYMBOL_BITS)
        if symbol == RAW:
            return Instruction("icw", raw=self._raw(instruction.raw if instruction else None))
        if symbol > RAW:
            raise ObjectError(f"no mnemonic has number {symbol}")
        destinations, sources = (instruction.destinations, instruction.sources) if instruction else ((), ())
        counts = [
            self._number((role, symbol, previous), len(registers), _COUNT_BITS)
            for role, registers in (("destinations", destinations), ("sources", sources))
        ]
        operands = [*self._by_age(destinations), *self._by_age(sources)]
        named = [
            self._register((symbol, previous, place), operands[place] if operands else None)
            for place in range(sum(counts))
        ]
        for register in reversed((*named[counts[0] :], *named[: counts[0]])):
            self._recent.remove(register)
            self._recent.insert(0, register)
        found = Instruction(MNEMONICS[symbol], tuple(named[: counts[0]]), tuple(named[counts[0] :]))
        return instruction or found

    def _by_age(self, registers: Sequence[Register]) -> list[Register]:
        return sorted(registers, key=self._recent.index)

    def _register(self, context: Context, register: Register | None) -> Register:
        age = self._recent.index(register) if register else 0
        age = self._number(context, age, _SYMBOL_BITS)
        if age >= len(self._recent):
            raise ObjectError(f"no register has number {age}")
        return self._recent[age]

    def _raw(self, word: ICW | None) -> ICW:
        bits, clock = (word.bits, word.clock) if word else (0, 0)
        found = sum(self._coder.bit(("raw", place), bits >> place & 1) << place for place in range(WORD_BITS))
        return ICW(found, ClockClass(self._number("clock", clock, _CLOCK_BITS)))

    def _number(self, context: Context, value: int, width: int) -> int:
        """A number, its highest bit first; the bits before are part of a bit's context."""
        node = 1
        for place in reversed(range(width)):
            node = node << 1 | self._coder.bit((context, node), value >> place & 1)
        return node - (1 << width)
