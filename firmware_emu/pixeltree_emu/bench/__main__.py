"""Command line of the engine benchmark, which ``pixeltree bench engine`` runs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pixeltree_emu.machine.paths import user_path
from pixeltree_emu.serving.options import parsed

_EXAMPLES = """\
Examples:

pixeltree bench engine --quick

pixeltree bench engine --json engine.json
"""


@dataclass(frozen=True)
class Options:
    """Time the engines of the emulated array: each instruction class and three programs.

    An instruction class is timed as a block of many calls in which every result is used.

    Its time includes its share of starting the block. Programs are timed when they are hot: as code of their
    own, and pass by pass. Nothing here is device time.
    """

    json: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            rich_help_panel="Output",
            help="Write the figures to this file too; for '-', write them to standard output and nothing "
            "else.",
        ),
    ] = None
    quick: Annotated[
        bool,
        typer.Option("--quick", rich_help_panel="Measurement", help="Repeat less often; under 50 s."),
    ] = False


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command("engine", epilog=_EXAMPLES)(Options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parsed(app, "pixeltree bench engine", Options, arguments)
    from pixeltree_emu.bench.engines import measure, table  # noqa: PLC0415 - slow to load

    started = time.perf_counter()
    figures = measure(options.quick, lambda step: typer.echo(f"{step} ...", err=True))
    text = json.dumps(figures, indent=2) + "\n"
    if options.json is None or str(options.json) != "-":
        sys.stdout.write(table(figures) + f"\ntook {time.perf_counter() - started:.1f} s\n")
    if options.json is not None and str(options.json) == "-":
        sys.stdout.write(text)
    elif options.json is not None:
        options.json.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
