"""Scales of global sums and numbers of a preset are set by name, on the command line and in emu: URLs."""

import pytest

from pixeltree.errors import LinkError
from pixeltree.links.emulator import daemon_options
from pixeltree.links.url import parse_url
from pixeltree_emu.array.selection import PatternSelect
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.serving.options import parse
from pixeltree_emu.serving.setup import device_of
from pixeltree_protocol.chip.nonidealities import SUM_SCALES
from pixeltree_protocol.objects.program import pattern_pixels


def device(*arguments):
    return device_of(parse(["--engine", "reference", *arguments]))


@pytest.mark.parametrize("name", SUM_SCALES)
def test_every_scale_of_a_sum_is_an_option_of_the_daemon_and_of_the_url(name):
    options = daemon_options(parse_url(f"emu:?{name}=321"))
    made = device(*options)
    assert getattr(made.read_out, name) == 321
    assert made.read_out.with_settings({name: getattr(ReadOutParameters(), name)}) == ReadOutParameters()


def test_numbers_of_a_preset_can_be_set():
    made = device("--preset", "typical", "--set", "noise=0.05", "--set", "flood_distance=70")
    assert made.array.engine.chip.model.noise == 0.05
    assert made.array.engine.chip.model.flood_distance == 70


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "nois=1"], "no number is named 'nois'.*sum_16_scale.*noise"),
        (["--set", "sum_16_scale"], "must be a whole number"),
        (["--set", "sum_16_scale=0.5"], "must be a whole number"),
        (["--set", "sum_16_scale=0"], "at least 1 unit a count"),
        (["--set", "noise=1"], "ideal chips have no errors"),
        (["--preset", "typical", "--set", "noise=nan"], "must be a number"),
        (["--preset", "typical", "--set", "noise=-1"], "at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_sentence(arguments, message):
    with pytest.raises(EmulatorError, match=message):
        device(*arguments)


def test_a_scale_in_a_url_is_a_whole_number_from_1():
    with pytest.raises(LinkError, match="sum_sparse_scale"):
        daemon_options(parse_url("emu:?sum_sparse_scale=0"))


@pytest.mark.parametrize(("rx", "cx"), [(124, 124), (127, 127), (0, 0), (254, 254), (255, 255)])
def test_a_pattern_has_as_many_pixels_as_the_contract_says(rx, cx):
    assert PatternSelect(0, 0, rx, cx).plane.sum() == pattern_pixels(rx, cx)
