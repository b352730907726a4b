"""What a network below a localizer learns from is what the device shows it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.folded.strategies import heat_map

from pixeltree.cells import CellGrid
from pixeltree.folded import FoldedModel, InputSpec, Window
from pixeltree.train.centre import cut_images, windows_of


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
