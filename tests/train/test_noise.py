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


@pytest.mark.parametrize("taps", [16, 49])
@pytest.mark.parametrize("share", [0.3, 0.5])
def test_gain_and_spread_are_those_of_the_emulated_array(taps, share):
    """Count in an AREG as the compiler's words do: up where plus taps agree, down where minus taps differ.

    Both words of a count write, negate, and add the errors of a typical chip.
    """
    layer = AnalogNoise(taps, TYPICAL_ERRORS, has_bias=False)
    random = np.random.default_rng(0)
    for number in range(2):
        chip = Chip(TYPICAL, chip=number, seed=number)
        level = np.zeros((256, 256), np.int16)
        exact = np.zeros((256, 256), np.int64)
        for tap in range(taps):
            differs = random.random((256, 256)) < share
            sign = 1 if tap % 2 else -1
            counts = differs if sign < 0 else ~differs
            exact += sign * counts
            for write in range(2):
                change = sign * layer.unit if write == 0 else 0
                written = chip.written(
                    np.asarray(-(level + change), np.int16), 7, 1000 * tap + write, dividing=False
                )
                level = np.where(counts, written, level)
        got = 2 * level / layer.unit
        sums = torch.from_numpy(2 * exact)
        slope, offset = np.polyfit(2 * exact.ravel(), got.ravel(), 1)
        assert slope == pytest.approx(layer.remaining, abs=0.06)
        assert abs(offset) < 0.1 * taps**0.5
        spread = (got - slope * 2 * exact - offset).std()
        expected = layer.sigma(sums.float()).square().mean().sqrt().item()
        assert spread == pytest.approx(expected, rel=0.2)


def test_drawn_errors_have_the_gain_and_the_spread():
    layer = AnalogNoise(16, TYPICAL_ERRORS)
    sums = torch.full((40_000, 1, 1, 1), -12.0)
    torch.manual_seed(0)
    errors = (layer(sums) - sums).flatten()
    most = (1 - layer.remaining) * 12
    assert errors.mean().item() == pytest.approx(most / 2, rel=0.05)
    spread = (layer.sigma(sums[:1]).item() ** 2 + most**2 / 12) ** 0.5
    assert errors.std().item() == pytest.approx(spread, rel=0.03)


def test_an_image_has_one_gain(monkeypatch):
    monkeypatch.setattr("pixeltree.train.noise._ROUNDING", 0.0)
    layer = AnalogNoise(16, replace(TYPICAL_ERRORS, noise=0.0, gain_spread=0.0))
    errors = layer(torch.full((4, 3, 5, 5), 8.0)).flatten(1)
    assert (errors == errors[:, :1]).all()
    assert len(errors[:, 0].unique()) == 4


def test_a_bias_adds_the_errors_of_its_digits():
    """16 taps write 16 words; a bias of -8 to 9 counts has 5 digits, two words each."""
    without, with_bias = (AnalogNoise(16, TYPICAL_ERRORS, has_bias=each) for each in (False, True))
    none = torch.zeros(1)
    assert (with_bias.sigma(none) / without.sigma(none)).item() == pytest.approx((26 / 16) ** 0.5)
