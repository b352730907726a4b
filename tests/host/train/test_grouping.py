"""Which classes are grouped, and shared between groups, by what a network confuses."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from pixeltree.datasets import Dataset, Task
from pixeltree.train.grouping import confusion, grouped, overlapping


def blocks(*sizes):
    """A confusion matrix in which each block's classes are confused with each other only."""
    matrix = np.zeros((sum(sizes), sum(sizes)))
    start = 0
    for size in sizes:
        matrix[start : start + size, start : start + size] = 1 / size
        start += size
    return matrix


def test_what_is_confused_is_grouped():
    shuffled = np.random.default_rng(0).permutation(9)
    groups = grouped(blocks(2, 3, 4)[np.ix_(shuffled, shuffled)], 3, seed=0)
    found = {tuple(sorted(int(shuffled[i]) for i in group)) for group in groups}
    assert found == {(0, 1), (2, 3, 4), (5, 6, 7, 8)}


def test_groups_cover_every_class_once_even_without_confusions():
    groups = grouped(np.eye(7), 3, seed=0)
    assert sorted(index for group in groups for index in group) == list(range(7))
    assert len(groups) >= 2


@pytest.mark.parametrize("most", [3, 4, 5])
def test_no_group_is_larger_than_a_node_holds(most):
    """A group of seven classes that are all alike is cut, and what remains is as it was."""
    groups = grouped(blocks(7, 2, 3), 3, 0, most=most)
    assert sorted(index for group in groups for index in group) == list(range(12))
    assert max(map(len, groups)) <= most
    assert len(groups) == max(3, -(-12 // most))
    assert grouped(blocks(2, 3, 4), 3, 0, most=4) == grouped(blocks(2, 3, 4), 3, 0)


def test_what_is_confused_least_leaves_and_several_classes_stay_together():
    matrix = blocks(4, 2)
    matrix[3, :3] = matrix[:3, 3] = 0.1
    matrix[3, 4] = matrix[4, 3] = 0.01
    assert grouped(matrix, 2, 0, most=3) == ((0, 1, 2), (3, 4, 5))
    assert grouped(matrix, 2, 0, sizes=(1, 1, 1, 2, 1, 1), most=3) == ((0, 1, 2), (3,), (4, 5))


def test_confusion_is_the_mean_opinion_of_a_class():
    targets = np.arange(4)
    dataset = Dataset("b", Task.CLASSIFICATION, np.zeros((4, 8, 8), np.uint8), targets, tuple("abcd"))
    logits = np.log(np.array([[0.7, 0.1, 0.1, 0.1]] * 4))
    np.testing.assert_allclose(confusion(logits, dataset, 4), [[0.7, 0.1, 0.1, 0.1]] * 4)


def test_a_class_joins_the_groups_it_is_sent_to():
    routed = np.array([[0.9, 0.1], [0.98, 0.02], [0.0, 1.0]])
    assert overlapping(((0, 1), (2,)), routed, 0.05) == ((0, 1), (0, 2))
    assert overlapping(((0, 1), (2,)), routed, 0.5) == ((0, 1), (2,))


def test_a_group_grows_to_what_a_node_holds_and_takes_the_greatest_shares_first():
    routed = np.array([[1.0, 0.0], [0.8, 0.2], [0.7, 0.3], [0.0, 1.0]])
    assert overlapping(((0, 1, 2), (3,)), routed, 0.05, most=2) == ((0, 1, 2), (2, 3))
    assert overlapping(((0, 1, 2), (3,)), routed, 0.05, most=3) == ((0, 1, 2), (1, 2, 3))
