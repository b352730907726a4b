"""``pixeltree zoo``: the trees that come with the package, and what is known about each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from pixeltree.cli.options import JsonOption
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.tree import zoo as trees


def zoo(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One tree alone, with all that is known about it.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """List the trees of the package: task, scores on the reference and on typical chips, bytes, device time.

    With NAME, show all that is known about one: its data, how they were split, and the commands that trained
    and measured it.
    """
    screen = screen_beside(json_file)
    facts = {each: _facts(each) for each in ([name] if name else trees.names())}
    screen.print(_table(facts) if name is None else _card(name, facts[name]), soft_wrap=False)
    write_json(json_file, facts)


def _facts(name: str) -> dict[str, Any]:
    tree = trees.load(name)
    return {"nodes": len(tree.depth_first), "bytes": tree.total_bytes} | asdict(trees.card(name))


def _table(facts: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="Trees of the package")
    for title in ("tree", "task"):
        table.add_column(title)
    for title in ("score", "typical chips", "nodes", "bytes", "frame"):
        table.add_column(title, justify="right")
    for name, fact in facts.items():
        scores = (f"{fact[key]:.1%}" for key in ("ideal", "typical"))
        table.add_row(
            name, fact["task"], *scores, f"{fact['nodes']}", f"{fact['bytes']:,}", f"{fact['device_us']:,} us"
        )
    return table


def _card(name: str, fact: dict[str, Any]) -> Table:
    table = Table(title=name, show_header=False)
    rows = (
        ("task", fact["task"]),
        ("data", fact["data"]),
        ("split", fact["split"]),
        (f"{fact['metric']}, integer reference", f"{fact['ideal']:.1%}"),
        (f"{fact['metric']}, {fact['chips']} typical chips", f"{fact['typical']:.1%}"),
        ("nodes, bytes of objects", f"{fact['nodes']}, {fact['bytes']:,}"),
        ("device time of a frame", f"{fact['device_us']:,} us, every node resident"),
        ("trained by", fact["train"]),
        ("measured by", fact["measure"]),
        ("remarks", fact["remarks"]),
    )
    for title, value in rows:
        if value:
            table.add_row(title, value)
    return table
