"""Calibration recovers the numbers of emulated chips, within its own standard errors."""

import math
from dataclasses import replace
from urllib.parse import quote

import numpy as np
import pytest
from tests.support.effort import PROOF
from tools.check_calibration import CHIPS, WITHIN, KnownChip, recovered

import pixeltree as pt
from pixeltree.arguments.presets import read_preset
from pixeltree.calibrate.calibration import QUICK, Plan, calibrate
from pixeltree.calibrate.chain import WriteErrors, moments
from pixeltree.calibrate.copies import Grid
from pixeltree.calibrate.decay import measure_drift, measure_retention
from pixeltree.calibrate.file import to_toml
from pixeltree.calibrate.floods import flood_distances
from pixeltree.calibrate.sums import measure_sums
from pixeltree.cli.chips import chip_set
from pixeltree.errors import DataError
from pixeltree.evaluate.chips import ChipSet
from pixeltree.links.emulator import daemon_options
from pixeltree.links.url import parse_url
from pixeltree_emu.array.nonidealities import TYPICAL, Chip, frame_key
from pixeltree_protocol.chip.preset_file import named, parsed

SMALL = replace(QUICK, lengths=(1, 2, 4), repeats=3)
CHANGED = KnownChip(
    "typical",
    4,
    {
        "gain_error": -0.004,
        "offset": 0.3,
        "noise": 0.35,
        "division_offset": 1.0,
        "flood_distance": 41,
        "areg_decay": 30,
        "areg_rest": -9,
        "dreg_retention": 0.8,
        "sum_region_scale": 3000,
    },
)


@pytest.fixture(scope="module")
def found():
    """A calibration of a chip whose numbers nothing but the measurement can know."""
    with pt.connect(CHANGED.url) as device:
        return calibrate(device, SMALL)


def test_every_number_is_recovered_within_its_standard_errors(found):
    numbers = list(recovered(found, CHANGED))
    assert len(numbers) == 18
    assert not found.kept
    assert {each.name: each.away for each in numbers if abs(each.away) > WITHIN} == {}


def test_standard_errors_are_small_enough_to_be_of_use(found):
    assert found.errors["gain_error"].error < 0.05 * 0.004
    assert found.errors["noise"].error < 0.05 * 0.35
    assert found.errors["areg_decay"].error < 0.02 * 30
    assert found.sums["sum_region_scale"].error < 0.01 * 3000


def test_the_file_is_a_preset_with_what_was_measured(found):
    text = to_toml(found, named("typical"), {"device": "a chip"})
    model = parsed(text, "my.toml").model
    assert model.flood_distance == 41
    assert model.noise == pytest.approx(found.errors["noise"].value, abs=found.errors["noise"].error)
    assert "# device: a chip" in text
    assert "[standard_errors]" in text


def test_what_was_not_measured_keeps_the_value_of_a_base_that_is_a_file(found):
    base = parsed("[errors]\nareg_rest = 20\nnoise = 5\n[sums]\nsum_fast_scale = 77\n", "base.toml")
    less = replace(
        found,
        errors={name: number for name, number in found.errors.items() if name != "areg_rest"},
        sums={},
        kept={"areg_rest": "it was not reached", "sum_fast_scale": "cut off"},
    )
    again = parsed(to_toml(less, base, {}), "my.toml")
    assert (again.model.areg_rest, again.sums) == (20, {"sum_fast_scale": 77})
    assert again.model.noise == pytest.approx(0.35, abs=0.05)


@pytest.mark.parametrize("errors", [(-0.0072, 0.002, 0.0, 0.3, 0.2), (0.004, 0.005, 0.4, 0.8, 1.0)])
def test_what_the_model_expects_of_copies_is_what_an_emulated_chip_does(errors):
    gain, gain_spread, offset, offset_spread, noise = errors
    names = ("gain_error", "gain_spread", "offset", "offset_spread", "noise")
    chip = Chip(type(TYPICAL)(**dict(zip(names, errors, strict=True))), 3, 1)
    expected = moments(WriteErrors(gain, gain_spread, offset, offset_spread, noise), (-60, 0, 60), (1, 2, 5))
    for place, start in enumerate((-60, 0, 60)):
        planes = []
        for repeat in range(2):
            plane, held = np.full((256, 256), start, np.int16), []
            for word in range(1, 6):
                plane = chip.written(-plane, frame_key(repeat, word), 16 * word, False)
                held.append(plane.astype(np.float64))
            planes.append([held[length - 1] for length in (1, 2, 5)])
        for row, (one, two) in enumerate(zip(*planes, strict=True)):
            sigma = math.sqrt(expected.variance[row, place])
            assert one.mean() == pytest.approx(expected.mean[row, place], abs=0.03 * sigma)
            assert one.var() == pytest.approx(expected.variance[row, place], rel=0.04)
            agreement = float(((one - one.mean()) * (two - two.mean())).mean())
            assert agreement == pytest.approx(expected.agreement[row, place], abs=0.03 * sigma**2)


def test_what_cannot_be_measured_says_why():
    url = "inproc:?preset=typical&set=areg_decay=0&set=dreg_retention=500&set=sum_fast_scale=1"
    with pt.connect(f"{url}&set=flood_distance=600") as device:
        assert measure_drift(device.chip, Grid(9), 10, 8, lambda: None) is None
        assert measure_retention(device.chip, 10, 5, lambda: None) is None
        assert measure_sums(device.chip, Grid(9), range(-10, 11, 5), lambda: None)["sum_fast_scale"] is None
        assert set(flood_distances(device.chip, lambda: None)) == {510}


def test_a_measured_preset_can_be_named_wherever_a_preset_can(tmp_path):
    file = tmp_path / "my chip.toml"
    file.write_text('base = "typical"\n[errors]\nnoise = 0\ngain_error = 0.03\ngain_spread = 0\n')
    assert read_preset(str(file)).model.gain_error == 0.03
    planes = []
    for preset in ("typical", str(file)):
        with pt.connect(f"inproc:?preset={quote(preset)}") as device:
            device.chip.load_in(pt.A, 100)
            planes.append(device.read_plane("A").mean())
            assert device.settings()["preset"] == preset
    assert planes[1] > planes[0] + 5
    assert daemon_options(parse_url(f"emu:?preset={quote(str(file))}")) == [f"--preset={file}"]
    # the numbers go to workers, which may be elsewhere, and not the file
    settings = ("noise=0.0", "gain_error=0.03", "gain_spread=0.0")
    assert chip_set(str(file), 2) == ChipSet("typical", (0, 1), settings)
    with pytest.raises(DataError, match=r"cannot read the preset .*none\.toml: No such file"):
        read_preset(str(tmp_path / "none.toml"))


@pytest.mark.skipif(not PROOF, reason="half a minute for each chip")
@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_numbers_of_many_chips_are_recovered(chip):
    for plan in (QUICK, Plan()):
        with pt.connect(chip.url) as device:
            numbers = list(recovered(calibrate(device, plan), chip))
        assert {each.name: each.away for each in numbers if abs(each.away) > WITHIN} == {}
