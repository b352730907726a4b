"""Draw docs/images/accuracy_bytes.svg from docs/results_points.csv: accuracy on test images against bytes.

    python tools/draw_results.py

A point is a row of docs/results.md: the share of test images that the integer reference tells right, and the
bytes of all objects of the tree. Add a row to the CSV file where you add one to the page.
"""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

DOCS = Path(__file__).parent.parent / "docs"
_MARKERS = "osD^v"


def main() -> None:
    """Draw the picture; the same points give the same bytes."""
    with (DOCS / "results_points.csv").open(encoding="utf-8", newline="") as file:
        points = list(csv.DictReader(file))
    mpl.rcParams["svg.hashsalt"] = "pixeltree"
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for marker, data in zip(_MARKERS, dict.fromkeys(point["data"] for point in points), strict=False):
        own = [point for point in points if point["data"] == data]
        bytes_, accuracy = ([float(point[key]) for point in own] for key in ("bytes", "accuracy"))
        axes.plot(bytes_, accuracy, marker, label=data)
        for index, (x, y, point) in enumerate(zip(bytes_, accuracy, own, strict=True)):
            away = (6, 4 if index % 2 else -9)  # neighbours would cover each other
            axes.annotate(point["model"], (x, y), xytext=away, textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("bytes of all objects of the tree")
    axes.set_ylabel("test images told right, %")
    axes.margins(x=0.2, y=0.1)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(DOCS / "images" / "accuracy_bytes.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
