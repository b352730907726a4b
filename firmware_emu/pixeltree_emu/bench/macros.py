"""The vendor's macros that the benchmark uses, as instruction words (fact sheet sections 3.4 and 3.5).

The kernel API of the host has all of them; the emulator does not import the host.
"""

from __future__ import annotations

from pixeltree_protocol.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.registers import (
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

Words = list[ICW]

NEWS = Analog.NEWS
R0, R1, R2, R3, R4, R12 = (Digital(f"R{number}") for number in (0, 1, 2, 3, 4, 12))


def word(mnemonic: str, destinations: tuple[Register, ...] = (), *sources: Register) -> ICW:
    """One instruction word."""
    return encode(Instruction(mnemonic, destinations, sources))


def bus(destination: Analog, *sources: Analog) -> ICW:
    """``bus(destination, sources...)``."""
    return word("bus", (destination,), *sources)


def mov(y: Analog, x: Analog) -> Words:
    """``y := x``."""
    return [bus(NEWS, x), bus(y, NEWS)]


def add(y: Analog, x0: Analog, x1: Analog) -> Words:
    """``y := x0 + x1``."""
    return [bus(NEWS, x0, x1), bus(y, NEWS)]


def sub(y: Analog, x0: Analog, x1: Analog) -> Words:
    """``y := x0 - x1``."""
    return [bus(NEWS, x0), bus(y, NEWS, x1)]


def neg(y: Analog, x: Analog) -> Words:
    """``y := -x``."""
    return [bus(NEWS), bus(y, NEWS, x)]


def res(a: Analog) -> Words:
    """``a := 0``."""
    return [bus(NEWS), bus(a, NEWS)]


def magnitude(y: Analog, x: Analog) -> Words:
    """``abs(y, x)``."""
    return [*neg(y, x), bus(NEWS, x), word("where", (), x), bus(y, NEWS), word("all")]


def diva(y0: Analog, y1: Analog, y2: Analog) -> Words:
    """``y0 := y0 / 2`` with error compensation."""
    return [
        word("bus2", (y1, y2), y0),
        bus(NEWS, y1, y0),
        bus(y0, NEWS, y2),
        word("bus2", (y1, y2), y0),
        bus(y0, y1),
    ]


def divq(y: Analog, x: Analog) -> Words:
    """``y := x / 2``, quick."""
    return [word("bus2", (y, NEWS), x), bus(y, NEWS)]


def movx(y: Analog, x: Analog, direction: Direction) -> Words:
    """``y := x`` of the neighbour at ``direction``."""
    return [bus(PORT[OPPOSITE[direction]], x), bus(y, NEWS)]


def newsblur(y: Analog, x: Analog) -> Words:
    """``y :=`` sum of the four neighbours' x."""
    return [bus(NEWS, x), bus(y, *PORTS)]


def gauss(y: Analog, x: Analog) -> Words:
    """One iteration of resistive blur."""
    return [word("blurset"), word("blur", (NEWS,), x), word("blur", (y,), NEWS)]


def get_image(y: Analog) -> Words:
    """Half range image; resets PIX."""
    return [bus(NEWS, Analog.PIX), word("rpix"), word("rpix"), word("nop"), bus(y, NEWS, Analog.PIX)]


def digital(mnemonic: str, destination: Digital, *sources: Digital) -> ICW:
    """A digital word with one destination."""
    return word(mnemonic, (destination,), *sources)


def look(*directions: Direction) -> Words:
    """Let DNEWS read these neighbours: the first two words of the DNEWS macro."""
    enables = tuple(DIRECTION_REGISTER[direction] for direction in directions)
    return [word("CLR", (R1, R2, R3, R4)), word("SET", enables)]


def dnews(d: Digital, s: Digital, *directions: Direction) -> Words:
    """``d := OR of s`` over the neighbours at ``directions``."""
    return [*look(*directions), digital("DNEWS0", d, s)]


def and_(d: Digital, x: Digital, y: Digital) -> Words:
    """``d := x AND y``."""
    return [word("SET", (R0,)), digital("NOT", R12, x), digital("NOT", R0, y), digital("NOR", d, R0, R12)]


def nimp(d: Digital, x: Digital, y: Digital) -> Words:
    """``d := NOT x AND y``."""
    return [digital("NOT", R0, y), digital("NOR", d, x, R0)]


def xorx(d: Digital, x: Digital, y: Digital) -> Words:
    """``d := x XOR y``; clobbers x."""
    return [*nimp(d, x, y), digital("NOT", R0, x), digital("NOR", x, y, R0), *or_in_place(d, x)]


def or_in_place(d: Digital, x: Digital) -> Words:
    """``d := d OR x``."""
    read = bits("plrb", "bit", "bitmode") | DIGITAL_READ[d] | DIGITAL_READ[x]
    load = bits("bit", "bitmode") | DIGITAL_LOAD[d]
    return [ICW(read, ClockClass.DIGITAL), ICW(load, ClockClass.DIGITAL)]


def not_in_place(d: Digital) -> Words:
    """``d := NOT d``."""
    read, load = bits("plrb", "nbit") | DIGITAL_READ[d], bits("nbit") | DIGITAL_LOAD[d]
    return [ICW(read, ClockClass.DIGITAL), ICW(load, ClockClass.DIGITAL)]


def mux(d: Digital, x: Digital, y: Digital, z: Digital) -> Words:
    """``d := x ? y : z``."""
    return [
        word("SET", (R0,)),
        digital("MOV", R12, z),
        digital("MOV", R0, x),
        digital("MOV", R12, y),
        digital("MOV", d, R12),
    ]


def flood(d: Digital, seed: Digital, mask: Digital) -> Words:
    """``d :=`` seed flooded inside mask, every direction open (fact sheet 3.7)."""
    return [
        word("SET", (R0, R1, R2, R3)),
        word("SET", (R4,)),
        digital("MOV", R12, seed),
        digital("MOV", R0, mask),
        word("PROP_R"),
        word("PROP_0"),
        digital("MOV", d, R12),
    ]
