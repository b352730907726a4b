"""The noise layer says what the emulator does: its constants, and the spread that a chip gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.datasets import Dataset, Task  # noqa: E402
from pixeltree.model.geometry import ConvolutionGeometry, HeatMapGeometry  # noqa: E402
from pixeltree.train.network import BinaryNetwork  # noqa: E402
from pixeltree.train.noise import AnalogNoise  # noqa: E402
from pixeltree.train.objective import CellMap  # noqa: E402
from pixeltree.train.progress import EpochReport  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402
from pixeltree.train.training import TrainingSettings, build, train_network  # noqa: E402
from pixeltree_emu.array.nonidealities import TYPICAL, Chip  # noqa: E402
from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS  # noqa: E402


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


def test_the_bias_of_a_heat_map_does_not_err(monkeypatch):
    """It is added to what was read: a gain shrinks the sums towards the bias, not towards 0."""
    specification = NetworkSpecification(Input(16), (ConvolutionGeometry(4, 3),), HeatMapGeometry(2))
    network = build(lambda: BinaryNetwork(specification, TYPICAL_ERRORS), 0)
    network.head.latent_bias.data.fill_(100.0)
    bias = network.head.integer_bias().item()
    monkeypatch.setattr(AnalogNoise, "forward", lambda self, sums: 0 * sums)
    logits = network.train().integer_logits(torch.zeros(2, 16, 16))
    assert (logits == bias).all()
    assert bias == 400


@pytest.mark.parametrize(("threshold", "margin"), [
    (-21.0, 1.0),  # the ideal array's -20 is next
    (-20.5, 1.0),  # folds to -21
    (-14.9, None),  # folds to -15; what a chip leaves of -20 is next
    (-19.0, -1.0),  # between the two
])  # fmt: skip
def test_bits_flip_where_a_threshold_lies_between_what_a_chip_and_an_ideal_array_count(threshold, margin):
    layer = AnalogNoise(36, TYPICAL_ERRORS)
    sums = sums_of(-20.0)
    margin = 20 * layer.remaining - 15 if margin is None else margin
    share = 0.5 - 0.5 * math.erf(margin / layer.sigma(sums).item() / 2**0.5)
    assert layer.flips(sums, torch.tensor([threshold])).item() == pytest.approx(share, abs=1e-4)


def test_fewer_flips_are_away_from_the_sums():
    layer = AnalogNoise(36, TYPICAL_ERRORS)
    threshold = torch.tensor([-15.0, -23.0], requires_grad=True)
    layer.flips(sums_of(-20.0).expand(1, 2, 1, 1), threshold).backward()
    up, down = threshold.grad.tolist()
    assert up < 0 < down


def dark_network():
    specification = NetworkSpecification(
        Input(16, threshold=60), (ConvolutionGeometry(4, 5),), HeatMapGeometry(2)
    )
    images = (np.random.default_rng(0).random((32, 16, 16)) < 0.02).astype(np.uint8) * 255
    data = Dataset("dark", Task.SEGMENTATION, images, np.zeros((32, 16, 16), np.int64), ("nothing", "object"))
    return build(lambda: BinaryNetwork(specification, TYPICAL_ERRORS), 0), data


def test_thresholds_move_away_from_frequent_sums():
    """A dark picture gives each channel one sum, next to which its threshold begins here."""
    network, data = dark_network()
    network.counts_flips = True
    activation = network.layers[1]
    network.integer_logits(torch.from_numpy(data.images))
    dark = -network.layers[0].latent.sign().sum(dim=(1, 2, 3))
    deviation = activation.norm.running_var.sqrt()
    activation.threshold.data += (dark - activation.threshold_of_sums().detach()) / deviation
    optimizer = torch.optim.Adam([activation.threshold], lr=0.05)
    flips = []
    for _ in range(40):
        network.integer_logits(torch.from_numpy(data.images))
        optimizer.zero_grad()
        network.flips.backward()
        optimizer.step()
        flips.append(network.flips.item())
    assert flips[-1] < flips[0] / 2


def test_steadiness_counts_flips_in_the_loss():
    losses = []

    def tell(report):
        if isinstance(report, EpochReport):
            losses.append(report.loss)

    for steadiness in (0.0, 1.0, 2.0):
        network, data = dark_network()
        settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-9, steadiness=steadiness)
        objective = CellMap(network.specification.cell_grid)
        train_network(network, data, data, objective, settings, progress=tell)
    without, once, twice = losses
    assert once - without > 0.005  # with a typical chip's noise of 0.2 counts; 0.35 flipped more
    assert twice - without == pytest.approx(2 * (once - without), rel=1e-3)
