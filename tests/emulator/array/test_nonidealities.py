"""Errors of a chip: reproducible, and as large as published."""

from __future__ import annotations

import numpy as np
import pytest
from tools import repeated_copy

from pixeltree_emu.array.nonidealities import PRESETS, SHAPE, TYPICAL, Chip, Nonidealities, preset
from pixeltree_emu.bench.programs import words
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.chip.registers import Analog
from pixeltree_protocol.errors import PresetError


@pytest.mark.parametrize("engine", ["fast", "reference"])
@pytest.mark.parametrize("level", repeated_copy.PUBLISHED)
def test_typical_reproduces_the_published_repeated_copy(level, engine):
    published = repeated_copy.PUBLISHED[level]
    biases, sigma = repeated_copy.measure(level, len(published), Chip(TYPICAL, 0, 0), engine)
    assert all(map(repeated_copy.agrees, biases, published)), f"{biases} published {published}"
    assert repeated_copy.SIGMA_RANGE[0] <= sigma <= repeated_copy.SIGMA_RANGE[1]


def outcome(engine, chip, frames):
    array = PixelArray(engine=engine, chip=chip)
    kernel = array.load(words(repeated_copy.ITERATION))
    planes = []
    for frame in frames:
        array.begin_frame(frame)
        array.engine.set_analog(Analog.A, np.full(SHAPE, 50, np.int16))
        array.run(kernel)
        array.run(kernel)
        planes.append(array.engine.analog(Analog.A))
    return planes


def test_a_run_can_be_replayed_from_any_frame_on_any_engine():
    chip = Chip(TYPICAL, chip=3, seed=4)
    whole = outcome("fast", chip, range(5))
    later = outcome("reference", Chip(TYPICAL, chip=3, seed=4), (4, 2))
    assert np.array_equal(whole[4], later[0])
    assert np.array_equal(whole[2], later[1])
    assert not np.array_equal(whole[4], whole[2])


@pytest.mark.parametrize("chip, seed", [(3, 5), (4, 4)])
def test_another_chip_or_seed_gives_other_errors(chip, seed):
    (one,) = outcome("fast", Chip(TYPICAL, 3, 4), (0,))
    (other,) = outcome("fast", Chip(TYPICAL, chip, seed), (0,))
    assert not np.array_equal(one, other)


def test_every_number_has_a_unit_and_a_source():
    for parameter in Nonidealities.__dataclass_fields__.values():
        assert parameter.metadata["unit"]
        assert parameter.metadata["source"]


def test_bad_presets_and_parameters_are_named():
    assert preset("ideal") is None
    assert PRESETS["typical"] is TYPICAL
    with pytest.raises(PresetError, match="no preset is named 'worse'; known: ideal, typical, harsh"):
        preset("worse")
    with pytest.raises(PresetError, match="noise is -1"):
        Nonidealities(noise=-1)
    with pytest.raises(EmulatorError, match="no engine is named 'slow'; known: fast, reference"):
        PixelArray(engine="slow")
