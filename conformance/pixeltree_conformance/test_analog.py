"""Analog macros against NumPy, from levels that were read: exact, or within ``--analog-tolerance``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import SHAPE, Levels, clip, half, levels_at
from pixeltree_conformance.programs import areg, dreg, kernel_of, read_bits, read_levels, run
from pixeltree_protocol.chip.registers import AREGS, Analog, Digital, Direction
from pixeltree_protocol.objects.controller_steps import In
from pixeltree_protocol.objects.program import Launch, WriteDreg
from pixeltree_protocol.objects.step import Step

_SHARE = 0.99
_INPUTS = (Analog.A, Analog.B, Analog.C)
_LEVELS = {Analog.A: (-25, 31, 7), Analog.B: (12, -40, 33), Analog.C: (-3, 20, -17)}
_MASKS = tuple(Digital(f"R{number}") for number in range(5, 11))
"""Where the second and the third level of each input are; written before the levels, which decay."""

_EVERYWHERE = len(_MASKS)
_N, _E, _S, _W = Direction.NORTH, Direction.EAST, Direction.SOUTH, Direction.WEST

State = dict[Analog, Levels]


def near(bench: Bench, found: Levels, wanted: Levels) -> None:
    """Equal at every PE, or within the tolerance at nearly all."""
    off = np.abs(found.astype(np.int32) - wanted)
    if bench.analog_tolerance:
        share = float(np.mean(off <= bench.analog_tolerance))
        assert share >= _SHARE, f"only {share:.1%} of the PEs are within {bench.analog_tolerance} counts"
    else:
        assert not off.any(), f"{np.count_nonzero(off)} PEs are off, by {off.max()} counts at most"


def load(driver: Conversation) -> State:
    """Levels in A, B and C that vary over the array, as they should be."""
    where = [samples.plane() for _ in _MASKS]
    for mask, plane in zip(_MASKS, where, strict=True):  # one by one, as memory may be small
        run(driver, WriteDreg(0, dreg(mask)), segments=[samples.packed(plane)])
    steps: list[Step] = []
    levels: State = {}
    for index, register in enumerate(_INPUTS):
        base, first, second = _LEVELS[register]
        steps += [Launch(_EVERYWHERE), In(areg(register), base, areg(Analog.NEWS))]
        levels[register] = np.full(SHAPE, base, np.int16)
        for number, level in ((2 * index, first), (2 * index + 1, second)):
            steps += [Launch(number), In(areg(register), level, areg(Analog.NEWS))]
            levels[register][where[number]] = level
    kernels = [*(kernel_of(f"WHERE({mask})") for mask in _MASKS), kernel_of("all")]
    run(driver, *steps, Launch(_EVERYWHERE), kernels=kernels)
    return levels


def _a(s: State) -> Levels:
    return s[Analog.A]


def _b(s: State) -> Levels:
    return s[Analog.B]


def _c(s: State) -> Levels:
    return s[Analog.C]


# Kernel lines that leave A, B and C alone, and what D holds afterwards.
CASES: dict[str, Callable[[State], Levels]] = {
    "mov(D, A)": _a,
    "res(D)": lambda s: 0 * _a(s),
    "neg(D, A)": lambda s: -_a(s),
    "add(D, A, B)": lambda s: clip(_a(s) + _b(s)),
    "add(D, A, B, C)": lambda s: clip(_a(s) + _b(s) + _c(s)),
    "sub(D, A, B)": lambda s: clip(_a(s) - _b(s)),
    "abs(D, B)": lambda s: np.abs(_b(s)),
    "divq(D, A)": lambda s: half(_a(s)),
    "movx(D, A, north)": lambda s: levels_at(_a(s), _N),
    "movx(D, A, east)": lambda s: levels_at(_a(s), _E),
    "movx(D, A, south)": lambda s: levels_at(_a(s), _S),
    "movx(D, A, west)": lambda s: levels_at(_a(s), _W),
    "mov2x(D, A, south, west)": lambda s: levels_at(_a(s), _S, _W),
    "addx(D, A, B, east)": lambda s: levels_at(clip(_a(s) + _b(s)), _E),
    "add2x(D, A, C, north, north)": lambda s: levels_at(clip(_a(s) + _c(s)), _N, _N),
    "subx(D, A, south, B)": lambda s: clip(levels_at(_a(s), _S) - _b(s)),
    "sub2x(D, A, west, south, B)": lambda s: clip(levels_at(_a(s), _W, _S) - _b(s)),
    "newsblur(D, C)": lambda s: clip(sum(levels_at(_c(s), d) for d in Direction) + 0 * _c(s)),
    "newsblurh(D, A)": lambda s: clip(levels_at(_a(s), _E) + levels_at(_a(s), _W)),
    "newsblurv(D, A)": lambda s: clip(levels_at(_a(s), _N) + levels_at(_a(s), _S)),
    "mov(E, A); add(D, A, E); add(D, D, B)": lambda s: clip(2 * _a(s) + _b(s)),
}


@pytest.mark.parametrize("text", CASES)
def test_an_analog_macro_has_its_documented_result(bench: Bench, driver: Conversation, text: str) -> None:
    """The vendor's kernel API: D after the macro, at every PE, from A, B and C."""
    wanted = CASES[text](load(driver))
    run(driver, Launch(0), kernels=[kernel_of(text)])
    near(bench, read_levels(driver, Analog.D), wanted)


def test_levels_are_driven_where_flag_is_1(bench: Bench, driver: Conversation) -> None:
    """In and WHERE: A, B and C hold what was driven, region by region."""
    for register, wanted in load(driver).items():
        near(bench, read_levels(driver, register), wanted)


def test_a_macro_leaves_its_sources_alone(bench: Bench, driver: Conversation) -> None:
    """add, neg and movx read A, B and C without changing them."""
    wanted = load(driver)
    run(driver, Launch(0), kernels=[kernel_of("add(D, A, B); neg(E, C); movx(F, A, north)")])
    for register in _INPUTS:
        near(bench, read_levels(driver, register), wanted[register])


def test_analog_writes_happen_where_flag_is_1_only(bench: Bench, driver: Conversation) -> None:
    """WHERE gates a macro: elsewhere its destination keeps its level."""
    levels = load(driver)
    inside = samples.plane()
    run(
        driver,
        WriteDreg(0, 6),
        Launch(0),
        kernels=[kernel_of("mov(D, C); WHERE(R6); add(D, A, B); all")],
        segments=[samples.packed(inside)],
    )
    near(bench, read_levels(driver, Analog.D), np.where(inside, clip(_a(levels) + _b(levels)), _c(levels)))


@pytest.mark.parametrize("text", ["div(D, E, F, A)", "mov(D, A); diva(D, E, F)"])
def test_divisions_halve(bench: Bench, driver: Conversation, text: str) -> None:
    """Div and diva: half within one count, or within the tolerance."""
    levels = load(driver)
    run(driver, Launch(0), kernels=[kernel_of(text)])
    off = np.abs(2 * read_levels(driver, Analog.D) - _a(levels))
    assert float(np.mean(off <= 2 + 2 * bench.analog_tolerance)) >= (
        _SHARE if bench.analog_tolerance else 1.0
    )


def test_where_compares_with_zero(bench: Bench, driver: Conversation) -> None:
    """where(x): FLAG is 1 where the level is above 0; levels here keep clear of 0."""
    levels = load(driver)
    run(driver, Launch(0), kernels=[kernel_of("where(B); MOV(R5, FLAG); all")])
    agree = float(np.mean(read_bits(driver, Digital.R5) == (_b(levels) > 0)))
    assert agree >= (_SHARE if bench.analog_tolerance else 1.0)


def test_sums_saturate(bench: Bench, driver: Conversation) -> None:
    """The range of an AREG is -128 to 127: sums beyond it stay at its end (add negates twice)."""
    run(driver, In(0, 100, areg(Analog.NEWS)), In(1, -100, areg(Analog.NEWS)))
    run(driver, Launch(0), kernels=[kernel_of("mov(C, A); add(D, A, C); mov(E, B); add(F, B, E)")])
    near(bench, read_levels(driver, Analog.D), np.full((256, 256), 127, np.int16))
    near(bench, read_levels(driver, Analog.F), np.full((256, 256), -127, np.int16))


def test_a_uniform_plane_stays_uniform_under_blur(bench: Bench, driver: Conversation) -> None:
    """gauss: resistive blur of equal levels changes nothing."""
    run(
        driver,
        In(0, 40, areg(Analog.NEWS)),
        Launch(0),
        kernels=[kernel_of("SET(R1, R2); gauss(D, A, 2)")],
    )
    near(bench, read_levels(driver, Analog.D), np.full((256, 256), 40, np.int16))


def test_every_areg_can_be_driven(bench: Bench, driver: Conversation) -> None:
    """In: A to F, each with a level of its own."""
    registers = AREGS[:-1]
    run(driver, *(In(areg(register), 10 * n - 25, areg(Analog.NEWS)) for n, register in enumerate(registers)))
    for n, register in enumerate(registers):
        near(bench, read_levels(driver, register), np.full((256, 256), 10 * n - 25, np.int16))
