"""What the bits of an instruction word do to the array.

This is the emulator's own reading of the 80 bits: it does not ask which mnemonic produced them, so any
combination that the bit table gives meaning to works, and any other is refused with the bits at fault.
The register-to-bit tables are the contract's (:mod:`pixeltree_protocol.chip.registers`); the meaning is from
SCAMP-5 fact sheet sections 2.4, 3.1 and 3.5.

The digital part of a PE has a read bus on which sources are wired-OR (``plrb`` precharges it) and which
keeps its value until the next precharge; ``bit`` couples it to the write bus, ``nbit`` couples its
complement, and ``plwb`` alone leaves the write bus at 1. The vendor's in-place OR, NOR, NOT and REFRESH
are pairs of words that use this memory.

INFERRED, from the bit table and from programs of the chip's designer (fact sheet 6.2): the analog bus and
the digital buses are apart, so that one word may use both. Analog sources that nothing takes change no
register. A DNEWS word without ``fbus`` does not drive what lies beyond the edge: it floats at what the
analog bus put there, which reads 1 where NEWS of the PE at the edge is above 0. (The chip needs a word with
``SEL4`` and the switches toward the edge just before; here NEWS is taken as it is at the DNEWS word.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import (
    ANALOG_SELECT,
    ANALOG_WRITE,
    AREGS,
    BIT_NAMES,
    DIGITAL_LOAD,
    DIGITAL_READ,
    DREGS,
    PORTS,
    Analog,
    Digital,
    bits,
)


class Drive(Enum):
    """What a digital word puts on the write bus."""

    READ_BUS = "read bus"
    INVERTED_READ_BUS = "inverted read bus"
    ONE = "one"


@dataclass(frozen=True)
class Idle:
    """No change to any plane (nop, blurset, and aout, which only holds a read-out bus)."""


@dataclass(frozen=True)
class ResetPixel:
    """PIX := its reset level."""


@dataclass(frozen=True)
class AnalogTransfer:
    """Every destination := -(sum of sources) / number of destinations, where FLAG is 1."""

    destinations: tuple[Analog, ...]
    sources: tuple[Analog, ...]


@dataclass(frozen=True)
class Blur:
    """Destination := source after one step of resistive diffusion along the given axes."""

    destination: Analog
    source: Analog
    horizontal: bool
    vertical: bool


@dataclass(frozen=True)
class Square:
    """NEWS := square of the sum of the sources, scaled."""

    sources: tuple[Analog, ...]


@dataclass(frozen=True)
class CompareAnalog:
    """FLAG := (sum of sources) > 0."""

    sources: tuple[Analog, ...]


@dataclass(frozen=True)
class FlagFromDigital:
    """FLAG := OR of sources; with no sources (``setf``) 1 everywhere."""

    sources: tuple[Digital, ...]


@dataclass(frozen=True)
class DigitalTransfer:
    """Read bus := OR of sources (if ``precharge``); loads := what ``drive`` says.

    R12 is loaded only where R0 is 1.
    """

    sources: tuple[Digital, ...]
    precharge: bool
    drive: Drive
    loads: tuple[Digital, ...]


@dataclass(frozen=True)
class NeighbourTransfer:
    """Loads := OR of sources over the neighbours that this PE's R1-R4 enable; ``edge`` outside.

    ``edge`` is None where it floats: there a PE at the edge reads whether its own NEWS is above 0 (INFERRED).
    """

    sources: tuple[Digital, ...]
    loads: tuple[Digital, ...]
    edge: bool | None


@dataclass(frozen=True)
class Propagate:
    """R12 floods from its 1s through neighbours with R0 = 1, along R1-R4; ``edge`` outside."""

    edge: bool


AnalogOperation = AnalogTransfer | Blur | Square | CompareAnalog
DigitalOperation = DigitalTransfer | NeighbourTransfer | Propagate


@dataclass(frozen=True)
class Both:
    """An analog and a digital operation at once, of which neither reads what the other writes (INFERRED)."""

    analog: AnalogOperation
    digital: DigitalOperation


Operation = (
    Both
    | Idle
    | ResetPixel
    | AnalogTransfer
    | Blur
    | Square
    | CompareAnalog
    | FlagFromDigital
    | DigitalTransfer
    | NeighbourTransfer
    | Propagate
)

_DIGITAL_REGISTERS = 0
for _mask in (*DIGITAL_LOAD.values(), *DIGITAL_READ.values()):
    _DIGITAL_REGISTERS |= _mask
_DIGITAL_CONTROL = bits("plrb", "plwb", "bit", "nbit", "bitmode", "rid", "fbus", "nb", "pupd", "setf")
_NEWS_SWITCHES = {reg: ANALOG_SELECT[reg] & ~bits("SEL4") for reg in (Analog.NEWS, *PORTS)}
_STORED = tuple((reg, ANALOG_WRITE[reg], ANALOG_SELECT[reg]) for reg in AREGS if reg is not Analog.NEWS)
_SENSED = tuple((reg, ANALOG_SELECT[reg]) for reg in (Analog.PIX, Analog.IN))
_NEWS_BITS = bits("SEL4", "W4")
for _mask in _NEWS_SWITCHES.values():
    _NEWS_BITS |= _mask
_ANALOG_KNOWN = bits("selpix", "s_in") | _NEWS_BITS
for _, _write, _select in _STORED:
    _ANALOG_KNOWN |= _write | _select
_W4, _SEL4 = bits("W4"), bits("SEL4")
_LOADS = tuple((reg, DIGITAL_LOAD[reg]) for reg in DREGS)
_READS = tuple((reg, DIGITAL_READ[reg]) for reg in Digital)
_RECTANGLE = bits("s0_left", "s0_bot")
_BLURSET = bits("RR1", "RR2")
_SENT = bits("ana", "selsq", "seldiffe", "seldiffs")
"""Bits that say, with selects and write strobes, what the analog bus does."""

# Control bits of a digital word (s_in aside, which digital words carry without effect)
# -> (precharge, drive, may read, may load)
_TRANSFERS: dict[int, tuple[bool, Drive, bool, bool]] = {
    bits("plwb"): (False, Drive.ONE, False, True),
    bits("plrb", "bit", "bitmode"): (True, Drive.READ_BUS, True, True),
    bits("plwb", "plrb", "nbit", "bitmode"): (True, Drive.INVERTED_READ_BUS, True, True),
    bits("bit", "bitmode"): (False, Drive.READ_BUS, False, True),
    bits("plrb", "nbit"): (True, Drive.INVERTED_READ_BUS, True, False),
    bits("nbit"): (False, Drive.INVERTED_READ_BUS, False, True),
}
_NEIGHBOUR = bits("rid", "nb", "plrb", "bit", "fbus")
_FLOATING_NEIGHBOUR = bits("rid", "nb", "plrb", "bit")
_PROPAGATE = bits("rid", "nb", "fbus")
_EDGE = bits("pupd")


# single bits and groups that the readers below ask for
_ANA = bits("ana")
_RSTPIX_SELPIX = bits("rstpix", "selpix")
_SELDIFFE = bits("seldiffe")
_SELDIFFE_SELDIFFS = bits("seldiffe", "seldiffs")
_SELDIFFS = bits("seldiffs")
_SELSQ = bits("selsq")
_SETF_PLRB_RID = bits("setf", "plrb", "rid")
_S_IN = bits("s_in")
_WRF = bits("wrf")
_RID = bits("rid")
_WRF_PLRB_RID = bits("wrf", "plrb", "rid")


def interpret(word: ICW) -> Operation:
    """The operation that a word performs.

    Raises:
        MeaninglessWord: the bits together mean nothing.
    """
    value = word.bits
    if not value & (_DIGITAL_REGISTERS | _DIGITAL_CONTROL):
        return _interpret_analog(value)
    analog = value & (_ANALOG_KNOWN & ~_S_IN | _SENT)
    if not analog:
        return _interpret_digital(value)
    return _interpret_both(value, analog)


def _interpret_both(value: int, analog: int) -> Operation:
    """A word that uses the analog bus beside the digital ones."""
    digital = value & ~analog
    if not digital & _DIGITAL_CONTROL and digital & _DIGITAL_REGISTERS != _BLURSET:
        raise _meaningless("the analog word names digital registers, but no digital operation", value)
    destinations, sources, sent = _analog_operands(analog | value & _S_IN)
    compares = bool(value & _WRF) and not value & _RID
    if not destinations and not compares and not sent & ~_ANA:
        if value & _WRF and sources:
            raise _meaningless("FLAG is written from the analog bus and from the digital one", value)
        return _interpret_digital(digital)  # sources that nothing takes
    one = _interpret_analog(analog | value & (_S_IN | (_WRF if compares else 0)))
    other = _interpret_digital(digital & ~_WRF if compares else digital)
    if not isinstance(one, AnalogTransfer | Blur | Square | CompareAnalog) or not isinstance(
        other, DigitalTransfer | NeighbourTransfer | Propagate
    ):
        raise _meaningless("these analog and digital operations cannot stand in one word", value)
    shared = _shared(one, other, bool(set(destinations) & {Analog.NEWS, *PORTS}))
    if shared:
        raise _meaningless(f"the analog and the digital half of the word both use {shared}", value)
    return Both(one, other)


def _shared(analog: AnalogOperation, digital: DigitalOperation, writes_news: bool) -> str:
    """What one half writes and the other reads, so that the order would matter; empty if nothing."""
    if isinstance(digital, Propagate):
        return ""
    if isinstance(analog, CompareAnalog) and Digital.FLAG in digital.sources:
        return "FLAG"
    if isinstance(analog, Blur) and {Digital.R1, Digital.R2} & set(digital.loads):
        return "R1 or R2"
    floats = isinstance(digital, NeighbourTransfer) and digital.edge is None
    return "NEWS" if floats and writes_news else ""


def _interpret_digital(value: int) -> Operation:
    sources = _digital_sources(value)
    loads = tuple(reg for reg, mask in _LOADS if mask & value)
    control = value & ~_DIGITAL_REGISTERS
    edge = bool(control & _EDGE)
    without_edge = control & ~(_EDGE | _S_IN)
    if without_edge == _PROPAGATE:
        if loads != (Digital.R12,) or sources != (Digital.R12,):
            raise _meaningless("propagation reads and loads R12 and nothing else", value)
        return Propagate(edge)
    both = set(sources) & set(loads)
    if both:
        names = ", ".join(sorted(both))
        raise _meaningless(f"{names} is read and loaded in one word; go through FLAG or a copy", value)
    floats = control & ~_S_IN == _FLOATING_NEIGHBOUR
    if floats or without_edge == _NEIGHBOUR:
        if not sources or not loads:
            raise _meaningless("a neighbour transfer needs a source and a destination", value)
        return NeighbourTransfer(sources, loads, None if floats else edge)
    return _interpret_local(value, control, sources, loads)


def _interpret_local(
    value: int, control: int, sources: tuple[Digital, ...], loads: tuple[Digital, ...]
) -> Operation:
    if control == _SETF_PLRB_RID and not sources and not loads:
        return FlagFromDigital(())
    if control == _WRF_PLRB_RID and sources and not loads:
        return FlagFromDigital(sources)
    if control == 0 and sources == (Digital.R1, Digital.R2) and not loads:
        return Idle()  # blurset
    transfer = _TRANSFERS.get(control & ~_S_IN)
    if transfer is None:
        raise _meaningless("no digital operation has these control bits", control or value)
    precharge, drive, may_read, may_load = transfer
    if sources and not may_read:
        raise _meaningless("this digital operation reads nothing", value & _DIGITAL_REGISTERS)
    if loads and not may_load:
        raise _meaningless("this digital operation loads nothing", value & _DIGITAL_REGISTERS)
    if not sources and not loads:
        raise _meaningless("this digital operation neither reads nor loads", value)
    return DigitalTransfer(sources, precharge, drive, loads)


def _digital_sources(value: int) -> tuple[Digital, ...]:
    found = [reg for reg, mask in _READS if mask & value == mask]
    rectangle_bits = value & _RECTANGLE
    if Digital.RECT in found:
        found.remove(Digital.SELECT)
    elif rectangle_bits:
        raise _meaningless("RECT needs wr, s0_left and s0_bot together", rectangle_bits)
    return tuple(found)


def _interpret_analog(value: int) -> Operation:
    if value == _RSTPIX_SELPIX:
        return ResetPixel()
    destinations, sources, rest = _analog_operands(value)
    if rest == 0:
        return AnalogTransfer(destinations, sources) if destinations else _idle_or_error(value)
    if rest == _WRF and sources and not destinations:
        return CompareAnalog(sources)
    if rest == _ANA and len(sources) == 1 and not destinations:
        return Idle()  # aout: a read-out bus holds the source
    if rest == _SELSQ and destinations == (Analog.NEWS,) and sources:
        return Square(sources)
    horizontal, vertical = bool(rest & _SELDIFFE), bool(rest & _SELDIFFS)
    if rest and not rest & ~_SELDIFFE_SELDIFFS and len(destinations) == len(sources) == 1:
        return Blur(destinations[0], sources[0], horizontal, vertical)
    raise _meaningless("no analog operation has these bits", rest)


def _idle_or_error(value: int) -> Idle:
    if value:
        raise _meaningless("there are sources on the bus, but nothing takes their sum", value)
    return Idle()


def _analog_operands(value: int) -> tuple[tuple[Analog, ...], tuple[Analog, ...], int]:
    """Destinations, sources, and the bits that are neither."""
    destinations: list[Analog] = []
    sources: list[Analog] = []
    for register, write, select in _STORED:
        if value & write:
            if not value & select:
                raise _meaningless(f"{register} is written without being selected", write)
            destinations.append(register)
        elif value & select:
            sources.append(register)
    switched = [reg for reg, switch in _NEWS_SWITCHES.items() if value & switch]
    if bool(switched) != bool(value & _SEL4):
        raise _meaningless("NEWS and its ports need SEL4 and a switch together", value & _NEWS_BITS)
    if value & _W4:
        if len(switched) != 1:
            raise _meaningless("W4 writes through exactly one of NEWS, XN, XE, XS, XW", value & _NEWS_BITS)
        destinations += switched
    else:
        sources += switched
    sources += [register for register, select in _SENSED if value & select]
    return tuple(destinations), tuple(sources), value & ~_ANALOG_KNOWN


def _meaningless(reason: str, value: int) -> MeaninglessWord:
    return MeaninglessWord(
        reason, tuple(name for number, name in enumerate(BIT_NAMES) if value >> number & 1)
    )
