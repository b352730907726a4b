"""Command line of the emulator daemon: ``python -m pixeltree_emu`` (``pixeltree emulate`` runs this)."""

from __future__ import annotations

import argparse
import logging
import signal
import sys

from pixeltree_emu.array.device_array import ENGINES, PixelArray
from pixeltree_emu.array.nonidealities import PRESETS, Chip, preset
from pixeltree_emu.array.sensor import Sensor
from pixeltree_emu.daemon import Daemon
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.listeners import Listener, listen
from pixeltree_emu.runtime.clock import CostModel
from pixeltree_emu.runtime.device import DeviceLimits, EmulatedDevice
from pixeltree_emu.sources import DEFAULT_RATE, open_source

DEFAULT_URL = "tcp://127.0.0.1:27900"

_EPILOG = """\
examples:
  pixeltree emulate
  pixeltree emulate --listen unix:///tmp/ppa0 --listen tcp://127.0.0.1:27900
  pixeltree emulate --memory-bytes 8192 --cost word_ns=111
then, in another terminal:
  pixeltree info tcp://127.0.0.1:27900
  pixeltree demo --device tcp://127.0.0.1:27900
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pixeltree emulate",
        description="Serve an emulated SCAMP-5 controller and array until Ctrl-C or SIGTERM.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        action="append",
        metavar="URL",
        help=f"where to serve: tcp://127.0.0.1:PORT or unix:///PATH; repeatable (default {DEFAULT_URL})",
    )
    _add_controller(parser.add_argument_group("controller"))
    _add_sensor(parser.add_argument_group("sensor"))
    _add_array(parser.add_argument_group("array"))
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when standard input ends, as a parent process can tell"
    )
    parser.add_argument("--verbose", action="store_true", help="log sessions as they come and go")
    return parser


def _add_controller(group: argparse._ArgumentGroup) -> None:
    limits = DeviceLimits()
    group.add_argument(
        "--memory-bytes",
        type=int,
        default=limits.memory_bytes,
        metavar="N",
        help="controller memory for all objects (default %(default)s)",
    )
    group.add_argument(
        "--icw-store",
        type=int,
        default=limits.icw_store,
        metavar="N",
        help="instruction words that resident blocks may take (default %(default)s)",
    )
    group.add_argument(
        "--cost",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set one entry of the device cost model, as in word_ns=111; repeatable",
    )


def _add_sensor(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--source",
        metavar="SOURCE",
        help="what the sensor sees: 'moving' (a synthetic scene), a picture, a folder of pictures, a .npy "
        "array (count, 256, 256) or a video; by default a dark scene that hosts paint",
    )
    group.add_argument(
        "--source-rate",
        type=float,
        default=DEFAULT_RATE,
        metavar="HZ",
        help="frames per second of the source, on the device clock (default %(default)g; videos know theirs)",
    )
    group.add_argument(
        "--exposure-us",
        type=int,
        default=Sensor.exposure_ns // 1000,
        metavar="N",
        help="exposure of a frame, and time in which white fills the half range (default %(default)s)",
    )


def _add_array(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="what executes instruction words; both give the same bits (default %(default)s)",
    )
    group.add_argument(
        "--preset",
        choices=PRESETS,
        default="ideal",
        help="exact arithmetic, or the errors of a chip (default %(default)s)",
    )
    group.add_argument("--chip", type=int, default=0, metavar="N", help="which chip: fixes its fixed pattern")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="fixes random draws (default 0)")


def _array(options: argparse.Namespace) -> PixelArray:
    model = preset(options.preset)
    chip = Chip(model, options.chip, options.seed) if model else None
    return PixelArray(engine=options.engine, chip=chip)


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon; returns the exit status: 0 after a clean stop, 2 for bad arguments."""
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listeners: list[Listener] = []
    try:
        device = EmulatedDevice(
            DeviceLimits(memory_bytes=options.memory_bytes, icw_store=options.icw_store),
            CostModel().with_settings(options.cost),
            array=_array(options),
        )
        if options.exposure_us < 1:
            raise EmulatorError(f"--exposure-us must be at least 1, not {options.exposure_us}")
        device.array.sensor.exposure_ns = options.exposure_us * 1000
        if options.source is not None:
            device.array.sensor.source = open_source(options.source, options.source_rate)
        for url in options.listen or [DEFAULT_URL]:
            listeners.append(listen(url))
    except EmulatorError as error:
        for listener in listeners:
            listener.close()
        sys.stderr.write(f"pixeltree emulate: {error}\n")
        return 2
    daemon = Daemon(device, listeners)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: daemon.stop())
    if options.until_eof:
        daemon.stop_at_end_of(sys.stdin.fileno())
    for listener in listeners:
        sys.stdout.write(f"serving an emulated SCAMP-5 at {listener.url}\n")
    sys.stdout.flush()
    daemon.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
