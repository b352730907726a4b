"""A tree as SVG, for notebooks: nodes from left to right, labels at the right, a path if there is one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from pixeltree_protocol.objects import Label

if TYPE_CHECKING:
    from pixeltree.tree.node import TreeNode
    from pixeltree.tree.tree import Tree

_ROW, _COLUMN, _LEFT, _RIGHT = 15, 150, 60, 110
_MOST_LABELS = 64
"""Labels of one node that are drawn one by one."""

_INK, _FAINT, _ACCENT = "#6b7683", "#b8c0cc", "#d9480f"


def svg(tree: Tree, path: Sequence[str] = (), label: str = "") -> str:
    """The drawing.

    Args:
        tree: the tree.
        path: names of the nodes on a path, root first.
        label: where it ends.
    """
    sketch = _Sketch(tree, path, label)
    sketch.node(tree.root, 0)
    width = _LEFT + (sketch.deepest + 1) * _COLUMN + _RIGHT
    height = (sketch.rows + 1) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11">{"".join(sketch.lines)}{"".join(sketch.marks)}</svg>'
    )


class _Sketch:
    def __init__(self, tree: Tree, path: Sequence[str], label: str) -> None:
        self.rows = 0
        self.deepest = 0
        self.lines: list[str] = []
        self.marks: list[str] = []
        self._tree = tree
        self._path = list(path)
        self._label = label
        self._places: dict[str, tuple[float, float]] = {}

    def node(self, node: TreeNode, depth: int) -> tuple[float, float]:
        """Draw a node and all below it; where it is."""
        if node.name in self._places:
            return self._places[node.name]
        self.deepest = max(self.deepest, depth)
        x = _LEFT + depth * _COLUMN
        below: list[tuple[float, float, bool]] = []
        for child in self._tree.children(node):
            taken = (node.name, child.name) in itertools.pairwise(self._path)
            below.append((*self.node(child, depth + 1), taken))
        for text in self._labels(node):
            taken = self._path[-1:] == [node.name] and text == self._label
            self.rows += 1
            y = self.rows * _ROW
            below.append((x + _COLUMN, y, taken))
            colour = _ACCENT if taken else _INK
            self.marks.append(
                f'<text x="{x + _COLUMN + 5}" y="{y + 4}" fill="{colour}">{escape(text)}</text>'
            )
        heights = [y for _, y, _ in below]
        here = x, (min(heights) + max(heights)) / 2
        self._places[node.name] = here
        for far_x, far_y, taken in below:
            self.lines.append(_curve(here, (far_x, far_y), taken))
        colour = _ACCENT if node.name in self._path else _FAINT
        self.marks.append(
            f'<circle cx="{here[0]}" cy="{here[1]}" r="4" fill="#fff" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{here[0] - 7}" y="{here[1] - 6}" text-anchor="end" fill="{_INK}">'
            f"{escape(node.name)}</text>"
        )
        return here

    def _labels(self, node: TreeNode) -> list[str]:
        found = dict.fromkeys(
            self._tree.labels[exit_.value] for exit_ in node.manifest.exits if isinstance(exit_, Label)
        )
        if len(found) <= _MOST_LABELS:
            return list(found)
        return [f"{len(found)} labels"]


def _curve(start: tuple[float, float], end: tuple[float, float], taken: bool) -> str:
    middle = (start[0] + end[0]) / 2
    colour, width = (_ACCENT, 2.5) if taken else (_FAINT, 1)
    return (
        f'<path d="M{start[0]} {start[1]}C{middle} {start[1]} {middle} {end[1]} {end[0]} {end[1]}" '
        f'fill="none" stroke="{colour}" stroke-width="{width}"/>'
    )
