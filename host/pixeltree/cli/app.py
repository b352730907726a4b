"""Entry point: all commands, with their groups and examples. What becomes of errors is in ``failure``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand

from pixeltree import __version__
from pixeltree.arguments.files import as_path
from pixeltree.cli import bench
from pixeltree.cli.assembly import asm, disasm
from pixeltree.cli.calibrate import calibrate
from pixeltree.cli.chips import yield_
from pixeltree.cli.compare import compare
from pixeltree.cli.compile import compile_
from pixeltree.cli.demo import demo
from pixeltree.cli.devices import devices
from pixeltree.cli.emulate import become
from pixeltree.cli.evaluate import evaluate
from pixeltree.cli.explain import explain
from pixeltree.cli.export import export
from pixeltree.cli.failure import EXIT_STATUS_HELP, one_clear_error
from pixeltree.cli.import_network import import_network
from pixeltree.cli.info import info
from pixeltree.cli.port import port
from pixeltree.cli.run import run as run_tree
from pixeltree.cli.run_kernel import run_kernel
from pixeltree.cli.swap import simulate_swap, trace
from pixeltree.cli.terminal import install_output
from pixeltree.cli.train import train
from pixeltree.cli.tree import tree
from pixeltree.cli.view import replay, view
from pixeltree.cli.zoo import zoo


def emulate(context: typer.Context) -> None:
    """Serve an emulated SCAMP-5 controller and array until Ctrl-C or SIGTERM."""
    become(["emulate", *context.args])


def emulate_array(context: typer.Context) -> None:
    """Serve an emulated array without a controller, for firmware to drive."""
    become(["emulate-array", *context.args])


def engine(context: typer.Context) -> None:
    """Time the engines of the emulated array."""
    become(["bench", "engine", *context.args])


Command = tuple[str, Callable[..., None], tuple[str, ...]]
"""Name, function, and examples: what stands after the name, or a call of another command."""

_COMMANDS: dict[str, tuple[Command, ...]] = {
    "Devices": (
        ("demo", demo, ("", "--images 20 --json demo.json", "--device tcp://127.0.0.1:27900")),
        ("emulate", emulate, ()),
        ("emulate-array", emulate_array, ()),
        (
            "view",
            view,
            (
                "emu: --kernel examples/sobel.kernel --source moving --open",
                "serial:///dev/ttyACM0 --tree digits",
                "emu: --source camera:0 --exposure auto --record seen.mcap",
                "scamp5d:tcp://127.0.0.1:27888 --open",
                '"emu:?preset=ideal" --compare "emu:?preset=typical&chip=3" --kernel examples/sobel.kernel',
            ),
        ),
        ("replay", replay, ("seen.mcap --open", "seen.mcap --pictures seen.npy")),
        ("devices", devices, ("", "--json -", "pixeltree info usb:1fc9:008a")),
        (
            "info",
            info,
            (
                "tcp://127.0.0.1:27900",
                "usb:1fc9:008a",
                '"serial:///dev/ttyACM0?baudrate=3000000"',
                '"emu:?memory=8192"',
            ),
        ),
        (
            "calibrate",
            calibrate,
            (
                "--device serial:///dev/ttyACM0 -o mychip.toml --cover",
                "--device tcp://127.0.0.1:27900 -o mychip.toml --quick --json figures.json",
                "pixeltree emulate --preset mychip.toml",
            ),
        ),
    ),
    "Trees": (
        (
            "run",
            run_tree,
            (
                "digits photos --fit",
                "digits one.jpg two.jpg more/*.png --fit",
                "digits --source camera:0 --rate 30 --deadline 20",
                "digits --device serial:///dev/ttyACM0 --exposure auto --foxglove 8765",
                "digits --device tcp://127.0.0.1:27900 --rate 30 --frames 900 --save run.csv --metrics 9464",
            ),
        ),
        (
            "train",
            train,
            (
                "recipes/digits.toml -o digits.ptree",
                "recipes/digits.toml -o digits.ptree --history digits.csv --plot digits.png",
            ),
        ),
        (
            "import",
            import_network,
            (
                "model.onnx -o model.ptree",
                "model.onnx -o model.ptree --black=-1 --white=1 --classes cat,dog",
                "model.onnx -o model.ptree --threshold 63 --json -",
            ),
        ),
        (
            "eval",
            evaluate,
            (
                "digits",
                "digits --preset typical --chips 8",
                "my.ptree --data photos --confusion mistakes.png",
            ),
        ),
        (
            "yield",
            yield_,
            ("digits --require 0.95", "my.ptree --data photos --chips 200 --sensitivity --plot yield.png"),
        ),
        (
            "compare",
            compare,
            (
                "ideal typical",
                "ideal harsh --tree glyphs --images 200 --out planes.png",
                "typical tcp://127.0.0.1:27900",
            ),
        ),
        ("zoo", zoo, ("", "mnist-node", "--json -")),
        ("explain", explain, ("digits 8 --out digit.png", "my.ptree photo.png --fit --out photo.html")),
        ("tree", tree, ("digits", "digits --measure")),
        ("export", export, ("digits -o digits_in_c", "my.ptree --format c -o firmware_tree --every-ms 0")),
        ("compile", compile_, ("digits --report", "model.json --dump-ir --head array")),
    ),
    "Kernels": (
        (
            "run-kernel",
            run_kernel,
            (
                "examples/sobel.kernel --image photo.png --fit --show D,E,F --out planes",
                "examples/holes.kernel --image photo.png --fit --in 60 --show R5,R10 --out planes",
            ),
        ),
        ("asm", asm, ("examples/sobel.kernel -o sobel.block", "examples/sobel.kernel --lint")),
        ("disasm", disasm, ("sobel.block",)),
        (
            "port",
            port,
            (
                "examples/vendor_api/threshold_box.cpp -o threshold_box.py",
                "examples/vendor_api/threshold_box.cpp -o threshold.kernel --kernel main",
            ),
        ),
    ),
    "Swapping": (
        (
            "simulate-swap",
            simulate_swap,
            (
                "",
                "glyphs --memory 50% --line serial_3M --fps 30 --trace run.json",
                "glyphs --sweep --plot sweep.png",
            ),
        ),
        ("trace", trace, ("run.json", "run.json --plot run.png --start 1 --seconds 0.2")),
    ),
}
_BENCH: tuple[Command, ...] = (
    ("engine", engine, ()),
    ("compiler", bench.compiler, ("", "--json compiler.json")),
    ("link", bench.link, ("", "--json link.json")),
    ("throughput", bench.throughput, ("", "--json throughput.json")),
    ("vendor", bench.vendor, ("", "--json vendor.json")),
    ("view", bench.view, ("", "--json view.json")),
    ("swap", bench.swap, ("--frames 500", "--tree random --json swap.json")),
)

_PASSED_ON = {"emulate", "emulate-array", "engine"}
"""Commands that hand all their options to the emulator, ``--help`` too."""


class _Named(TyperArgument):
    """An argument that help calls by its name alone: PICTURES says more than ``<list[str]>``."""

    def display_type_rich(self, ctx: Any) -> None:  # noqa: ANN401 - typer's own
        """No type of Python's."""


class _Command(TyperCommand):
    """A command whose arguments have names that say what they are."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*given, **named)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument) and parameter.metavar:
                parameter.__class__ = _Named


def _add(application: typer.Typer, words: str, commands: Sequence[Command], panel: str) -> None:
    for name, function, examples in commands:
        details: dict[str, Any] = {"help": _paragraphs(function), "rich_help_panel": panel}
        if examples:
            calls = (
                each if each.startswith("pixeltree ") else f"{words} {name} {each}".rstrip()
                for each in examples
            )
            details["epilog"] = "\n\n".join(("Examples:", *calls))
        if name in _PASSED_ON:
            details["add_help_option"] = False
            details["context_settings"] = {"ignore_unknown_options": True, "allow_extra_args": True}
        application.command(name, cls=_Command, **details)(function)


def _paragraphs(function: Callable[..., None]) -> str:
    """A docstring without the breaks of its lines, which ``--help`` would keep."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(function) or "")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"pixeltree {__version__}\n")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Trees of binarized neural networks that run inside a SCAMP-5 vision sensor."""


_GROUP = "bench"


def make_application(arguments: Sequence[str] = ()) -> typer.Typer:
    """All commands; only the one that is called, if arguments begin with its name.

    Typer takes a quarter of a second to prepare all of them, which nobody who calls one should wait for.
    """
    names = {_GROUP, *(name for commands in _COMMANDS.values() for name, _, _ in commands)}
    called = next((word for word in arguments[:1] if word in names), None)
    application = typer.Typer(
        name="pixeltree",
        epilog=EXIT_STATUS_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    application.callback()(_options)
    for panel, commands in _COMMANDS.items():
        _add(application, "pixeltree", [each for each in commands if called in (None, each[0])], panel)
    if called in (None, _GROUP):
        below = typer.Typer(help="Time parts of Pixeltree.", no_args_is_help=True)
        _add(below, f"pixeltree {_GROUP}", _BENCH, "Commands")
        application.add_typer(below, name=_GROUP, rich_help_panel="Benchmarks")
    return application


app = make_application()

_BEGINS_AT_HOME = re.compile(r"(--[\w-]+=|-\w)?(~.*)", re.DOTALL)


def with_homes(arguments: Sequence[str]) -> list[str]:
    """Arguments with ``~`` and ``~NAME`` replaced by home folders where one begins with it.

    A shell replaces only what stands alone: not ``--out=~/planes`` or ``-o~/m.ptree``, and not where it was
    quoted or another program started us. One place sees to it for all options of all commands.
    """
    return [_with_home(argument) for argument in arguments]


def _with_home(argument: str) -> str:
    match = _BEGINS_AT_HOME.fullmatch(argument)
    return argument if match is None else (match[1] or "") + str(as_path(match[2]))


def run() -> None:
    """Run the command line: :func:`pixeltree.cli.main` once the modules are imported."""
    install_output()
    with one_clear_error():
        try:
            arguments = with_homes(sys.argv[1:])
            application = make_application(arguments)
            sys.exit(application(arguments, prog_name="pixeltree", standalone_mode=False) or 0)
        finally:
            sys.stdout.flush()  # so that a full disk is told of, and not lost at exit
