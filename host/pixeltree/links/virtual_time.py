"""A link to an emulator on virtual time; it is the clock too.

The world stands still while the host computes, and goes on while it waits. What the host computes takes no
time there.
"""

from __future__ import annotations

import socket

from pixeltree.errors import LinkError
from pixeltree_protocol.link.virtual_time import ENVELOPE

_READ_BYTES = 1 << 16
_ANSWER_TIME = 120.0
"""Seconds of wall time for the emulator to reach the time that we wait for."""


class VirtualTimeLink:
    """A link and a clock.

    Args:
        path: unix socket of an emulator started with ``--virtual-time``.

    Raises:
        LinkError: nobody is there.
    """

    def __init__(self, path: str) -> None:
        self.url = f"unix://{path}"
        self._now = 0.0
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._unread = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_TIME)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            reason = error.strerror or error
            raise LinkError(
                f"no emulator that was started with --virtual-time answers at {self.url}: {reason}"
            ) from error

    # -- the clock ---------------------------------------------------------------------------------

    def monotonic(self) -> float:
        """Seconds on the device clock."""
        return self._now

    def sleep(self, seconds: float, /) -> None:
        """Let time pass; what comes in meanwhile is kept."""
        until = self._now + seconds
        self._exchange(self._now)
        while self._now < until:
            self._exchange(until)

    # -- the link ----------------------------------------------------------------------------------

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._outgoing += data

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        if not self._incoming and (timeout > 0 or self._outgoing):
            self._exchange(self._now + timeout)
        data = bytes(self._incoming)
        self._incoming.clear()
        return data or None

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._socket.close()

    def _exchange(self, until: float) -> None:
        try:
            self._socket.sendall(ENVELOPE.pack(until, len(self._outgoing)) + self._outgoing)
            self._outgoing.clear()
            self._now, size = ENVELOPE.unpack(self._exactly(ENVELOPE.size))
            self._incoming += self._exactly(size)
        except OSError as error:
            raise LinkError(f"the emulator at {self.url} is gone: {error}") from error

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            part = self._socket.recv(_READ_BYTES)
            if not part:
                raise LinkError(f"the emulator at {self.url} is gone: it closed the connection")
            self._unread += part
        data = self._unread[:count]
        self._unread = self._unread[count:]
        return data
