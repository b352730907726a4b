"""Links over serial ports, and over every URL that pyserial can open."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

import serial
from serial.urlhandler import protocol_socket

from pixeltree.arguments.files import as_path
from pixeltree.errors import LinkError
from pixeltree.links.base import READ_BYTES, Link, took_too_little
from pixeltree.links.polled_serial import SLICE, PolledSerialLink
from pixeltree.links.ports import name_ports, serial_ports
from pixeltree.links.serial_errors import OPEN_ERRORS, PORT_ERRORS, close_port, lost
from pixeltree.links.url import LinkUrl, switch, take_options, whole_number
from pixeltree.links.waiting import Waiter, write_all
from pixeltree_protocol.names import known_names

DEFAULT_BAUDRATE = 3_000_000
"""Baud where the URL says nothing: what common USB bridges reach. Ports of USB devices ignore it."""

_OPTIONS = ("baudrate", "rtscts")
_HAVE_DESCRIPTORS = (serial.Serial, protocol_socket.Serial)


class SerialLink:
    """An open port of a POSIX system, read and written by its descriptor.

    pyserial opens and sets up the port. Its own read and write wait for a number of bytes, and changing their
    time-outs sets up the port anew.
    """

    def __init__(self, port: serial.Serial, url: str) -> None:
        self._port = port
        self._descriptor: int = port.fileno()
        os.set_blocking(self._descriptor, False)
        self._wait = Waiter(self._descriptor)
        self._stuck = False
        self.url = url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._stuck = True
        try:
            taken = write_all(self._write, self._wait, data, timeout)
        except OSError as error:
            raise lost(self.url, error) from error
        if taken < len(data):
            raise took_too_little(self.url, taken, len(data), timeout)
        self._stuck = False

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        deadline = time.monotonic() + timeout
        while self._wait.readable(deadline - time.monotonic()):
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:  # somebody else read it
                continue
            except OSError as error:
                raise lost(self.url, error) from error
            if not data:  # what a port does that was unplugged: it is ready, for ever, with nothing
                raise lost(self.url, None)
            return data
        return None

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._descriptor = -1  # the system may give the number to somebody else
        if self._stuck:  # or the system would wait, half a minute even, for the device to take the rest
            with contextlib.suppress(*PORT_ERRORS):
                self._port.reset_output_buffer()
        close_port(self._port)


def open_serial(url: LinkUrl, _timeout: float) -> Link:
    """Open ``serial:///dev/ttyACM0?baudrate=3000000``, ``serial:COM3``, ``serial:rfc2217://host:port``."""
    port = url.address if "://" in url.address else url.address.removeprefix("//")
    if not port:
        raise LinkError(f"{url.text} needs a port, as in serial:///dev/ttyACM0; {name_ports(serial_ports())}")
    return open_port(url, str(as_path(port)) if port.startswith("~") else port)


def open_port(url: LinkUrl, port: str) -> Link:
    """Open a port by its path, or by a URL of pyserial's, with the options of ``url``.

    Opening a port takes no time. One on the network is given up by pyserial's rules, within 10 seconds.

    Raises:
        LinkError: there is no such port, or it cannot be had.
    """
    options, left = take_options(url, _OPTIONS)
    is_url = "://" in port
    if left and is_url:
        port = f"{port}?{'&'.join(left)}"
    elif left:
        name = left[0].partition("=")[0]
        known = known_names(name, (*_OPTIONS, "token_file"))
        raise LinkError(f"{url.text}: there is no option {name!r}; {known}")
    baudrate = whole_number(url, options, "baudrate", DEFAULT_BAUDRATE, least=1)
    rtscts = switch(url, options, "rtscts")
    try:
        opened = serial.serial_for_url(port, baudrate, timeout=SLICE, rtscts=rtscts, exclusive=True)
    except OPEN_ERRORS as error:
        raise _cannot_open(url, port, error) from error
    if sys.platform != "win32" and type(opened) in _HAVE_DESCRIPTORS:
        return SerialLink(opened, url.text)
    return PolledSerialLink(opened, url.text)


def _cannot_open(url: LinkUrl, port: str, error: Exception) -> LinkError:
    """The error for a port that cannot be opened, with what to try for each cause."""
    code = getattr(error, "errno", None)
    if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
        return LinkError(
            f"{url.text}: there is no port {port}; is it plugged in? {name_ports(serial_ports())}"
        )
    if code in {errno.EACCES, errno.EPERM}:
        group = _group(port)
        return LinkError(
            f"{url.text}: no permission to open {port}; join the group that may ('sudo usermod -aG {group} "
            f"$USER', then log in again), or give it to all with a udev rule"
        )
    if code in {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}:
        return LinkError(
            f"{url.text}: another program has {port}; end it first ('lsof {port}' shows which it is)"
        )
    reason = "pyserial does not know one of the options" if isinstance(error, LookupError) else error
    return LinkError(f"{url.text}: cannot open {port} ({reason}); {name_ports(serial_ports())}")


def _group(port: str) -> str:
    """The group that a port belongs to; on most Linux systems ``dialout``."""
    with contextlib.suppress(OSError, KeyError, NotImplementedError):
        if (group := Path(port).group()) != "root":
            return group
    return "dialout"
