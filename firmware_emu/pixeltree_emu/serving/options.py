"""Command line options of the emulator daemon, and what they make."""

from __future__ import annotations

import argparse
import logging
import math
import secrets
from dataclasses import fields, replace
from itertools import cycle

from pixeltree_emu.array.nonidealities import PRESETS, Chip, Nonidealities, preset
from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.controller.device import DeviceLimits, EmulatedDevice
from pixeltree_emu.controller.device_array import ENGINES, PixelArray
from pixeltree_emu.controller.readout import READ_OUT_PRESETS, SUM_SCALES
from pixeltree_emu.errors import EmulatorError, ListenError
from pixeltree_emu.machine.logs import FORMATS
from pixeltree_emu.machine.paths import user_path
from pixeltree_emu.sensor.sensor import Sensor
from pixeltree_emu.sensor.sources import DEFAULT_RATE, open_source, pace_warning, read_order
from pixeltree_emu.serving.access import read_token
from pixeltree_emu.serving.listeners import ListenSettings
from pixeltree_emu.wires.line import LineSettings
from pixeltree_emu.wires.tls import server_context
from pixeltree_protocol.errors import ProtocolError
from pixeltree_protocol.link.connection import Identity
from pixeltree_protocol.link.messages import Capabilities

logger = logging.getLogger(__name__)

DEFAULT_URL = "tcp://127.0.0.1:27900"

_EPILOG = """\
examples:
  pixeltree emulate
  pixeltree emulate --listen unix:///tmp/ppa0 --listen tcp://127.0.0.1:27900
  pixeltree emulate --listen pty:///tmp/ppa0 --bps 3e6 --bits-per-byte 10
  pixeltree emulate --listen tls://0.0.0.0:27900 --token-file token --tls-cert cert.pem --tls-key key.pem
  pixeltree emulate --memory-bytes 8192 --cost word_ns=111
then, in another terminal:
  pixeltree info tcp://127.0.0.1:27900
  pixeltree demo --device tcp://127.0.0.1:27900
"""


DEVICE_NAME = "Pixeltree emulator"


def parser() -> argparse.ArgumentParser:
    """All options."""
    options = argparse.ArgumentParser(
        prog="pixeltree emulate",
        description="Serve an emulated SCAMP-5 controller and array until Ctrl-C or SIGTERM.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "--listen",
        action="append",
        metavar="URL",
        help="where to serve: tcp://127.0.0.1:PORT, tls://127.0.0.1:PORT, unix:///PATH, or pty:///PATH, "
        f"which makes a link to a pseudo terminal there; repeatable (default {DEFAULT_URL})",
    )
    _add_hosts(options.add_argument_group("hosts"))
    _add_line(options.add_argument_group("line", "Makes wires as slow as real ones, in each direction."))
    _add_access(options.add_argument_group("access"))
    _add_controller(options.add_argument_group("controller"))
    _add_sensor(options.add_argument_group("sensor"))
    _add_array(options.add_argument_group("array"))
    options.add_argument(
        "--until-eof", action="store_true", help="stop when standard input ends, as a parent process can tell"
    )
    options.add_argument(
        "--ready-fd",
        type=int,
        metavar="N",
        help="when it serves, write a line of JSON (urls, version, pid, compiling) to this file descriptor, "
        "which a parent process has opened, and close it",
    )
    options.add_argument(
        "--private-folder",
        type=user_path,
        metavar="DIR",
        help="a folder that is to go at the end, with the file 'log' in it, unless something failed",
    )
    options.add_argument("--verbose", action="store_true", help="log sessions as they come and go")
    options.add_argument(
        "--log-format",
        choices=FORMATS,
        default=FORMATS[0],
        help="key=value pairs or JSON, an event a line, on standard error (default %(default)s)",
    )
    return options


def _add_line(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--bps",
        type=float,
        metavar="RATE",
        help="bits per second, as in 12e6 or 3000000; the cost model's line_bits_per_second follows it",
    )
    group.add_argument(
        "--bits-per-byte",
        type=float,
        default=8,
        metavar="N",
        help="bits on the line for one byte: 10 for a serial port with 8N1 (default %(default)g)",
    )
    group.add_argument(
        "--virtual-time",
        action="store_true",
        help="line, array and controller on one clock that goes as fast as this machine computes; for hosts "
        "that share it, on one unix socket",
    )
    group.add_argument(
        "--latency-us",
        type=float,
        default=0,
        metavar="N",
        help="microseconds from one end to the other (default %(default)g)",
    )


def _add_hosts(group: argparse._ArgumentGroup) -> None:
    for name, default, what in (
        ("heartbeat", 1_000, "both ends send something at least this often"),
        ("silence", 5_000, "an end that says nothing for so long is gone"),
        ("resume", 30_000, "a session whose connection was cut may come back for so long"),
    ):
        group.add_argument(
            f"--{name}-ms", type=int, default=default, metavar="N", help=f"{what} (default %(default)s)"
        )


def _add_access(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--token-file",
        type=user_path,
        metavar="FILE",
        help="a secret that hosts must know, 16 bytes or more in a file that only you can read; needed to "
        "serve addresses that other machines can reach",
    )
    group.add_argument("--tls-cert", type=user_path, metavar="FILE", help="certificate for tls://, PEM")
    group.add_argument("--tls-key", type=user_path, metavar="FILE", help="its key, PEM, no passphrase")


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
        help="pictures per second of the source, in device time, of which a frame of a tree takes less than "
        "a millisecond (default %(default)g; videos know theirs)",
    )
    group.add_argument(
        "--fit",
        action="store_true",
        help="crop pictures of the source to a square about the centre and scale them to 256 x 256, as is "
        "always done with videos",
    )
    group.add_argument(
        "--source-order",
        type=user_path,
        metavar="FILE",
        help="which picture of the source each exposure sees, whatever the time: a number per line, "
        "again from the first at the end",
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
    group.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="set one number of the preset, as in noise=0.1 or sum_sparse_scale=1024 (units a count of "
        "a global sum); repeatable",
    )
    group.add_argument("--chip", type=int, default=0, metavar="N", help="which chip: fixes its fixed pattern")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="fixes random draws (default 0)")


def device_of(options: argparse.Namespace) -> EmulatedDevice:
    """The device that options describe.

    Raises:
        EmulatorError: options that make no sense.
    """
    device = EmulatedDevice(
        DeviceLimits(memory_bytes=options.memory_bytes, icw_store=options.icw_store),
        costs_of(options),
        array=_array(options),
        read_out=READ_OUT_PRESETS[options.preset].with_settings(_settings_of(options)[1]),
    )
    if options.exposure_us < 1:
        raise EmulatorError(f"--exposure-us must be at least 1, not {options.exposure_us}")
    device.array.sensor.exposure_ns = options.exposure_us * 1000
    if options.source is not None:
        source = open_source(options.source, options.source_rate, options.fit)
        device.array.sensor.source = source
        if options.source_order is not None:
            device.array.sensor.order = cycle(read_order(options.source_order))
        elif not (source.still or options.virtual_time):
            logger.warning("%s", pace_warning(source))
    elif options.source_order is not None or options.fit:
        option = "--fit" if options.fit else "--source-order"
        raise EmulatorError(f"{option} is about the pictures of --source; give both")
    return device


def costs_of(options: argparse.Namespace) -> CostModel:
    """The cost model: it knows the rate of the line, unless told another.

    Raises:
        EmulatorError: a setting that makes no sense.
    """
    costs = CostModel()
    line = line_of(options)
    if line.bits_per_second is not None:
        # The model counts 8 bits a byte.
        costs = replace(costs, line_bits_per_second=max(1, round(8 / line.seconds_per_byte)))
    return costs.with_settings(options.cost)


def line_of(options: argparse.Namespace) -> LineSettings:
    """How slow the wires are.

    Raises:
        EmulatorError: a value out of range.
    """
    return LineSettings(options.bps, options.bits_per_byte, options.latency_us / 1e6)


def identity_of(options: argparse.Namespace, capabilities: Capabilities) -> Identity:
    """What the device says of itself to its hosts, with a boot id of its own.

    Raises:
        EmulatorError: times that contradict each other.
        ListenError: a token file that cannot be used.
    """
    try:
        return Identity(
            secrets.token_bytes(8),
            DEVICE_NAME,
            capabilities,
            options.heartbeat_ms,
            options.silence_ms,
            options.resume_ms,
            _token_of(options),
        )
    except ProtocolError as error:
        raise EmulatorError(f"--heartbeat-ms, --silence-ms, --resume-ms: {error}") from error


def _token_of(options: argparse.Namespace) -> bytes | None:
    """The secret that sessions must know, if there is one.

    Raises:
        ListenError: a token file that cannot be used.
    """
    return None if options.token_file is None else read_token(options.token_file)


def listen_settings_of(options: argparse.Namespace, authenticated: bool) -> ListenSettings:
    """What holds for all listeners.

    Args:
        options: as parsed.
        authenticated: sessions must know a token.

    Raises:
        EmulatorError: a certificate without its key, files that cannot be used, values out of range.
    """
    if (options.tls_cert is None) != (options.tls_key is None):
        raise ListenError("--tls-cert and --tls-key belong together; give both")
    tls = None if options.tls_cert is None else server_context(options.tls_cert, options.tls_key)
    return ListenSettings(authenticated, tls, line_of(options))


def _settings_of(options: argparse.Namespace) -> tuple[dict[str, float], dict[str, int]]:
    """What ``--set`` gives: numbers of a chip's errors, and scales of global sums.

    Raises:
        EmulatorError: an unknown name, a value that is no number, or a chip's number in ideal mode.
    """
    errors, scales = dict[str, float](), dict[str, int]()
    known = (*SUM_SCALES, *(item.name for item in fields(Nonidealities)))
    for setting in options.settings:
        name, _, value = setting.partition("=")
        whole = name in (*SUM_SCALES, "flood_distance", "areg_rest")
        if name not in known:
            raise EmulatorError(f"--set: no number is named {name!r}; known: {', '.join(known)}")
        try:
            number = int(value) if whole else float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise EmulatorError(f"--set {setting}: the value must be a {'whole ' if whole else ''}number")
        if name in SUM_SCALES:
            scales[name] = int(number)
        else:
            errors[name] = number
    if errors and preset(options.preset) is None:
        raise EmulatorError(f"--set {min(errors)}: ideal mode has no errors; choose another --preset")
    return errors, scales


def _array(options: argparse.Namespace) -> PixelArray:
    model = preset(options.preset)
    if model is not None:
        model = replace(model, **_settings_of(options)[0])  # type: ignore[arg-type]
    chip = Chip(model, options.chip, options.seed) if model else None
    return PixelArray(engine=options.engine, chip=chip, at_once=True)
