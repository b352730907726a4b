"""Which registers a word touches, for what device time does to registers that nobody writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from pixeltree_emu.array.decay import REGISTER_BITS
from pixeltree_emu.array.engine import Crossing, Item
from pixeltree_emu.array.fast.records import (
    ANALOG_NUMBER,
    COMPARED,
    DIFFUSE,
    DIGITAL_NUMBER,
    FLAGGED,
    FLOODED,
    LOGIC,
    NEIGHBOUR,
    SQUARED,
    TRANSFER,
    Record,
    word_records,
)
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import AREGS, DREGS, PORTS, Analog, Digital

_ON_ANALOG = (TRANSFER, DIFFUSE, SQUARED)
_DIRECTIONS = 1 << DIGITAL_NUMBER[Digital("R1")] | 1 << DIGITAL_NUMBER[Digital("R2")]
_DIRECTIONS |= 1 << DIGITAL_NUMBER[Digital("R3")] | 1 << DIGITAL_NUMBER[Digital("R4")]
_FLOOD = 1 << DIGITAL_NUMBER[Digital("R0")] | 1 << DIGITAL_NUMBER[Digital("R12")]


class Touched(NamedTuple):
    """Bit sets of registers, as ``decay`` numbers them: those read or written, and those written."""

    all: int
    written: int

    def with_more(self, more: Touched) -> Touched:
        """Both together."""
        return Touched(self.all | more.all, self.written | more.written)


_NOTHING = Touched(0, 0)


def crossings(items: Sequence[Item], firsts: Iterable[int]) -> dict[int, Crossing]:
    """What a block touches around a tick that begins between two of its items, for each such place.

    Args:
        items: of the block.
        firsts: indices of the first item after the beginning of the tick, in order.
    """
    ends = [*dict.fromkeys(firsts), len(items)]
    between = [_of(items[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    before = [*accumulate(between, Touched.with_more)]
    after = [*accumulate(reversed(between[1:]), Touched.with_more)][::-1]
    return {
        first: Crossing(then.all, then.written, later.written)
        for first, then, later in zip(ends, before, after, strict=False)
    }


def _of(items: Iterable[Item]) -> Touched:
    found = _NOTHING
    for bits in {item.bits for item in items if isinstance(item, ICW)}:
        found = found.with_more(_of_word(bits))
    return found


@lru_cache(maxsize=16_384)
def _of_word(bits: int) -> Touched:
    found = _NOTHING
    for row in word_records(bits):
        found = found.with_more(_of_record(row))
    return found


def _of_record(row: Record) -> Touched:
    kind, destinations, sources, _ = row
    if kind in _ON_ANALOG or kind == COMPARED:
        # blur is steered by R1 and R2, and every FLAG gates; FLAG does not decay
        written = _analog(destinations) if kind in _ON_ANALOG else 0
        steered = _digital(_DIRECTIONS) if kind == DIFFUSE else 0
        return Touched(written | _analog(sources) | steered, written)
    if kind == FLOODED:
        return Touched(_digital(_FLOOD | _DIRECTIONS), _digital(1 << DIGITAL_NUMBER[Digital("R12")]))
    if kind in (LOGIC, NEIGHBOUR):
        written = _digital(destinations)
        steered = _digital(_FLOOD | _DIRECTIONS) if kind == NEIGHBOUR else _digital(_FLOOD)
        return Touched(written | _digital(sources) | steered, written)
    return Touched(_digital(sources) if kind == FLAGGED else 0, 0)


def _analog(numbers: int) -> int:
    news = any(numbers >> ANALOG_NUMBER[port] & 1 for port in PORTS)
    bits = sum(REGISTER_BITS[areg] for areg in AREGS if numbers >> ANALOG_NUMBER[areg] & 1)
    return bits | (REGISTER_BITS[Analog.NEWS] if news else 0)


def _digital(numbers: int) -> int:
    return sum(REGISTER_BITS[dreg] for dreg in DREGS if numbers >> DIGITAL_NUMBER[dreg] & 1)
