"""What a network below a localizer learns from is what the device shows it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.support.strategies import heat_map

from pixeltree.errors import RecipeError
from pixeltree.model import FoldedModel, InputSpec, Window
from pixeltree.model.heat_maps import CellGrid
from pixeltree.train.centre import cut_images, windows_of
from pixeltree.train.from_recipe import check_output, train_recipe
from pixeltree.train.recipe import load_recipe
from pixeltree.tree.tree import Tree


def test_images_are_cut_as_the_array_cuts_their_bits():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 64, 64)).astype(np.uint8)
    windows = [Window(row, column, 24) for row, column in random.integers(-20, 60, (5, 2)).tolist()]
    outcomes = random.integers(0, 5, 30)
    for threshold in (0, 60):
        cut = cut_images(images, outcomes, windows, 4)
        for image, outcome, shown in zip(images, outcomes, cut, strict=True):
            expected = windows[outcome].cut(InputSpec(64, 4, threshold).binarize(image))
            np.testing.assert_array_equal(InputSpec(24, 0, threshold).binarize(shown), expected)


@pytest.mark.parametrize("size", [31, 32])
def test_a_cells_centre_is_in_the_middle_of_its_window(size):
    model = FoldedModel(InputSpec(64), (), heat_map(np.random.default_rng(0), 1, 4, stride=4))
    windows = windows_of(model, size)
    rows, columns = CellGrid.of(model).centres()
    assert len(windows) == len(rows) * len(columns) == 256
    middles = np.array([(window.row, window.column) for window in windows]) + (size - 1) / 2
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.abs(middles - centres).max() <= 0.5


RECIPE = """
name = "find"
[data]
set = "scenes"
task = "what"
counts = [24, 8, 8]
objects = [1, 1]
[localizer]
window = 16
epochs = 1
[[localizer.layers]]
type = "convolution"
channels = 2
kernel = 4
stride = 8
[localizer.head]
type = "heat map"
kernel = 2
stride = 2
before = 0
after = 0
[[layers]]
type = "convolution"
channels = 2
kernel = 4
stride = 2
[[layers]]
type = "pooling"
side = 2
[head]
type = "fully connected"
outcomes = 3
[training]
epochs = 1
[tree]
segment_bytes = 100
groups = [["disc"], ["square", "triangle"]]
"""


def test_a_tree_grows_below_the_windows(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELTREE_CACHE", str(tmp_path))
    (tmp_path / "r.toml").write_text(RECIPE)
    recipe = load_recipe(tmp_path / "r.toml")
    check_output(recipe, tmp_path / "m.ptree")
    with pytest.raises(RecipeError, match=r"written as \.ptree"):
        check_output(recipe, tmp_path / "m.folded")
    trained = train_recipe(recipe, tmp_path / "checkpoints", lambda who, report: None)
    windows = [node.name for node in trained.nodes if isinstance(node.model, Window)]
    assert len(windows) == 16
    assert {node.name for node in trained.nodes} == {"localizer", *windows, "root", "root.1"}
    trained.save(tmp_path / "m.ptree")
    tree = Tree.load(tmp_path / "m.ptree")
    path = tree.reference(recipe.load_data().test.images[0])[1]
    assert [visit.node for visit in path[:3]] == ["localizer", path[1].node, "root"]
    assert path[1].node in windows
