"""``pixeltree bench``: what this software costs in wall time, and its programs in device time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pixeltree.cli.report import check_writable, write_json
from pixeltree.compiler.benchmarks import BENCHMARKS

bench = typer.Typer(help="Time parts of Pixeltree.", no_args_is_help=True)


@bench.callback()
def _group() -> None:
    """Time parts of Pixeltree."""


@bench.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def engine(context: typer.Context) -> None:
    """Time the engines of the emulated array (options: pixeltree bench engine --help)."""
    os.execv(sys.executable, [sys.executable, "-m", "pixeltree_emu.bench", *context.args])


@bench.command()
def compiler(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write it to this file as well ('-' for the terminal).")
    ] = None,
) -> None:
    """Device time and sizes of three compiled networks, and whether they pass their bars."""
    if json_file is not None:
        check_writable(json_file)
    figures = {name: measure() for name, measure in BENCHMARKS.items()}
    if json_file is not None:
        write_json(json_file, json.dumps({name: row.as_dict() for name, row in figures.items()}, indent=2))
        if str(json_file) == "-":
            return
    table = Table("network", "words", "segment bytes", "block bytes", "device us", "fps", "passes")
    for name, row in figures.items():
        numbers = (row.words, row.segment_bytes, row.block_bytes, row.device_us, row.fps)
        table.add_row(name, *(f"{number:,}" for number in numbers), "yes" if row.passes else "no")
    Console().print(table)
    if not all(row.passes for row in figures.values()):
        raise typer.Exit(1)
