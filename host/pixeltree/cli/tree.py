"""``pixeltree tree``: what is in a tree file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from rich.tree import Tree as Drawing

from pixeltree.cli.option_groups import with_groups
from pixeltree.cli.options import (
    MEASUREMENT,
    ChosenImages,
    JsonOption,
    TreeArgument,
    load_tree,
    say,
)
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.cli.terminal import progress
from pixeltree.datasets import Task
from pixeltree.datasets.sources import describe
from pixeltree.errors import DataError
from pixeltree.evaluate.evaluation import accuracy_by_node, check_fits, evaluate_reference
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Label


@with_groups
def tree(
    model: TreeArgument,
    *,
    measure: Annotated[
        bool, MEASUREMENT("--measure", help="Say how often each node is right on test images.")
    ] = False,
    chosen_images: ChosenImages,
    json_file: JsonOption = None,
) -> None:
    """Draw a tree: its nodes, what each outcome is, sizes, and with --measure the accuracy of each node.

    --data and the options of its reading measure too.
    """
    loaded = load_tree(model)
    screen = screen_beside(json_file)
    accuracies: dict[str, float] = {}
    figures: dict[str, object] = {
        "tree": loaded.name,
        "labels": list(loaded.labels),
        "nodes": len(loaded.depth_first),
        "bytes": loaded.total_bytes,
    }
    counts = f"{len(loaded.labels)} labels, {len(loaded.depth_first)} nodes, {loaded.total_bytes:,} bytes"
    if measure or chosen_images.data is not None or chosen_images.reading:
        part = chosen_images.load(loaded)
        dataset = part.images
        check_fits(loaded, dataset)
        if dataset.task is not Task.CLASSIFICATION:
            raise DataError(
                f"--measure counts right classes, but {dataset.name} is for {dataset.task}; use pixeltree "
                "eval"
            )
        say(part, screen)
        with progress() as bar:
            task = bar.add_task("reference", total=len(dataset))
            evaluation = evaluate_reference(loaded, dataset, lambda done: bar.update(task, completed=done))
        figures |= {"images": len(dataset), "score": evaluation.score}
        accuracies = accuracy_by_node(loaded, dataset, evaluation)
        counts += f", {evaluation.score:.1%} of {len(dataset):,} images right"
    elif loaded.data is not None:
        screen.print(
            f"data: {describe(loaded.data.source)}",
            soft_wrap=True,
        )
    drawing = Drawing(f"{loaded.name}: {counts}")
    _draw(loaded, loaded.root, accuracies, drawing)
    screen.print(drawing)
    write_json(json_file, figures | {"accuracy_by_node": accuracies})


def _draw(loaded: Tree, node: TreeNode, accuracies: dict[str, float], above: Drawing) -> None:
    parts = _summed(loaded, node)
    last = parts[-1]
    labels = [loaded.labels[exit_.value] for exit_ in last.manifest.exits if isinstance(exit_, Label)]
    weights = loaded.bytes_of({segment for part in parts for segment in part.manifest.segments})
    words = sum(map(loaded.words_of, parts))
    title = node.name + (f" in {len(parts)} nodes" if len(parts) > 1 else "")
    text = f"{title}: {len(last.manifest.exits)} outcomes, {weights:,} bytes of weights, {words:,} words"
    if last.name in accuracies:
        text += f", right {accuracies[last.name]:.1%}"
    below = above.add(text)
    if labels:
        below.add(" ".join(labels))
    windows = [child for child in loaded.children(last) if child.is_window]
    if windows:
        _draw_windows(loaded, windows, accuracies, below)
    for child in loaded.children(last):
        if not child.is_window:
            _draw(loaded, child, accuracies, below)


def _summed(loaded: Tree, node: TreeNode) -> list[TreeNode]:
    """A node and those of its way that it proceeds to, the last of which decides."""
    parts = [node]
    while parts[-1].ending.proceeds:
        parts += loaded.children(parts[-1])
    return parts


def _draw_windows(
    loaded: Tree, windows: Sequence[TreeNode], accuracies: dict[str, float], above: Drawing
) -> None:
    """All windows below a node in one line, and what they lead to once."""
    needs = {digest for window in windows for digest in window.needs}
    sides = sorted({node.window.size for node in windows if node.window is not None})
    size = " or ".join(f"{side} x {side}" for side in sides)
    text = f"{len(windows)} windows of {size} pixels: {loaded.bytes_of(needs):,} bytes together"
    below = above.add(text)
    for exit_ in dict.fromkeys(window.manifest.exits[0] for window in windows):
        if isinstance(exit_, Label):
            below.add(loaded.labels[exit_.value])
        else:
            _draw(loaded, loaded.nodes[exit_.node], accuracies, below)
