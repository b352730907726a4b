"""Instruction words as rows of numbers that compiled code can read.

The meaning of a word is :func:`pixeltree_emu.array.semantics.interpret`'s alone; here it only changes form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.decay import REGISTER_BITS
from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect
from pixeltree_emu.array.semantics import (
    AnalogTransfer,
    Blur,
    Both,
    CompareAnalog,
    DigitalTransfer,
    Drive,
    FlagFromDigital,
    Idle,
    NeighbourTransfer,
    Operation,
    Propagate,
    ResetPixel,
    Square,
    interpret,
)
from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import AREGS, DREGS, PORTS, Analog, Digital
from pixeltree_protocol.objects.step import last_of

KIND, DESTINATIONS, SOURCES, SETTING = range(4)
"""Columns: kind of word, bit sets of register numbers, and whatever else the kind needs."""

IDLE, RESET_PIXEL, TRANSFER, DIFFUSE, SQUARED, COMPARED, FLAGGED, LOGIC, NEIGHBOUR, FLOODED = range(10)
SELECTED, RECTANGLE, DRIVEN = range(10, 13)
"""Kinds of what is between words."""

PRECHARGE, INVERTED, ONE = 1, 2, 4
"""Bits of a LOGIC word's setting."""

FLOATING = 2
"""Setting of a NEIGHBOUR word whose edge floats; else it is the edge, 0 or 1."""

HALF = 1 << 8
"""Bit of the setting of a LOGIC, NEIGHBOUR or FLOODED row that shares its word with the next row."""

ANALOG_NUMBER = {register: number for number, register in enumerate((*AREGS, Analog.PIX, Analog.IN, *PORTS))}
"""The first nine are planes (see ``layout``), the rest ports."""

DIGITAL_NUMBER = {register: number for number, register in enumerate(Digital)}

_DRIVE = {Drive.READ_BUS: 0, Drive.INVERTED_READ_BUS: INVERTED, Drive.ONE: ONE}

Record = tuple[int, int, int, int]


def records_of(words: Sequence[Item]) -> npt.NDArray[np.int64]:
    """One row of numbers per word; two where a word has an analog and a digital half, the digital one first.

    Raises:
        MeaninglessWord: a word has no meaning; ``index`` says which.
    """
    rows: list[Record] = []
    for index, word in enumerate(words):
        try:
            rows += word_records(word.bits) if isinstance(word, ICW) else _between(word)
        except MeaninglessWord as error:
            error.index = index
            raise
    return np.array(rows, np.int64).reshape(-1, 4)


@lru_cache(maxsize=16_384)
def word_records(bits: int) -> tuple[Record, ...]:
    """The row of a word, or the two rows.

    Raises:
        MeaninglessWord: it has no meaning.
    """
    operation = interpret(ICW(bits))
    if isinstance(operation, Both):
        kind, destinations, sources, setting = record(operation.digital)
        return (kind, destinations, sources, setting | HALF), record(operation.analog)
    return (record(operation),)


def _between(item: PatternSelect | RectangleSelect | DriveIn) -> tuple[Record, ...]:
    """A selection: rows, then columns, each an address and its free bits, or the first and the last one."""
    if isinstance(item, PatternSelect):
        return ((SELECTED, item.r | item.rx << 8, item.c | item.cx << 8, 0),)
    if isinstance(item, RectangleSelect):
        rows, columns = last_of(item.r0, item.r1), last_of(item.c0, item.c1)
        return ((RECTANGLE, item.r0 | rows << 8, item.c0 | columns << 8, 0),)
    return ((DRIVEN, 0, 0, item.level),)


def registers_written(rows: npt.NDArray[np.int64]) -> int:
    """Bit set of the AREGs and DREGs that a block's words load, gated or not, as ``decay`` numbers them."""
    kinds, destinations = rows[:, KIND], rows[:, DESTINATIONS]
    on_analog = np.isin(kinds, (TRANSFER, DIFFUSE, SQUARED))
    analog = int(np.bitwise_or.reduce(destinations[on_analog]))
    digital = int(np.bitwise_or.reduce(destinations[np.isin(kinds, (LOGIC, NEIGHBOUR))]))
    if np.any(kinds == FLOODED):
        digital |= 1 << DIGITAL_NUMBER[Digital.R12]
    written = 0
    for register in DREGS:
        written |= REGISTER_BITS[register] if digital >> DIGITAL_NUMBER[register] & 1 else 0
    for port in PORTS:
        analog |= (analog >> ANALOG_NUMBER[port] & 1) << ANALOG_NUMBER[Analog.NEWS]
    for areg in AREGS:
        written |= REGISTER_BITS[areg] if analog >> ANALOG_NUMBER[areg] & 1 else 0
    return written


def _analog(registers: Iterable[Analog]) -> int:
    return sum(1 << ANALOG_NUMBER[register] for register in registers)


def _digital(registers: Iterable[Digital]) -> int:
    return sum(1 << DIGITAL_NUMBER[register] for register in registers)


def record(operation: Operation) -> Record:  # noqa: PLR0911 - one line a kind
    """An operation as numbers."""
    match operation:
        case Idle():
            return IDLE, 0, 0, 0
        case ResetPixel():
            return RESET_PIXEL, 0, 0, 0
        case AnalogTransfer(destinations, sources):
            return TRANSFER, _analog(destinations), _analog(sources), 0
        case Blur(destination, source, horizontal, vertical):
            return DIFFUSE, _analog((destination,)), _analog((source,)), horizontal + 2 * vertical
        case Square(sources):
            return SQUARED, _analog((Analog.NEWS,)), _analog(sources), 0
        case CompareAnalog(sources):
            return COMPARED, 0, _analog(sources), 0
        case FlagFromDigital(sources):
            return FLAGGED, 0, _digital(sources), 0
        case DigitalTransfer(sources, precharge, drive, loads):
            return LOGIC, _digital(loads), _digital(sources), precharge * PRECHARGE + _DRIVE[drive]
        case NeighbourTransfer(sources, loads, edge):
            return NEIGHBOUR, _digital(loads), _digital(sources), FLOATING if edge is None else int(edge)
        case Propagate(edge):
            return FLOODED, 0, 0, int(edge)
        case Both():
            raise TypeError("a word with two halves is two rows")
