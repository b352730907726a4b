"""The binarized layers and input: values, orientation, gradients, and what a specification refuses."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.errors import ModelError  # noqa: E402
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, HeatMapGeometry, Pooling  # noqa: E402
from pixeltree.train.binarize import Estimator, sign  # noqa: E402
from pixeltree.train.input import InputBinarization  # noqa: E402
from pixeltree.train.layers import (  # noqa: E402
    LATENT_REACH,
    BinaryConvolution,
    BinaryFullyConnected,
    BinaryHeatMap,
    LatentActivation,
    OrPooling,
    balanced_threshold,
    clip_latent_weights,
)
from pixeltree.train.network import BinaryNetwork, FloatNetwork  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402


def test_a_kernels_window_begins_before_its_pixel():
    layer = BinaryConvolution(1, ConvolutionGeometry(1, 3, before=1, after=1))
    signs = -torch.ones(1, 1, 8, 8)
    background = layer(signs)[0, 0, 4, 4].item()
    signs[0, 0, 4, 5] = 1
    sums = layer(signs)[0, 0].detach()
    kernel = sign(layer.latent.detach())[0, 0]
    np.testing.assert_array_equal(sums[3:6, 4:7] - background, 2 * kernel.flip(0, 1))
    assert (sums[:3] == background).all()


def test_beyond_the_map_there_is_minus_one():
    layer = BinaryConvolution(1, ConvolutionGeometry(1, 3))
    sums = layer(torch.ones(1, 1, 8, 8))[0, 0].detach()
    kernel = sign(layer.latent.detach())[0, 0]
    assert sums[4, 4] == kernel.sum()
    assert sums[0, 4] == kernel[1:].sum() - kernel[0].sum()


def test_groups_see_their_own_channels():
    layer = BinaryConvolution(4, ConvolutionGeometry(4, 1, groups=2))
    signs = -torch.ones(1, 4, 1, 1)
    before = layer(signs).detach().flatten()
    signs[0, 3] = 1
    changed = layer(signs).detach().flatten() != before
    assert changed.tolist() == [False, False, True, True]


def test_or_pooling_of_latent_activations_is_or_of_their_signs():
    latent = torch.randn(2, 3, 7, 7)
    pooled = sign(OrPooling(2)(latent))
    bits = (latent > 0)[:, :, :6, :6].reshape(2, 3, 3, 2, 3, 2)
    assert torch.equal(pooled > 0, bits.any(dim=5).any(dim=3))


def test_a_latent_activation_is_normalized_and_compared():
    layer = LatentActivation(1).eval()
    layer.norm.running_mean.fill_(2)
    layer.norm.running_var.fill_(4)
    layer.norm.weight.data.fill_(3)
    layer.threshold.data.fill_(0.5)
    expected = 3 * (6 - 2) / (4 + layer.norm.eps) ** 0.5 - 0.5
    assert layer(torch.full((1, 1, 1, 1), 6.0)).item() == pytest.approx(expected, rel=1e-12)


def test_a_latent_activation_is_0_at_its_threshold_of_sums():
    layer = LatentActivation(2).eval()
    layer.norm.running_mean[:] = torch.tensor([3.0, -2.0])
    layer.norm.running_var[:] = torch.tensor([4.0, 9.0])
    layer.norm.weight.data[:] = torch.tensor([0.5, -2.0])
    layer.norm.bias.data[:] = torch.tensor([0.25, 1.0])
    layer.threshold.data[:] = torch.tensor([1.0, 0.5])
    threshold = layer.threshold_of_sums()
    assert threshold.tolist() == pytest.approx([6.0, -1.25], abs=1e-4)
    assert layer(threshold.view(1, 2, 1, 1)).flatten().tolist() == pytest.approx([0, 0], abs=1e-6)


def test_training_and_evaluation_normalize_alike():
    layer = LatentActivation(3).train()
    layer.norm.momentum = 1.0
    sums = torch.randint(-9, 10, (4, 3, 32, 32)).float()
    trained = layer(sums)
    evaluated = layer.eval()(sums)
    assert torch.allclose(trained.double(), evaluated, atol=1e-3)


def test_heads_add_integer_biases():
    signs = sign(torch.randn(5, 4, 5, 5))
    connected = BinaryFullyConnected((4, 5, 5), 3)
    connected.latent_bias.data.copy_(torch.tensor([0.26, -1.5, 0.0]))
    plain = signs.flatten(1) @ sign(connected.latent).flatten(1).T
    assert torch.equal(connected(signs) - plain, torch.tensor([[3.0, -15.0, 0.0]] * 5))
    heat_map = BinaryHeatMap(4, HeatMapGeometry(5, before=0, after=0))
    heat_map.latent_bias.data.fill_(0.52)
    plain = (signs * sign(heat_map.convolution.latent)).sum(dim=(1, 2, 3))
    assert torch.equal(heat_map(signs)[:, 0] - plain, torch.full((5,), 5.0))


@pytest.mark.parametrize("planes", range(1, 8))
def test_weights_of_several_planes_are_all_the_odd_numbers_of_their_range(planes):
    """Latent weights within the reach are divided evenly among them; beyond it they have the greatest."""
    most = 2**planes - 1
    layer = BinaryFullyConnected((1, 1, 2048), 2, planes)
    layer.latent.data[0] = (torch.arange(2048) + 0.5) / 1024 * LATENT_REACH - LATENT_REACH
    layer.latent.data[1] = torch.tensor([-1.0, 1.0]).repeat(1024)
    even, outside = layer.weights().detach().flatten(1).long()
    values, counts = even.unique(return_counts=True)
    assert values.tolist() == list(range(-most, most + 1, 2))
    assert (counts == 2048 >> planes).all()
    assert outside.unique().tolist() == [-most, most]
    fresh = BinaryFullyConnected((4, 8, 8), 3, planes).weights().detach()
    assert (fresh.long() % 2 == 1).all()
    assert (torch.equal(fresh.sign(), sign(fresh))) and (fresh.abs() <= most).all()


@pytest.mark.parametrize("planes", [1, 2, 3])
def test_a_head_of_several_planes_sums_its_weights_and_learns(planes):
    """Weights of all sizes pass the gradient alike; the spread is that of random inputs."""
    layer = BinaryFullyConnected((4, 8, 8), 3, planes)
    layer.latent.data.uniform_(-LATENT_REACH, LATENT_REACH)
    layer.latent_bias.data.copy_(torch.tensor([0.5, -1.0, 0.0]))
    signs = sign(torch.randn(2000, 4, 8, 8))
    sums = layer(signs)
    plain = signs.flatten(1) @ layer.weights().flatten(1).T
    assert torch.equal(sums - plain, (torch.tensor([0.5, -1.0, 0.0]) * layer.spread).round().expand(2000, 3))
    assert plain.std().item() == pytest.approx(layer.spread, rel=0.1)
    sums[:, 1].sum().backward()
    scale = 1 if planes == 1 else 2 ** (planes - 1) / LATENT_REACH
    assert torch.allclose(layer.latent.grad[1], signs.sum(dim=0) * scale)
    assert not layer.latent.grad[0].any()


def test_clipping_keeps_latent_weights_within_one_and_leaves_the_rest():
    network = BinaryNetwork(
        NetworkSpecification(Input(16), (ConvolutionGeometry(2, 3),), FullyConnectedGeometry(2))
    )
    for parameter in network.parameters():
        parameter.data.fill_(5)
    clip_latent_weights(network)
    values = {name: value.max().item() for name, value in network.named_parameters()}
    assert {name for name, value in values.items() if value == 1} == {"layers.0.latent", "head.latent"}
    assert values["head.latent_bias"] == 5


@pytest.mark.parametrize("estimator", Estimator)
@pytest.mark.parametrize("planes", [1, 2])
def test_every_parameter_learns(estimator, planes):
    layers = (ConvolutionGeometry(4, 3), Pooling(2), ConvolutionGeometry(4, 3, groups=2))
    network = BinaryNetwork(
        NetworkSpecification(Input(16, learned=True), layers, FullyConnectedGeometry(3, planes), estimator)
    )
    images = torch.randint(0, 256, (8, 16, 16))
    torch.nn.functional.cross_entropy(network(images), torch.arange(8) % 3).backward()
    still = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert still == []


@pytest.mark.parametrize("threshold", [0, 63, 127])
@pytest.mark.parametrize("local_mean", [0, 1, 3])
@pytest.mark.parametrize("margin", [0, 4])
def test_input_bits_are_those_of_the_array(threshold, local_mean, margin):
    specification = Input(32, margin, threshold - 64 * bool(local_mean), local_mean=local_mean)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32)).astype(np.uint8)
    module = InputBinarization(specification)
    expected = np.stack([specification.folded(specification.threshold).binarize(image) for image in images])
    for mode in (True, False):
        signs = module.train(mode)(torch.from_numpy(images))[:, 0]
        np.testing.assert_array_equal(signs.numpy() > 0, expected)


@pytest.mark.parametrize(("excess", "threshold"), [(1, 0), (2, 5), (16, -127)])
@pytest.mark.parametrize("margin", [0, 4])
@pytest.mark.parametrize("brightest", [0, 3, 128, 255])
def test_a_threshold_that_follows_the_image_is_that_of_the_array(excess, threshold, margin, brightest):
    specification = Input(32, margin, threshold, excess=excess)
    images = np.random.default_rng(0).integers(0, brightest + 1, (4, 32, 32)).astype(np.uint8)
    module = InputBinarization(specification)
    expected = np.stack([specification.folded(threshold).binarize(image) for image in images])
    for mode in (True, False):
        signs = module.train(mode)(torch.from_numpy(images))[:, 0]
        np.testing.assert_array_equal(signs.numpy() > 0, expected)


@pytest.mark.parametrize("value", [-3.0, 20.3, 60.0, 300.0])
def test_a_learned_threshold_folds_to_what_evaluation_does(value):
    module = InputBinarization(Input(32, learned=True)).eval()
    module.threshold.data.fill_(value / 16)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32)).astype(np.uint8)
    folded = module.specification.folded(module.folded_threshold())
    signs = module(torch.from_numpy(images))[:, 0].detach().numpy()
    np.testing.assert_array_equal(signs > 0, np.stack([folded.binarize(image) for image in images]))


def test_a_fixed_threshold_is_no_parameter():
    assert not list(InputBinarization(Input(32)).parameters())
    assert len(list(InputBinarization(Input(32, learned=True)).parameters())) == 1


def test_the_float_network_has_the_same_shapes():
    layers = (ConvolutionGeometry(4, 3, stride=2), Pooling(2), ConvolutionGeometry(6, 4, groups=2))
    for head in (FullyConnectedGeometry(5), HeatMapGeometry(3)):
        specification = NetworkSpecification(Input(32), layers, head)
        images = torch.randint(0, 256, (2, 32, 32))
        assert FloatNetwork(specification)(images).shape == BinaryNetwork(specification)(images).shape


@pytest.mark.parametrize("planes", [1, 3])
def test_weights_are_counted(planes):
    specification = NetworkSpecification(
        Input(32),
        (ConvolutionGeometry(4, 3), Pooling(2), ConvolutionGeometry(6, 4, groups=2)),
        FullyConnectedGeometry(5, planes),
    )
    network = BinaryNetwork(specification)
    total = sum(value.numel() for name, value in network.named_parameters() if name.endswith("latent"))
    total += (planes - 1) * network.head.latent.numel()
    assert specification.weight_bits == total


@pytest.mark.parametrize(
    "layers",
    [
        (ConvolutionGeometry(1, 5, stride=2), ConvolutionGeometry(1, 3, stride=2)),
        (ConvolutionGeometry(1, 4, before=0, after=3), Pooling(4)),
        (ConvolutionGeometry(1, 3), Pooling(2), ConvolutionGeometry(1, 4, stride=2)),
    ],
)
def test_the_cells_of_a_heat_map_look_where_the_specification_says(layers):
    """The pixels that change a cell lie about its centre: found by the gradient of the float network."""
    specification = NetworkSpecification(Input(64), layers, HeatMapGeometry(2, before=0, after=0))
    network = FloatNetwork(specification).eval()
    for index, layer in enumerate(network.layers):
        if isinstance(layer, torch.nn.MaxPool2d):
            network.layers[index] = torch.nn.AvgPool2d(layer.kernel_size)
        elif isinstance(layer, torch.nn.Conv2d):
            layer.weight.data.fill_(1)
    image = torch.full((1, 64, 64), 200.0, requires_grad=True)
    _, rows, columns = specification.shapes[-1]
    network(image).view(rows, columns)[5, 6].backward()
    weight = image.grad[0]
    grid = specification.cell_grid
    first, distance = grid.first, grid.distance
    along = (weight.sum(dim=1) * torch.arange(64)).sum() / weight.sum()
    across = (weight.sum(dim=0) * torch.arange(64)).sum() / weight.sum()
    assert (along.item(), across.item()) == pytest.approx(
        (first + 5 * distance, first + 6 * distance), abs=1e-3
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvolutionGeometry(4, 8), "1 x 1 to 7 x 7, not 8 x 8"),
        (lambda: ConvolutionGeometry(4, 3, groups=3), "4 channels do not divide into 3 groups"),
        (lambda: ConvolutionGeometry(4, 3, stride=9), "stride is 9; here it must be 1 to 8"),
        (lambda: ConvolutionGeometry(4, 3, before=3), "before is 3; here it must be 0 to 2"),
        (lambda: HeatMapGeometry(0), "not 0 x 0"),
        (lambda: Pooling(1), "side is 2 to 16, not 1"),
        (lambda: FullyConnectedGeometry(1), "2 to 255 outcomes, not 1"),
        (lambda: FullyConnectedGeometry(2, 0), "1 to 7 planes, not 0"),
        (lambda: FullyConnectedGeometry(2, 8), "1 to 7 planes, not 8"),
        (lambda: Input(64, 32), "leaves nothing"),
        (lambda: Input(64, 4, -1), "outside 0 to 127"),
        (
            lambda: NetworkSpecification(Input(), (), FullyConnectedGeometry(2)),
            "first layer must be a convolution",
        ),
        (
            lambda: NetworkSpecification(
                Input(16),
                (ConvolutionGeometry(3, 3), ConvolutionGeometry(4, 3, groups=2)),
                FullyConnectedGeometry(2),
            ),
            r"layer 1 \(convolution\): 3 input channels do not divide into 2 groups",
        ),
        (
            lambda: NetworkSpecification(
                Input(16), (ConvolutionGeometry(3, 3, stride=8), Pooling(4)), FullyConnectedGeometry(2)
            ),
            r"layer 1 \(pooling\): cells of 4 x 4 do not fit into 2 x 2",
        ),
        (
            lambda: NetworkSpecification(
                Input(16), (ConvolutionGeometry(3, 3, stride=8),), HeatMapGeometry(5, before=0, after=0)
            ),
            r"layer 1 \(heat map\): a 5 x 5 kernel does not fit into 2 x 2",
        ),
    ],
)
def test_networks_that_cannot_be_are_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()


@pytest.mark.parametrize("side", [2, 4, 8])
def test_half_of_the_cells_of_an_or_pooling_fire_at_first(side):
    values = torch.randn(2000, side, generator=torch.Generator().manual_seed(0))
    firing = (values > balanced_threshold(side)).any(dim=1).float().mean().item()
    assert firing == pytest.approx(0.5, abs=0.04)
    layers = (ConvolutionGeometry(3, 4), Pooling(side), ConvolutionGeometry(2, 3))
    network = BinaryNetwork(NetworkSpecification(Input(64), layers, FullyConnectedGeometry(2)))
    first, last = (layer for layer in network.layers if isinstance(layer, LatentActivation))
    assert (first.threshold == balanced_threshold(side)).all()
    assert (last.threshold == 0).all()
