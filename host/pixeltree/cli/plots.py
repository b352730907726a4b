"""Pictures of swapping; needs the extra ``viz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pixeltree.errors import DataError, from_extra
from pixeltree.simulate.sweep import Sweep
from pixeltree.swapping import Trace
from pixeltree.swapping.trace import LANES

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise DataError(f"drawing needs matplotlib: {from_extra('viz')}") from error

_COLOURS = {"link": "#4477aa", "array": "#228833", "controller": "#ee6677", "host": "#bbbbbb"}
_DPI = 120
_MOST_EVENTS = 20_000


def plot_sweep(found: Sweep, path: Path) -> None:
    """Draw a heat map of frames per second over memory and line rate."""
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


def plot_trace(trace: Trace, path: Path, start: float, seconds: float) -> None:
    """Draw the lanes of a part of a trace.

    Args:
        trace: the trace.
        path: PNG file.
        start: first second, from the trace's first event on.
        seconds: how much to draw.
    """
    origin = min((event.start_us for event in trace.events), default=0.0)
    first, last = origin + start * 1e6, origin + (start + seconds) * 1e6
    shown = [
        each for each in trace.events if each.start_us < last and each.start_us + each.duration_us > first
    ]
    if not shown or len(shown) > _MOST_EVENTS:
        raise DataError(
            f"{len(shown)} events in this part of the trace; choose another --start and --seconds"
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
        figure.savefig(path, dpi=_DPI, format="png")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
