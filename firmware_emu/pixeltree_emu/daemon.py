"""Serves one emulated device: a single thread that alternates between the wire and the array.

Any number of sessions may shake hands, ask and ping; the first that sends anything else drives the
device until it leaves, and others are told BUSY. Whatever a session sends, the daemon keeps serving.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence

from pixeltree_emu.listeners import Listener
from pixeltree_emu.runtime.device import EmulatedDevice
from pixeltree_protocol.connection import DeviceConnection, Event, Rejected, State, error_for
from pixeltree_protocol.messages import ErrorCode, Hello, Ping, Query, error_message

logger = logging.getLogger(__name__)

DEVICE_NAME = "Pixeltree emulator"

_READ_BYTES = 65_536
_MAX_SESSIONS = 16
_MAX_UNSENT = 256 << 10
"""While this many bytes wait for a session to take them, none of its requests is acted on."""

_GREETING_TIME = 5.0
_STOP_GRACE = 3.0
_LONGEST_SLEEP = 60.0

_ANYONE = Query | Ping
"""Requests that do not drive the device."""


class Session:
    """One client on one socket."""

    def __init__(self, client: socket.socket, name: str, connection: DeviceConnection) -> None:
        self.socket = client
        self.name = name
        self.connection = connection
        self.unsent = bytearray()
        self.pending: deque[Event] = deque()
        self.ended = False
        self.greet_by = time.monotonic() + _GREETING_TIME

    @property
    def greeted(self) -> bool:
        """Whether the handshake is complete."""
        return self.connection.state is State.READY

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return len(self.unsent) + self.connection.bytes_to_send

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
        self._stop_at: float | None = None
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, self._drain_waker)
        for listener in self._listeners:
            listener.socket.setblocking(False)
            self._selector.register(listener.socket, selectors.EVENT_READ, self._accept)
            logger.info("listening at %s", listener.url)

    def stop(self) -> None:
        """Ask the loop to end after the frame in hand. Safe in a signal handler and from other threads."""
        grace = _STOP_GRACE if self._stop_at is None else 0.0  # asked twice: at once
        self._stop_at = time.monotonic() + grace
        self._waker.send(b"\0")

    def stop_at_end_of(self, descriptor: int) -> None:
        """Stop when a pipe that nobody writes to is closed at its other end."""
        self._selector.register(descriptor, selectors.EVENT_READ, self._watch_pipe)

    def _watch_pipe(self, descriptor: int, _: int) -> None:
        if not os.read(descriptor, 4096):
            self._selector.unregister(descriptor)
            self.stop()

    def serve(self) -> None:
        """Serve until :meth:`stop`; then finish the frame in hand, if that does not take long."""
        while not self._finished():
            for key, mask in self._selector.select(self._patience()):
                key.data(key.fileobj, mask)
            self._work()
            self._drop_silent()
        self.close()

    def _finished(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._device.busy or time.monotonic() > self._stop_at

    def _work(self) -> None:
        try:
            self._device.work()
        except Exception:  # whatever a host made the device do, the daemon keeps serving
            logger.exception("a frame ended with an internal error")
            self._device.give_up("internal error; the daemon's log has the details")
        if self._driver is not None:
            self._advance(self._driver)

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
        wakes = [session.greet_by for session in self._sessions.values() if not session.greeted]
        if self._device.wakes_at is not None:
            wakes.append(self._device.wakes_at)
        return None if not wakes else min(max(0.0, min(wakes) - time.monotonic()), _LONGEST_SLEEP)

    def _drop_silent(self) -> None:
        """A connection that does not shake hands must not keep others out."""
        now = time.monotonic()
        for session in list(self._sessions.values()):
            if not session.greeted and now >= session.greet_by:
                self._drop(session, "it did not say HELLO")

    def _drain_waker(self, wakened: socket.socket, _: int) -> None:
        wakened.recv(64)

    def _accept(self, server: socket.socket, _: int) -> None:
        try:
            client, _address = server.accept()
        except OSError as error:
            logger.warning("a connection was lost before it began: %s", error)
            return
        client.setblocking(False)
        self._accepted += 1
        capabilities = self._device.limits.capabilities()
        connection = DeviceConnection(self._boot_id, DEVICE_NAME, capabilities)
        if len(self._sessions) >= _MAX_SESSIONS:
            self._turn_away(client, connection)
            return
        session = Session(client, f"session {self._accepted}", connection)
        self._sessions[client] = session
        self._selector.register(client, selectors.EVENT_READ, self._serve_session)
        logger.info("%s: connected", session.name)

    def _turn_away(self, client: socket.socket, connection: DeviceConnection) -> None:
        detail = f"{_MAX_SESSIONS} sessions are open, the most that this device serves; try again later"
        logger.warning("refused a connection: %s", detail)
        connection.send(error_message(ErrorCode.BUSY, detail))
        with contextlib.suppress(OSError):
            client.send(connection.data_to_send())
        client.close()

    def _serve_session(self, client: socket.socket, mask: int) -> None:
        session = self._sessions.get(client)
        if session is None:
            return
        if mask & selectors.EVENT_READ:
            self._read(session)
        if client in self._sessions:
            self._advance(session)

    def _read(self, session: Session) -> None:
        try:
            data = session.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(session, str(error))
            return
        session.pending += session.connection.receive_data(data)
        session.ended = not data

    def _advance(self, session: Session) -> None:
        """Act on what came in, as long as the session takes its answers; then send them."""
        while session.pending and session.backlog < _MAX_UNSENT:
            event = session.pending.popleft()
            self._act_safely(session, event)
            session.connection.handled(event)
        self._flush(session)
        if session.ended and not session.pending and session.socket in self._sessions:
            self._drop(session, "the host left")

    def _act_safely(self, session: Session, event: Event) -> None:
        try:
            self._act(session, event)
        except Exception:  # whatever a host sends, the daemon keeps serving
            logger.exception("%s: internal error", session.name)
            detail = "internal error; the daemon's log has the details"
            session.connection.send(error_message(ErrorCode.INTERNAL, detail), event.request)

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
            session.connection.send(error_message(ErrorCode.BUSY, detail), event.request)

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
        reading = 0 if session.pending or session.ended else selectors.EVENT_READ
        wanted = reading | (selectors.EVENT_WRITE if session.unsent else 0)
        if wanted:
            self._selector.modify(session.socket, wanted, self._serve_session)

    def _drop(self, session: Session, reason: str) -> None:
        logger.info("%s: closed: %s", session.name, reason)
        if session is self._driver:
            self._driver = None
            self._device.attach(lambda message, request: None)
        self._sessions.pop(session.socket, None)
        self._selector.unregister(session.socket)
        session.socket.close()
