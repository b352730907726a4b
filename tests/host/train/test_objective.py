"""Losses and scores of the three tasks, on cases that one can work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.datasets import NOWHERE, Dataset, Task  # noqa: E402
from pixeltree.errors import DataError  # noqa: E402
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, HeatMapGeometry  # noqa: E402
from pixeltree.model.heat_maps import CellGrid, mean_iou  # noqa: E402
from pixeltree.train.objective import IGNORED, CellMap, Classification, objective_for  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402

IMAGES = np.zeros((2, 64, 64), np.uint8)
CELLS = CellMap(CellGrid(16, 16, first=1.5, distance=4))


def located(*positions):
    targets = np.full((len(positions), 3, 2), NOWHERE)
    for image, places in enumerate(positions):
        targets[image, : len(places)] = places
    return Dataset("places", Task.LOCALIZATION, IMAGES[: len(positions)], targets, ("object",))


def labelled(*targets, classes=3):
    names = tuple(map(str, range(classes)))
    return Dataset("labels", Task.CLASSIFICATION, IMAGES[: len(targets)], np.array(targets), names)


def test_any_outcome_that_has_the_class_is_right():
    objective = Classification(((0, 1), (1, 2)))
    dataset = labelled(1, 2)
    assert objective.targets(dataset).tolist() == [[True, True], [False, True]]
    assert objective.score(np.array([[1.0, 0.0], [1.0, 0.0]]), dataset) == 0.5
    logits = torch.log(torch.tensor([[0.2, 0.8], [0.2, 0.8]]))
    assert objective.loss(logits, objective.targets(dataset)).item() == pytest.approx(-math.log(0.8) / 2)


def test_of_equal_logits_the_lowest_outcome_is_chosen():
    """As argmax on the device does."""
    objective = Classification(((0,), (1,), (2,)))
    assert objective.score(np.zeros((2, 3)), labelled(0, 1)) == 0.5


def test_the_cell_of_a_centre_is_wanted_and_its_neighbours_may_be_anything():
    cells = CELLS.targets(located([(10, 61)])).reshape(16, 16)
    assert cells[2, 15] == 1
    assert (cells == IGNORED).sum() == 5
    assert (cells[1:4, 14:] != 0).all()
    assert (cells == 0).sum() == 250


def test_ignored_cells_do_not_count_in_the_loss():
    targets = torch.tensor([[1.0, 0.0, IGNORED]])
    loss = CellMap(CellGrid(1, 3, 0, 4), positive_weight=3).loss(torch.tensor([[0.0, 0.0, 100.0]]), targets)
    assert loss.item() == pytest.approx(math.log(2))


def test_a_peaks_place_lies_between_its_cells():
    heat = np.zeros((16, 16))
    heat[4, 4], heat[4, 5] = 2, 1
    (peak,) = CELLS.grid.peaks(heat.ravel(), 1)
    assert peak == pytest.approx([4 * 4 + 1.5, 4 * 4 + 1.5 + 4 / 3])


def test_the_second_peak_is_another_object():
    heat = np.zeros((16, 16))
    heat[4, 4], heat[4, 5], heat[12, 3] = 9, 8, 2
    peaks = CELLS.grid.peaks(heat.ravel(), 2)
    assert np.abs(peaks[1] - [12 * 4 + 1.5, 3 * 4 + 1.5]).max() < 1


@pytest.mark.parametrize(("off", "found"), [(0, 1.0), (3.9, 1.0), (5, 0.5)])
def test_an_object_is_found_within_four_pixels(off, found):
    heat = np.zeros((16, 16))
    heat[4, 4], heat[12, 12] = 9, 8
    row = round(17.5 + off)
    assert CELLS.score(heat.reshape(1, -1), located([(row, 17), (50, 50)])) == found


def test_mean_iou_by_hand():
    truth, decided = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert mean_iou(decided, truth, 2) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert mean_iou(truth, truth, 2) == mean_iou(truth, truth, 5) == 1


def test_segmentation_decides_by_the_sign():
    targets = np.zeros((1, 16, 16), np.int64)
    targets[0, :4] = 1
    dataset = Dataset("cells", Task.SEGMENTATION, IMAGES[:1], targets, ("background", "object"))
    logits = np.where(targets > 0, 3.0, -2.0).reshape(1, -1)
    assert CELLS.score(logits, dataset) == 1
    assert CELLS.score(-logits, dataset) == 0
    with pytest.raises(DataError, match=r"has \(16, 16\) cells of 2 classes; .*\(15, 15\)"):
        CellMap(CellGrid(15, 15, 3.5, 4)).targets(dataset)


def test_head_task_and_size_must_fit():
    layers = (ConvolutionGeometry(4, 3, stride=4),)
    classifier = NetworkSpecification(Input(64), layers, FullyConnectedGeometry(2))
    localizer = NetworkSpecification(Input(64), layers, HeatMapGeometry(2, before=0, after=0))
    assert objective_for(located([(1, 1)]), localizer) == CellMap(CellGrid(15, 15, first=2, distance=4))
    cells = Dataset(
        "cells", Task.SEGMENTATION, IMAGES, np.zeros((2, 15, 15), np.int64), ("nothing", "object")
    )
    weights = [objective_for(data, localizer).positive_weight for data in (located([(1, 1)]), cells)]
    assert weights == [4, 1]
    assert objective_for(labelled(0, 1, classes=2), classifier) == Classification(((0,), (1,)))
    for dataset, specification, message in (
        (labelled(0, 1), classifier, "has 3 classes"),
        (labelled(0, 1), localizer, "must be fully connected"),
        (located([(1, 1)]), classifier, "needs a heat map"),
        (
            located([(1, 1)]),
            NetworkSpecification(Input(32), layers, HeatMapGeometry(2)),
            "32 x 32 are needed",
        ),
    ):
        with pytest.raises(DataError, match=message):
            objective_for(dataset, specification)
