"""Wires over connected stream sockets: TCP and unix."""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket

from pixeltree_emu.errors import WireClosed
from pixeltree_emu.wires.base import READ_BYTES, Data, Wants


def prepare(connected: socket.socket) -> None:
    """Make a socket non-blocking, and a TCP socket prompt: small messages do not wait for large ones."""
    connected.setblocking(False)
    if connected.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):  # it may have been cut already; the first read will tell
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def is_local(connected: socket.socket) -> bool:
    """Whether the other end of a socket is on this machine."""
    if connected.family == socket.AF_UNIX:
        return True
    try:
        host: str = connected.getpeername()[0]
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except (OSError, ValueError):  # it has been cut already; or an address that is none, as of a scope
        return False


class SocketWire:
    """A connected stream socket, which the wire owns from now on.

    Args:
        connected: the socket.
        name: for logs.
    """

    persistent = False

    def __init__(self, connected: socket.socket, name: str) -> None:
        prepare(connected)
        self.name = name
        self.local = is_local(connected)
        self._socket = connected

    def fileno(self) -> int:
        """Descriptor for a selector."""
        return self._socket.fileno()

    def wants(self, reading: bool, writing: bool) -> Wants:
        """Readable and writable as asked."""
        return Wants((selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if writing else 0))

    def read(self, limit: int = READ_BYTES) -> bytes | None:
        """Take what is there."""
        try:
            return self._socket.recv(limit)
        except BlockingIOError:
            return None
        except OSError as error:
            raise WireClosed(f"the connection broke: {error.strerror}") from error

    def write(self, data: Data) -> int:
        """Give what fits."""
        if not data:
            return 0
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise WireClosed(f"the connection broke: {error.strerror}") from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
