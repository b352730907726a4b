"""A confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pixeltree.cli.report import check_writable
from pixeltree.datasets import Dataset, Task
from pixeltree.errors import DataError

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

_INCHES_PER_CLASS = 0.22


def check_confusion(path: Path, dataset: Dataset) -> None:
    """Refuse early what :func:`draw_confusion` could not draw in the end.

    Args:
        path: the picture.
        dataset: the images whose classes may be confused.

    Raises:
        DataError: matplotlib is not installed or knows no such format, the file cannot be written, or the
            images are not classified.
    """
    if dataset.task is not Task.CLASSIFICATION:
        raise DataError(
            f"--confusion draws which class is taken for which; {dataset.name} is for {dataset.task}"
        )
    check_writable(path)
    known = _canvas_class().get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise DataError(f"cannot write {path}: the suffix says the format; known: {', '.join(sorted(known))}")


def _canvas_class() -> type[FigureCanvasAgg]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, slow to import
    except ImportError as error:
        raise DataError("pictures need matplotlib: pip install 'pixeltree[viz]'") from error
    return FigureCanvasAgg


def draw_confusion(path: Path, confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> None:
    """Write a picture of a confusion matrix: rows are classes, columns decisions, dark is often.

    Args:
        path: the file; its suffix says the format.
        confusion: int64 (classes, classes), images per class and decision.
        labels: names of the classes.

    Raises:
        DataError: matplotlib is not installed, or the file cannot be written.
    """
    canvas = _canvas_class()
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    side = max(4.0, _INCHES_PER_CLASS * len(labels) + 1.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    canvas(figure)
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
