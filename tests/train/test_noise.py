"""The noise layer says what the emulator does: its constants, and the spread that a chip gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.train.noise import AnalogNoise  # noqa: E402
from pixeltree_emu.array.nonidealities import TYPICAL, Chip  # noqa: E402
from pixeltree_protocol.nonidealities import TYPICAL_ERRORS  # noqa: E402


def test_the_constants_are_the_emulators():
    for name, value in vars(TYPICAL_ERRORS).items():
        assert getattr(TYPICAL, name) == value


def sums_of(*values):
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


def test_the_gradient_passes_unchanged():
    sums = sums_of(*range(-16, 17, 2)).requires_grad_()
    AnalogNoise(16, TYPICAL_ERRORS)(sums).sum().backward()
    assert (sums.grad == 1).all()


def test_evaluation_has_no_errors():
    layer = AnalogNoise(16, TYPICAL_ERRORS).eval()
    sums = sums_of(*range(-16, 17, 2))
    assert layer(sums) is sums


@pytest.mark.parametrize("mismatches", [0, 4, 8, 16])
def test_gain_and_spread_are_those_of_the_emulated_array(mismatches):
    """Add a count in some of 16 taps by two writes each, as the macro add does, and compare mean and spread.

    The counts come evenly spread over the taps; each write negates, and adds the errors of a typical chip.
    """
    taps = 16
    layer = AnalogNoise(taps, TYPICAL_ERRORS)
    spreads, means = [], []
    for number in range(3):
        chip = Chip(TYPICAL, chip=number, seed=number)
        level = np.zeros((256, 256), np.int16)
        for tap in range(taps):
            counts = (tap + 1) * mismatches // taps - tap * mismatches // taps
            for write in range(2):
                exact = -(level + counts * layer.unit) if write == 0 else -level
                level = chip.written(np.asarray(exact, np.int16), 7, 1000 * tap + write, dividing=False)
        spreads.append(2 / layer.unit * level.std())
        means.append(level.mean() / layer.unit)
    expected = layer.sigma(torch.tensor([float(taps - 2 * mismatches)])).item()
    assert np.mean(spreads) == pytest.approx(expected, rel=0.15)
    assert np.mean(means) == pytest.approx(layer.remaining * mismatches, rel=0.05, abs=0.1)


def test_drawn_errors_have_the_gain_and_the_spread():
    layer = AnalogNoise(16, TYPICAL_ERRORS)
    sums = torch.full((40_000, 1, 1, 1), -4.0)
    torch.manual_seed(0)
    errors = (layer(sums) - sums).flatten()
    most = (1 - layer.remaining) * 20
    assert errors.mean().item() == pytest.approx(most / 2, rel=0.05)
    spread = (layer.sigma(sums[:1]).item() ** 2 + most**2 / 12) ** 0.5
    assert errors.std().item() == pytest.approx(spread, rel=0.03)


def test_an_image_has_one_gain():
    layer = AnalogNoise(16, replace(TYPICAL_ERRORS, noise=0.0, gain_spread=0.0))
    errors = layer(torch.zeros(4, 3, 5, 5)).flatten(1)
    assert (errors == errors[:, :1]).all()
    assert len(errors[:, 0].unique()) == 4
