"""Serves one emulated device: a single thread that alternates between the wire and the array.

Any number of sessions may shake hands, ask and ping; the first that sends anything else drives the
device until it leaves, and others are told BUSY. Whatever a session sends, the daemon keeps serving.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from functools import partial

from pixeltree_emu.errors import WireClosed
from pixeltree_emu.listeners import Listener
from pixeltree_emu.logs import fields
from pixeltree_emu.runtime.device import EmulatedDevice
from pixeltree_emu.wires.base import Wants, Wire
from pixeltree_protocol.connection import DeviceConnection, Event, Rejected, State, error_for
from pixeltree_protocol.messages import ErrorCode, Hello, Ping, Query, error_message

logger = logging.getLogger(__name__)

DEVICE_NAME = "Pixeltree emulator"

_MAX_SESSIONS = 16
_MAX_UNSENT = 256 << 10
"""While this many bytes wait for a session to take them, none of its requests is acted on."""

_GREETING_TIME = 5.0
_STOP_GRACE = 3.0
_LONGEST_SLEEP = 60.0

_ANYONE = Query | Ping
"""Requests that do not drive the device."""


class Session:
    """One client on one wire."""

    def __init__(self, wire: Wire, name: str, connection: DeviceConnection) -> None:
        self.wire = wire
        self.name = name
        self.connection = connection
        self.unsent = bytearray()
        self.pending: deque[Event] = deque()
        self.ended = False
        self.wants = Wants(0)
        self.mask = 0
        """Events for which the wire is registered."""
        # A wire that stays may wait for its user as long as it takes.
        self.greet_by = math.inf if wire.persistent else time.monotonic() + _GREETING_TIME

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
        listeners: where wires come from; closed by :meth:`close`.
        token: the secret that sessions must know, if any.
    """

    def __init__(
        self, device: EmulatedDevice, listeners: Sequence[Listener], token: bytes | None = None
    ) -> None:
        self._device = device
        self._listeners = list(listeners)
        self._token = token
        self._boot_id = secrets.token_bytes(8)
        self._selector = selectors.DefaultSelector()
        self._sessions: list[Session] = []
        self._driver: Session | None = None
        self._accepted = 0
        self._stop_at: float | None = None
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, self._drain_waker)
        for listener in self._listeners:
            descriptor = listener.fileno()
            if descriptor is not None:
                self._selector.register(descriptor, selectors.EVENT_READ, partial(self._accept, listener))
            logger.info("listening", extra=fields(url=listener.url))
            self._accept(listener)

    def stop(self) -> None:
        """Ask the loop to end after the frame in hand. Safe in a signal handler and from other threads."""
        grace = _STOP_GRACE if self._stop_at is None else 0.0  # asked twice: at once
        self._stop_at = time.monotonic() + grace
        self._waker.send(b"\0")

    def stop_at_end_of(self, descriptor: int) -> None:
        """Stop when a pipe that nobody writes to is closed at its other end."""
        self._selector.register(descriptor, selectors.EVENT_READ, partial(self._watch_pipe, descriptor))

    def _watch_pipe(self, descriptor: int) -> None:
        if not os.read(descriptor, 4096):
            self._selector.unregister(descriptor)
            self.stop()

    def serve(self) -> None:
        """Serve until :meth:`stop`; then finish the frame in hand, if that does not take long."""
        while not self._finished():
            for key, _ in self._selector.select(self._patience()):
                key.data()
            self._serve_due()
            self._work()
            self._drop_silent()
        self.close()

    def _finished(self) -> bool:
        if self._stop_at is None:
            return False
        unsent = any(session.backlog for session in self._sessions)
        return not (self._device.busy or unsent) or time.monotonic() > self._stop_at

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
        for session in list(self._sessions):
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
        wakes = [session.greet_by for session in self._sessions if not session.greeted]
        wakes += [session.wants.due for session in self._sessions if session.wants.due is not None]
        if self._device.wakes_at is not None:
            wakes.append(self._device.wakes_at)
        if self._stop_at is not None:
            wakes.append(self._stop_at)
        return None if not wakes else min(max(0.0, min(wakes) - time.monotonic()), _LONGEST_SLEEP)

    def _drop_silent(self) -> None:
        """A connection that does not shake hands must not keep others out."""
        now = time.monotonic()
        for session in list(self._sessions):
            if not session.greeted and now >= session.greet_by:
                self._drop(session, "it did not say HELLO")

    def _drain_waker(self) -> None:
        self._wakened.recv(64)

    def _accept(self, listener: Listener) -> None:
        try:
            wire = listener.accept()
        except OSError as error:
            logger.warning(
                "connection lost before it began", extra=fields(url=listener.url, reason=str(error))
            )
            return
        if wire is None:
            return
        if len(self._sessions) >= _MAX_SESSIONS:
            self._turn_away(wire)
        else:
            self._open(wire)

    def _open(self, wire: Wire) -> None:
        self._accepted += 1
        session = Session(wire, f"session {self._accepted}", self._connection())
        self._sessions.append(session)
        self._watch(session)
        logger.info("connected", extra=fields(session=session.name, wire=wire.name))

    def _connection(self) -> DeviceConnection:
        return DeviceConnection(self._boot_id, DEVICE_NAME, self._device.limits.capabilities())

    def _turn_away(self, wire: Wire) -> None:
        detail = f"{_MAX_SESSIONS} sessions are open, the most that this device serves; try again later"
        logger.warning("refused a connection", extra=fields(wire=wire.name, reason=detail))
        connection = self._connection()
        connection.send(error_message(ErrorCode.BUSY, detail))
        with contextlib.suppress(WireClosed):
            wire.write(connection.data_to_send())
        wire.close()

    def _serve_due(self) -> None:
        """Serve the wires that asked for it by time."""
        now = time.monotonic()
        for session in list(self._sessions):
            if session.wants.due is not None and session.wants.due <= now:
                self._serve_session(session)

    def _serve_session(self, session: Session) -> None:
        if session in self._sessions and self._takes_bytes(session):
            self._read(session)
        if session in self._sessions:
            self._advance(session)

    def _takes_bytes(self, session: Session) -> bool:
        """Whether what came in so far was acted on."""
        return not (session.pending or session.ended)

    def _read(self, session: Session) -> None:
        try:
            data = session.wire.read()
        except WireClosed as error:
            self._drop(session, str(error))
            return
        if data is not None:
            session.pending += session.connection.receive_data(data)
            session.ended = not data

    def _advance(self, session: Session) -> None:
        """Act on what came in, as long as the session takes its answers; then send them."""
        while session.pending and session.backlog < _MAX_UNSENT:
            event = session.pending.popleft()
            self._act_safely(session, event)
            session.connection.handled(event)
        self._flush(session)
        if session.ended and not session.pending and session in self._sessions:
            self._drop(session, "the host left")

    def _act_safely(self, session: Session, event: Event) -> None:
        try:
            self._act(session, event)
        except Exception:  # whatever a host sends, the daemon keeps serving
            logger.exception("internal error", extra=fields(session=session.name))
            detail = "internal error; the daemon's log has the details"
            session.connection.send(error_message(ErrorCode.INTERNAL, detail), event.request)

    def _act(self, session: Session, event: Event) -> None:
        if isinstance(event, Rejected):
            logger.warning(
                "rejected", extra=fields(session=session.name, code=event.code.name, detail=event.detail)
            )
            session.connection.send(error_for(event), event.request)
        elif isinstance(event.message, Hello):
            logger.info("HELLO", extra=fields(session=session.name, client=event.message.client))
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
            logger.info("drives the device", extra=fields(session=session.name))
        return session is self._driver

    def _flush(self, session: Session) -> None:
        session.collect()
        try:
            del session.unsent[: session.wire.write(session.unsent)]
        except WireClosed as error:
            self._drop(session, str(error))
            return
        self._watch(session)

    def _watch(self, session: Session) -> None:
        """Wait for what the wire wants next."""
        wire = session.wire
        session.wants = wire.wants(self._takes_bytes(session), bool(session.unsent))
        if session.wants.mask == session.mask:
            return
        if session.mask:
            self._selector.unregister(wire.fileno())
        if session.wants.mask:
            self._selector.register(wire.fileno(), session.wants.mask, partial(self._serve_session, session))
        session.mask = session.wants.mask

    def _drop(self, session: Session, reason: str) -> None:
        logger.info("closed", extra=fields(session=session.name, wire=session.wire.name, reason=reason))
        if session is self._driver:
            self._driver = None
            self._device.attach(lambda message, request: None)
        self._sessions.remove(session)
        if session.mask:
            self._selector.unregister(session.wire.fileno())
        if session.wire.persistent and session.ended and self._stop_at is None:
            self._open(session.wire)  # for its next user
        else:
            session.wire.close()
