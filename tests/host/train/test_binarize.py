"""The sign and what stands for its gradient."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from pixeltree.train.binarize import Estimator, odd_through, round_through, sign, ternary  # noqa: E402


def test_sign_is_plus_one_above_zero_only():
    values = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0])
    assert sign(values).tolist() == [-1, -1, -1, 1, 1]


def test_sign_passes_the_gradient_where_the_value_is_within_one():
    values = torch.tensor([-1.5, -1.0, -0.2, 0.0, 0.7, 1.0, 1.01], requires_grad=True)
    arriving = torch.tensor([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0])
    sign(values).backward(arriving)
    assert values.grad.tolist() == [0, 3, 5, 7, 11, 13, 0]


def test_round_through_passes_every_gradient():
    values = torch.tensor([-2.6, 0.4, 7.5], requires_grad=True)
    rounded = round_through(values)
    rounded.sum().backward()
    assert rounded.tolist() == [-3, 0, 8]
    assert values.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("half", [1, 2, 4, 64])
def test_odd_through_divides_values_evenly_among_odd_numbers(half):
    """From one whole number to the next there is one odd number; beyond the last it stays the greatest."""
    whole = torch.arange(-half, half).float()
    odd = list(range(1 - 2 * half, 2 * half, 2))
    for within in (0, 0.5, 0.99):
        assert odd_through(whole + within, half).tolist() == odd
    assert (
        odd_through(torch.tensor([-1e6, -half - 0.5, half, 1e6]), half).tolist()
        == [odd[0]] * 2 + [odd[-1]] * 2
    )


def test_odd_through_passes_every_gradient_and_keeps_its_input():
    values = torch.tensor([-9.0, -0.2, 0.0, 1.5, 9.0], requires_grad=True)
    arriving = torch.tensor([2.0, 3.0, 5.0, 7.0, 11.0])
    odd_through(values, 2).backward(arriving)
    assert torch.equal(values.grad, arriving)
    assert values.tolist() == [-9.0, pytest.approx(-0.2), 0.0, 1.5, 9.0]


def test_the_smooth_estimator_weighs_values_by_their_closeness_to_zero():
    values = torch.tensor([-1.5, -1.0, -0.25, 0.0, 0.5, 1.0, 2.0], requires_grad=True)
    sign(values, Estimator.SMOOTH).sum().backward()
    assert values.grad.tolist() == [0, 0, 1.5, 2, 1, 0, 0]


def test_both_estimators_pass_the_same_gradient_in_all():
    """Each integrates to 2, the height of the sign's step."""
    for estimator in Estimator:
        values = torch.linspace(-2, 2, 4001, requires_grad=True)
        sign(values, estimator).sum().backward()
        assert values.grad.sum().item() * 0.001 == pytest.approx(2, abs=0.01)


def test_a_weight_is_0_up_to_0_7_of_the_mean_of_its_channel():
    """Means of 0.5 and 0.1: thresholds of 0.35 and 0.07."""
    values = torch.tensor([[[0.9, -0.3], [-0.4, 0.4]], [[-0.15, 0.06], [0.08, -0.11]]], requires_grad=True)
    weights = ternary(values)
    assert weights.tolist() == [[[1, 0], [-1, 1]], [[-1, 0], [1, -1]]]
    arriving = torch.randn(values.shape)
    weights.backward(arriving)
    assert torch.equal(values.grad, arriving)


def test_a_channel_is_not_all_0_unless_its_latent_weights_are():
    assert ternary(torch.full((1, 3), 0.2)).tolist() == [[1, 1, 1]]
    assert ternary(torch.zeros(1, 3)).tolist() == [[0, 0, 0]]
