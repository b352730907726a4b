"""Command line of the emulator daemon: ``python -m pixeltree_emu`` (``pixeltree emulate`` runs this)."""

from __future__ import annotations

import argparse
import logging
import signal
import sys

from pixeltree_emu import logs
from pixeltree_emu.daemon import Daemon
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.listeners import ListenSettings, listen_all
from pixeltree_emu.notify import READY, STOPPING, notify
from pixeltree_emu.options import DEFAULT_URL, device_of, identity_of, line_of, listen_settings_of, parser
from pixeltree_emu.runtime.device import EmulatedDevice
from pixeltree_emu.virtual_time import VirtualTimeServer
from pixeltree_emu.wires.line import LineSettings
from pixeltree_protocol.connection import Identity


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon; returns the exit status: 0 after a clean stop, 2 for bad arguments."""
    options = parser().parse_args(arguments)
    logs.configure(options.log_format, logging.INFO if options.verbose else logging.WARNING)
    try:
        device = device_of(options)
        identity = identity_of(options, device.limits.capabilities())
        settings = listen_settings_of(options, authenticated=identity.token is not None)
        if options.virtual_time:
            return _serve_virtual_time(options, device, identity)
        listeners = listen_all(options.listen or [DEFAULT_URL], settings)
    except EmulatorError as error:
        sys.stderr.write(f"pixeltree emulate: {error}\n")
        return 2
    daemon = Daemon(device, listeners, identity)

    def stop(*_: object) -> None:
        notify(STOPPING)
        daemon.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if options.until_eof:
        daemon.stop_at_end_of(sys.stdin.fileno())
    for listener in listeners:
        sys.stdout.write(f"serving an emulated SCAMP-5 at {listener.url}\n")
    sys.stdout.flush()
    notify(READY)
    daemon.serve()
    return 0


def _serve_virtual_time(options: argparse.Namespace, device: EmulatedDevice, identity: Identity) -> int:
    """Serve hosts that share the device's clock, one after the other.

    Raises:
        EmulatorError: it is to be served elsewhere than on one unix socket.
    """
    urls = options.listen or []
    if len(urls) != 1 or not urls[0].startswith("unix:"):
        raise EmulatorError("--virtual-time serves one unix socket: give one --listen unix:///PATH")
    (listener,) = listen_all(urls, ListenSettings(identity.token is not None, None, LineSettings()))
    sys.stdout.write(f"serving an emulated SCAMP-5 on virtual time at {listener.url}\n")
    sys.stdout.flush()
    VirtualTimeServer(device, listener, identity, line_of(options)).serve(options.until_eof)
    return 0


if __name__ == "__main__":
    sys.exit(main())
