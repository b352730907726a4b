"""The fold to integers is exact, and a short training run learns something."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from pixeltree.demo.digits import render_digit  # noqa: E402
from pixeltree.network import POOLS  # noqa: E402
from pixeltree.train.digits_demo.fit import (  # noqa: E402
    Digits,
    FitSettings,
    Scene,
    allowed_loss,
    augmented_bits,
    evaluate,
    fit,
    scene_bits,
)
from pixeltree.train.digits_demo.fold import fold  # noqa: E402
from pixeltree.train.digits_demo.model import NodeNetwork  # noqa: E402

SCENE = Scene(upsampling=7, threshold=50)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The tensors are small; on a busy machine, threads waiting for each other cost tenfold."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def node_with(gamma, beta, mean, variance, pool=8, seed=0, outcomes=3):
    torch.manual_seed(seed)
    module = NodeNetwork(outcomes, pool).eval()
    with torch.no_grad():
        module.norm.weight.copy_(torch.as_tensor(gamma))
        module.norm.bias.copy_(torch.as_tensor(beta))
        module.norm.running_mean.copy_(torch.as_tensor(mean))
        module.norm.running_var.copy_(torch.as_tensor(variance))
        module.linear.latent_bias.normal_()
    return module


def assert_fold_is_exact(module, seed=0):
    network = fold(module)
    random = np.random.default_rng(seed)
    for density in (0.0, 0.2, 0.5, 1.0):
        bits = random.random((64, 64)) < density
        batch = torch.from_numpy(bits).float().view(1, 1, 64, 64)
        with torch.no_grad():
            np.testing.assert_array_equal(network.activations(bits), module.activations(batch)[0].numpy())
            np.testing.assert_array_equal(network.logits(bits), module.integer_logits(batch)[0].numpy())


def sixteen(low, high):
    value = st.floats(low, high, width=32) | st.integers(math.ceil(low), math.floor(high)).map(float)
    return st.lists(value, min_size=16, max_size=16)


@settings(max_examples=25, deadline=None)
@given(
    gamma=sixteen(-2, 2),
    beta=sixteen(-20, 20),
    mean=sixteen(-20, 20),
    variance=sixteen(0, 50),
    pool=st.sampled_from(POOLS),
    seed=st.integers(0, 1000),
)
def test_fold_gives_the_modules_bits_and_logits(gamma, beta, mean, variance, pool, seed):
    assert_fold_is_exact(node_with(gamma, beta, mean, variance, pool, seed), seed)


def test_threshold_follows_the_algebra():
    """The closed form of the docstring, with parameters away from ties."""
    random = np.random.default_rng(1)
    gamma = random.uniform(0.1, 2, 16) * random.choice([-1, 1], 16)
    beta, mean = random.uniform(-1, 1, 16), random.uniform(-5, 5, 16)
    variance = random.uniform(1, 20, 16)
    module = node_with(gamma, beta, mean, variance)
    crossing = mean - beta * np.sqrt(variance + module.norm.eps) / gamma
    expected = np.floor(np.sign(gamma) * crossing) + 1
    np.testing.assert_array_equal(fold(module).thresholds, np.clip(expected, -16, 17))


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 4), (-1.0, -2)])
def test_a_tie_does_not_fire(gamma, expected):
    """BN(3) = 0 with mean 3: S >= 4 fires, or -S >= -2 for the negated kernel."""
    module = node_with([gamma] * 16, [0.0] * 16, [3.0] * 16, [1.0] * 16)
    assert set(fold(module).thresholds.tolist()) == {expected}
    assert_fold_is_exact(module)


def test_negative_scale_negates_the_kernel():
    ordinary = node_with([1.0] * 16, [0.0] * 16, [0.0] * 16, [1.0] * 16)
    flipped = node_with([-1.0] * 16, [0.0] * 16, [0.0] * 16, [1.0] * 16)
    np.testing.assert_array_equal(fold(flipped).kernels, -fold(ordinary).kernels)


@pytest.mark.parametrize(("beta", "expected"), [(0.5, -16), (0.0, 17), (-0.5, 17)])
def test_zero_scale_fires_always_or_never(beta, expected):
    module = node_with([0.0] * 16, [beta] * 16, [1.0] * 16, [1.0] * 16)
    assert set(fold(module).thresholds.tolist()) == {expected}
    assert_fold_is_exact(module)


@pytest.mark.parametrize("gamma", [-1.0, 1.0])
@pytest.mark.parametrize(("mean", "expected"), [(-1000.0, -16), (1000.0, 17)])
def test_thresholds_out_of_range_are_clipped(gamma, mean, expected):
    module = node_with([gamma] * 16, [0.0] * 16, [mean * gamma] * 16, [1.0] * 16)
    assert set(fold(module).thresholds.tolist()) == {expected}
    assert_fold_is_exact(module)


def test_fold_leaves_the_module_as_it_was():
    module = NodeNetwork(2, 16).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    fold(module)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_augmentation_of_nothing_is_the_device_scene():
    """With every range 0, the training's sampling is the integer rendering up to rounding."""
    random = np.random.default_rng(2)
    values = random.integers(0, 17, (20, 8, 8)).astype(np.uint8)
    still = FitSettings(SCENE, pool=8, rotation=0, zoom=0, shear=0, shift=0, threshold_jitter=0)
    batch = torch.from_numpy(values).float().unsqueeze(1)
    bits = augmented_bits(batch, still, torch.Generator().manual_seed(0))[:, 0].numpy()
    difference = bits != scene_bits(values, SCENE)
    levels = np.stack([render_digit(digit, SCENE.upsampling) for digit in values]).astype(int)
    assert difference.mean() < 0.001
    assert (np.abs(levels[difference] - 102) <= 1).all()


def test_loss_with_several_right_outcomes():
    logits = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    one = allowed_loss(logits, torch.tensor([[False, False, True]]))
    two = allowed_loss(logits, torch.tensor([[True, False, True]]))
    assert one.item() == pytest.approx(-math.log(0.5))
    assert two.item() == pytest.approx(-math.log(0.7))


def bars(count, seed):
    """Noisy horizontal and vertical bars, as 8 x 8 digits, and which of the two each is."""
    random = np.random.default_rng(seed)
    values = random.integers(0, 5, (count, 8, 8)).astype(np.uint8)
    vertical = random.random(count) < 0.5
    for image, upright in zip(values, vertical, strict=True):
        place = random.integers(2, 6)
        (image.T if upright else image)[place] = 16
    return Digits(values, np.stack([vertical, ~vertical], axis=1))


def test_a_short_run_beats_chance_and_repeats_itself():
    run = FitSettings(SCENE, pool=8, epochs=3, batch_size=16)
    training, validation, test = bars(160, 0), bars(40, 1), bars(100, 2)
    lines = []
    models = [fit(training, validation, run, lines.append) for _ in range(2)]
    bits = torch.from_numpy(scene_bits(test.values, SCENE)).float().unsqueeze(1)
    accuracy, _ = evaluate(models[0], bits, torch.from_numpy(test.allowed))
    assert accuracy > 0.8
    assert lines
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
