"""A first convolution in one step: the same as PyTorch's operations one by one, gradients included."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.model.geometry import (  # noqa: E402
    ConvolutionGeometry,
    FullyConnectedGeometry,
    HeatMapGeometry,
    Pooling,
)
from pixeltree.train.first_layer import SumErrors, exact_sums, learned_sums  # noqa: E402
from pixeltree.train.network import BinaryNetwork  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402
from pixeltree.train.training import build  # noqa: E402
from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS  # noqa: E402

CASES = [
    (ConvolutionGeometry(6, 4, before=0, after=3), 32, 4),
    (ConvolutionGeometry(8, 5, stride=2), 32, 3),
    (ConvolutionGeometry(5, 7), 20, 1),
    (ConvolutionGeometry(4, 3, stride=3, before=2, after=0), 17, 2),
    (ConvolutionGeometry(4, 1), 16, 5),
]


def drawn(geometry, size):
    random = torch.Generator().manual_seed(0)
    signs = torch.where(torch.rand(11, 1, size, size, generator=random) < 0.3, 1.0, -1.0)
    shape = geometry.channels, 1, geometry.kernel, geometry.kernel
    weights = torch.where(torch.rand(shape, generator=random) < 0.5, 1.0, -1.0)
    directions = torch.where(torch.arange(geometry.channels) % 3 == 1, -1.0, 1.0)
    return signs, weights, directions


def one_by_one(weights, signs, directions, geometry, side):
    padded = torch.nn.functional.pad(signs, geometry.borders * 2, value=-1.0)
    sums = torch.nn.functional.conv2d(padded, weights, stride=geometry.stride)
    turned = directions.view(1, -1, 1, 1)
    greatest = torch.nn.functional.max_pool2d(sums * turned, side) * turned
    return sums, (greatest, sums.mean((0, 2, 3)), sums.var((0, 2, 3), unbiased=False))


@pytest.mark.parametrize(("geometry", "size", "side"), CASES)
def test_sums_statistics_and_gradients_are_those_of_pytorch(geometry, size, side):
    signs, weights, directions = drawn(geometry, size)
    mine, theirs = weights.clone().requires_grad_(), weights.clone().requires_grad_()
    found = learned_sums(mine, signs, directions, geometry, side, reach=geometry.kernel**2)
    sums, wanted = one_by_one(theirs, signs, directions, geometry, side)
    for ours, other in zip(found[:3], wanted, strict=True):
        torch.testing.assert_close(ours, other)
    for index, counted in enumerate(found.counts.T):
        assert torch.equal(counted, (sums == index - geometry.kernel**2).sum((0, 2, 3)).float())
    assert torch.equal(exact_sums(weights, signs, directions, geometry, side), wanted[0])
    factors = [torch.randn(part.shape, generator=torch.Generator().manual_seed(1)) for part in wanted]
    for parts in (found[:3], wanted):
        sum((part * factor).sum() for part, factor in zip(parts, factors, strict=True)).backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-3)


def test_errors_have_the_spread_and_the_loss_that_they_are_given():
    geometry = ConvolutionGeometry(3, 4, before=0, after=0)
    signs = torch.ones(64, 1, 64, 64)
    weights = torch.ones(3, 1, 4, 4)
    errors = SumErrors(lost=0.25, drawn=0.4, growth=0.003)
    torch.manual_seed(0)
    sums = learned_sums(weights, signs, torch.ones(3), geometry, 1, errors).greatest.double() - 16
    own = sums.flatten(1)
    noise = own - own.mean(dim=1, keepdim=True)
    assert noise.var().item() == pytest.approx(0.4 + 0.003 * 16**2, rel=0.01)
    fourth = (noise**4).mean() / noise.var() ** 2
    assert fourth.item() == pytest.approx(3, abs=0.15), "as of normal numbers"
    lost = -own.mean(dim=1) / 16
    assert 0 <= lost.min() < 0.05
    assert 0.2 < lost.max() <= 0.25
    between = np.corrcoef(noise.view(64 * 3, -1)[:60].numpy())
    assert np.abs(between - np.eye(60)).max() < 0.1, "channels and images err apart"


def test_a_network_in_training_is_the_same_as_layer_by_layer():
    """Statistics, logits and gradients, but for the errors, which are other numbers."""
    specification = NetworkSpecification(
        Input(32, threshold=60), (ConvolutionGeometry(6, 3, stride=2), Pooling(3)), FullyConnectedGeometry(4)
    )
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (9, 32, 32)).astype(np.uint8))
    networks = [build(lambda: BinaryNetwork(specification), 0).train() for _ in range(2)]
    with torch.no_grad():
        for network in networks:
            network.layers[1].norm.weight[::2] *= -1
    networks[1].first = lambda signs: (signs, signs.new_zeros(()), 0)
    results = [network(images) for network in networks]
    torch.testing.assert_close(*results)
    for result in results:
        result.square().sum().backward()
    torch.testing.assert_close(*(dict(each.named_buffers()) for each in networks))
    gradients = [{n: p.grad for n, p in each.named_parameters()} for each in networks]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("errors", [None, TYPICAL_ERRORS])
def test_several_convolutions_go_on_where_the_first_ends(errors):
    specification = NetworkSpecification(
        Input(32), (ConvolutionGeometry(4, 5, stride=2), ConvolutionGeometry(4, 3)), HeatMapGeometry(2)
    )
    network = build(lambda: BinaryNetwork(specification, errors), 0).eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8))
    with torch.no_grad():
        logits = network.integer_logits(images)
        signs = network.activations(images)[-1]
        assert torch.equal(logits, network.head(signs))
    network.train()(images).sum().backward()
    assert network.layers[0].latent.grad.abs().sum() > 0
