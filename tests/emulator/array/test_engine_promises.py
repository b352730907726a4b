"""What both engines promise beside equal planes: refusals that change nothing, work on several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.support.word_strategies import bus, random_planes

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
