"""The registers of a PE and the instruction-word bits that reach them.

Source of every number: SCAMP-5 fact sheet sections 1.2, 2.1 and 2.3 (vendor header scamp5_icw.hpp).
"""

from __future__ import annotations

from enum import StrEnum

ARRAY_SIZE = 256
"""Rows and columns of the array. Row 0 is the top (north) edge; column 0 is the RIGHT (east) edge."""


class Analog(StrEnum):
    """Analog registers, read-only analog sources, and neighbour ports.

    A port reads the NEWS register of the named neighbour; as a destination it writes into that
    neighbour's NEWS.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    NEWS = "NEWS"
    XN = "XN"
    XE = "XE"
    XS = "XS"
    XW = "XW"
    PIX = "PIX"
    IN = "IN"


class Digital(StrEnum):
    """One-bit registers R0-R12 and the read-only digital sources FLAG, SELECT and RECT."""

    R0 = "R0"
    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"
    R6 = "R6"
    R7 = "R7"
    R8 = "R8"
    R9 = "R9"
    R10 = "R10"
    R11 = "R11"
    R12 = "R12"
    FLAG = "FLAG"
    SELECT = "SELECT"
    RECT = "RECT"


class Direction(StrEnum):
    """A compass direction; for DNEWS and movx it names the neighbour that is *read*.

    Directions join as the vendor's ``news_t`` values do: ``north | west`` is a set of both.
    """

    NORTH = "north"
    EAST = "east"
    SOUTH = "south"
    WEST = "west"

    def __or__(self, other: Direction | frozenset[Direction]) -> frozenset[Direction]:
        if isinstance(other, Direction):
            return frozenset((self, other))
        if isinstance(other, frozenset):
            return other | {self}
        return NotImplemented

    __ror__ = __or__


Register = Analog | Digital

AREGS = (Analog.A, Analog.B, Analog.C, Analog.D, Analog.E, Analog.F, Analog.NEWS)
"""The seven analog registers that hold a value. Their order is the AREG index on the wire."""

PORTS = (Analog.XN, Analog.XE, Analog.XS, Analog.XW)

DREGS = tuple(Digital(f"R{i}") for i in range(13))
"""The thirteen one-bit registers. Their order is the DREG index on the wire."""

DIRECTION_REGISTER = {
    Direction.SOUTH: Digital.R1,
    Direction.WEST: Digital.R2,
    Direction.NORTH: Digital.R3,
    Direction.EAST: Digital.R4,
}
"""R1-R4 enable the neighbours that DNEWS and propagation read (fact sheet 1.2)."""

OPPOSITE = {
    Direction.NORTH: Direction.SOUTH,
    Direction.SOUTH: Direction.NORTH,
    Direction.EAST: Direction.WEST,
    Direction.WEST: Direction.EAST,
}

PORT = {
    Direction.NORTH: Analog.XN,
    Direction.EAST: Analog.XE,
    Direction.SOUTH: Analog.XS,
    Direction.WEST: Analog.XW,
}

BIT_NAMES: tuple[str, ...] = tuple(
    """
    selsq selpix rstpix seldiffe seldiffs s_in rana sels
    bit8 sele selx rid seln W1 W2 W3
    W4 W5 W6 W7 wrf SEL1 SEL2 SEL3
    SEL4 SEL5 SEL6 SEL7 setf selw pupd fbus
    RR1 RR2 RR3 RR4 RR5 RR6 RR7 RR8
    RR9 RR10 RR11 RR12 LR1 LR2 LR3 LR4
    LR5 LR6 LR7 LR8 LR9 LR10 LR11 LR12
    lfl rfl nbit nb plwb plrb bit bitmode
    wr ana dig8 g_start g_stop col_out dir row_out
    s0_left s1_left rst_start rst_stop s0_bot s1_bot pgdb pgdbobus
    """.split()
)
"""Name of each of the 80 bits of an instruction word, by bit number."""

BIT = {name: number for number, name in enumerate(BIT_NAMES)}


def bits(*names: str) -> int:
    """The 80-bit mask with the named bits set."""
    mask = 0
    for name in names:
        mask |= 1 << BIT[name]
    return mask


ANALOG_SELECT: dict[Register, int] = {
    Analog.A: bits("SEL1"),
    Analog.B: bits("SEL2"),
    Analog.C: bits("SEL3"),
    Analog.D: bits("SEL5"),
    Analog.E: bits("SEL6"),
    Analog.F: bits("SEL7"),
    Analog.NEWS: bits("SEL4", "selx"),
    Analog.XN: bits("SEL4", "sels"),
    Analog.XE: bits("SEL4", "sele"),
    Analog.XS: bits("SEL4", "seln"),
    Analog.XW: bits("SEL4", "selw"),
    Analog.PIX: bits("selpix"),
    Analog.IN: bits("s_in"),
}
"""Bits that connect an analog source or destination to the PE's bus."""

ANALOG_WRITE: dict[Register, int] = {
    Analog.A: bits("W1"),
    Analog.B: bits("W2"),
    Analog.C: bits("W3"),
    Analog.D: bits("W5"),
    Analog.E: bits("W6"),
    Analog.F: bits("W7"),
    Analog.NEWS: bits("W4"),
    Analog.XN: bits("W4"),
    Analog.XE: bits("W4"),
    Analog.XS: bits("W4"),
    Analog.XW: bits("W4"),
}
"""Write strobe of each analog destination; NEWS and the four ports share one."""

DIGITAL_READ: dict[Register, int] = {
    Digital.R0: bits("rfl"),
    **{Digital(f"R{i}"): bits(f"RR{i}") for i in range(1, 13)},
    Digital.FLAG: bits("rana"),
    Digital.SELECT: bits("wr"),
    Digital.RECT: bits("wr", "s0_left", "s0_bot"),
}
"""Bits that put a digital source on the PE's read bus."""

DIGITAL_LOAD: dict[Register, int] = {
    Digital.R0: bits("lfl"),
    **{Digital(f"R{i}"): bits(f"LR{i}") for i in range(1, 13)},
}
"""Bits that load a DREG from the PE's write bus."""
