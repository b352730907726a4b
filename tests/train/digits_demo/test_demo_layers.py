"""The binarized layers: values, the straight-through gradient, and the kernels' orientation."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.train.binarize import sign  # noqa: E402
from pixeltree.train.digits_demo.layers import BinaryConvolution, BinaryLinear, clip_latent_weights  # noqa: E402


def test_convolution_looks_down_and_to_the_right():
    layer = BinaryConvolution()
    bits = torch.zeros(1, 1, 64, 64)
    bits[0, 0, 10, 20] = 1
    sums = layer(bits)[0].detach().numpy()
    kernels = np.sign(layer.latent.detach().numpy())[:, 0]
    np.testing.assert_array_equal(sums[:, 7:11, 17:21], kernels[:, ::-1, ::-1])
    sums[:, 7:11, 17:21] = 0
    assert not sums.any()


def test_convolution_sees_zeros_beyond_the_bottom_and_the_right():
    layer = BinaryConvolution()
    sums = layer(torch.ones(1, 1, 64, 64))[0].detach().numpy()
    kernels = np.sign(layer.latent.detach().numpy())[:, 0]
    np.testing.assert_array_equal(sums[:, 0, 0], kernels.sum(axis=(1, 2)))
    np.testing.assert_array_equal(sums[:, 63, 63], kernels[:, 0, 0])


def test_linear_adds_an_integer_bias():
    layer = BinaryLinear(inputs=100, outputs=3)
    with torch.no_grad():
        layer.latent_bias.copy_(torch.tensor([0.26, -1.5, 0.0]))
    signs = sign(torch.randn(5, 100))
    expected = signs @ sign(layer.latent).T + torch.tensor([3.0, -15.0, 0.0])
    assert torch.equal(layer(signs), expected)


def test_clipping_keeps_latent_weights_within_one_and_leaves_biases():
    layer = BinaryLinear(inputs=4, outputs=2)
    with torch.no_grad():
        layer.latent.copy_(torch.tensor([[-3.0, -0.5, 0.5, 3.0]] * 2))
        layer.latent_bias.fill_(5)
    clip_latent_weights(layer)
    assert layer.latent.tolist() == [[-1, -0.5, 0.5, 1]] * 2
    assert layer.latent_bias.tolist() == [5, 5]
