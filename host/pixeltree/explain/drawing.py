"""Draws explanations with matplotlib; needs the extra ``viz``."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixeltree.errors import DataError, from_extra
from pixeltree.explain.shots import ACTIVATION, PACKED, PLANES, SUMS, WEIGHTS, Explanation, NodeShots, Plane
from pixeltree.model import FullyConnected
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Child, Label

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
except ImportError as error:
    raise DataError(f"drawing needs matplotlib: {from_extra('viz')}") from error

INK, FAINT, ACCENT, PAPER = "#1f2a37", "#b8c0cc", "#d9480f", "#ffffff"
_TITLES = {
    WEIGHTS: "weights of the last tap",
    SUMS: "sums over all taps",
    ACTIVATION: "with bias, binarized",
    PACKED: "pooled, packed, read out",
}
_DPI = 110
_MOST_LABELS = 64
"""Labels of one node that are drawn one by one."""

_MOST_NAMES = 14
_MOST_LEAVES_LARGE = 30
_BEYOND = 0.1
"""Percent of the pixels that are drawn as black or white at each end of a stretched plane."""


def draw(explanation: Explanation) -> Figure:
    """The tree with the path taken, and the planes of every step, as one figure."""
    rows = len(explanation.nodes) + 1
    figure = Figure(figsize=(15, max(5.0, 2.35 * rows)), facecolor=PAPER, layout="constrained")
    left, right = np.ravel(np.array(figure.subfigures(1, 2, width_ratios=(1, 2.6))))
    result = explanation.result
    names = " > ".join([*(visit.node for visit in result.path), result.label_name])
    left.suptitle(f"{explanation.tree.name}: {names}", color=INK, fontsize=12)
    draw_tree(left.subplots(), explanation.tree, [shots.name for shots in explanation.nodes], result.label)
    _draw_planes(right, explanation)
    return figure


def png(figure: Figure) -> bytes:
    """A figure as PNG; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


def draw_tree(axes: Axes, tree: Tree, path: Sequence[str] = (), label: int | None = None) -> None:
    """Draw a tree from left to right, and a path in it.

    Args:
        axes: where.
        tree: the tree.
        path: names of the nodes on the path, root first.
        label: where it ends.
    """
    places: dict[str, tuple[float, float]] = {}
    ends: list[tuple[str, str, float, bool]] = []  # node, label, place, whether it is the path's end

    def place(name: str, depth: int) -> float:
        if name in places:
            return places[name][1]
        below = []
        node = tree.named(name)
        led: dict[tuple[str, int | str], None] = dict.fromkeys(
            ("label", exit_.value) if isinstance(exit_, Label) else ("node", tree.nodes[exit_.node].name)
            for exit_ in node.manifest.exits
        )
        labels = [lead for kind, lead in led if kind == "label"]
        if len(labels) > _MOST_LABELS:  # a heat map's cells
            taken = bool(path) and name == path[-1]
            text = f"{len(labels)} labels"
            if taken and label is not None:
                text = f"{tree.labels[label]}\none of {text}"
            ends.append((name, text, float(len(ends)), taken))
            below.append(float(len(ends) - 1))
            led = {}
        for kind, lead in led:
            if kind == "node":
                below.append(place(str(lead), depth + 1))
            else:
                taken = bool(path) and name == path[-1] and lead == label
                ends.append((name, tree.labels[int(lead)], float(len(ends)), taken))
                below.append(float(len(ends) - 1))
        places[name] = depth, (min(below) + max(below)) / 2
        return places[name][1]

    place(tree.root.name, 0)
    deepest = max(depth for depth, _ in places.values()) + 1
    size = 10 if len(ends) <= _MOST_LEAVES_LARGE else 6.5
    on_path = set(itertools.pairwise(path))
    for node in tree.depth_first:
        for child in tree.children(node):
            taken = (node.name, child.name) in on_path
            _curve(axes, places[node.name], places[child.name], taken)
    for name, text, at, taken in ends:
        depth = places[name][0] + 1
        _curve(axes, places[name], (depth, at), taken)
        colour = ACCENT if taken else INK
        weight = "bold" if taken else "normal"
        axes.text(depth + 0.05, at, text, va="center", color=colour, weight=weight, size=size)
    for name, (depth, at) in places.items():
        colour = ACCENT if name in path else FAINT
        axes.plot(depth, at, "o", color=PAPER, markeredgecolor=colour, markersize=8, markeredgewidth=2)
        axes.text(depth, at - 0.015 * len(ends) - 0.2, name, ha="center", va="bottom", color=INK, size=size)
    axes.set(xlim=(-0.35, deepest + 0.6), ylim=(len(ends) - 0.3, -0.9))
    axes.set_axis_off()


def _curve(axes: Axes, start: tuple[float, float], end: tuple[float, float], taken: bool) -> None:
    share = np.linspace(0, 1, 24)
    smooth = share * share * (3 - 2 * share)
    x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * smooth
    axes.plot(x, y, color=ACCENT if taken else FAINT, lw=2.4 if taken else 1.0, zorder=2 if taken else 1)


def _draw_planes(figure: SubFigure, explanation: Explanation) -> None:
    columns = len(PLANES) + 1
    axes = figure.subplots(len(explanation.nodes) + 1, columns, squeeze=False)
    draw_plane(axes[0, 0], explanation.picture, "what the sensor sees", "capture")
    draw_plane(axes[0, 1], explanation.captured, "thresholded, copied (R5)")
    for unused in axes[0, 2:]:
        unused.set_axis_off()
    for row, shots in enumerate(explanation.nodes, start=1):
        heading = f"{shots.name}\n{shots.device_us:,.0f} us"
        for column, what in enumerate(PLANES):
            if what not in shots.planes:
                axes[row, column].set_axis_off()
                continue
            register, plane = shots.planes[what]
            first = heading if column == 0 else ""
            draw_plane(axes[row, column], plane, f"{_TITLES[what]} ({register})", first)
        _draw_sums(axes[row, columns - 1], explanation.tree, shots)


def draw_plane(axes: Axes, plane: npt.NDArray[np.generic], title: str, heading: str = "") -> None:
    """Draw a plane: bits black and white, brightness as it is, levels stretched, with their scale."""
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=8.5, color=INK)
    axes.set_ylabel(heading, fontsize=9.5, color=INK)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    if plane.dtype in (np.bool_, np.uint8):
        most = 1 if plane.dtype == np.bool_ else 255
        axes.imshow(plane, cmap="gray", interpolation="nearest", vmin=0, vmax=most)
        return
    least, most = np.percentile(plane.astype(np.float64), (_BEYOND, 100 - _BEYOND))
    picture = axes.imshow(plane, cmap="gray", interpolation="nearest", vmin=least, vmax=max(most, least + 1))
    bar = axes.figure.colorbar(picture, ax=axes, fraction=0.046, pad=0.02)
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.outline.set_edgecolor(FAINT)


def draw_comparison(
    planes: Sequence[tuple[str, Plane, Plane, npt.NDArray[np.int16]]], names: tuple[str, str]
) -> Figure:
    """The planes of two devices and their differences, a step in each row."""
    figure = Figure(figsize=(9.5, 2.9 * len(planes)), facecolor=PAPER, layout="constrained")
    axes = figure.subplots(len(planes), 3, squeeze=False)
    for row, (what, first, second, difference) in enumerate(planes):
        draw_plane(axes[row, 0], first, names[0] if row == 0 else "", what)
        draw_plane(axes[row, 1], second, names[1] if row == 0 else "")
        changed = np.count_nonzero(difference) / difference.size
        far = max(1, int(np.abs(difference).max()))
        shown = axes[row, 2]
        shown.set(xticks=[], yticks=[])
        shown.set_title(f"difference: {changed:.1%} of the pixels", fontsize=8.5, color=INK)
        picture = shown.imshow(difference, cmap="bwr", interpolation="nearest", vmin=-far, vmax=far)
        figure.colorbar(picture, ax=shown, fraction=0.046, pad=0.02).ax.tick_params(labelsize=7)
    return figure


def _draw_sums(axes: Axes, tree: Tree, shots: NodeShots) -> None:
    """A bar for each outcome, named after where it leads; of a map, its cells."""
    node = tree.named(shots.name)
    if node.model is not None and not isinstance(node.model.head, FullyConnected):
        cells = node.model.shapes[-1]
        if len(shots.logits) == int(np.prod(cells)) and cells[1] * cells[2] > 1:
            draw_plane(axes, np.reshape(shots.logits, cells).max(axis=0), "sums of the cells")
            return
    if not shots.logits or len(shots.logits) != len(node.manifest.exits):
        axes.set_axis_off()
        return
    names = [_lead(tree, exit_) for exit_ in node.manifest.exits]
    outcomes = range(len(names))
    axes.bar(outcomes, shots.logits, color=[ACCENT if i == shots.outcome else FAINT for i in outcomes])
    if len(names) <= _MOST_NAMES:
        axes.set_xticks(outcomes, names, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.axhline(0, color=INK, lw=0.6)
    axes.set_title("sums", fontsize=8.5, color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _lead(tree: Tree, exit_: Child | Label) -> str:
    return tree.labels[exit_.value] if isinstance(exit_, Label) else tree.nodes[exit_.node].name
