"""Where the daemon listens, by URL: each listener yields wires."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from pixeltree_emu.errors import ListenError
from pixeltree_emu.machine.claims import Claim
from pixeltree_emu.machine.logs import fields
from pixeltree_emu.wires.base import Wire
from pixeltree_emu.wires.line import LineSettings
from pixeltree_emu.wires.stream_socket import SocketWire
from pixeltree_emu.wires.terminal import TerminalWire
from pixeltree_emu.wires.throttle import ThrottledWire
from pixeltree_emu.wires.tls import TlsWire

logger = logging.getLogger(__name__)

_BACKLOG = 64
"""Connections that wait to be accepted while the daemon works on a frame; more than it serves."""
_OWNER_ONLY = 0o177
_KINDS = "use tcp://127.0.0.1:PORT, tls://127.0.0.1:PORT, unix:///PATH or pty:///PATH"


class Listener(Protocol):
    """A source of wires.

    Attributes:
        url: by which it can be reached, with the port that was taken.
    """

    url: str

    def fileno(self) -> int | None:
        """Descriptor that turns readable when a wire waits; None when no more will come."""

    def accept(self) -> Wire | None:
        """The next wire, or None when none waits now. Call once after the start without being told to.

        Raises:
            OSError: the wire could not be made; the listener goes on.
        """

    def close(self) -> None:
        """Stop listening and remove what was created in the file system; wires stay. Again is harmless."""


@dataclass(frozen=True)
class ListenSettings:
    """What holds for all listeners of a daemon.

    Attributes:
        authenticated: sessions must know a token, so that addresses which others can reach may be served.
        tls: how to prove who we are; needed for ``tls://``.
        line: how slow each wire is.
    """

    authenticated: bool = False
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    line: LineSettings = field(default_factory=LineSettings)

    def slow(self, wire: Wire) -> Wire:
        """The wire as slow as it shall be."""
        return ThrottledWire(wire, self.line) if self.line.slows else wire


class SocketListener:
    """A listening stream socket.

    Args:
        server: the socket, listening; owned from now on.
        url: by which it can be reached.
        make: makes a wire of an accepted socket, given a name for logs.
        file: the socket's file, if it has one.

    Attributes:
        server: the socket.
    """

    def __init__(
        self,
        server: socket.socket,
        url: str,
        make: Callable[[socket.socket, str], Wire],
        file: SocketFile | None = None,
    ) -> None:
        server.setblocking(False)
        self.url = url
        self.server = server
        self._make = make
        self._file = file

    def fileno(self) -> int | None:
        """Descriptor of the socket."""
        return self.server.fileno()

    def accept(self) -> Wire | None:
        """The next connection, if there is one."""
        try:
            connected, address = self.server.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        kind = self.url.partition(":")[0]
        where = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else urlsplit(self.url).path
        try:
            return self._make(connected, f"{kind} {where}")
        except BaseException:
            connected.close()
            raise

    def close(self) -> None:
        """Close the socket; a unix socket's file goes too, if it is still ours. Again is harmless."""
        if self._file is not None:
            self._file.remove()
        self.server.close()


class SocketFile:
    """The file of a unix socket, from when it is bound.

    Args:
        path: where it is.
        claim: by which the path is ours.
    """

    def __init__(self, path: Path, claim: Claim) -> None:
        self._path = path
        self._claim = claim
        self._made = path.lstat()

    def remove(self) -> None:
        """Remove it if it is still the one that was made, and give the path up. Again is harmless."""
        with contextlib.suppress(OSError):  # it, or its folder, is gone already
            if os.path.samestat(self._made, self._path.lstat()):
                self._path.unlink()
        self._claim.release()


class TerminalListener:
    """A pseudo terminal: one wire, at once and for good.

    Args:
        url: by which it can be reached.
        wire: the terminal.
        slow: makes the wire as slow as it shall be.
    """

    def __init__(self, url: str, wire: TerminalWire, slow: Callable[[Wire], Wire]) -> None:
        self.url = url
        self._terminal = wire
        self._waiting: Wire | None = slow(wire)

    def fileno(self) -> int | None:
        """None: no further wire will come."""
        return None

    def accept(self) -> Wire | None:
        """The wire, the first time."""
        wire, self._waiting = self._waiting, None
        return wire

    def close(self) -> None:
        """Remove the link; the wire is closed if nobody has taken it."""
        self._terminal.unlink()
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


def listen_all(urls: Sequence[str], settings: ListenSettings) -> list[Listener]:
    """Listen at every URL, or at none.

    Raises:
        ListenError: a URL that is given twice or at which :func:`listen` cannot listen.
    """
    listeners: list[Listener] = []
    seen: dict[tuple[str, str, int], str] = {}
    try:
        for url in urls:
            place = _place(url)
            if place in seen and place[2] != 0:
                raise ListenError(
                    f"--listen {seen[place]} and --listen {url} are the same place; give it once"
                )
            seen[place] = url
            listeners.append(listen(url, settings))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def listen(url: str, settings: ListenSettings) -> Listener:
    """Listen at a URL. Port 0 takes a free port; the listener's URL says which.

    Raises:
        ListenError: a URL of another kind, an address that is taken, or one that needs a token or
            a certificate.
    """
    try:
        parts = _split(url)
        if parts.scheme in ("tcp", "tls"):
            return _listen_tcp(url, parts, settings)
        path = Path(parts.path)
        if parts.scheme == "unix":
            return _listen_unix(url, path, settings)
        return TerminalListener(url, TerminalWire(path), settings.slow)
    except OSError as error:
        hint = "; choose another address" if error.errno == errno.EADDRINUSE else ""
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ListenError(f"cannot listen at {url}: {reason}{hint}") from error


def _split(url: str) -> SplitResult:
    """Take a URL apart; a port that is out of range is found here too."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ListenError(f"cannot listen at {url}: {error}") from error
    if parts.scheme in ("tcp", "tls"):
        if parts.hostname is None or port is None:
            raise ListenError(f"{url} needs a host and a port, as in {parts.scheme}://127.0.0.1:27900")
        if not (parts.path or parts.query or parts.fragment or "@" in parts.netloc):
            return parts
    elif parts.scheme in ("unix", "pty") and parts.path.strip("/") and not parts.netloc:
        # '?' and '#' are letters like others in a path
        return parts._replace(path=url.partition("://")[2], query="", fragment="")
    raise ListenError(f"cannot listen at {url!r}; {_KINDS}")


def _place(url: str) -> tuple[str, str, int]:
    """What two URLs of the same place have in common; port 0 is a different place each time."""
    parts = _split(url)
    if parts.scheme in ("tcp", "tls"):
        return "port", _address(url, parts), parts.port or 0
    return "path", os.path.realpath(Path(parts.path).parent) + "/" + Path(parts.path).name, 1


def _address(url: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        return str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host))
    except ValueError as error:
        raise ListenError(
            f"cannot listen at {url}: {host} is not an IP address; 127.0.0.1 serves this machine, 0.0.0.0 "
            "every network that it is on"
        ) from error


def _listen_tcp(url: str, parts: SplitResult, settings: ListenSettings) -> Listener:
    address = _address(url, parts)
    secure = parts.scheme == "tls"
    if not ipaddress.ip_address(address).is_loopback:
        _check_exposed(url, secure, settings)
    if secure and settings.tls is None:
        raise ListenError(f"{url} needs --tls-cert FILE and --tls-key FILE, by which hosts know this device")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, parts.port or 0), family=family, backlog=_BACKLOG)
    shown = f"[{address}]" if ":" in address else address

    def make(connected: socket.socket, name: str) -> Wire:
        if secure and settings.tls is not None:
            return settings.slow(TlsWire(connected, settings.tls, name))
        return settings.slow(SocketWire(connected, name))

    return SocketListener(server, f"{parts.scheme}://{shown}:{server.getsockname()[1]}", make)


def _check_exposed(url: str, secure: bool, settings: ListenSettings) -> None:
    """Others than this machine could connect."""
    if not settings.authenticated:
        raise ListenError(
            f"{url} can be reached from other machines, and anybody there could drive this device; add "
            "--token-file FILE with a secret that hosts must know, or listen at 127.0.0.1"
        )
    if not secure:
        logger.warning(
            "sessions are authenticated but not encrypted here; tls:// would hide what they say",
            extra=fields(url=url),
        )


def _listen_unix(url: str, path: Path, settings: ListenSettings) -> Listener:
    claim = Claim(path)
    try:
        _remove_stale(url, path)
        server = _bind(path)
        file = SocketFile(path, claim)
    except BaseException:
        claim.release()
        raise
    return SocketListener(
        server, url, lambda connected, name: settings.slow(SocketWire(connected, name)), file
    )


def _bind(path: Path) -> socket.socket:
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
    return server


def _remove_stale(url: str, path: Path) -> None:
    """Remove the socket that a killed daemon left behind; never anything else, nor one that is served."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise ListenError(f"cannot listen at {url}: {path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # whose queue is full is alive, too
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise ListenError(f"cannot listen at {url}: {path} is in use ({error.strerror})") from error
    raise ListenError(f"cannot listen at {url}: another program serves it")
