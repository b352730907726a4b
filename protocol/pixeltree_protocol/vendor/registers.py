"""Register indices of the simulation protocol (SCAMP-5 fact sheet, section 1.2): two index spaces.

Virtual registers, which a simulation has and a chip has not, are known by their names: ``.Q[0]`` to
``.Q[31]`` hold analog planes, ``.S[0]`` to ``.S[127]`` digital ones.
"""

from __future__ import annotations

from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital

ZERO, RESET_LEVEL, SQUARER, BUFFER = ".Z", ".RES", ".SQ", ".RB"

ANALOG: tuple[str, ...] = (
    ZERO,
    Analog.PIX,
    Analog.IN,
    RESET_LEVEL,
    Analog.XN,
    Analog.XE,
    Analog.XS,
    Analog.XW,
    SQUARER,
    Analog.NEWS,
    Analog.A,
    Analog.B,
    Analog.C,
    Analog.D,
    Analog.E,
    Analog.F,
    *(f".Q[{number}]" for number in range(32)),
)
"""Analog registers by index."""

DIGITAL: tuple[str, ...] = (
    BUFFER,
    Digital.FLAG,
    Digital.SELECT,
    *DREGS,
    *(f".S[{number}]" for number in range(128)),
    Digital.RECT,
)
"""Digital registers by index."""

ANALOG_INDEX = {name: index for index, name in enumerate(ANALOG)}
DIGITAL_INDEX = {name: index for index, name in enumerate(DIGITAL)}

AREG_OF = {ANALOG_INDEX[register]: number for number, register in enumerate(AREGS)}
"""Index of A-F and NEWS -> their number among the AREGs, which controller steps take."""

DREG_OF = {DIGITAL_INDEX[register]: number for number, register in enumerate(DREGS)}
"""Index of R0-R12 -> their number among the DREGs."""

_OPPOSITES = ((Analog.XN, Analog.XS), (Analog.XE, Analog.XW))

MIRRORED = {
    ANALOG_INDEX[port]: ANALOG_INDEX[opposite] for pair in _OPPOSITES for port, opposite in (pair, pair[::-1])
}
"""Ports and the ports opposite: what the client's ``movx`` confuses (3.6)."""
