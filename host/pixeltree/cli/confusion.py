"""A confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixeltree.errors import DataError, from_extra

_INCHES_PER_CLASS = 0.22


def draw_confusion(path: Path, confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> None:
    """Write a picture of a confusion matrix: rows are classes, columns decisions, dark is often.

    Args:
        path: the file; its suffix says the format.
        confusion: int64 (classes, classes), images per class and decision.
        labels: names of the classes.

    Raises:
        DataError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, slow to import
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise DataError(f"pictures need matplotlib: {from_extra('viz')}") from error
    side = max(4.0, _INCHES_PER_CLASS * len(labels) + 1.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    places = np.arange(len(labels))
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels)
    axes.set_xlabel("decided")
    axes.set_ylabel("class")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot write {path}: {error}") from error
