"""What waiting does to registers: drift, loss, and how a write prevents both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.engines import LEVELS, SEEDS, agreement, differences, listing, prepare
from tests.support.word_strategies import bus, programs

from pixeltree_emu.array.fast import FastEngine
from pixeltree_emu.array.nonidealities import PRESETS, SHAPE, TICK_NS, TYPICAL, Chip, Nonidealities
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.chip.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital, bits
from pixeltree_protocol.errors import PresetError

SECOND = 1_000_000_000
CHIPS = {name: Chip(PRESETS[name], chip=7, seed=3) for name in ("typical", "harsh")}
READ_R5 = ICW(bits("plrb", "bit", "bitmode", "RR5"), ClockClass.DIGITAL)
LOAD_R5 = ICW(bits("bit", "bitmode", "LR5"), ClockClass.DIGITAL)
REFRESH_R5 = [READ_R5, LOAD_R5]


@pytest.fixture(params=["fast", "reference"])
def engine(request):
    return request.param


def filled(engine, chip, level=100):
    """An array whose AREGs hold a level and whose DREGs hold ones, written at time 0."""
    array = PixelArray(engine=engine, chip=chip)
    for register in AREGS:
        array.engine.set_analog(register, np.full(SHAPE, level, np.int16))
    for register in DREGS:
        array.engine.set_digital(register, np.ones(SHAPE, np.bool_))
    return array


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_ten_idle_seconds_lose_ones(engine, chip):
    array = filled(engine, chip)
    array.elapse(10 * SECOND)
    for register in DREGS:
        kept = array.engine.digital(register)
        assert np.array_equal(kept, chip.retention >= 1000)
        assert kept.mean() < 0.1
    array.elapse(1000 * SECOND)
    assert not array.engine.digital(Digital.R5).any()


def test_ones_outlast_the_least_retention_time(engine):
    array = filled(engine, CHIPS["typical"])
    array.elapse(15 * SECOND // 10)
    assert array.engine.digital(Digital.R5).all()
    array.elapse(2 * SECOND)
    assert not array.engine.digital(Digital.R5).all()


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_refreshing_every_second_keeps_ones(engine, chip):
    array = filled(engine, chip)
    refresh = array.load(REFRESH_R5)
    for second in range(1, 11):
        array.run(refresh, second * SECOND)
        array.begin_frame(second)
    assert array.engine.digital(Digital.R5).all()
    assert array.engine.digital(Digital.R6).mean() < 0.1


def test_what_waits_is_done_before_time_passes(engine):
    array = filled(engine, CHIPS["typical"])
    array.run(array.load([encode(Instruction("CLR", (Digital.R5,)))]), SECOND)
    array.run(array.load([encode(Instruction("SET", (Digital.R6,)))]), SECOND)
    array.elapse(25 * SECOND // 10)
    assert array.engine.digital(Digital.R6).all()
    assert not array.engine.digital(Digital.R7).all()
    assert not array.engine.digital(Digital.R5).any()


@pytest.mark.parametrize("level", [100, 3, 0, -3, -128])
@pytest.mark.parametrize("rest", [0, -7])
def test_aregs_drift_at_the_stated_rate_and_never_pass_rest(engine, level, rest):
    chip = Chip(replace(TYPICAL, areg_decay=4.0, areg_rest=rest), 1, 1)
    array = filled(engine, chip, level)
    for tenths in (1, 2, 3, 5, 9, 40, 41, 90, 600):
        array.elapse(tenths * SECOND // 10)
        counts = min(tenths * 4 // 10, abs(level - rest))
        expected = level + counts * np.sign(rest - level)
        for register in AREGS:
            assert (array.engine.analog(register) == expected).all()


def test_a_write_starts_an_areg_anew_and_a_frame_does_not(engine):
    array = filled(engine, Chip(replace(TYPICAL, areg_decay=1.0), 1, 1))
    array.elapse(SECOND // 2)
    array.begin_frame(1)
    array.engine.set_analog(Analog.B, np.full(SHAPE, 100, np.int16))
    array.elapse(SECOND)
    assert (array.engine.analog(Analog.A) == 99).all()
    assert (array.engine.analog(Analog.B) == 100).all()
    array.elapse(3 * SECOND // 2)
    assert (array.engine.analog(Analog.B) == 99).all()


def test_looking_makes_no_difference(engine):
    planes = []
    for looks in (False, True):
        array = filled(engine, CHIPS["harsh"])
        kernel = array.load([bus([Analog.A], [Analog.B]), bus([Analog.B], [Analog.A])])
        for step in range(60):
            array.run(kernel, step * SECOND // 125)
            if looks:
                array.engine.analog(Analog.A)
        planes.append([array.engine.analog(register) for register in AREGS])
    assert np.array_equal(*planes)


def test_ideal_mode_never_decays(engine):
    array = filled(engine, None)
    array.elapse(1000 * SECOND)
    array.engine.elapse(2000 * SECOND)
    assert all((array.engine.analog(register) == 100).all() for register in AREGS)
    assert all(array.engine.digital(register).all() for register in DREGS)


def test_time_does_not_go_back(engine):
    array = filled(engine, CHIPS["harsh"])
    array.elapse(SECOND)
    before = array.engine.analog(Analog.A)
    array.engine.elapse(0)
    array.elapse(0)
    assert np.array_equal(array.engine.analog(Analog.A), before)


PAUSES = st.one_of(st.integers(0, 3 * TICK_NS), st.integers(0, 4 * SECOND), st.just(60 * SECOND))


@settings(agreement, max_examples=60)
@given(st.lists(st.tuples(PAUSES, programs()), min_size=1, max_size=4), PAUSES, SEEDS, LEVELS)
@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_engines_agree_whatever_the_pauses(chip, blocks, last, seed, level):
    engines = [ReferenceEngine(ArrayParameters(), chip), FastEngine(ArrayParameters(), chip)]
    for engine in engines:
        prepare(engine, seed, level)
    now = 0
    for pause, words in (*blocks, (last, [])):
        now += pause
        for engine in engines:
            engine.elapse(now)
            engine.run(engine.load(words))
        found = differences(*engines)
        assert not found, f"PEs that differ at {now} ns: {found}\n{listing(words)}"


@pytest.mark.parametrize("name", ["areg_decay", "dreg_retention", "dreg_retention_spread"])
def test_negative_parameters_are_refused(name):
    with pytest.raises(PresetError, match=f"{name} is -1"):
        Nonidealities(**{name: -1})


def test_a_rest_level_outside_the_range_is_refused():
    with pytest.raises(PresetError, match="areg_rest is 200"):
        Nonidealities(areg_rest=200)
