"""Everything that commands draw; needs the extra ``viz``. The suffix of a file says the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import Compiled
from pixeltree.errors import DataError, from_extra
from pixeltree.simulate.sweep import Sweep
from pixeltree.swapping import Trace
from pixeltree.swapping.trace import LANES
from pixeltree.train.progress import EpochReport

try:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as error:
    raise DataError(f"drawing needs matplotlib: {from_extra('viz')}") from error

_COLOURS = {"link": "#4477aa", "array": "#228833", "controller": "#ee6677", "host": "#bbbbbb"}
_DPI = 120
_INCHES_PER_CLASS = 0.22
_LEGEND_ROWS = 24
_MOST_EVENTS = 20_000


def formats() -> list[str]:
    """Suffixes of files that can be drawn, without the dot."""
    return sorted(Figure().canvas.get_supported_filetypes())


def draw_confusion(path: Path, confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> None:
    """Draw a confusion matrix: rows are classes, columns decisions, dark is often.

    Args:
        path: the picture.
        confusion: int64 (classes, classes), images per class and decision.
        labels: names of the classes.

    Raises:
        DataError: the file cannot be written.
    """
    side = max(4.0, _INCHES_PER_CLASS * len(labels) + 1.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    places = np.arange(len(labels))
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels)
    axes.set_xlabel("decided")
    axes.set_ylabel("class")
    _save(figure, path)


def draw_planes(path: Path, compiled: Mapping[str, Compiled]) -> None:
    """Draw DREGs and AREGs that hold something, operation by operation, one row of axes per node.

    Raises:
        DataError: the file cannot be written.
    """
    figure = Figure(figsize=(10, 2.4 * len(compiled)), layout="constrained")
    for row, (name, one) in enumerate(compiled.items(), 1):
        axes = figure.add_subplot(len(compiled), 1, row)
        counts = [count for section in one.sections for count in section.planes]
        for kind, label in enumerate(("DREGs", "AREGs")):
            axes.step(range(len(counts)), [count[kind] for count in counts], where="post", label=label)
        first = 0
        for section in one.sections:
            axes.axvline(first, color="0.8", linewidth=0.8)
            axes.annotate(section.name, (first, 11.4), fontsize=6, rotation=20)
            first += len(section.planes)
        axes.set(title=name, xlabel="operation", ylabel="in use", ylim=(0, 14))
        axes.legend(loc="upper right", fontsize=7)
    _save(figure, path)


def draw_history(path: Path, epochs: Mapping[str, list[EpochReport]]) -> None:
    """Draw loss and validation score of every network over its epochs.

    Args:
        path: the picture.
        epochs: by the network's name.

    Raises:
        DataError: the file cannot be written.
    """
    figure = Figure(figsize=(11, 4.5), layout="constrained")
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
    _save(figure, path)


def draw_spread(path: Path, scores: Sequence[float], required: float, title: str) -> None:
    """Draw the scores of chips, sorted, and the score that is required.

    Args:
        path: the picture.
        scores: one per chip, 0 to 1.
        required: 0 to 1.
        title: of the picture.

    Raises:
        DataError: the file cannot be written.
    """
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(scores) + 1), [100 * score for score in sorted(scores)], marker=".", linestyle="")
    axes.axhline(100 * required, color="0.5", linestyle="--", label=f"required: {required:.1%}")
    axes.set(title=title, xlabel="chips, the worst first", ylabel="score, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    axes.grid(alpha=0.3)
    _save(figure, path)


def draw_copies(
    path: Path,
    lengths: Sequence[int],
    levels: Sequence[int],
    measured: npt.NDArray[np.float64],
    fitted: npt.NDArray[np.float64],
) -> None:
    """Draw how far copies are from their level, and how they spread: measured as dots, fitted as lines.

    Args:
        path: the picture.
        lengths: words of each chain.
        levels: where chains begin.
        measured: float (3, lengths, levels), means, variances, and agreements of repeats.
        fitted: the same by the fitted model.

    Raises:
        DataError: the file cannot be written.
    """
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    away, spread = figure.subplots(1, 2)
    ideal = np.array(levels) * np.where(np.array(lengths) % 2, -1, 1)[:, None]
    sign = np.sign(ideal) + (ideal == 0)
    for place, level in enumerate(levels):
        for axes, dots, lines in (
            (away, (sign * (measured[0] - ideal))[:, place], (sign * (fitted[0] - ideal))[:, place]),
            (spread, np.sqrt(measured[1][:, place]), np.sqrt(fitted[1][:, place])),
        ):
            (line,) = axes.plot(lengths, lines, label=f"from {level}")
            axes.plot(lengths, dots, marker="o", linestyle="", color=line.get_color())
    away.set(xlabel="words of copies", ylabel="mean less the level, away from 0, counts")
    spread.set(xlabel="words of copies", ylabel="sigma over PEs and repeats, counts")
    away.legend()
    for axes in (away, spread):
        axes.grid(alpha=0.3)
    _save(figure, path)


def draw_sweep(path: Path, found: Sweep) -> None:
    """Draw a heat map of frames per second over memory and line rate.

    Raises:
        DataError: the file cannot be written.
    """
    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    axes = figure.subplots()
    values = np.array([[np.nan if each is None else each for each in row] for row in found.fps])
    picture = axes.imshow(values, origin="lower", aspect="auto", cmap="viridis")
    axes.set_xticks(range(len(found.bits_per_second)), [f"{rate / 1e6:g}" for rate in found.bits_per_second])
    axes.set_yticks(range(len(found.shares)), [f"{share:.0%}" for share in found.shares])
    axes.set_xlabel("line, Mbit/s (8 bits a byte)")
    axes.set_ylabel("controller memory, share of the tree")
    middle = np.nanmax(values) / 2
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "black" if value > middle else "white"
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(picture, label="frames per second")
    _save(figure, path)


def draw_trace(path: Path, trace: Trace, start: float, seconds: float) -> None:
    """Draw the lanes of a part of a trace.

    Args:
        path: the picture.
        trace: the trace.
        start: first second, from the trace's first event on.
        seconds: how much to draw.

    Raises:
        DataError: there is nothing to draw in this part, or too much; or the file cannot be written.
    """
    origin = min((event.start_us for event in trace.events), default=0.0)
    first, last = origin + start * 1e6, origin + (start + seconds) * 1e6
    shown = [
        each for each in trace.events if each.start_us < last and each.start_us + each.duration_us > first
    ]
    if not shown or len(shown) > _MOST_EVENTS:
        raise DataError(
            f"this part of the trace has {len(shown)} events; choose another --start and --seconds"
        )
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    axes = figure.subplots()
    for row, lane in enumerate(reversed(LANES)):
        bars = [((e.start_us - origin) / 1e3, e.duration_us / 1e3) for e in shown if e.lane == lane]
        axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=_COLOURS[lane], edgecolors="none")
    axes.set_yticks(range(len(LANES)), list(reversed(LANES)))
    axes.set_xlim((first - origin) / 1e3, (last - origin) / 1e3)
    axes.set_xlabel("device clock, ms")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=_DPI)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
