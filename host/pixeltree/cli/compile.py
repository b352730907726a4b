"""``pixeltree compile``: what the compiler makes of a model or a tree."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from pixeltree.cli.options import OUTPUT, JsonOption, drawable
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.cli.terminal import Screen, busy
from pixeltree.compiler import Compiled, compile_model
from pixeltree.compiler.cost import Cost
from pixeltree.compiler.layout import Layout
from pixeltree.compiler.pipeline import Where
from pixeltree.compiler.sizes import block_bytes, block_words, head_bytes, program_bytes, segment_bytes
from pixeltree.errors import DataError
from pixeltree.model import FoldedModel, decode_model
from pixeltree.tree import zoo
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects.ternary import ternary_bytes


def compile_(
    model: Annotated[
        str,
        typer.Argument(
            help=f"A folded model (JSON), a tree, or a tree of the package: {', '.join(zoo.names())}."
        ),
    ],
    dump_ir: Annotated[
        bool, OUTPUT("--dump-ir", help="Show the program after every pass of the compiler.")
    ] = False,
    report: Annotated[
        bool, OUTPUT("--report", help="Show words, time, planes and bytes of every layer.")
    ] = False,
    head: Annotated[
        Where | None,
        typer.Option(
            rich_help_panel="Compiler",
            help="Where a fully connected head is computed. Default: where it is faster.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        OUTPUT(metavar="FILE", callback=drawable, help="Draw the planes in use to this picture."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Compile a folded model, or the nodes of a tree, and show the time, words and bytes that they take.

    Windows are left out.
    """
    console = screen_beside(json_file)
    path = zoo.tree_file(model)
    tree = Tree.load(path) if path.suffix == ".ptree" else None
    compiled: dict[str, Compiled] = {}
    for name, folded, layout in _models(path, tree):
        show = _shower(console, name) if dump_ir else None
        with contextlib.nullcontext() if show else busy(f"compiling {name}"):
            compiled[name] = compile_model(folded, layout=layout, show=show, head=head)
        took = _figures(compiled[name])
        console.print(
            f"{name}: {took['words']} words, {took['device_us']:,.1f} us, "
            f"{took['block_bytes']} bytes of blocks, {took['segment_bytes']} of segments, "
            f"{took['program_bytes']} of program; {compiled[name].layout}"
        )
        if report:
            console.print(_layers(compiled[name]))
    if report:
        _sharing(console, compiled)
    if plot is not None:
        from pixeltree.cli.pictures import draw_planes  # noqa: PLC0415 - needs matplotlib

        draw_planes(plot, compiled)
        console.print(f"wrote {plot}")
    write_json(json_file, {name: _figures(one) for name, one in compiled.items()})


def _figures(compiled: Compiled) -> dict[str, float]:
    """What a node takes."""
    node = compiled.node
    return {
        "words": compiled.cost.words,
        "device_us": compiled.cost.nanoseconds / 1000,
        "block_bytes": block_bytes(node),
        "segment_bytes": segment_bytes(node),
        "program_bytes": program_bytes(node),
    }


def _models(path: Path, tree: Tree | None) -> Iterator[tuple[str, FoldedModel, Layout | None]]:
    """Name, model, and the layout that the tree has for it."""
    if tree is not None:
        for node in tree.depth_first:
            if node.model is not None:
                yield node.name, node.model, tree.geometry.layout(node.model, node.window)
        return
    try:
        yield path.name, decode_model(path.read_bytes()), None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _shower(console: Screen, name: str) -> Callable[[str, str], None]:
    """Prints the program after each pass."""

    def show(title: str, listing: str) -> None:
        console.print(f"---- {name}, after: {title}", style="bold")
        console.print(listing, soft_wrap=True)

    return show


def _layers(compiled: Compiled) -> Table:
    """A row per layer: cost, most registers in use, bytes of blocks that no layer before has, of weights."""
    headings = "words", "launches", "selects", "us", "DREGs", "AREGs", "blocks", "weights"
    columns = [Column(heading, no_wrap=True, justify="right") for heading in headings]
    table = Table(Column("layer"), *columns, box=None, padding=(0, 1, 0, 0))
    node = compiled.node
    sizes = [len(node.objects[digest]) for digest in node.manifest.blocks]
    for number, section in enumerate(compiled.sections, 1):
        digital, analog = (max((counts[kind] for counts in section.planes), default=0) for kind in (0, 1))
        code = sum(sizes[block] for block in section.needs.blocks)
        weights = -(-section.needs.weight_bits // 8) + ternary_bytes(section.needs.ternary_weights)
        if number == len(compiled.sections):
            weights += head_bytes(node)
        bytes_ = f"{code:,}", f"{weights:,}"
        table.add_row(section.name, *_columns(section.cost), str(digital), str(analog), *bytes_)
    totals = f"{block_bytes(node):,}", f"{segment_bytes(node):,}"
    table.add_row("all", *_columns(compiled.cost), "", "", *totals)
    return table


def _columns(cost: Cost) -> tuple[str, ...]:
    return str(cost.words), str(cost.launches), str(cost.selects), f"{cost.nanoseconds / 1000:,.1f}"


def _sharing(console: Screen, compiled: dict[str, Compiled]) -> None:
    """How much of the nodes' objects several nodes have in common."""
    objects: dict[bytes, int] = {}
    separately = 0
    for one in compiled.values():
        node = one.node
        separately += sum(len(node.objects[digest]) for digest in (*node.manifest.needs, node.digest))
        objects |= {digest: len(data) for digest, data in node.objects.items()}
    together = sum(objects.values())
    words = {name: block_words(one.node) for name, one in compiled.items()}
    console.print(
        f"{len(compiled)} nodes: {together:,} bytes of objects; {separately:,} if nothing were shared. "
        f"Words in the controller's store, per node: {max(words.values())} at most."
    )
