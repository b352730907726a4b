"""An engine that another one succeeds in the middle of a program gives what either gives alone."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.word_strategies import programs, random_planes

from pixeltree_emu.array.fast import FastEngine
from pixeltree_emu.array.nonidealities import PRESETS, TICK_NS, Chip
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.array.succession import SucceededEngine
from pixeltree_emu.bench import programs as samples
from pixeltree_emu.controller.device_array import PixelArray, create_engine
from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.chip.isa import ICW, ClockClass
from pixeltree_protocol.chip.registers import AREGS, Analog, Digital, bits

PARAMETERS = ArrayParameters()
MODES = {name: Chip(model, chip=7, seed=3) if model else None for name, model in PRESETS.items()}
READ_BUS_TO_R11 = [ICW(bits("bit", "bitmode", "LR11"), ClockClass.DIGITAL)]
"""The read bus remembers between blocks; this shows what."""


def started(engine, seed):
    analog, digital = random_planes(seed)
    for register, plane in analog.items():
        engine.set_analog(register, plane)
    for register, plane in digital.items():
        engine.set_digital(register, plane)
    engine.in_level = 17
    engine.begin_frame(seed)
    return engine


def planes(engine):
    analog = [engine.analog(register) for register in (*AREGS, Analog.PIX)]
    return np.array(analog), np.array([engine.digital(register) for register in Digital])


def assert_same(one, other):
    for mine, theirs in zip(planes(one), planes(other), strict=True):
        assert np.array_equal(mine, theirs)


def successor_on_demand(chip, kind=FastEngine):
    """A reference engine with a successor that is ready once ``release`` is set."""
    release = threading.Event()

    def make():
        release.wait()
        return kind(PARAMETERS, chip)

    return SucceededEngine(ReferenceEngine(PARAMETERS, chip), make, release.set), release


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(programs(), min_size=2, max_size=3), st.integers(0, 2**16), st.sampled_from(sorted(MODES)))
def test_half_a_program_on_each_engine_equals_the_whole_on_one(blocks, seed, mode):
    chip = MODES[mode]
    alone = started(ReferenceEngine(PARAMETERS, chip), seed)
    both, release = successor_on_demand(chip)
    started(both, seed)
    now = 0
    for engine in (alone, both):
        kernels = [engine.load(words) for words in (*blocks, READ_BUS_TO_R11)]
        for number, kernel in enumerate(
            (*kernels, *kernels)
        ):  # the first ones were loaded by the first engine
            now = number * 60 * TICK_NS
            engine.elapse(now)
            engine.run(kernel)
            if engine is both and number == 0:
                release.set()
                both.wait()
    assert_same(alone, both)
    assert both.succeeded


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("kinds", [(ReferenceEngine, FastEngine), (FastEngine, ReferenceEngine)])
def test_an_engine_resumes_all_that_another_one_knew(mode, kinds):
    first, second = (kind(PARAMETERS, MODES[mode]) for kind in kinds)
    started(first, 5)
    first.run(first.load(samples.digital()))
    state = first.state()
    second.resume(state)
    again = second.state()
    assert_same(first, second)
    assert np.array_equal(state.read_bus, again.read_bus)
    assert (again.in_level, again.frame, again.words, again.decay) == (17, 5, state.words, state.decay)


def test_the_first_engine_goes_on_where_a_successor_cannot_be_had(caplog):
    def make():
        raise EmulatorError("no room")

    engine = SucceededEngine(ReferenceEngine(PARAMETERS), make, lambda: None)
    engine.wait()
    engine.run(engine.load([]))
    assert not engine.succeeded
    assert "the reference engine goes on" in caplog.text


def test_where_the_engine_is_compiled_already_there_is_no_succession():
    FastEngine(PARAMETERS)  # loaded by now
    assert isinstance(create_engine("fast", PARAMETERS, at_once=True), FastEngine)


def test_an_array_whose_engine_must_be_compiled_first_changes_over_to_it_when_it_can_be_loaded(
    monkeypatch, caplog
):
    """Of a first start all but the compiler, which a proof lets run (test_start)."""
    monkeypatch.setattr("pixeltree_emu.array.fast.loading.can_load_at_once", lambda: False)
    caplog.set_level(logging.INFO)
    array = PixelArray(engine="fast", at_once=True)
    assert "compiling the fast engine; until then the reference engine works" in caplog.text
    array.engine.wait()
    expected, found = ran(PixelArray(engine="reference")), ran(array)
    assert found.succeeded
    assert "the fast engine has taken over" in caplog.text
    assert_same(found, expected)


def test_a_waiting_engine_lets_fewer_words_wait():
    engine, release = successor_on_demand(None)
    before = engine.most_waiting
    release.set()
    engine.wait()
    engine.run(engine.load([]))
    assert before < engine.most_waiting


def ran(array, between=lambda: None):
    """An array after Sobel, something in between, a selection, and Sobel again."""
    array.engine.set_analog(Analog.A, random_planes(1)[0][Analog.A])
    kernel = array.load(samples.sobel())
    array.run(kernel)
    array.engine.analog(Analog.A)  # somebody looks: what waits is run
    between()
    array.select_pattern(3, 5, 0xF0, 0x0F)
    array.run(kernel)
    return array.engine


def test_blocks_that_are_joined_may_be_those_of_both_engines(monkeypatch):
    both, release = successor_on_demand(None)
    monkeypatch.setattr("pixeltree_emu.controller.device_array.create_engine", lambda *_: both)
    array = PixelArray()
    monkeypatch.undo()

    def succeed():
        release.set()
        both.wait()

    assert_same(ran(array, succeed), ran(PixelArray(engine="reference")))
    assert both.succeeded
