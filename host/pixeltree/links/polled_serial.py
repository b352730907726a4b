"""Links over ports of pyserial that have no descriptor to wait on: ``rfc2217://``, ``loop://``, Windows."""

from __future__ import annotations

import queue
import time

import serial
from serial import rfc2217

from pixeltree.errors import LinkError
from pixeltree.links.base import took_too_little
from pixeltree.links.serial_errors import PORT_ERRORS, close_port, lost

SLICE = 0.01
"""Seconds that pyserial waits for a byte in one go; a wait may be over by as much."""

_PIECE_BYTES = 4096
"""Bytes written in one go, between looks at the clock."""


class PolledSerialLink:
    """An open port of any kind, by pyserial's portable calls alone.

    Args:
        port: an open port with :data:`SLICE` for its time-out; the link closes it. (The time-out is never
            changed: over ``rfc2217://``, that takes a round trip and 50 ms.)
        url: where it leads.
    """

    def __init__(self, port: serial.Serial, url: str) -> None:
        self._port = port
        self._has_write_timeout = not isinstance(port, rfc2217.Serial)
        self.url = url

    def _allow(self, timeout: float) -> None:
        """Give writes this many seconds, where the port knows such a thing."""
        if self._has_write_timeout and self._port.write_timeout != timeout:
            self._port.write_timeout = timeout

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`. ``rfc2217://`` may take 5 seconds longer."""
        deadline = time.monotonic() + timeout
        taken = 0
        try:
            self._allow(timeout)
            while taken < len(data) and (not taken or time.monotonic() < deadline):
                taken += self._port.write(data[taken : taken + _PIECE_BYTES]) or 0
        except (serial.SerialTimeoutException, queue.Full) as error:
            raise took_too_little(self.url, taken, len(data), timeout) from error
        except PORT_ERRORS as error:
            raise self._lost(error) from error
        if taken < len(data):
            raise took_too_little(self.url, taken, len(data), timeout)

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                if not self._port.in_waiting and time.monotonic() >= deadline:
                    return None
                if first := self._port.read(1):
                    return bytes(first) + bytes(self._port.read(self._port.in_waiting))
        except PORT_ERRORS as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> LinkError:
        if not self._port.is_open:
            return LinkError(f"the link to {self.url} is closed")
        return lost(self.url, error)

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        close_port(self._port)
