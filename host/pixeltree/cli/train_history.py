"""The history of a training as a table and as curves."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from pixeltree.errors import DataError, from_extra
from pixeltree.train.progress import EpochReport, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("network", "epoch", "epochs", "loss", "validation", "best")

_DPI = 120
_LEGEND_ROWS = 24


class History:
    """Keeps every epoch of every network, and writes it to a CSV file at once where one is wanted.

    Epochs of a run that was interrupted are in the history of the one that goes on.

    Args:
        path: the file; None writes none.

    Raises:
        DataError: the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.epochs: dict[str, list[EpochReport]] = {}
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> History:
        if self._path is not None:
            try:
                self._file = self._path.open("w", encoding="utf-8", newline="")
            except OSError as error:
                raise DataError(f"cannot write {self._path}: {error.strerror}") from error
            self._write(COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, who: str, report: Report) -> None:
        """Take note of a report, if it is that of an epoch."""
        if not isinstance(report, EpochReport):
            return
        self.epochs.setdefault(who, []).append(report)
        self._write((who, report.epoch, report.epochs, report.loss, report.score, report.best))

    def _write(self, row: tuple[object, ...]) -> None:
        if self._file is None:
            return
        try:
            csv.writer(self._file, lineterminator="\n").writerow(row)
            self._file.flush()
        except OSError as error:
            raise DataError(f"cannot write {self._path}: {error.strerror}") from error


def check_plot(path: Path) -> None:
    """Refuse early what :func:`plot_history` could not draw in the end.

    Raises:
        DataError: matplotlib is not installed, or does not know the file's kind.
    """
    kinds = _figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in kinds:
        raise DataError(f"cannot draw {path}: name a file that ends in .{', .'.join(sorted(kinds))}")


def plot_history(epochs: dict[str, list[EpochReport]], path: Path) -> None:
    """Draw loss and validation score of every network over its epochs.

    Args:
        epochs: by the network's name.
        path: the file; its suffix says the kind.

    Raises:
        DataError: see :func:`check_plot`; or the file cannot be written.
    """
    figure = _figure()
    losses, scores = figure.subplots(1, 2)
    for name, reports in epochs.items():
        numbers = [report.epoch for report in reports]
        losses.plot(numbers, [report.loss for report in reports], label=name, marker=".")
        scores.plot(numbers, [100 * report.score for report in reports], label=name, marker=".")
    losses.set_ylabel("training loss")
    scores.set_ylabel("validation score, %")
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    if epochs:
        columns = 1 + (len(epochs) - 1) // _LEGEND_ROWS
        figure.legend(
            *losses.get_legend_handles_labels(), loc="outside right upper", fontsize="small", ncols=columns
        )
    try:
        figure.savefig(path, dpi=_DPI, format=path.suffix[1:].lower())
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def _figure() -> Figure:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DataError(f"drawing needs matplotlib: {from_extra('viz')}") from error
    return Figure(figsize=(11, 4.5), layout="constrained")
