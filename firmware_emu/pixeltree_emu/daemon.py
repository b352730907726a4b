"""Serves one emulated device: a single thread that alternates between the wire and the array.

Any number of sessions may shake hands, ask and ping; the first that sends anything else drives the
device until it leaves, and others are told BUSY. Whatever a session sends, the daemon keeps serving.
"""

from __future__ import annotations

import logging
import secrets
import selectors
import socket
import time
from collections.abc import Sequence

from pixeltree_emu.listeners import Listener
from pixeltree_emu.runtime.device import EmulatedDevice
from pixeltree_protocol.connection import DeviceConnection, Event, Rejected, error_for
from pixeltree_protocol.messages import Error, ErrorCode, Hello, Ping, Query

logger = logging.getLogger(__name__)

DEVICE_NAME = "Pixeltree emulator"

_READ_BYTES = 65_536
_MAX_SESSIONS = 16
_MAX_UNSENT = 4 << 20
"""A session that does not take its answers is closed when this many bytes wait for it."""

_ANYONE = Query | Ping
"""Requests that do not drive the device."""


class Session:
    """One client on one socket."""

    def __init__(self, client: socket.socket, name: str, connection: DeviceConnection) -> None:
        self.socket = client
        self.name = name
        self.connection = connection
        self.unsent = bytearray()

    def collect(self) -> None:
        """Move what the connection has to say into the send buffer."""
        self.unsent += self.connection.data_to_send()


class Daemon:
    """The event loop.

    Args:
        device: the device to serve.
        listeners: sockets to serve it on; closed by :meth:`close`.
    """

    def __init__(self, device: EmulatedDevice, listeners: Sequence[Listener]) -> None:
        self._device = device
        self._listeners = list(listeners)
        self._boot_id = secrets.token_bytes(8)
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[socket.socket, Session] = {}
        self._driver: Session | None = None
        self._accepted = 0
        self._stopping = False
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, self._drain_waker)
        for listener in self._listeners:
            listener.socket.setblocking(False)
            self._selector.register(listener.socket, selectors.EVENT_READ, self._accept)
            logger.info("listening at %s", listener.url)

    def stop(self) -> None:
        """Ask the loop to end after the frame in hand. Safe in a signal handler and from other threads."""
        self._stopping = True
        self._waker.send(b"\0")

    def serve(self) -> None:
        """Serve until :meth:`stop`."""
        while not (self._stopping and not self._device.busy):
            for key, mask in self._selector.select(self._patience()):
                key.data(key.fileobj, mask)
            self._device.work()
            if self._driver is not None:
                self._flush(self._driver)
        self.close()

    def close(self) -> None:
        """Close every session and listener."""
        for session in list(self._sessions.values()):
            self._drop(session, "the daemon stops")
        for listener in self._listeners:
            listener.close()
        self._selector.close()
        self._waker.close()
        self._wakened.close()

    def _patience(self) -> float | None:
        """How long the loop may sleep."""
        if self._device.busy:
            return 0.0
        wakes_at = self._device.wakes_at
        return None if wakes_at is None else max(0.0, wakes_at - time.monotonic())

    def _drain_waker(self, wakened: socket.socket, _: int) -> None:
        wakened.recv(64)

    def _accept(self, server: socket.socket, _: int) -> None:
        try:
            client, _address = server.accept()
        except OSError as error:
            logger.warning("a connection was lost before it began: %s", error)
            return
        if len(self._sessions) >= _MAX_SESSIONS:
            logger.warning("refused a connection: %d sessions are open", len(self._sessions))
            client.close()
            return
        client.setblocking(False)
        self._accepted += 1
        capabilities = self._device.limits.capabilities()
        connection = DeviceConnection(self._boot_id, DEVICE_NAME, capabilities)
        session = Session(client, f"session {self._accepted}", connection)
        self._sessions[client] = session
        self._selector.register(client, selectors.EVENT_READ, self._serve_session)
        logger.info("%s: connected", session.name)

    def _serve_session(self, client: socket.socket, mask: int) -> None:
        session = self._sessions.get(client)
        if session is None:
            return
        if mask & selectors.EVENT_READ:
            self._read(session)
        if client in self._sessions:
            self._flush(session)

    def _read(self, session: Session) -> None:
        try:
            data = session.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(session, str(error))
            return
        for event in session.connection.receive_data(data):
            self._act(session, event)
            session.connection.handled(event)
        if not data:
            self._drop(session, "the host left")

    def _act(self, session: Session, event: Event) -> None:
        if isinstance(event, Rejected):
            logger.warning("%s: %s: %s", session.name, event.code.name, event.detail)
            session.connection.send(error_for(event), event.request)
        elif isinstance(event.message, Hello):
            logger.info("%s: HELLO from %s", session.name, event.message.client)
        elif isinstance(event.message, _ANYONE):
            session.connection.send(self._device.answer(event.message), event.request)
        elif self._takes_over(session):
            self._device.handle(event.message, event.request, event.wire_bytes)
        else:
            detail = "another session drives this device; wait for it to leave"
            session.connection.send(Error(ErrorCode.BUSY, detail), event.request)

    def _takes_over(self, session: Session) -> bool:
        """Whether a session drives the device; the first to ask does."""
        if self._driver is None:
            self._driver = session
            self._device.attach(session.connection.send)
            logger.info("%s: drives the device", session.name)
        return session is self._driver

    def _flush(self, session: Session) -> None:
        session.collect()
        try:
            if session.unsent:
                del session.unsent[: session.socket.send(session.unsent)]
        except BlockingIOError:
            pass
        except OSError as error:
            self._drop(session, str(error))
            return
        if len(session.unsent) > _MAX_UNSENT:
            self._drop(session, "it does not take its answers")
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if session.unsent else 0)
        self._selector.modify(session.socket, wanted, self._serve_session)

    def _drop(self, session: Session, reason: str) -> None:
        logger.info("%s: closed: %s", session.name, reason)
        if session is self._driver:
            self._driver = None
            self._device.attach(lambda message, request: None)
        self._sessions.pop(session.socket, None)
        self._selector.unregister(session.socket)
        session.socket.close()
