"""Where the daemon listens: ``tcp://host:port`` on loopback, or ``unix:///path``."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pixeltree_emu.errors import ListenError

_BACKLOG = 8
_OWNER_ONLY = 0o177


@dataclass
class Listener:
    """A listening socket and the URL by which it can be reached."""

    socket: socket.socket
    url: str
    path: Path | None = None

    def close(self) -> None:
        """Stop listening; a unix socket's file goes too."""
        self.socket.close()
        if self.path is not None:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()


def listen(url: str) -> Listener:
    """Listen at a URL. Port 0 takes a free port; the listener's URL says which.

    Raises:
        ListenError: a URL of another kind, an address that is not loopback, or one that is taken.
    """
    parts = urlsplit(url)
    try:
        if parts.scheme == "tcp":
            return _listen_tcp(url, parts.hostname, parts.port)
        if parts.scheme == "unix" and parts.path and not parts.netloc:
            return _listen_unix(url, Path(parts.path))
    except OSError as error:
        hint = "; choose another address" if error.errno == errno.EADDRINUSE else ""
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ListenError(f"cannot listen at {url}: {reason}{hint}") from error
    except ValueError as error:
        raise ListenError(f"cannot listen at {url}: {error}") from error
    raise ListenError(f"cannot listen at {url!r}; use tcp://127.0.0.1:PORT or unix:///PATH")


def _listen_tcp(url: str, host: str | None, port: int | None) -> Listener:
    if host is None or port is None:
        raise ListenError(f"{url} needs a host and a port, as in tcp://127.0.0.1:27900")
    address = "127.0.0.1" if host == "localhost" else host
    if not ipaddress.ip_address(address).is_loopback:
        raise ListenError(
            f"{url} is not a loopback address; a device without authentication serves this machine only"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    shown = f"[{address}]" if ":" in address else address
    return Listener(server, f"tcp://{shown}:{server.getsockname()[1]}")


def _listen_unix(url: str, path: Path) -> Listener:
    _remove_stale(url, path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(_OWNER_ONLY)
    try:
        server.bind(str(path))
        server.listen(_BACKLOG)
    except OSError:
        server.close()
        raise
    finally:
        os.umask(previous)
    return Listener(server, url, path)


def _remove_stale(url: str, path: Path) -> None:
    """Remove the socket that a killed daemon left behind; never anything else."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ListenError(f"cannot listen at {url}: {path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise ListenError(f"cannot listen at {url}: another daemon serves it")
