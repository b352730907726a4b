"""A picture of the registers in use over a node's program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pixeltree.compiler import Compiled
from pixeltree.errors import PixeltreeError, from_extra


def plot_planes(compiled: Mapping[str, Compiled], path: Path) -> None:
    """Draw DREGs and AREGs that hold something, operation by operation, one row of axes per node.

    Raises:
        PixeltreeError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise PixeltreeError(f"--plot needs matplotlib: {from_extra('viz')}") from error
    figure = Figure(figsize=(10, 2.4 * len(compiled)), layout="constrained")
    FigureCanvasAgg(figure)
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
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise PixeltreeError(f"{path}: cannot be written: {error.strerror}") from error
