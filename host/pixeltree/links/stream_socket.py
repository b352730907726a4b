"""Links over TCP and unix sockets."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from pixeltree.errors import LinkError

_READ_BYTES = 65_536


class SocketLink:
    """A connected stream socket."""

    def __init__(self, connected: socket.socket, url: str) -> None:
        self._socket = connected
        self.url = url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise LinkError(f"the device at {self.url} took nothing for {timeout:g} s") from error
        except OSError as error:
            raise self._gone(error.strerror) from error

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        self._socket.settimeout(max(timeout, 1e-6))  # 0 would make the socket non-blocking
        try:
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return None
        except OSError as error:
            raise self._gone(error.strerror) from error
        if not data:
            raise self._gone("it closed the connection")
        return data

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._socket.close()

    def _gone(self, reason: str | None) -> LinkError:
        return LinkError(f"the device at {self.url} is gone ({reason}); start it again and reconnect")


def open_tcp(url: str, timeout: float) -> SocketLink:
    """Connect to ``tcp://host:port``."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise LinkError(f"{url}: {error}") from error
    if host is None or port is None:
        raise LinkError(f"{url} needs a host and a port, as in tcp://127.0.0.1:27900")
    try:
        connected = socket.create_connection((host, port), timeout)
    except OSError as error:
        raise _nobody(url, error) from error
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return SocketLink(connected, url)


def open_unix(url: str, timeout: float) -> SocketLink:
    """Connect to ``unix:///path``."""
    parts = urlsplit(url)
    if parts.netloc or not parts.path:
        raise LinkError(f"{url} needs an absolute path, as in unix:///tmp/ppa0")
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(timeout)
    try:
        connected.connect(parts.path)
    except OSError as error:
        connected.close()
        raise _nobody(url, error) from error
    return SocketLink(connected, url)


def _nobody(url: str, error: OSError) -> LinkError:
    return LinkError(
        f"no device answers at {url} ({error.strerror or error}); "
        f"is it running? 'pixeltree emulate --listen {url}' starts an emulated one"
    )
