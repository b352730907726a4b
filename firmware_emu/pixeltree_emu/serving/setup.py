"""What the options of the daemon make: a device, its identity, its lines and listeners."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from pixeltree_emu.array.nonidealities import Chip
from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import EmulatorError, ListenError
from pixeltree_emu.machine.paths import TEXT
from pixeltree_emu.sensor.sensor import Sensor
from pixeltree_emu.sensor.sources import open_source, read_order
from pixeltree_emu.serving.access import read_token
from pixeltree_emu.serving.listeners import ListenSettings
from pixeltree_emu.serving.options import Options
from pixeltree_emu.vendor.board import BoardParts
from pixeltree_emu.vendor.gathered import GatheredArray
from pixeltree_emu.wires.line import LineSettings
from pixeltree_emu.wires.tls import server_context
from pixeltree_pictures.sources import Source
from pixeltree_protocol.chip.nonidealities import SUM_SCALES, preset
from pixeltree_protocol.chip.preset_file import SUFFIX, PresetNumbers, named, number_of, parsed
from pixeltree_protocol.errors import PresetError, ProtocolError
from pixeltree_protocol.link.connection import Identity

logger = logging.getLogger(__name__)

DEVICE_NAME = "Pixeltree emulator"


def device_of(options: Options, at_once: bool = True) -> EmulatedDevice:
    """The device that options describe.

    Args:
        options: as parsed.
        at_once: where the fast engine has to be compiled first, let the reference engine work until it is;
            else wait for it.

    Raises:
        EmulatorError: options that make no sense.
    """
    device = EmulatedDevice(
        DeviceLimits(memory_bytes=options.memory_bytes, icw_store=options.icw_store),
        costs_of(options),
        array=_array(options, at_once),
        read_out=_read_out(options),
    )
    if options.exposure == "auto":
        device.expose_automatically()
    clock = _aim(device.array.sensor, options)
    device.settings = _told(options, device.array.sensor.source, clock)
    return device


def board_parts_of(options: Options, at_once: bool = True) -> BoardParts:
    """What the array of a program of the vendor's is made of; see :func:`device_of`.

    Raises:
        EmulatorError: options that make no sense.
    """
    array = GatheredArray(engine=options.engine, chip=_chip(options), at_once=at_once)
    _aim(array.sensor, options)
    return BoardParts(array, costs_of(options), _read_out(options))


def _aim(sensor: Sensor, options: Options) -> str:
    """Give a sensor its exposure and its source; returns the clock that the source follows.

    Raises:
        EmulatorError: options that make no sense.
    """
    if options.exposure_us < 1:
        raise EmulatorError(f"--exposure-us must be at least 1, not {options.exposure_us}")
    sensor.exposure_ns = sensor.frame_ns = options.exposure_us * 1000
    return _look_at_source(sensor, options)


def _read_out(options: Options) -> ReadOutParameters:
    return ReadOutParameters().with_settings(_numbers(options).sums)


def _look_at_source(sensor: Sensor, options: Options) -> str:
    """Let the sensor look at the source that options name; returns the clock that it follows.

    Raises:
        EmulatorError: there is none and an option is about it, or options contradict each other.
    """
    given = {
        "--fit": options.fit,
        "--source-order": options.source_order is not None,
        "--source-clock": options.source_clock is not None,
    }
    if options.source is None:
        for option in (option for option, is_given in given.items() if is_given):
            raise EmulatorError(f"{option} is about the pictures of --source; give both")
        return "none"
    clock = options.source_clock or ("wall" if options.source_order is None else "frame")
    if options.source_order is not None and clock != "frame":
        raise EmulatorError(
            f"--source-order says which picture each exposure sees, so its source cannot follow {clock} "
            "time; leave --source-clock out"
        )
    source = open_source(options.source, options.source_rate, options.fit)
    if source.live and clock == "device":
        raise EmulatorError(
            "a camera shows what it sees now and cannot follow device time; leave --source-clock out"
        )
    order = None if options.source_order is None else cycle(read_order(options.source_order))
    sensor.look_at(source, clock, order)
    return clock


def _told(options: Options, source: Source | None, clock: str) -> dict[str, str]:
    """What the device says of how it was set up."""
    told = {"source": options.source or "none"}
    if source is not None:
        told["source_clock"] = "frame, in the order of a file" if options.source_order else clock
        told["source_rate"] = f"{1e9 / source.period_ns:g} Hz"
        told["fit"] = "crop to a square, scale" if options.fit else "off"
    told |= {"preset": options.preset, "chip": str(options.chip), "seed": str(options.seed)}
    return told | {"engine": options.engine}


def costs_of(options: Options) -> CostModel:
    """The cost model: it knows the rate of the line, unless told another.

    Raises:
        EmulatorError: a setting that makes no sense.
    """
    costs = CostModel()
    line = line_of(options)
    if line.bits_per_second is not None:
        # The model counts 8 bits a byte.
        costs = replace(costs, line_bits_per_second=max(1, round(8 / line.seconds_per_byte)))
    return costs.with_settings(options.cost or [])


def line_of(options: Options) -> LineSettings:
    """How slow the wires are.

    Raises:
        EmulatorError: a value out of range.
    """
    return LineSettings(options.bps, options.bits_per_byte, options.latency_us / 1e6)


def identity_of(options: Options, limits: DeviceLimits) -> Identity:
    """What the device says of itself to its hosts, with a boot id of its own.

    Raises:
        EmulatorError: times that contradict each other.
        ListenError: a token file that cannot be used.
    """
    try:
        return Identity(
            secrets.token_bytes(8),
            DEVICE_NAME,
            limits.capabilities(),
            options.heartbeat_ms,
            options.silence_ms,
            options.resume_ms,
            _token_of(options),
            limits.local_capabilities(),
        )
    except ProtocolError as error:
        raise EmulatorError(f"--heartbeat-ms, --silence-ms, --resume-ms: {error}") from error


def _token_of(options: Options) -> bytes | None:
    """The secret that sessions must know, if there is one.

    Raises:
        ListenError: a token file that cannot be used.
    """
    return None if options.token_file is None else read_token(options.token_file)


def listen_settings_of(options: Options, authenticated: bool) -> ListenSettings:
    """What holds for all listeners.

    Args:
        options: as parsed.
        authenticated: sessions must know a token.

    Raises:
        EmulatorError: a certificate without its key, files that cannot be used, values out of range.
    """
    certificate, key = options.tls_cert, options.tls_key
    if (certificate is None) != (key is None):
        raise ListenError("--tls-cert and --tls-key belong together; give both")
    tls = None if certificate is None or key is None else server_context(certificate, key)
    return ListenSettings(authenticated, tls, line_of(options))


def _numbers(options: Options) -> PresetNumbers:
    """What ``--preset`` and ``--set`` give: numbers of a chip's errors, and scales of global sums.

    Raises:
        EmulatorError: no such preset, a file that cannot be read, an unknown name, a value that is no number,
            or a chip's number in ideal mode.
    """
    chosen = _preset(options.preset)
    errors, sums = dict(chosen.errors), dict(chosen.sums)
    for setting in options.settings or ():
        name, _, value = setting.partition("=")
        try:
            number = number_of(name, value)
        except PresetError as error:
            raise EmulatorError(f"--set: {error}") from error
        if name in SUM_SCALES:
            sums[name] = int(number)
        else:
            errors[name] = number
    numbers = PresetNumbers(chosen.base, errors, sums)
    if errors and preset(chosen.base) is None:
        raise EmulatorError(f"--set {min(errors)}: ideal chips have no errors; choose another --preset")
    return numbers


def _preset(name: str) -> PresetNumbers:
    """The preset that ``--preset`` names: one of the package, or a file.

    Raises:
        EmulatorError: there is none, or the file is no preset.
    """
    try:
        if not name.endswith(SUFFIX):
            return named(name)
        return parsed(Path(name).read_text(TEXT), name)
    except OSError as error:
        raise EmulatorError(f"cannot read the preset {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EmulatorError(f"the preset {name} is not UTF-8: {error}") from error
    except PresetError as error:
        raise EmulatorError(str(error)) from error


def _array(options: Options, at_once: bool) -> PixelArray:
    return PixelArray(engine=options.engine, chip=_chip(options), at_once=at_once)


def _chip(options: Options) -> Chip | None:
    try:
        model = _numbers(options).model
    except PresetError as error:
        raise EmulatorError(f"--set: {error}") from error
    return Chip(model, options.chip, options.seed) if model else None
