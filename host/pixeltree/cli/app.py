"""Entry point: collects the commands and turns errors into one clear line and an exit status.

Exit status: 0 done, 1 done but a result is wrong, 2 wrong usage or bad input, 3 trouble with the device
or its link, 130 interrupted.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.markup import escape

from pixeltree.cli.assembly import asm, disasm
from pixeltree.cli.bench import bench
from pixeltree.cli.compile import compile_
from pixeltree.cli.demo import demo
from pixeltree.cli.devices import devices
from pixeltree.cli.emulate import emulate
from pixeltree.cli.evaluate import evaluate
from pixeltree.cli.homes import with_homes
from pixeltree.cli.info import info
from pixeltree.cli.run_kernel import run_kernel
from pixeltree.cli.swap import simulate_swap, trace_command
from pixeltree.cli.train import train
from pixeltree.cli.tree import tree
from pixeltree.errors import DeviceError, LinkError, PixeltreeError
from pixeltree_protocol.errors import ProtocolError

EXIT_BAD_INPUT = 2
EXIT_DEVICE = 3
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="pixeltree",
    help="Trees of binarized neural networks that run inside a SCAMP-5 vision sensor.",
    epilog="Exit status: 0 done, 1 a result is wrong, 2 bad usage or input, 3 device or link trouble.",
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


def main() -> None:
    """Run the command line."""
    errors = Console(stderr=True)
    try:
        app(with_homes(sys.argv[1:]))
    except (LinkError, DeviceError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(EXIT_DEVICE)
    except (PixeltreeError, ProtocolError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
