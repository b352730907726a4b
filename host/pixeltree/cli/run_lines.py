"""What ``pixeltree run`` says of each frame: one line of JSON, a row of a table file, a live table."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pixeltree.errors import DataError
from pixeltree.run import InferenceResult, TreeRunner
from pixeltree.swapping.summary import milliseconds

_REDRAW = 0.1
"""Seconds between two drawings of the live table: it must not slow the frames."""

_FPS_FRAMES = 60
"""Frames over which the rate is taken."""

Line = dict[str, Any]


def line_of(result: InferenceResult, picture: str, expected: str | None) -> Line:
    """A frame as JSON takes it. Times are microseconds, but for ``time``, seconds since 1970."""
    line: Line = {
        "frame": result.frame,
        "time": round(time.time(), 6),
        "label": result.label,
        "label_name": result.label_name,
        "margin": result.margin,
        "path": [visit.node for visit in result.path],
        "coarse": result.coarse,
        "latency_us": round(result.latency_us, 1),
        "late_us": round(result.late_us, 1),
        "device_us": round(result.device_us, 1),
        "stall_us": round(result.stall_us, 1),
        "swaps": [swap.node for swap in result.swaps],
        "faults": result.faults,
        "repeats": result.repeats,
    }
    if picture:
        line["picture"] = picture
    if expected is not None:
        line["expected"] = expected
    return line


class JsonLines:
    """Writes each frame as one line of JSON, at once.

    Args:
        stream: where.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, line: Line) -> None:
        """Write a frame."""
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


class CsvRows:
    """Writes each frame as a row of CSV, at once; lists are joined by ``>``.

    Args:
        stream: where.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._writer = csv.writer(stream, lineterminator="\n")
        self._columns: list[str] = []

    def __call__(self, line: Line) -> None:
        """Write a frame; the first one says which columns there are."""
        if not self._columns:
            self._columns = list(line)
            self._writer.writerow(self._columns)
        cells = (line.get(column) for column in self._columns)
        self._writer.writerow([">".join(cell) if isinstance(cell, list) else cell for cell in cells])
        self._stream.flush()


WRITERS: dict[str, Callable[[TextIO], Callable[[Line], None]]] = {".csv": CsvRows, ".jsonl": JsonLines}
"""What writes a file of frames, by the file's suffix."""


@contextlib.contextmanager
def saving(path: Path) -> Iterator[Callable[[Line], None]]:
    """Write frames to a file.

    Raises:
        DataError: it cannot be written, or its suffix is of no known kind.
    """
    make = WRITERS.get(path.suffix.lower())
    if make is None:
        raise DataError(f"--save {path}: the suffix says the format; known: {', '.join(WRITERS)}")
    with _writing(path):
        file = path.open("w", encoding="utf-8", newline="")
    write = make(file)

    def checked(line: Line) -> None:
        with _writing(path):
            write(line)

    try:
        yield checked
    finally:
        with _writing(path):
            file.close()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error


@dataclass
class LiveTable:
    """Draws the last frame and the figures so far, in place, in a terminal.

    Args:
        runner: what runs.
        console: where.
    """

    runner: TreeRunner
    console: Console

    def __post_init__(self) -> None:
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._drawn = 0.0
        self._ends: deque[float] = deque(maxlen=_FPS_FRAMES)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def __call__(self, line: Line) -> None:
        """Show a frame, unless another one was shown a moment ago."""
        now = time.monotonic()
        self._ends.append(now)
        if now - self._drawn >= _REDRAW:
            self._drawn = now
            self._live.update(self.table(line), refresh=True)

    def table(self, line: Line) -> Table:
        """What is drawn."""
        counters, device = self.runner.counters, self.runner.device
        rate = self.runner.line
        measured = "" if rate is None else f", {rate.bits_per_second / 1e6:,.3g} Mbit/s"
        margin = line["margin"]
        rows = {
            "label": f"{line['label_name']}{' (coarse)' if line['coarse'] else ''}",
            "margin": "-" if margin is None else f"{margin:,}",
            "path": " > ".join(line["path"]),
            "picture": line.get("picture", ""),
            "frames": f"{counters.frames:,}, {self._fps():.1f} a second",
            "latency": f"{milliseconds(counters.latency.quantile(0.5))} (median), "
            f"{milliseconds(counters.latency.quantile(0.99))} (99 %)",
            "late": f"{counters.late_starts:,} started late, {counters.deadline_misses:,} missed a deadline",
            "swaps": f"{counters.swaps:,} nodes waited for; {counters.hidden_fraction:.0%} of "
            f"{counters.sent_bytes:,} bytes sent ahead",
            "link": f"{device.url}{measured}, {device.cuts} cuts",
        }
        table = Table(title=self.runner.tree.name, show_header=False)
        for name, value in rows.items():
            if value:
                table.add_row(name, value)
        return table

    def _fps(self) -> float:
        if len(self._ends) < 2 or self._ends[-1] == self._ends[0]:
            return 0.0
        return (len(self._ends) - 1) / (self._ends[-1] - self._ends[0])


def standard_output() -> JsonLines:
    """Lines of JSON on standard output."""
    return JsonLines(sys.stdout)
