"""Operands of the chip's calls as steps name them: registers by number, coordinates that wrap."""

from __future__ import annotations

import operator
from typing import cast

from pixeltree.errors import DataError
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital

LAST = ARRAY_SIZE - 1
"""The last row and the last column."""


class Operand:
    """What a controller program has in the place of a number."""


def areg(register: Analog) -> int:
    """The number of an AREG in a step."""
    if register not in AREGS:
        raise DataError(f"{register} is no AREG; they are {', '.join(AREGS)}")
    return AREGS.index(register)


def dreg(register: Digital) -> int:
    """The number of a DREG in a step."""
    if register not in DREGS:
        raise DataError(f"{register} is no DREG; they are R0 to R12")
    return DREGS.index(register)


def wrapped(*values: int) -> tuple[int, ...]:
    """Values as arguments of type uint8 take them (fact sheet 6.2); what is no number yet stays."""
    try:
        return tuple(
            cast("int", value) if isinstance(value, Operand) else operator.index(value) & LAST
            for value in values
        )
    except TypeError as error:
        raise DataError(f"rows, columns and masks must be whole numbers, not {values}") from error
