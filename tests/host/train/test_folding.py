"""The fold is exact: folded model and PyTorch network give the same bits and the same logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tests.support.effort import effort  # noqa: E402

from pixeltree.errors import SpecificationError  # noqa: E402
from pixeltree.model import ModelError, infer  # noqa: E402
from pixeltree.model.geometry import (  # noqa: E402
    ConvolutionGeometry,
    FullyConnectedGeometry,
    HeatMapGeometry,
    Pooling,
    Weights,
)
from pixeltree.train.folding import compare, fold  # noqa: E402
from pixeltree.train.layers import BinaryFullyConnected, LatentActivation  # noqa: E402
from pixeltree.train.network import BinaryNetwork  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402


@st.composite
def specifications(draw):
    """Networks of one to three convolutions on 16 x 16 pixels, with every kind of layer and head."""
    layers, channels = [], 1
    for _ in range(draw(st.integers(1, 3))):
        kernel = draw(st.integers(1, 7))
        groups = draw(st.sampled_from([g for g in (1, 2, 4) if channels % g == 0]))
        outputs = groups * draw(st.integers(1, 3))
        border = st.none() | st.integers(0, kernel - 1)
        layers.append(
            ConvolutionGeometry(
                outputs,
                kernel,
                draw(st.integers(1, 3)),
                groups,
                draw(border),
                draw(border),
                draw(st.sampled_from(Weights)),
            )
        )
        channels = outputs
        if draw(st.booleans()):
            layers.append(Pooling(draw(st.integers(2, 3))))
    local_mean = draw(st.integers(0, 2))
    excess = 0 if local_mean else draw(st.integers(0, 3))
    where = draw(st.integers(0, 4)), draw(st.integers(0, 20))
    source = Input(16, *where, draw(st.booleans()), local_mean, excess)
    outcomes = draw(st.integers(2, 5))
    head = draw(
        st.builds(FullyConnectedGeometry, st.just(outcomes), st.integers(1, 7))
        | st.just(FullyConnectedGeometry(outcomes, weights=Weights.TERNARY))
        | st.builds(HeatMapGeometry, st.integers(1, 3), weights=st.sampled_from(Weights))
    )
    try:
        return NetworkSpecification(source, tuple(layers), head)
    except SpecificationError:
        return NetworkSpecification(source, (ConvolutionGeometry(2, 3),), FullyConnectedGeometry(2))


def randomized(specification, seed):
    """A network with random parameters, round ones too, where ties occur; some scales are 0."""
    torch.manual_seed(seed)
    network = BinaryNetwork(specification).eval()
    for module in network.modules():
        if isinstance(module, LatentActivation):
            size = len(module.threshold)
            norm = module.norm
            with torch.no_grad():
                norm.weight.copy_(torch.randn(size) * torch.randint(0, 3, (size,)))
                norm.bias.copy_(torch.randn(size) if seed % 2 else torch.randint(-2, 3, (size,)).float())
                norm.running_mean.copy_(
                    torch.randint(-5, 6, (size,)) + (torch.randn(size) if seed % 3 else 0)
                )
                norm.running_var.copy_(torch.rand(size) * 20)
                module.threshold.copy_(
                    torch.randn(size) if seed % 2 else torch.randint(-2, 3, (size,)).float()
                )
    with torch.no_grad():
        network.head.latent_bias.normal_()
        if isinstance(network.head, BinaryFullyConnected):
            network.head.latent.mul_(3)  # to beyond the reach of the greatest weight
        if network.specification.input.learned:
            network.input.threshold.normal_(0, 2)
    return network


@settings(max_examples=effort(150, 37), deadline=None)
@given(specification=specifications(), seed=st.integers(0, 10_000))
def test_the_fold_gives_the_networks_bits_and_logits(specification, seed):
    network = randomized(specification, seed)
    try:
        model, _ = fold(network)
    except ModelError as error:
        assert "heat map has" in str(error)
        return
    images = np.random.default_rng(seed).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    images[1] //= 4
    agreement = compare(network, model, images)
    assert (agreement.different_bits, agreement.different_logits) == (0, 0)
    assert agreement.bits >= 3 * 256


@pytest.mark.parametrize("planes", range(1, 8))
def test_a_heads_weights_fold_with_their_planes(planes):
    specification = NetworkSpecification(
        Input(16), (ConvolutionGeometry(4, 3),), FullyConnectedGeometry(3, planes)
    )
    network = randomized(specification, 1)
    head = fold(network)[0].head
    assert head.planes == planes
    np.testing.assert_array_equal(head.weights, network.head.weights().detach())


def one_channel(gamma, beta=0.0, mean=0.0, variance=1.0, threshold=0.0, kernel=2):
    """A network of one kernel with these parameters."""
    source = Input(16, 0, 0)
    network = BinaryNetwork(
        NetworkSpecification(source, (ConvolutionGeometry(1, kernel),), FullyConnectedGeometry(2))
    ).eval()
    activation = network.layers[1]
    for parameter, value in (
        (activation.norm.weight, gamma),
        (activation.norm.bias, beta),
        (activation.norm.running_mean, mean),
        (activation.norm.running_var, variance),
        (activation.threshold, threshold),
    ):
        parameter.data.fill_(value)
    return network


def folded_bias(network):
    layer = fold(network)[0].layers[0]
    return int(layer.bias[0]), bool(layer.falling[0])


parameter = st.floats(-3, 3, width=32)


@given(
    gamma=st.floats(0.125, 2, width=32) | st.floats(-2, -0.125, width=32),
    beta=parameter,
    mean=parameter,
    variance=st.floats(0.5, 20, width=32),
    threshold=parameter,
)
@settings(max_examples=effort(200, 50), deadline=None)
def test_the_bias_follows_the_algebra(gamma, beta, mean, variance, threshold):
    """The closed form of the docstring, away from ties, where its own rounding could decide."""
    network = one_channel(gamma, beta, mean, variance, threshold, kernel=4)
    crossing = mean + (threshold - beta) * math.sqrt(variance + network.layers[1].norm.eps) / gamma
    if abs(crossing - round(crossing)) < 1e-9:
        return
    expected = -math.floor(crossing) if gamma > 0 else -math.ceil(crossing)
    limits = (-16, 17) if gamma > 0 else (-17, 16)
    assert folded_bias(network) == (int(np.clip(expected, *limits)), gamma < 0)


@pytest.mark.parametrize(("gamma", "bias"), [(1.0, -3), (-1.0, -3)])
def test_a_tie_does_not_fire(gamma, bias):
    """v(3) = 0: s > 3 fires, or s < 3 for a negative scale; the sum 3 itself in neither case."""
    assert folded_bias(one_channel(gamma, mean=3.0, kernel=3)) == (bias, gamma < 0)


@pytest.mark.parametrize(("beta", "bias"), [(0.5, 5), (0.0, -4), (-0.5, -4)])
def test_zero_scale_fires_always_or_never(beta, bias):
    """Sums of a 2 x 2 kernel are -4 to 4: s + 5 > 0 always, s - 4 > 0 never."""
    network = one_channel(0.0, beta)
    assert folded_bias(network) == (bias, False)
    assert fold(network)[1].layers[0].constant == 1


@pytest.mark.parametrize("gamma", [-1.0, 1.0])
@pytest.mark.parametrize("fires", [False, True])
def test_thresholds_out_of_reach_are_constant(gamma, fires):
    network = one_channel(gamma, beta=1000.0 if fires else -1000.0)
    model, report = fold(network)
    assert report.layers[0].constant == 1
    random = np.random.default_rng(0).random((16, 16)) < 0.5
    assert (infer(model, random).activations[1] == fires).all()


def test_the_learned_threshold_is_subtracted():
    assert folded_bias(one_channel(1.0, threshold=2.5)) == (-2, False)
    assert folded_bias(one_channel(1.0, threshold=-2.5)) == (3, False)


def test_cases_within_rounding_are_counted():
    """0.1 and its multiples are not exact, so v is near 0 but float32 may fall on either side."""
    far = one_channel(1.0, mean=0.5)
    near = one_channel(1.0, beta=0.3, mean=2.0, variance=1.0 - 1e-5, threshold=0.3)
    assert fold(far)[1].near == 0
    assert fold(near)[1].near == 1


def test_sums_of_the_other_parity_do_not_count():
    """A 2 x 2 kernel sums four signs: an even number, so a crossing at 1 is not near any sum."""
    assert fold(one_channel(1.0, mean=1.0))[1].near == 0


def test_the_report_counts_turned_channels():
    specification = NetworkSpecification(
        Input(16), (ConvolutionGeometry(3, 2), ConvolutionGeometry(2, 2)), FullyConnectedGeometry(2)
    )
    network = BinaryNetwork(specification)
    network.layers[1].norm.weight.data.copy_(torch.tensor([1.0, -1.0, -1.0]))
    report = fold(network)[1]
    assert [layer.falling for layer in report.layers] == [2, 0]
    assert [layer.channels for layer in report.layers] == [3, 2]


def test_a_difference_would_be_found():
    """compare() is what the other tests rely on: it must be able to fail."""
    specification = NetworkSpecification(Input(16), (ConvolutionGeometry(3, 3),), FullyConnectedGeometry(2))
    network = BinaryNetwork(specification)
    model, _ = fold(network)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16)).astype(np.uint8)
    model.layers[0].weights[0] *= -1
    model.head.bias[0] += 1
    agreement = compare(network, model, images)
    assert agreement.different_bits > 0
    assert agreement.different_logits >= 2


def test_fold_leaves_the_network_as_it_was():
    network = BinaryNetwork(
        NetworkSpecification(Input(16), (ConvolutionGeometry(3, 3),), HeatMapGeometry(4, 4))
    ).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    model, _ = fold(network)
    compare(network, model, np.zeros((1, 16, 16), np.uint8))
    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_heat_map_of_too_many_cells_is_refused():
    network = BinaryNetwork(NetworkSpecification(Input(33), (ConvolutionGeometry(3, 3),), HeatMapGeometry(1)))
    with pytest.raises(ModelError, match=r"heat map has 1,089 cells"):
        fold(network)
