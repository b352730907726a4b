"""``pixeltree bench``: what this software costs in wall time."""

from __future__ import annotations

import os
import sys

import typer

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
