"""Presets from files: what they may hold, and how a mistake in one is said."""

import pytest

from pixeltree_protocol.chip.nonidealities import HARSH, TYPICAL
from pixeltree_protocol.chip.preset_file import ERRORS, named, parsed, written
from pixeltree_protocol.errors import PresetError


def test_a_file_changes_numbers_of_its_base_and_people_may_read_more_in_it():
    text = (
        'base = "harsh"\n[errors]\nnoise = 0.5\nareg_rest = -3\n[sums]\nsum_16_scale = 900\n[checks]\nx = 1\n'
    )
    numbers = parsed(text, "my.toml")
    assert numbers.model.noise == 0.5
    assert numbers.model.gain_error == HARSH.gain_error
    assert numbers.sums == {"sum_16_scale": 900}
    assert numbers.settings == ("noise=0.5", "areg_rest=-3", "sum_16_scale=900")


def test_a_file_without_a_base_begins_from_typical_and_a_name_is_that_preset():
    assert parsed("", "my.toml").model == TYPICAL == named("typical").model
    assert named("ideal").model is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base = 3", "my.toml: base must be the name of a preset"),
        ('base = "typicl"', "my.toml: no preset is named 'typicl'; did you mean 'typical'"),
        ("[errors]\nnoize = 1", "my.toml: no number is named 'noize'; did you mean 'noise'"),
        ("[errors]\nnoise = true", "noise=True: the value must be a number"),
        ("[errors]\nnoise = nan", "noise=nan: the value must be a number"),
        ("[errors]\nnoise = -1", "noise is -1"),
        ("[errors]\nflood_distance = 3.5", "flood_distance=3.5: the value must be a whole number"),
        ("[sums]\nsum_16_scale = 0", "sum_16_scale is 0; it must be at least 1"),
        ("[sums]\nnoise = 1", "no number is named 'noise'"),
        ('base = "ideal"\n[errors]\nnoise = 1', "ideal has no errors"),
        ("errors = 3", "errors must be a table"),
        ("[erors]", "it has erors, which no preset has; did you mean 'errors'"),
        ("noise 3", "my.toml is not TOML"),
    ],
)
def test_what_a_file_may_not_hold_is_said_with_its_name(text, said):
    with pytest.raises(PresetError, match=r"^my\.toml") as error:
        parsed(text, "my.toml")
    assert said in str(error.value)


def test_what_is_written_is_read_again():
    numbers = dict.fromkeys(ERRORS, 1)
    text = written(numbers, {"noise": "+- 0.1"})
    assert "noise = 1                  # +- 0.1" in text
    assert dict(parsed(f"[errors]\n{text}", "my.toml").errors) == numbers
