"""Localization, segmentation, and a tree that re-centres, from a recipe to an emulated sensor."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from tests.support.command_line import pixeltree
from tests.support.random_models import GEOMETRY, some_network

from pixeltree.datasets import Scenes, SceneSettings, scene_splits
from pixeltree.device.device import connect
from pixeltree.errors import DataError
from pixeltree.evaluate.evaluation import (
    METRICS,
    accuracy_by_node,
    evaluate_device,
    evaluate_reference,
)
from pixeltree.run import TreeRunner
from pixeltree.train.from_recipe import check_output, train_recipe
from pixeltree.train.recipe import load_recipe
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree

RECIPE = """
name = "find"
[data]
set = "scenes"
task = "{task}"
counts = [24, 8, 8]
[input]
threshold = 96
[[layers]]
type = "convolution"
channels = 4
kernel = 5
stride = 4
before = 1
after = 3
[head]
type = "heat map"
kernel = 2
before = 0
after = {after}
[training]
epochs = 1
batch_size = 8
{more}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELTREE_CACHE", str(tmp_path / "cache"))


def trained(tmp_path, task, after, more=""):
    (tmp_path / "r.toml").write_text(RECIPE.format(task=task, after=after, more=more))
    recipe = load_recipe(tmp_path / "r.toml")
    check_output(recipe, tmp_path / "m.ptree")
    train_recipe(recipe, None, lambda who, report: None).save(tmp_path / "m.ptree")
    return Tree.load(tmp_path / "m.ptree")


def few(task, objects=(1, 3)):
    return scene_splits(task, SceneSettings(counts=(8, 8, 8), objects=objects, seed=1)).test


def agreed(tree, dataset, url):
    """The evaluation by the reference, after an emulated sensor has given the same."""
    reference = evaluate_reference(tree, dataset)
    with connect(url) as device:
        on_device = evaluate_device(TreeRunner.open(device, tree), tree, dataset)
    assert on_device.differences(reference) == 0
    assert on_device.score == reference.score
    return reference


def test_a_map_of_16_by_16_cells_is_trained_and_measured(tmp_path, shared):
    tree = trained(tmp_path, "segmentation", after=1)
    dataset = few(Scenes.segmentation)
    evaluation = agreed(tree, dataset, shared.url)
    assert {len(path[-1].logits) for path in evaluation.paths} == {256}
    assert METRICS[dataset.task] == "mean IoU"
    assert 0 <= evaluation.score <= 1


LOCALIZER = """
[localizer]
window = 24
epochs = 1
[[localizer.layers]]
type = "convolution"
channels = 4
kernel = 5
stride = 4
before = 1
after = 3
[localizer.head]
type = "heat map"
kernel = 2
stride = 2
before = 0
after = 0
"""


def test_a_localizer_recentres_the_image_for_a_classifier(tmp_path, shared):
    text = RECIPE.format(task="what", after=0, more=LOCALIZER)
    text = text.replace("counts =", "objects = [1, 1]\ncounts =")
    text = text.replace('"heat map"\nkernel = 2\nbefore = 0\nafter = 0', '"fully connected"\noutcomes = 3', 1)
    (tmp_path / "r.toml").write_text(text)
    recipe = load_recipe(tmp_path / "r.toml")
    check_output(recipe, tmp_path / "m.ptree")
    trained = train_recipe(recipe, None, lambda who, report: None)
    trained.save(tmp_path / "m.ptree")
    tree = Tree.load(tmp_path / "m.ptree")
    assert sum(node.is_window for node in tree.depth_first) == 64
    assert [node.name for node in tree.depth_first if not node.is_window] == ["localizer", "find"]
    assert (tree.labels, tree.named("find").model.input.size) == (("disc", "square", "triangle"), 24)
    splits = recipe.load_data()
    on_validation = evaluate_reference(tree, splits.validation)
    assert on_validation.score == trained.score  # the child has learned from what the windows show
    evaluation = agreed(tree, splits.test, shared.url)
    assert len({path[1].node for path in evaluation.paths}) > 1
    assert set(accuracy_by_node(tree, splits.test, evaluation)) == {"find"}
    drawn = pixeltree("tree", str(tmp_path / "m.ptree")).stdout
    assert "64 windows of 24 x 24 pixels" in drawn
    assert drawn.count("find: 3 outcomes") == 1
    assert "find: " in pixeltree("compile", str(tmp_path / "m.ptree")).stdout


def test_a_tree_that_makes_no_heat_map_finds_nothing():
    tree = Tree.build("two", "ab", GEOMETRY, [NodeSpec("root", some_network(), (0, 1))])
    with pytest.raises(DataError, match="no node of two makes a heat map"):
        evaluate_reference(tree, few(Scenes.localization))
