"""``pixeltree tree``: what is in a tree file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree as Drawing

from pixeltree.tree import Tree
from pixeltree_protocol.objects import Digest, Label


def tree(model: Annotated[Path, typer.Argument(help="A tree, NAME.ptree.")]) -> None:
    """Draw a tree: its nodes, what each outcome is, and sizes.

    Example: pixeltree tree digits.ptree
    """
    loaded = Tree.load(model)
    counts = f"{len(loaded.labels)} labels, {len(loaded.names)} nodes, {loaded.total_bytes:,} bytes"
    drawing = Drawing(escape(f"{loaded.name}: {counts}"))
    _draw(loaded, loaded.root.root, drawing)
    Console().print(drawing)


def _draw(loaded: Tree, digest: Digest, above: Drawing) -> None:
    node = loaded.nodes[digest]
    labels = [loaded.labels[exit_.value] for exit_ in node.exits if isinstance(exit_, Label)]
    weights = loaded.bytes_of(sorted(set(node.segments)))
    text = (
        f"{loaded.names[digest]}: {len(node.exits)} outcomes, {weights:,} bytes of weights, "
        f"{loaded.words_of(digest):,} words"
    )
    below = above.add(escape(text))
    if labels:
        below.add(escape(" ".join(labels)))
    for child in node.children:
        _draw(loaded, child, below)
