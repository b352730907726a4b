"""The noise layer says what the emulator does: its constants, and the spread that a chip gives."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.train.noise import AnalogNoise  # noqa: E402
from pixeltree_emu.array.nonidealities import TYPICAL, Chip  # noqa: E402
from pixeltree_protocol.nonidealities import TYPICAL_ERRORS  # noqa: E402


def test_the_constants_are_the_emulators():
    for name, value in vars(TYPICAL_ERRORS).items():
        assert getattr(TYPICAL, name) == value


def test_the_gradient_passes_unchanged():
    sums = torch.arange(-16.0, 17, 2, requires_grad=True)
    AnalogNoise(16, TYPICAL_ERRORS)(sums).sum().backward()
    assert (sums.grad == 1).all()


def test_evaluation_has_no_errors():
    layer = AnalogNoise(16, TYPICAL_ERRORS).eval()
    sums = torch.arange(-16.0, 17, 2)
    assert layer(sums) is sums


@pytest.mark.parametrize("mismatches", [0, 4, 8, 16])
def test_the_spread_is_that_of_the_emulated_array(mismatches):
    """Add a count in some of 16 taps by two writes each, as the macro add does, and compare the spreads.

    The counts come evenly spread over the taps; each write negates, and adds the errors of a typical chip.
    """
    taps = 16
    layer = AnalogNoise(taps, TYPICAL_ERRORS)
    spreads = []
    for number in range(3):
        chip = Chip(TYPICAL, chip=number, seed=number)
        level = np.zeros((256, 256), np.int16)
        for tap in range(taps):
            counts = (tap + 1) * mismatches // taps - tap * mismatches // taps
            for write in range(2):
                exact = -(level + counts * layer.unit) if write == 0 else -level
                level = chip.written(np.asarray(exact, np.int16), 7, 1000 * tap + write, dividing=False)
        spreads.append(2 / layer.unit * level.std())
    expected = layer.sigma(torch.tensor([float(taps - 2 * mismatches)])).item()
    assert np.mean(spreads) == pytest.approx(expected, rel=0.15)


def test_drawn_errors_have_the_spread():
    layer = AnalogNoise(16, TYPICAL_ERRORS)
    sums = torch.full((40_000,), -4.0)
    torch.manual_seed(0)
    errors = layer(sums) - sums
    assert errors.std().item() == pytest.approx(layer.sigma(sums[:1]).item(), rel=0.03)
    assert abs(errors.mean().item()) < 0.02
