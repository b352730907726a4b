"""Digital instruction words and macros against NumPy: exact on every device, noisy or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import Bits, bits_at, pattern, rectangle
from pixeltree_conformance.programs import bits_of, dreg, kernel_of, run, scan
from pixeltree_protocol.chip.registers import Digital, Direction
from pixeltree_protocol.objects import PackedBits
from pixeltree_protocol.objects.controller_steps import LoadPattern, LoadRect
from pixeltree_protocol.objects.program import Launch, WriteDreg
from pixeltree_protocol.objects.step import Step

_INPUTS = tuple(Digital(f"R{number}") for number in (5, 6, 7, 8))
_PATTERN = (0b0100_0101, 0b0001_0010, 0b1011_1000, 0b1110_0101)
_RECT = (3, 5, 200, 254)
_LEFT = (0, 0b1000_0000, 0xFF, 0b0111_1111)

State = dict[str, Bits]
Expected = dict[str, Callable[[State], Bits]]


def _inputs() -> tuple[PackedBits, State, tuple[Step, ...]]:
    """Planes in R5 to R8 in which every combination of bits occurs, and the steps that load them."""
    plane = samples.plane()
    state: State = {
        _INPUTS[0]: plane,
        _INPUTS[1]: pattern(*_PATTERN),
        _INPUTS[2]: rectangle(*_RECT),
        _INPUTS[3]: pattern(*_LEFT),
    }
    steps: tuple[Step, ...] = (
        WriteDreg(0, dreg(_INPUTS[0])),
        LoadPattern(dreg(_INPUTS[1]), *_PATTERN),
        LoadRect(dreg(_INPUTS[2]), *_RECT),
        LoadPattern(dreg(_INPUTS[3]), *_LEFT),
    )
    return samples.packed(plane), state, steps


def _r(number: int) -> Callable[[State], Bits]:
    return lambda s: s[f"R{number}"]


def _around(plane: Bits) -> Bits:
    return np.asarray(np.any([bits_at(plane, direction) for direction in Direction], axis=0), np.bool_)


# Kernel lines, and what R5 to R8 hold afterwards where it is not what they held before.
CASES: dict[str, Expected] = {
    "SET(R5); CLR(R6)": {"R5": lambda s: s["R5"] | True, "R6": lambda s: s["R6"] & False},
    "MOV(R5, R6)": {"R5": _r(6)},
    "NOT(R5)": {"R5": lambda s: ~s["R5"]},
    "NOT(R5, R6)": {"R5": lambda s: ~s["R6"]},
    "OR(R5, R6)": {"R5": lambda s: s["R5"] | s["R6"]},
    "OR(R5, R6, R7)": {"R5": lambda s: s["R6"] | s["R7"]},
    "OR(R5, R6, R7, R8)": {"R5": lambda s: s["R6"] | s["R7"] | s["R8"]},
    "NOR(R5, R6)": {"R5": lambda s: ~(s["R5"] | s["R6"])},
    "NOR(R5, R6, R7)": {"R5": lambda s: ~(s["R6"] | s["R7"])},
    "AND(R5, R6, R7)": {"R5": lambda s: s["R6"] & s["R7"]},
    "NAND(R5, R6, R7)": {"R5": lambda s: ~(s["R6"] & s["R7"])},
    "ANDX(R5, R6, R7)": {"R5": lambda s: s["R6"] & s["R7"], "R6": lambda s: ~s["R7"]},
    "NANDX(R5, R6, R7)": {"R5": lambda s: ~(s["R6"] & s["R7"]), "R6": lambda s: ~s["R7"]},
    "IMP(R5, R6, R7)": {"R5": lambda s: s["R6"] | ~s["R7"]},
    "NIMP(R5, R6, R7)": {"R5": lambda s: ~s["R6"] & s["R7"]},
    "XORX(R5, R6, R7)": {"R5": lambda s: s["R6"] ^ s["R7"], "R6": lambda s: s["R6"] & ~s["R7"]},
    "MUX(R5, R6, R7, R8)": {"R5": lambda s: np.where(s["R6"], s["R7"], s["R8"])},
    "CLR_IF(R5, R6)": {"R5": lambda s: s["R5"] & ~s["R6"]},
    "REFRESH(R5); REFRESH(R8)": {},
    "WHERE(R6); MOV(R5, FLAG); all; MOV(R7, FLAG)": {"R5": _r(6), "R7": lambda s: s["R7"] | True},
    "WHERE(R6, R7); MOV(R5, FLAG); all": {"R5": lambda s: s["R6"] | s["R7"]},
    "DNEWS(R5, R6, north)": {"R5": lambda s: bits_at(s["R6"], Direction.NORTH)},
    "DNEWS(R5, R6, east)": {"R5": lambda s: bits_at(s["R6"], Direction.EAST)},
    "DNEWS(R5, R6, south)": {"R5": lambda s: bits_at(s["R6"], Direction.SOUTH)},
    "DNEWS(R5, R6, west)": {"R5": lambda s: bits_at(s["R6"], Direction.WEST)},
    "DNEWS(R5, R6, alldir)": {"R5": lambda s: _around(s["R6"])},
    "DNEWS(R5, R6, north, 1)": {"R5": lambda s: bits_at(s["R6"], Direction.NORTH, True)},
    "DNEWS(R5, R6, west, 1)": {"R5": lambda s: bits_at(s["R6"], Direction.WEST, True)},
}


@pytest.mark.parametrize("text", CASES)
def test_a_digital_macro_has_its_documented_result_and_changes_nothing_else(
    driver: Conversation, text: str
) -> None:
    """The vendor's kernel API, from the bits of its words: R5 to R8 after the macro, at every PE."""
    segment, before, load = _inputs()
    read_outs, _ = run(
        driver, *load, Launch(0), *scan(*_INPUTS), kernels=[kernel_of(text)], segments=[segment]
    )
    for register, data in zip(_INPUTS, read_outs, strict=True):
        wanted = CASES[text][register](before) if register in CASES[text] else before[register]
        assert np.array_equal(bits_of(data), wanted), f"{register} after {text}"


@pytest.mark.parametrize("boundary", [0, 1])
def test_prop_floods_inside_its_mask(driver: Conversation, boundary: int) -> None:
    """PROP0 and PROP1: R12 spreads through R0, from beyond the edge where the boundary is 1."""
    mask = rectangle(10, 10, 16, 17) | rectangle(0, 100, 6, 104)
    seed = rectangle(12, 12, 12, 12)
    prepare = kernel_of("SET(R1, R2, R3, R4); SET(R0); MOV(R12, R7); OR(R0, R5, R6)")
    flood = kernel_of(f"PROP{boundary}()")
    read_outs, _ = run(
        driver,
        LoadRect(5, 10, 10, 16, 17),
        LoadRect(6, 0, 100, 6, 104),
        LoadRect(7, 12, 12, 12, 12),
        Launch(0),
        Launch(1, 5),
        *scan(Digital.R12, Digital.R7),
        kernels=[prepare, flood],
    )
    flooded = rectangle(10, 10, 16, 17)
    if boundary:
        flooded |= rectangle(0, 100, 6, 104)
    assert np.array_equal(bits_of(read_outs[0]), flooded & mask)
    assert np.array_equal(bits_of(read_outs[1]), seed)
