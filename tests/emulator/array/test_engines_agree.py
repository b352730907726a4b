"""The fast engine equals the reference engine, bit for bit, whatever the words and planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.engines import EXAMPLES, LEVELS, SEEDS, agreement, differences, listing, prepare
from tests.support.word_strategies import chains, programs, random_planes

from pixeltree_emu.array.fast import FastEngine
from pixeltree_emu.array.nonidealities import PRESETS, Chip
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_protocol.chip.isa import ICW, ClockClass
from pixeltree_protocol.chip.registers import bits


def assert_agree(parameters, blocks, seed, level, chip=None):
    engines = [ReferenceEngine(parameters, chip), FastEngine(parameters, chip)]
    for engine in engines:
        prepare(engine, seed, level)
        engine.begin_frame(seed)
    for words in (*blocks, READ_BUS_TO_R11):
        for engine in engines:
            engine.run(engine.load(words))
        found = differences(*engines)
        assert not found, f"PEs that differ: {found}\n{listing(words)}"


READ_BUS_TO_R11 = [ICW(bits("bit", "bitmode", "LR11"), ClockClass.DIGITAL)]
"""The read bus remembers between blocks; this shows what."""


@agreement
@given(st.lists(programs(), min_size=1, max_size=2), SEEDS, LEVELS)
def test_any_program_on_any_planes(blocks, seed, level):
    assert_agree(ArrayParameters(), blocks, seed, level)


CHIPS = {name: Chip(PRESETS[name], chip=7, seed=3) for name in ("typical", "harsh")}


@agreement
@given(st.lists(programs(), min_size=1, max_size=2), SEEDS, LEVELS)
@pytest.mark.parametrize("mode", CHIPS)
def test_any_program_on_any_planes_of_a_real_chip(mode, blocks, seed, level):
    assert_agree(ArrayParameters(), blocks, seed, level, CHIPS[mode])


@settings(agreement, max_examples=EXAMPLES // 2)
@given(st.lists(chains(), min_size=1, max_size=2), SEEDS, LEVELS)
@pytest.mark.parametrize("mode", CHIPS)
def test_chains_of_words_of_a_real_chip(mode, blocks, seed, level):
    assert_agree(ArrayParameters(), blocks, seed, level, CHIPS[mode])


@settings(agreement, max_examples=EXAMPLES // 5)
@given(st.lists(programs(), min_size=1, max_size=2), SEEDS, LEVELS, st.sampled_from(["sender", "owner"]))
@pytest.mark.parametrize("boundary", [0, 5, -128])
def test_open_parameters(boundary, blocks, seed, level, gate):
    parameters = ArrayParameters(analog_boundary=boundary, push_gate=gate, square_divisor=3)
    assert_agree(parameters, blocks, seed, level)


def test_planes_go_in_and_come_out():
    engine = FastEngine(ArrayParameters())
    prepare(engine, 1, 0)
    analog, digital = random_planes(1)
    for register, plane in analog.items():
        assert np.array_equal(engine.analog(register), plane)
    for register, plane in digital.items():
        assert np.array_equal(engine.digital(register), plane)
