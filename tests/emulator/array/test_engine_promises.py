"""What both engines promise beside equal planes: refusals that change nothing, work on several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.word_strategies import bus, random_planes

from pixeltree_emu.array.read_out import packed_columns, row_numbers
from pixeltree_emu.bench import programs
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.errors import EmulatorError, MeaninglessWord
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import Analog, Digital, bits


@pytest.fixture(params=["fast", "reference"])
def array(request):
    array = PixelArray(engine=request.param)
    for register, plane in random_planes(5)[0].items():
        array.engine.set_analog(register, plane)
    return array


def test_a_word_without_meaning_is_named_and_nothing_changes(array):
    before = array.engine.analog(Analog.A)
    with pytest.raises(MeaninglessWord, match="dig8") as raised:
        array.load([bus([Analog.A], [Analog.B]), ICW(bits("dig8"))])
    assert raised.value.index == 1
    assert np.array_equal(array.engine.analog(Analog.A), before)


@pytest.mark.parametrize("shape", [(256,), (1, 256), (255, 256), (256, 256, 1)])
def test_a_plane_of_another_shape_is_refused(array, shape):
    before = array.engine.analog(Analog.A)
    with pytest.raises(EmulatorError, match="A takes a plane of shape"):
        array.engine.set_analog(Analog.A, np.zeros(shape, np.int16))
    with pytest.raises(EmulatorError, match="R5 takes a plane of shape"):
        array.engine.set_digital(Digital.R5, np.zeros(shape, np.bool_))
    assert np.array_equal(array.engine.analog(Analog.A), before)


def test_values_outside_the_range_are_refused(array):
    plane = np.full((256, 256), 200, np.int16)
    with pytest.raises(EmulatorError, match="A takes values from -128 to 127"):
        array.engine.set_analog(Analog.A, plane)


def run_sobel(seed):
    array = PixelArray()
    array.engine.set_analog(Analog.A, random_planes(seed)[0][Analog.A])
    kernel = array.load(programs.sobel())
    for _ in range(50):
        array.run(kernel)
    return array.engine.analog(Analog.E)


def test_devices_on_several_threads_do_not_disturb_each_other():
    alone = [run_sobel(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run_sobel, range(4)))
    assert all(map(np.array_equal, alone, together))


def test_programs_of_the_benchmark_have_their_length():
    assert len(programs.sobel()) == 46


def engines_with(analog, digital):
    for name in ("fast", "reference"):
        engine = PixelArray(engine=name).engine
        engine.set_analog(Analog.D, analog)
        engine.set_digital(Digital.R6, digital)
        yield engine


@given(
    seed=st.integers(0, 1_000),
    share=st.sampled_from([0, 0.0001, 0.01, 0.5, 1]),
    rows=st.tuples(st.integers(0, 255), st.sampled_from([0, 124, 127, 252, 254, 255, 85])),
    columns=st.tuples(st.integers(0, 255), st.sampled_from([0, 124, 252, 255, 85])),
    most=st.sampled_from([0, 1, 3, 32, 1_000, 10_000]),
    order=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
@settings(max_examples=25, deadline=None)
def test_both_engines_read_out_the_same(seed, share, rows, columns, most, order):
    generator = np.random.default_rng(seed)
    analog = generator.integers(-128, 128, (256, 256), np.int16)
    if share in (0, 1):
        analog[:] = 127 if share else -128  # the greatest sums
    digital = generator.random((256, 256)) < share
    bands = [np.arange(256), row_numbers(*rows)]
    fast, reference = (
        [
            *(engine.column_sums(Analog.D, bands[0], count).tolist() for count in (1, 4, 8)),
            engine.column_sums(Analog.D, bands[1], 1).tolist(),
            engine.any_one(Digital.R6, bands[1], packed_columns(*columns)),
            engine.box(Digital.R6),
            engine.events(Digital.R6, most, *order),
        ]
        for engine in engines_with(analog, digital)
    )
    assert fast == reference
    assert fast[0] == [analog.sum(axis=0).tolist()]
