"""Links over TCP and unix sockets."""

from __future__ import annotations

import socket
import struct
import time

from pixeltree.errors import LinkError
from pixeltree.links.base import took_too_little
from pixeltree.links.url import LinkUrl, host_and_port, known_options
from pixeltree.links.waiting import Waiter, write_all

_READ_BYTES = 262_144
"""Bytes that one read takes at most: as much as the system keeps of a local socket's."""


class SocketLink:
    """A connected stream socket."""

    def __init__(self, connected: socket.socket, url: str) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._wait = Waiter(connected.fileno())
        self.url = url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        try:
            taken = write_all(self._write, self._wait, data, timeout)
        except OSError as error:
            raise gone(self.url, error.strerror) from error
        if taken < len(data):
            raise took_too_little(self.url, taken, len(data), timeout)

    def _write(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        deadline = time.monotonic() + timeout
        while self._wait.readable(timeout):
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:  # what woke us was dropped again, as a damaged packet is
                timeout = deadline - time.monotonic()
                continue
            except OSError as error:
                raise gone(self.url, error.strerror) from error
            if not data:
                raise gone(self.url, "it closed the connection")
            return data
        return None

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._socket.close()


def open_tcp(url: LinkUrl, timeout: float) -> SocketLink:
    """Connect to ``tcp://host:port``."""
    known_options(url, ())
    return SocketLink(connect_tcp(url, timeout), url.text)


def connect_tcp(url: LinkUrl, timeout: float) -> socket.socket:
    """A socket connected to the host and port of a URL, for small messages at once.

    Raises:
        LinkError: the URL is wrong, or nobody answers within ``timeout`` seconds.
    """
    address = host_and_port(url)
    try:
        connected = socket.create_connection(address, timeout)
    except (OSError, UnicodeError) as error:
        raise nobody(url, error) from error
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def open_unix(url: LinkUrl, timeout: float) -> SocketLink:
    """Connect to ``unix:///path``."""
    known_options(url, ())
    path = url.address.removeprefix("//")
    if not path.startswith("/"):
        raise LinkError(f"{url.text} needs an absolute path, as in unix:///tmp/ppa0")
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # With a time-out of Python's own, connect would fail at once where others wait to be let in.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout))
    try:
        connected.connect(path)
    except BlockingIOError as error:
        connected.close()
        raise LinkError(
            f"the device at {url.text} is there, but accepted no connection for {timeout:g} s: others "
            "wait to connect, or it hangs; try again"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        connected.close()
        raise nobody(url, error) from error
    return SocketLink(connected, url.text)


def _timeval(seconds: float) -> bytes:
    """C's ``struct timeval``; never zero, which means for ever."""
    whole, microseconds = divmod(max(1, round(seconds * 1e6)), 1_000_000)
    return struct.pack("@ll", whole, microseconds)


def gone(url: str, reason: str | None) -> LinkError:
    """The error for a connection that was there and is no longer."""
    return LinkError(f"the device at {url} is gone ({reason}); start it again and reconnect")


def nobody(url: LinkUrl, error: Exception) -> LinkError:
    """The error for a connection that does not come about."""
    reason = getattr(error, "strerror", None) or error
    ours = url.kind in ("tcp", "unix")
    hint = f" 'pixeltree emulate --listen {url.text}' starts an emulated one" if ours else ""
    return LinkError(f"no device answers at {url.text} ({reason}); is it running?{hint}")
