"""Command line options of the emulator daemon, as values. What they make is in ``setup``.

A field of :class:`Options` is an option: typer reads its name, type, default and help from here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, TypeVar, cast

import typer

from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.machine.defaults import (
    ENGINES,
    EXPOSURES,
    ICW_STORE,
    MEMORY_BYTES,
    PRESET_SUFFIX,
    PRESETS,
    SOURCE_CLOCKS,
    SOURCE_RATE,
)
from pixeltree_emu.machine.logs import FORMATS
from pixeltree_emu.machine.paths import user_path
from pixeltree_protocol.chip.exposure import DEFAULT_US
from pixeltree_protocol.names import known_names

DEFAULT_URL = "tcp://127.0.0.1:27900"

_EXAMPLES = """\
Examples:

pixeltree emulate

pixeltree emulate --listen unix:///tmp/ppa0 --listen tcp://127.0.0.1:27900

pixeltree emulate --listen pty:///tmp/ppa0 --bps 3e6 --bits-per-byte 10

pixeltree emulate --listen tls://0.0.0.0:27900 --token-file token --tls-cert cert.pem --tls-key key.pem

pixeltree emulate --preset typical --chip 7 --source moving

pixeltree emulate --preset mychip.toml --chip 3

pixeltree emulate --listen vendor-sim://127.0.0.1:27715 --listen vendor-host://127.0.0.1:27888

Then, in another terminal:

pixeltree info tcp://127.0.0.1:27900

pixeltree demo --device tcp://127.0.0.1:27900
"""

_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""The base class of mistakes in a command line, which typer does not name."""

_Values = TypeVar("_Values")

_LINK = partial(typer.Option, rich_help_panel="Link")
_ACCESS = partial(typer.Option, rich_help_panel="Access from other machines")
_SESSIONS = partial(typer.Option, rich_help_panel="Sessions")
_CONTROLLER = partial(typer.Option, rich_help_panel="Controller")
_SENSOR = partial(typer.Option, rich_help_panel="Sensor")
_ARRAY = partial(typer.Option, rich_help_panel="Array")
_DAEMON = partial(typer.Option, rich_help_panel="Daemon")


def _one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Takes a name if it is one of these."""

    def chosen(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"there is no {name!r}; {known_names(name, names)}")
        return name

    return chosen


def _preset(name: str) -> str:
    """Takes the name of a preset, or that of a file with one."""
    if name.endswith(PRESET_SUFFIX):
        return str(user_path(name))
    return _one_of(PRESETS)(name)


@dataclass(frozen=True)
class Options:
    """Serve an emulated SCAMP-5 controller and array until Ctrl-C or SIGTERM."""

    listen: Annotated[
        list[str] | None,
        _LINK(
            metavar="URL",
            help="Where to serve: tcp://127.0.0.1:PORT, tls://127.0.0.1:PORT, unix:///PATH, or pty:///PATH, "
            f"which makes a link to a pseudo terminal there. Repeatable. Default: {DEFAULT_URL}. "
            "vendor-sim://127.0.0.1:27715 serves C++ programs against the vendor's simulation client, "
            "vendor-host://127.0.0.1:27888 shows hosts of a SCAMP-5d what they display; with ?planes=A,R5 it "
            "shows these registers of the device, and its results.",
        ),
    ] = None
    bps: Annotated[
        float | None,
        _LINK(
            metavar="RATE",
            help="Make the line as slow as a real one, in each direction: bits per second, as in 12e6. "
            "The cost model's line_bits_per_second follows it.",
        ),
    ] = None
    bits_per_byte: Annotated[
        float, _LINK(metavar="N", help="Bits on the line for one byte: 10 for a serial port with 8N1.")
    ] = 8
    latency_us: Annotated[
        float, _LINK(metavar="N", help="Microseconds from one end of the line to the other.")
    ] = 0
    virtual_time: Annotated[
        bool,
        _LINK(
            "--virtual-time",
            help="Run line, array and controller on one clock, as fast as this machine computes. "
            "Hosts share the clock. It needs one unix socket.",
        ),
    ] = False

    heartbeat_ms: Annotated[
        int, _SESSIONS(metavar="N", help="Each end sends something at least this often.")
    ] = 1_000
    silence_ms: Annotated[
        int, _SESSIONS(metavar="N", help="An end that sends nothing for this long counts as gone.")
    ] = 5_000
    resume_ms: Annotated[
        int, _SESSIONS(metavar="N", help="A session whose connection was cut is kept for this long.")
    ] = 30_000

    token_file: Annotated[
        Path | None,
        _ACCESS(
            parser=user_path,
            metavar="FILE",
            help="A secret that hosts must know: 16 bytes or more, in a file that only you can read. "
            "It is needed to serve addresses that other machines can reach.",
        ),
    ] = None
    tls_cert: Annotated[
        Path | None, _ACCESS(parser=user_path, metavar="FILE", help="Certificate for tls://, PEM.")
    ] = None
    tls_key: Annotated[
        Path | None,
        _ACCESS(parser=user_path, metavar="FILE", help="Key of the certificate, PEM, without a passphrase."),
    ] = None

    memory_bytes: Annotated[int, _CONTROLLER(metavar="N", help="Controller memory for all objects.")] = (
        MEMORY_BYTES
    )
    icw_store: Annotated[
        int, _CONTROLLER(metavar="N", help="Instruction words that resident blocks may take.")
    ] = ICW_STORE
    cost: Annotated[
        list[str] | None,
        _CONTROLLER(
            metavar="NAME=VALUE",
            help="Set one entry of the cost model of device time, as in word_ns=111. Repeatable.",
        ),
    ] = None

    source: Annotated[
        str | None,
        _SENSOR(
            metavar="SOURCE",
            help="What the sensor sees: 'moving' (a synthetic scene), 'camera:0', a picture, a folder of "
            "pictures with the folders in it, a .npy array (count, 256, 256) or a video. Default: a dark "
            "scene that hosts paint.",
        ),
    ] = None
    source_clock: Annotated[
        str | None,
        _SENSOR(
            parser=_one_of(SOURCE_CLOCKS),
            metavar="NAME",
            help="What the source follows. wall: the time of this machine. frame: each exposure sees the "
            "next picture. device: device time, of which a frame of a tree takes less than a millisecond. "
            "Default: wall.",
        ),
    ] = None
    source_rate: Annotated[
        float,
        _SENSOR(metavar="HZ", help="Pictures per second of the source. A video has its own rate."),
    ] = SOURCE_RATE
    fit: Annotated[
        bool,
        _SENSOR(
            "--fit",
            help="Crop pictures of the source to a square about the centre and scale them to 256 x 256. "
            "This is always done with videos and cameras.",
        ),
    ] = False
    source_order: Annotated[
        Path | None,
        _SENSOR(
            parser=user_path,
            metavar="FILE",
            help="Which picture of the source each exposure sees, whatever the time: a number per line. "
            "After the last line it begins again.",
        ),
    ] = None
    exposure: Annotated[
        str,
        _SENSOR(
            parser=_one_of(EXPOSURES),
            metavar="NAME",
            help="fixed: each frame has the same exposure. auto: the controller chooses it by a global sum "
            "of the frame before.",
        ),
    ] = EXPOSURES[0]
    exposure_us: Annotated[
        int,
        _SENSOR(
            metavar="N",
            help="Exposure of a frame in microseconds; with --exposure auto, of the first frame. In this "
            "time "
            "white fills the half range.",
        ),
    ] = DEFAULT_US

    engine: Annotated[
        str,
        _ARRAY(
            parser=_one_of(ENGINES),
            metavar="NAME",
            help=f"What executes instruction words: {' or '.join(ENGINES)}. Both give the same bits.",
        ),
    ] = ENGINES[0]
    preset: Annotated[
        str,
        _ARRAY(
            parser=_preset,
            metavar="NAME",
            help=f"Exact arithmetic, or the errors of a chip: {', '.join(PRESETS)}, or a file that "
            "'pixeltree calibrate' wrote, as in mychip.toml.",
        ),
    ] = PRESETS[0]
    settings: Annotated[
        list[str] | None,
        _ARRAY(
            "--set",
            metavar="NAME=VALUE",
            help="Set one number of the preset, as in noise=0.1 or sum_sparse_scale=1024 (units a count of "
            "a global sum). Repeatable.",
        ),
    ] = None
    chip: Annotated[
        int, _ARRAY(metavar="N", help="Number of the chip; it fixes the chip's fixed pattern.")
    ] = 0
    seed: Annotated[int, _ARRAY(metavar="N", help="Seed of the random draws.")] = 0

    until_eof: Annotated[
        bool,
        _DAEMON(
            "--until-eof",
            help="Stop when standard input ends. So a daemon never outlives the process that started it.",
        ),
    ] = False
    ready_fd: Annotated[
        int | None,
        _DAEMON(
            metavar="N",
            help="Write a line of JSON (urls, version, pid, compiling) to this file descriptor once it "
            "serves, and close it. A parent process has opened it.",
        ),
    ] = None
    private_folder: Annotated[
        Path | None,
        _DAEMON(
            parser=user_path,
            metavar="DIR",
            help="Remove this folder, with the file 'log' in it, at the end, unless something failed.",
        ),
    ] = None
    verbose: Annotated[bool, _DAEMON("--verbose", help="Log sessions as they come and go.")] = False
    log_format: Annotated[
        str,
        _DAEMON(
            parser=_one_of(FORMATS),
            metavar="NAME",
            help=f"How events are logged on standard error, one a line: {' or '.join(FORMATS)}.",
        ),
    ] = FORMATS[0]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command("emulate", epilog=_EXAMPLES)(Options)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options of a command line, by default of this process's. See :func:`parsed`."""
    return parsed(app, "pixeltree emulate", Options, arguments)


_command = cache(lambda: typer.main.get_command(app))
"""Made once: that takes longer than to parse a command line with it."""


def checked(arguments: Sequence[str]) -> Options:
    """The options of a device in this process.

    Raises:
        EmulatorError: one does not exist or makes no sense.
    """
    try:
        options = _command().main(list(arguments), standalone_mode=False)
    except _UsageError as error:
        raise EmulatorError(error.format_message()) from error
    if not isinstance(options, Options):
        raise EmulatorError(f"{' '.join(arguments)}: these options do not describe a device")
    return options


def parsed(
    application: typer.Typer, name: str, kind: type[_Values], arguments: Sequence[str] | None
) -> _Values:
    """What an application of one command, whose function is a class of options, makes of a command line.

    Args:
        application: the application.
        name: what its help calls it.
        kind: the class.
        arguments: without the name; None for those of this process.

    Raises:
        SystemExit: status 2 after a sentence about a mistake, 0 after ``--help``.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = typer.main.get_command(application).main(given, prog_name=name, standalone_mode=False)
    except _UsageError as error:
        say(f"{error.format_message()}\nTry '{name} --help' for help.")
        sys.exit(2)
    return options if isinstance(options, kind) else sys.exit(options)


def say(mistake: str) -> None:
    """One sentence on standard error that begins with ``error:``, as all of Pixeltree's commands say it."""
    typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(mistake, err=True)
