"""How a training goes: a live line on a terminal, lines of text now and then elsewhere, and a table."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from pixeltree.cli.terminal import Screen
from pixeltree.errors import DataError
from pixeltree.train.progress import BatchReport, Doing, EpochReport, Report

LINE_SECONDS = 2.0
"""Where there is no terminal, lines of one kind about one network come no faster."""

COLUMNS = ("network", "epoch", "epochs", "loss", "validation", "best")
"""Of the table."""


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


class TrainingProgress:
    """Shows reports; a context manager.

    On a terminal there is one live line, and a line stays for every network that is trained. Elsewhere a line
    is written for what begins, for the last epoch of every network, and every two seconds for what is so far.

    Args:
        screen: where to.
        clock: seconds, for rates and for the pace of lines.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._rate = _Rate(clock)
        self._pace = _Pace(clock)
        self._live = (
            Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False, table_column=Column(ratio=1)),
                BarColumn(bar_width=20),
                TimeElapsedColumn(),
                console=screen,
                transient=True,
                expand=True,
            )
            if screen.is_terminal
            else None
        )
        self._task = self._live.add_task("", total=None) if self._live else None

    def __enter__(self) -> TrainingProgress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, who: str, report: Report) -> None:
        """Show a report; see ``pixeltree.train.progress``."""
        if isinstance(report, EpochReport) and report.restored:
            return
        text = _sentence(who, report, self._rate.told(report) if isinstance(report, BatchReport) else "")
        is_last = isinstance(report, EpochReport) and report.epoch == report.epochs
        if self._live is not None and self._task is not None:
            done, total = _share(report)
            self._live.update(self._task, description=text, completed=done, total=total or None)
            if is_last:
                self._write(text)
        elif self._pace.lets(who, report) or is_last:
            self._write(text)

    def _write(self, text: str) -> None:
        self._screen.print(Text(text), soft_wrap=True)


class _Rate:
    """Images per second of a run, and the time that it will yet take; validation counts as well."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._images = 0
        self._first: tuple[float, int] = (0.0, 0)

    def told(self, report: BatchReport) -> str:
        """In words; of the first batch of a run nothing is known."""
        now = self._clock()
        if not self._images < report.images:  # another run
            self._images = 0
        if not self._images:
            self._first = now, report.images
        self._images = report.images
        since, seen = now - self._first[0], report.images - self._first[1]
        if not seen or since <= 0:
            return ""
        rate = seen / since
        return f", {rate:,.0f} images/s, {_duration(report.left / rate)} left"


class _Pace:
    """Lets through what begins; of all else a network's first of its kind, then one every two seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}

    def lets(self, who: str, report: Report) -> bool:
        if isinstance(report, Doing) and not report.total:
            return True
        kind = who, report.what if isinstance(report, Doing) else type(report).__name__
        now = self._clock()
        if kind in self._last and now - self._last[kind] < LINE_SECONDS:
            return False
        self._last[kind] = now
        return True


def _sentence(who: str, report: Report, rate: str) -> str:
    if isinstance(report, Doing):
        count = f" ({report.done:,} of {report.total:,})" if report.total else ""
        return f"{who}: {report.what}{count}" if who else f"{report.what}{count}"
    if isinstance(report, BatchReport):
        return (
            f"training {who}: epoch {report.epoch} of {report.epochs}, "
            f"batch {report.batch} of {report.batches}, loss {report.loss:.3f}{rate}"
        )
    return (
        f"trained {who}: epoch {report.epoch} of {report.epochs}, loss {report.loss:.3f}, "
        f"validation {report.score:.1%} (best {report.best:.1%})"
    )


def _share(report: Report) -> tuple[int, int]:
    """How much of what is done now is done, and of how much."""
    if isinstance(report, Doing):
        return report.done, report.total
    if isinstance(report, BatchReport):
        return (report.epoch - 1) * report.batches + report.batch, report.epochs * report.batches
    return report.epoch, report.epochs


def _duration(seconds: float) -> str:
    """As in 0:07, 12:30 or 1:02:30."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
