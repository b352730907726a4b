"""One run of the daemon: from its options to its exit status, with the signals that stop it."""

from __future__ import annotations

import io
import logging
import signal
import sys
from functools import partial
from types import FrameType

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.machine import logs
from pixeltree_emu.serving.daemon import Daemon
from pixeltree_emu.serving.listeners import ListenSettings, listen_all
from pixeltree_emu.serving.notify import READY, STOPPING, notify
from pixeltree_emu.serving.options import DEFAULT_URL, Options, say
from pixeltree_emu.serving.parent import LOG_NAME, remove_private_folder, tell_ready
from pixeltree_emu.serving.setup import board_parts_of, device_of, identity_of, line_of, listen_settings_of
from pixeltree_emu.serving.virtual_time import VirtualTimeServer
from pixeltree_emu.vendor.ports import VendorPorts, is_vendors
from pixeltree_emu.wires.line import LineSettings
from pixeltree_protocol.link.connection import Identity

_FAILED = 70
"""Exit status after an internal error (EX_SOFTWARE of sysexits.h)."""


def _signals() -> list[signal.Signals]:
    """Signals that stop a daemon, but for those that it was started to ignore (nohup)."""
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [number for number in asking if signal.getsignal(number) is not signal.SIG_IGN]


class _Stop:
    """What a signal stops: nothing yet while the daemon starts, which it then remembers."""

    def __init__(self) -> None:
        self.asked = False
        self.daemon: Daemon | None = None
        for number in _signals():
            signal.signal(number, self._stop)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.asked = True
        if self.daemon is None:
            signal.signal(number, signal.SIG_DFL)  # asked twice: at once
        else:
            notify(STOPPING)
            self.daemon.stop()


def serve(options: Options) -> int:
    """Run the daemon; returns the exit status: 0 stopped cleanly, 2 bad options, 70 an internal error."""
    stop = _Stop()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may not be printable here
    logs.configure(options.log_format, logging.INFO if options.verbose else logging.WARNING)
    try:
        if options.until_eof and sys.stdin is None:
            raise EmulatorError(
                "--until-eof waits for the end of standard input, which is closed already; leave it out"
            )
        device = device_of(options)
        identity = identity_of(options, device.limits)
        settings = listen_settings_of(options, authenticated=identity.token is not None)
        if options.virtual_time:
            status = _serve_virtual_time(options, device, identity)
        else:
            status = _serve(options, device, identity, settings, stop)
    except EmulatorError as error:
        say(str(error))
        return 2
    if options.private_folder is not None and not status:
        remove_private_folder(options.private_folder)
    return status


def _serve(
    options: Options,
    device: EmulatedDevice,
    identity: Identity,
    settings: ListenSettings,
    stop: _Stop,
) -> int:
    urls = options.listen or [DEFAULT_URL]
    vendors = VendorPorts([url for url in urls if is_vendors(url)], partial(board_parts_of, options), device)
    try:
        listeners = listen_all([url for url in urls if not is_vendors(url)], settings)
    except BaseException:
        vendors.stop()
        raise
    folder = options.private_folder
    log = "the daemon's log" if folder is None else str(folder / LOG_NAME)
    daemon = Daemon(device, listeners, identity, log=log)
    stop.daemon = daemon
    if stop.asked:
        daemon.stop()
    if options.until_eof:
        daemon.stop_at_end_of(sys.stdin.fileno())
    served = [*(listener.url for listener in listeners), *vendors.urls]
    _say("serving an emulated SCAMP-5 at", options, device, served)
    notify(READY)
    try:
        daemon.serve()
    finally:
        vendors.stop()
    return _FAILED if daemon.failed or vendors.failed else 0


def _say(what: str, options: Options, device: EmulatedDevice, urls: list[str]) -> None:
    for url in urls:
        sys.stdout.write(f"{what} {url}\n")
    sys.stdout.flush()
    if options.ready_fd is not None:
        tell_ready(options.ready_fd, urls, device.array.compiling)


def _serve_virtual_time(options: Options, device: EmulatedDevice, identity: Identity) -> int:
    """Serve hosts that share the device's clock, one after the other.

    Raises:
        EmulatorError: it is to be served elsewhere than on one unix socket.
    """
    urls = options.listen or []
    if len(urls) != 1 or not urls[0].startswith("unix:"):
        raise EmulatorError("--virtual-time serves one unix socket: give one --listen unix:///PATH")
    (listener,) = listen_all(urls, ListenSettings(identity.token is not None, None, LineSettings()))
    for number in _signals():
        signal.signal(number, lambda *_: sys.exit())
    try:
        _say("serving an emulated SCAMP-5 on virtual time at", options, device, [listener.url])
        VirtualTimeServer(device, listener, identity, line_of(options)).serve(options.until_eof)
    except SystemExit:
        listener.close()
    return 0
