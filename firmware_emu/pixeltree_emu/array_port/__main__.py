"""Command line of the array alone, which ``pixeltree emulate-array`` runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from pixeltree_emu.machine.defaults import ENGINES, PRESETS
from pixeltree_emu.serving.options import Options as DeviceOptions
from pixeltree_emu.serving.options import parsed, say

DEFAULT_URL = "tcp://127.0.0.1:27910"

STORE_WORDS = 4_096
"""Words of the instruction store: 1,024 of resident blocks (fact sheet 2.5), and a controller's own."""

_EXAMPLES = """\
Examples:

pixeltree emulate-array --listen unix:///tmp/array0

pixeltree emulate-array --preset typical --chip 7 --source moving

Then start a controller that drives it, for instance:

firmware/build/pixeltree-device --array unix:///tmp/array0
"""

_ARRAY = partial(typer.Option, rich_help_panel="Array")
_SENSOR = partial(typer.Option, rich_help_panel="Sensor")
_SERVING = partial(typer.Option, rich_help_panel="Serving")


@dataclass(frozen=True)
class Options:
    """Serve an emulated array without a controller, to one controller at a time."""

    listen: Annotated[
        str, _SERVING(metavar="URL", help="Where to serve: unix:///PATH or tcp://127.0.0.1:PORT.")
    ] = DEFAULT_URL
    until_eof: Annotated[bool, _SERVING("--until-eof", help="Stop when standard input ends.")] = False
    source: Annotated[
        str | None,
        _SENSOR(metavar="SOURCE", help="What the sensor sees; see 'pixeltree emulate --help'."),
    ] = None
    preset: Annotated[
        str, _ARRAY(metavar="NAME", help=f"Errors of the array: {', '.join(PRESETS)}, or a file.")
    ] = PRESETS[0]
    chip: Annotated[
        int, _ARRAY(metavar="N", help="Number of the chip; it fixes the chip's fixed pattern.")
    ] = 0
    seed: Annotated[int, _ARRAY(metavar="N", help="Seed of the random draws.")] = 0
    engine: Annotated[str, _ARRAY(metavar="NAME", help=f"What executes words: {' or '.join(ENGINES)}.")] = (
        ENGINES[0]
    )
    icw_words: Annotated[int, _ARRAY(metavar="N", help="Words of the instruction store.")] = STORE_WORDS


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command("emulate-array", epilog=_EXAMPLES)(Options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process is told to stop; returns the exit status: 0, or 2 for bad options."""
    options = parsed(app, "pixeltree emulate-array", Options, arguments)
    from pixeltree_emu.array_port.executor import ArrayExecutor  # noqa: PLC0415 - slow to load
    from pixeltree_emu.array_port.server import serve  # noqa: PLC0415
    from pixeltree_emu.errors import EmulatorError  # noqa: PLC0415
    from pixeltree_emu.serving.listeners import ListenSettings, SocketListener, listen  # noqa: PLC0415
    from pixeltree_emu.serving.setup import device_of  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        device = device_of(_device_options(options), at_once=False)
        listener = listen(options.listen, ListenSettings())
    except EmulatorError as error:
        say(str(error))
        return 2
    if not isinstance(listener, SocketListener):
        listener.close()
        say(f"--listen {options.listen}: an array is served at unix:///PATH or tcp://127.0.0.1:PORT")
        return 2
    if options.until_eof:
        threading.Thread(target=_stop_at_end, daemon=True).start()
    sys.stdout.write(f"serving an emulated array at {listener.url}\n")
    sys.stdout.flush()
    try:
        serve(listener.server, ArrayExecutor(device.array, device.read_out, options.icw_words))
    finally:
        listener.close()
    return 0


def _device_options(options: Options) -> DeviceOptions:
    return DeviceOptions(
        source=options.source,
        preset=options.preset,
        chip=options.chip,
        seed=options.seed,
        engine=options.engine,
    )


def _stop_at_end() -> None:
    """Ask this process to stop once standard input has ended."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
