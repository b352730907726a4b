"""The port at which a host of a SCAMP-5d connects: it sees what the vendor's programs show (section 5.8)."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable
from urllib.parse import parse_qsl

from pixeltree_emu.errors import ListenError
from pixeltree_emu.machine.logs import fields
from pixeltree_emu.vendor.device_screen import DeviceView
from pixeltree_emu.vendor.screen import Screen
from pixeltree_emu.vendor.settings import HOST, split
from pixeltree_emu.vendor.simulation_port import address_of, listen
from pixeltree_protocol.names import known_names
from pixeltree_protocol.vendor.packets import HOST_PORT, FrameReader

logger = logging.getLogger(__name__)

_MOST_VIEWERS = 16
_MOST_WAITING = 10 << 20
"""Bytes that wait for a slow host; what comes then is left out, as the vendor's host does (5.8)."""

_OPTIONS = ("planes", "rate")
_READ_BYTES = 65_536
_TICK = 0.25


class HostPort:
    """Listens, and passes packets on, in a thread of its own.

    Args:
        url: ``vendor-host://127.0.0.1:PORT``; port 0 takes a free one. See :func:`view_of` for its options.
        screen: what programs show.

    Attributes:
        url: by which it can be reached.

    Raises:
        ListenError: a URL of another kind, or an address that is taken.
    """

    def __init__(self, url: str, screen: Screen) -> None:
        _, address, port = split(url, HOST_PORT)
        self._screen = screen
        self._server = listen(url, address, port)
        self._server.setblocking(False)
        self.url = f"{HOST}://{address_of(self._server)}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ, None)
        self._wakened, self._waker = socket.socketpair()
        self._wakened.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, None)
        self._viewers: list[_Viewer] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.url, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything."""
        self._stopping.set()
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            return  # it has been woken already

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                for key, mask in self._selector.select(_TICK):
                    if key.fileobj is self._server:
                        self._accept()
                    elif key.fileobj is self._wakened:
                        self._wakened.recv(4096)
                    elif mask & selectors.EVENT_READ:
                        self._read(key.data)
                for viewer in list(self._viewers):
                    self._write(viewer)
        finally:
            for viewer in list(self._viewers):
                self._lose(viewer, "the daemon stops")
            self._selector.close()
            self._server.close()
            self._waker.close()
            self._wakened.close()

    def _accept(self) -> None:
        try:
            connected, address = self._server.accept()
        except OSError:
            return
        if len(self._viewers) >= _MOST_VIEWERS:
            connected.close()
            return
        connected.setblocking(False)
        viewer = _Viewer(connected, f"{HOST} {address[0]}:{address[1]}", self._wake)
        self._viewers.append(viewer)
        self._selector.register(connected, selectors.EVENT_READ, viewer)
        logger.info("connected", extra=fields(wire=viewer.name))
        self._screen.add_viewer(viewer, viewer.take)

    def _read(self, viewer: _Viewer) -> None:
        try:
            data = viewer.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(viewer, str(error))
            return
        if not data:
            self._lose(viewer, "it left")
            return
        for packet in viewer.reader.feed(data):
            self._screen.say(packet)

    def _write(self, viewer: _Viewer) -> None:
        try:
            waits = viewer.write()
        except OSError as error:
            self._lose(viewer, str(error))
            return
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if waits else 0)
        if self._selector.get_key(viewer.socket).events != mask:
            self._selector.modify(viewer.socket, mask, viewer)

    def _lose(self, viewer: _Viewer, reason: str) -> None:
        if viewer not in self._viewers:
            return
        self._viewers.remove(viewer)
        self._screen.remove_viewer(viewer)
        self._selector.unregister(viewer.socket)
        viewer.socket.close()
        logger.info("closed", extra=fields(wire=viewer.name, reason=reason, left_out=viewer.left_out))


def view_of(url: str) -> DeviceView | None:
    """What of a device a URL wants shown: ``?planes=A,R5&rate=10``; None where it names no planes.

    Raises:
        ListenError: an option that is unknown, or that makes no sense.
    """
    parts, _, _ = split(url, HOST_PORT)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    strange = [name for name in options if name not in _OPTIONS]
    if strange:
        raise ListenError(f"{HOST}: no option is named {strange[0]!r}; {known_names(strange[0], _OPTIONS)}")
    planes = tuple(name.strip() for name in options.get("planes", "").split(",") if name.strip())
    if not planes:
        if options:
            raise ListenError(f"{url}: name the planes to show, as in planes=A,R5")
        return None
    rate = options.get("rate", "30")
    try:
        number = float(rate)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1000:
        raise ListenError(f"rate={rate}: it must be a number of pictures a second, up to 1000")
    return DeviceView(planes, number)


class _Viewer:
    """One host that looks.

    Attributes:
        left_out: packets that were not sent because the host is slow.
    """

    def __init__(self, connected: socket.socket, name: str, wake: Callable[[], None]) -> None:
        self.socket = connected
        self.name = name
        self.reader = FrameReader()
        self.left_out = 0
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting = bytearray()

    def take(self, raw: bytes) -> None:
        """Let a packet wait to be sent; from any thread."""
        with self._lock:
            if len(self._waiting) + len(raw) > _MOST_WAITING:
                self.left_out += 1
                return
            was_empty = not self._waiting
            self._waiting += raw
        if was_empty:
            self._wake()

    def write(self) -> bool:
        """Send what can be sent; returns whether anything still waits."""
        with self._lock:
            if self._waiting:
                try:
                    sent = self.socket.send(self._waiting)
                except BlockingIOError:
                    return True
                del self._waiting[:sent]
            return bool(self._waiting)
