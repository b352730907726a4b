"""Entry point: collects the commands. What becomes of errors is in ``failure``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pixeltree import __version__
from pixeltree.cli.assembly import asm, disasm
from pixeltree.cli.bench import bench
from pixeltree.cli.compile import compile_
from pixeltree.cli.demo import demo
from pixeltree.cli.devices import devices
from pixeltree.cli.emulate import emulate
from pixeltree.cli.evaluate import evaluate
from pixeltree.cli.failure import EXIT_STATUS_HELP, one_clear_error
from pixeltree.cli.homes import with_homes
from pixeltree.cli.info import info
from pixeltree.cli.run_kernel import run_kernel
from pixeltree.cli.swap import simulate_swap, trace_command
from pixeltree.cli.terminal import install_output
from pixeltree.cli.train import train
from pixeltree.cli.tree import tree

app = typer.Typer(
    name="pixeltree",
    help="Trees of binarized neural networks that run inside a SCAMP-5 vision sensor.",
    epilog=EXIT_STATUS_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(emulate)
app.command()(info)
app.command("compile")(compile_)
app.command()(devices)
app.command()(asm)
app.command()(disasm)
app.command()(run_kernel)
app.command()(train)
app.command("eval")(evaluate)
app.command()(tree)
app.command("simulate-swap")(simulate_swap)
app.command("trace")(trace_command)
app.add_typer(bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"pixeltree {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Trees of binarized neural networks that run inside a SCAMP-5 vision sensor."""


def run() -> None:
    """Run the command line: :func:`pixeltree.cli.main` once the modules are imported."""
    install_output()
    with one_clear_error():
        try:
            app(with_homes(sys.argv[1:]))
        finally:
            sys.stdout.flush()  # so that a full disk is told of, and not lost at exit
