"""From a program's instructions to the array's words, once for each packet that is different.

A chip has no virtual registers, so instructions that name one stay apart (:class:`Odd`). Where the client
expands the chip's two-word forms by way of ``.RB`` (SCAMP-5 fact sheet 3.6, 6.1), the two words come back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pixeltree_emu.array.semantics import interpret
from pixeltree_emu.controller.device_array import Kernel
from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import ICW, ClockClass, encode
from pixeltree_protocol.chip.isa import Instruction as Word
from pixeltree_protocol.chip.registers import DIGITAL_LOAD, DIGITAL_READ, Analog, Digital, bits
from pixeltree_protocol.errors import InstructionError
from pixeltree_protocol.vendor import registers
from pixeltree_protocol.vendor.registers import BUFFER, ZERO
from pixeltree_protocol.vendor.simulation import QUICK, Opcode, opcode_name

logger = logging.getLogger(__name__)

_MOST_KEPT = 65_536
"""Packets whose translation is kept; a program's kernels have some hundreds."""


@dataclass(frozen=True)
class Shape:
    """What an opcode's operands are.

    Attributes:
        mnemonic: of the chip's word.
        digital: whether its registers are digital ones.
        destinations, sources: how many of each come, in this order.
    """

    mnemonic: str
    digital: bool = False
    destinations: int = 0
    sources: int = 0


SHAPES: dict[int, Shape] = {
    Opcode.NOP: Shape("nop"),
    Opcode.RPIX: Shape("rpix"),
    Opcode.BUS_0: Shape("bus", False, 1, 0),
    Opcode.BUS_1: Shape("bus", False, 1, 1),
    Opcode.BUS_2: Shape("bus", False, 1, 2),
    Opcode.BUS_3: Shape("bus", False, 1, 3),
    Opcode.BUS_4: Shape("bus", False, 1, 4),
    Opcode.BUS2_0: Shape("bus2", False, 2, 0),
    Opcode.BUS2_1: Shape("bus2", False, 2, 1),
    Opcode.BUS2_2: Shape("bus2", False, 2, 2),
    Opcode.BUS3: Shape("bus3", False, 3, 1),
    Opcode.BLURSET: Shape("blurset"),
    Opcode.BLUR: Shape("blur", False, 1, 1),
    Opcode.BLURH: Shape("blurh", False, 1, 1),
    Opcode.BLURV: Shape("blurv", False, 1, 1),
    Opcode.WHERE_ANALOG_1: Shape("where", False, 0, 1),
    Opcode.WHERE_ANALOG_2: Shape("where", False, 0, 2),
    Opcode.WHERE_ANALOG_3: Shape("where", False, 0, 3),
    Opcode.ALL: Shape("all"),
    Opcode.WHERE_1: Shape("WHERE", True, 0, 1),
    Opcode.WHERE_2: Shape("WHERE", True, 0, 2),
    Opcode.WHERE_3: Shape("WHERE", True, 0, 3),
    Opcode.SET_1: Shape("SET", True, 1),
    Opcode.SET_2: Shape("SET", True, 2),
    Opcode.SET_3: Shape("SET", True, 3),
    Opcode.SET_4: Shape("SET", True, 4),
    Opcode.CLR_1: Shape("CLR", True, 1),
    Opcode.CLR_2: Shape("CLR", True, 2),
    Opcode.CLR_3: Shape("CLR", True, 3),
    Opcode.CLR_4: Shape("CLR", True, 4),
    Opcode.MOV: Shape("MOV", True, 1, 1),
    Opcode.NOT: Shape("NOT", True, 1, 1),
    Opcode.OR_2: Shape("OR", True, 1, 2),
    Opcode.OR_3: Shape("OR", True, 1, 3),
    Opcode.OR_4: Shape("OR", True, 1, 4),
    Opcode.NOR_2: Shape("NOR", True, 1, 2),
    Opcode.NOR_3: Shape("NOR", True, 1, 3),
    Opcode.NOR_4: Shape("NOR", True, 1, 4),
    Opcode.DNEWS_0: Shape("DNEWS0", True, 1, 1),
    Opcode.DNEWS_1: Shape("DNEWS1", True, 1, 1),
    Opcode.PROP_R: Shape("PROP_R"),
    Opcode.PROP_0: Shape("PROP_0"),
    Opcode.PROP_1: Shape("PROP_1"),
}
"""Every opcode that is a word of the array but BUS_LIST, whose operands are counted by itself."""


@dataclass(frozen=True)
class Odd:
    """An instruction with virtual registers.

    Attributes:
        shape: its mnemonic and kind.
        destinations, sources: names of registers; ``.Z`` is no source.
    """

    shape: Shape
    destinations: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.destinations, *self.sources)

    def word(self, stands_for: Callable[[str], Analog | Digital]) -> ICW:
        """Its word, with a register of the chip for each.

        Raises:
            InstructionError: no word expresses it.
        """
        return _word(
            self.shape.mnemonic,
            tuple(stands_for(name) for name in self.destinations),
            tuple(stands_for(name) for name in self.sources),
        )


Part = Kernel | Odd
Run = Callable[[], None]


class Translator:
    """Translates packets of instructions and keeps what it has translated, by bytes.

    Args:
        prepare: makes of a packet's parts what executes them.
    """

    def __init__(self, prepare: Callable[[Sequence[Part]], Run]) -> None:
        self._prepare = prepare
        self._known: dict[tuple[bytes, bool], Run] = {}
        self._alike: dict[tuple[tuple[int, ...], ...], Run] = {}

    def translate(self, payload: bytes, mirrored: bool = False) -> Run:
        """What executes a packet, each time that it is called.

        Args:
            payload: instructions of 20 bytes each.
            mirrored: put each port's opposite in its place.
        """
        known = self._known.get((payload, mirrored))
        if known is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
                self._alike.clear()
            known = self._known[payload, mirrored] = self._by_operands(payload, mirrored)
        return known

    def _by_operands(self, payload: bytes, mirrored: bool) -> Run:
        """Packets that differ only in what the client left in unused arguments are alike."""
        whole = len(payload) // QUICK.size * QUICK.size
        rows = tuple(_used(row, mirrored) for row in QUICK.iter_unpack(payload[:whole]))
        if rows not in self._alike:
            self._alike[rows] = self._prepare(_parts([each for row in rows for each in _odd(row)]))
        return self._alike[rows]


def _used(row: tuple[int, ...], mirrored: bool) -> tuple[int, ...]:
    """An opcode and the register indices that it uses; a bus list keeps its -1."""
    opcode, arguments = row[0], row[2:]
    shape = SHAPES.get(opcode)
    if shape is not None:
        used = arguments[: shape.destinations + shape.sources]
    elif opcode == Opcode.BUS_LIST:
        used = _list_operands(arguments)
    else:
        return (opcode,)
    if mirrored and not (shape and shape.digital):
        used = tuple(registers.MIRRORED.get(index, index) for index in used)
    return (opcode, *used)


def _list_operands(arguments: tuple[int, ...]) -> tuple[int, ...]:
    """Destinations, -1, sources; ``.Z`` (0) after the sources, or another -1, ends them (6.1)."""
    split = arguments.index(-1) if -1 in arguments else len(arguments)
    sources = arguments[split + 1 :]
    ends = [at for at, index in enumerate(sources) if index in (0, -1)]
    return (*arguments[:split], -1, *sources[: ends[0] if ends else len(sources)])


def _odd(row: tuple[int, ...]) -> Sequence[Odd]:
    """A row as an instruction with names; none, and a line in the log, where it has no meaning."""
    opcode, *used = row
    if opcode == Opcode.BUS_LIST:
        split = used.index(-1)
        shape, names = Shape("bus", False, split, len(used) - split - 1), registers.ANALOG
        del used[split]
    elif opcode in SHAPES:
        shape = SHAPES[opcode]
        names = registers.DIGITAL if shape.digital else registers.ANALOG
    else:
        if opcode not in (Opcode.KERNEL_BEGIN, Opcode.KERNEL_END):
            logger.warning("%s in a kernel is no word of the array; it is left out", opcode_name(opcode))
        return ()
    strange = [index for index in used if not 0 <= index < len(names)]
    if strange:
        logger.warning("%s: no register has index %d; it is left out", opcode_name(opcode), strange[0])
        return ()
    operands = tuple(names[index] for index in used)
    destinations, sources = operands[: shape.destinations], operands[shape.destinations :]
    return (Odd(shape, destinations, tuple(name for name in sources if name != ZERO)),)


def _parts(instructions: list[Odd]) -> list[Part]:
    """Instructions joined to blocks where the chip has words for them."""
    parts: list[Part] = []
    words: list[ICW] = []

    def end_block() -> None:
        if words:
            parts.append(Kernel(tuple(words), None))
            words.clear()

    at = 0
    while at < len(instructions):
        one = instructions[at]
        pair = _two_word_form(one, instructions[at + 1] if at + 1 < len(instructions) else None)
        if pair:
            words += pair
            at += 2
            continue
        at += 1
        if any(name.startswith(".") for name in one.names):
            end_block()
            parts.append(one)
            continue
        try:
            words.append(one.word(_itself))
        except (InstructionError, MeaninglessWord) as error:
            logger.warning("a word is left out: %s", error)
    end_block()
    return parts


def _itself(name: str) -> Analog | Digital:
    return Digital(name) if name in Digital.__members__.values() else Analog(name)


_INTO_BUFFER = {
    "NOT": (bits("plrb", "nbit"), bits("nbit")),
    "NOR": (bits("plrb", "nbit"), bits("nbit")),
    "OR": (bits("plrb", "bit", "bitmode"), bits("bit", "bitmode")),
    "MOV": (bits("plrb", "bit", "bitmode"), bits("bit", "bitmode")),
}
"""Bits of the word that reads and of the word that loads, in the in-place forms (3.5); MOV is REFRESH."""


def _two_word_form(first: Odd, second: Odd | None) -> tuple[ICW, ...]:
    """The chip's two words of an operation into ``.RB`` and the MOV from it; empty where it is none."""
    if second is None or first.destinations != (BUFFER,) or second.sources != (BUFFER,):
        return ()
    if first.shape.mnemonic not in _INTO_BUFFER or second.shape.mnemonic != "MOV":
        return ()
    target = second.destinations[0]
    if target not in registers.DIGITAL[3:16] or any(name.startswith(".") for name in first.sources):
        return ()
    reads, loads = _INTO_BUFFER[first.shape.mnemonic]
    for name in first.sources:
        reads |= DIGITAL_READ[Digital(name)]
    return ICW(reads, ClockClass.DIGITAL), ICW(loads | DIGITAL_LOAD[Digital(target)], ClockClass.DIGITAL)


@lru_cache(maxsize=4096)
def _word(
    mnemonic: str, destinations: tuple[Analog | Digital, ...], sources: tuple[Analog | Digital, ...]
) -> ICW:
    """A word that means something.

    Raises:
        InstructionError, MeaninglessWord: there is none.
    """
    word = encode(Word(mnemonic, destinations, sources))
    interpret(word)
    return word
