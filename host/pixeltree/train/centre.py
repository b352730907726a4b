"""A localizer before a network: windows for its cells, images as they show them, and the joined tree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset, Splits
from pixeltree.model import FoldedModel, Window
from pixeltree.model.heat_maps import CellGrid
from pixeltree.train.network import BinaryNetwork
from pixeltree.train.training import logits_of
from pixeltree.tree.node import NodeSpec

LOCALIZER = "localizer"
"""Name of the root."""


def windows_of(model: FoldedModel, size: int) -> list[Window]:
    """The windows about the cells of a heat map, row by row: a cell's centre is in the middle.

    The middle of ``size`` pixels from row r on is r + (size - 1) / 2; halves are rounded up.

    Args:
        model: of the localizer.
        size: rows and columns of each window.
    """
    rows, columns = (
        [math.floor(centre - (size - 1) / 2 + 0.5) for centre in centres.tolist()]
        for centres in CellGrid.of(model).centres()
    )
    return [Window(row, column, size) for row in rows for column in columns]


def cut_images(
    images: npt.NDArray[np.uint8], outcomes: npt.NDArray[np.intp], windows: Sequence[Window], margin: int
) -> npt.NDArray[np.uint8]:
    """What the windows show of images; what the capture node keeps dark is dark here too.

    Windows cut planes of bits on the device. Dark pixels are 0 there, as they are at every threshold here.

    Args:
        images: uint8 (N, rows, columns).
        outcomes: (N,), index of the window for each image.
        windows: all of one size.
        margin: pixels at every edge that are forced to 0.

    Returns:
        uint8 (N, size, size).
    """
    inside = slice(margin, images.shape[1] - margin)
    lit = np.zeros_like(images)
    lit[:, inside, inside] = images[:, inside, inside]
    size = windows[0].size
    result = np.empty((len(images), size, size), np.uint8)
    for outcome in np.unique(outcomes):
        own = outcomes == outcome
        result[own] = windows[outcome].cut(lit[own])
    return result


def centred(splits: Splits, localizer: BinaryNetwork, windows: Sequence[Window]) -> Splits:
    """The images of some splits, each as the window shows it to which a trained localizer sends it."""
    margin = localizer.specification.input.margin

    def cut(part: Dataset) -> Dataset:
        outcomes = logits_of(localizer, part.images).argmax(axis=1)
        return replace(part, images=cut_images(part.images, outcomes, windows, margin))

    return Splits(*map(cut, splits))


def join(
    localizer: FoldedModel, windows: Sequence[Window], below: Sequence[NodeSpec]
) -> tuple[NodeSpec, ...]:
    """A tree of a localizer, a node for each different window, and the nodes below them, their root first."""
    names = {window: f"window at {window.row}, {window.column}" for window in windows}
    return (
        NodeSpec(LOCALIZER, localizer, tuple(names[window] for window in windows)),
        *(NodeSpec(name, window, (below[0].name,)) for window, name in names.items()),
        *below,
    )
