"""Predictors: what they believe, learn, and forget."""

import numpy as np
import pytest

from pixeltree.simulate.examples import uniform_tree
from pixeltree.swapping import Markov, Mixture, Prior, RootLogits


def taught(predictor, ends):
    for end in ends:
        predictor.learn(end)
    return predictor


@pytest.mark.parametrize(
    "predictor",
    [Prior(4), Prior(4, [3, 1, 0, 0]), Markov(Prior(4)), Mixture([Prior(4), Markov(Prior(4))])],
)
def test_forecasts_are_probabilities(predictor):
    for end in (0, 1, 1, 1, 2, 0, 3, 3):
        predictor.learn(end)
        forecast = predictor.forecast()
        assert forecast.min() >= 0
        assert forecast.sum() == pytest.approx(1)


def test_a_prior_is_the_share_of_its_weights():
    assert Prior(2, [3, 1]).forecast().tolist() == [0.75, 0.25]


def test_transitions_are_learned():
    forecast = taught(Markov(Prior(4)), [0, 0, 1, 1, 2, 2] * 30 + [0, 0]).forecast()
    assert np.argsort(forecast)[-2:].tolist() in ([0, 1], [1, 0])
    assert forecast[1] > 20 * forecast[2]


def test_what_is_old_is_forgotten():
    predictor = taught(Markov(Prior(3), memory=20), [0, 1] * 100)
    taught(predictor, [0, 2] * 60)
    predictor.learn(0)
    forecast = predictor.forecast()
    assert forecast[2] > 10 * forecast[1]


def test_the_roots_margin_says_what_comes_next():
    tree = uniform_tree(3)
    predictor = RootLogits(tree, [2, 3, 4], temperature=10)
    predictor.learn(0, {1: (50, 45, -100)})
    forecast = predictor.forecast()
    assert forecast[0] > forecast[1] > 1000 * forecast[2]


def test_a_mixture_follows_the_part_that_is_right():
    mixture = taught(Mixture([Prior(4), Markov(Prior(4))], memory=20), [0, 1, 2, 3] * 40)
    assert mixture.weights[1] > 0.99
