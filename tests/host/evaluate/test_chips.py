"""A tree on many chips, in pieces."""

import pytest

from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.evaluate import chips as on_chips
from pixeltree.evaluate.chips import ChipSet, evaluate_chips, settings_of
from pixeltree.evaluate.evaluation import evaluate_reference
from pixeltree.workers.local import LocalWorkers


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(on_chips, "PIECE_IMAGES", 3)


def test_an_ideal_chip_decides_as_the_reference(small_pieces):
    tree, data = demo_tree(), demo_digits().subset(range(8))
    done = []
    (found,) = evaluate_chips(tree, data, ChipSet("ideal", (0,)), LocalWorkers(1), progress=done.append)
    assert found.differences(evaluate_reference(tree, data)) == 0
    assert done == [3, 6, 8]


def test_results_do_not_depend_on_who_did_which_piece(small_pieces):
    """One process, two processes, and other chips beside."""
    tree, data = demo_tree(), demo_digits().subset(range(8))
    both = evaluate_chips(tree, data, ChipSet("typical", (4, 9)), LocalWorkers(2))
    (alone,) = evaluate_chips(tree, data, ChipSet("typical", (9,)), LocalWorkers(1))
    assert both[1].paths == alone.paths
    assert both[0].paths != both[1].paths


def test_numbers_of_the_preset_reach_the_chip():
    tree, data = demo_tree(), demo_digits().subset(range(4))
    settings = ("flood_distance=1", "noise=30")
    (wild,) = evaluate_chips(tree, data, ChipSet("typical", (0,), settings), LocalWorkers(1))
    (usual,) = evaluate_chips(tree, data, ChipSet("typical", (0,)), LocalWorkers(1))
    assert wild.paths != usual.paths


def test_a_run_is_known_by_all_that_it_depends_on():
    tree, data = demo_tree(), demo_digits().subset(range(4))
    first = settings_of(tree, data, ChipSet("typical", (0,)))
    assert first == settings_of(tree, data, ChipSet("typical", (0,)))
    others = [ChipSet("ideal", (0,)), ChipSet("typical", (1,)), ChipSet("typical", (0,), ("noise=1",))]
    assert all(settings_of(tree, data, other) != first for other in others)
    assert settings_of(tree, demo_digits().subset(range(1, 5)), ChipSet("typical", (0,))) != first
