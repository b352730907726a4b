"""Serves one emulated device: a single thread that alternates between the wires and the array.

Whatever a client sends, or does not send, the daemon keeps serving the others.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import time
from collections.abc import Sequence

from pixeltree_emu.client import Client
from pixeltree_emu.listeners import Listener
from pixeltree_emu.logs import fields
from pixeltree_emu.runtime.device import EmulatedDevice
from pixeltree_emu.sessions import Sessions
from pixeltree_emu.wires import Wire
from pixeltree_protocol.connection import Identity
from pixeltree_protocol.messages import ErrorCode

logger = logging.getLogger(__name__)

MAX_CLIENTS = 16

_MAX_DISMISSED = 16
"""Clients beyond the greatest number that are being told so; further ones are not even told."""

GREETING_TIME = 5.0
_STOP_GRACE = 3.0
_LONGEST_SLEEP = 60.0


class Daemon:
    """The event loop.

    Args:
        device: the device to serve.
        listeners: where to serve it; closed by :meth:`close`.
        identity: what the device says of itself to its hosts.
        greeting_time: seconds for which a connection may stay without a session.
        log: where its log can be read, for messages to hosts.

    Attributes:
        failed: whether something happened that must never happen.
    """

    def __init__(
        self,
        device: EmulatedDevice,
        listeners: Sequence[Listener],
        identity: Identity,
        greeting_time: float = GREETING_TIME,
        log: str = "the daemon's log",
    ) -> None:
        self.failed = False
        self._log = log
        self._greeting_time = greeting_time
        self._device = device
        self._listeners = list(listeners)
        self._identity = identity
        self._sessions = Sessions(device, identity.resume_ms, self._count_damage)
        self._damage_before = 0
        self._clients: list[Client] = []
        self._masks: dict[Client, int] = {}
        self._selector = selectors.DefaultSelector()
        self._stop_at: float | None = None
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, self._drain_waker)
        for listener in self._listeners:
            self._watch(listener)

    def stop(self) -> None:
        """Ask the loop to end after the frame in hand. Safe in a signal handler and from other threads."""
        grace = _STOP_GRACE if self._stop_at is None else 0.0  # asked twice: at once
        self._stop_at = time.monotonic() + grace
        self._waker.send(b"\0")

    def stop_at_end_of(self, descriptor: int) -> None:
        """Stop when a pipe that nobody writes to is closed at its other end."""
        try:
            self._selector.register(descriptor, selectors.EVENT_READ, lambda: self._watch_pipe(descriptor))
        except PermissionError:  # a file or /dev/null, which nobody has to wait for
            self.stop()

    def _watch_pipe(self, descriptor: int) -> None:
        if not os.read(descriptor, 4096):
            self._selector.unregister(descriptor)
            self.stop()

    def serve(self) -> None:
        """Serve until :meth:`stop`; then finish the frame in hand, if that does not take long."""
        while not self._finished():
            now = time.monotonic()
            ready = self._sleep(now)
            now = time.monotonic()
            for client, due in ready:
                if due is None or due <= now:
                    self._serve(client)
            self._sessions.tick()
            self._work()
            self._sweep()
        self.close()

    def _serve(self, client: Client) -> None:
        try:
            client.serve()
        except Exception:  # whatever a peer sends, the daemon keeps serving the others
            logger.exception("internal error", extra=fields(wire=client.wire.name))
            self.failed = True
            client.lose("internal error")

    def _sleep(self, now: float) -> list[tuple[Client, float | None]]:
        """Wait until something is to do; clients with an event (None), or with the time when they are due."""
        dues: dict[Client, float] = {}
        for client in self._clients:
            wants = client.wants()
            self._set_mask(client, wants.mask)
            if wants.due is not None:
                dues[client] = wants.due
        ready: list[tuple[Client, float | None]] = []
        for key, _ in self._selector.select(self._patience(now, dues)):
            if isinstance(key.data, Client):
                dues.pop(key.data, None)
                ready.append((key.data, None))
            else:
                key.data()
        return ready + list(dues.items())

    def _set_mask(self, client: Client, mask: int) -> None:
        before = self._masks.get(client, 0)
        if mask == before:
            return
        if not before:
            self._selector.register(client.wire.fileno(), mask, client)
        elif not mask:
            self._selector.unregister(client.wire.fileno())
        else:
            self._selector.modify(client.wire.fileno(), mask, client)
        self._masks[client] = mask

    def _patience(self, now: float, dues: dict[Client, float]) -> float | None:
        """How long the loop may sleep."""
        if self._device.busy:
            return 0.0
        wakes = [*dues.values(), self._device.wakes_at, self._sessions.next_timer(), self._stop_at]
        known = [wake for wake in wakes if wake is not None]
        return min(max(0.0, min(known) - now), _LONGEST_SLEEP) if known else None

    def _finished(self) -> bool:
        if self._stop_at is None:
            return False
        unsent = any(client.has_unsent for client in self._clients)
        return not (self._device.busy or unsent) or time.monotonic() > self._stop_at

    def _work(self) -> None:
        try:
            self._device.work()
        except Exception:  # whatever a host made the device do, the daemon keeps serving
            logger.exception("a frame ended with an internal error")
            self.failed = True
            self._device.give_up(f"internal error; {self._log} has the details")
        self._sessions.work()
        for client in self._clients:
            client.send()

    def close(self) -> None:
        """Close every client and listener."""
        for client in self._clients:
            client.stop("the daemon stops")
            logger.info("closed", extra=fields(wire=client.wire.name, reason="the daemon stops"))
            client.close()
        for session in self._sessions:
            self._sessions.end(session, "the daemon stops")
        for listener in self._listeners:
            listener.close()
        self._selector.close()
        self._waker.close()
        self._wakened.close()

    # -- clients -----------------------------------------------------------------------------------

    def _watch(self, listener: Listener) -> None:
        logger.info("listening", extra=fields(url=listener.url))
        self._accept(listener)  # a wire that is always there is there at once
        descriptor = listener.fileno()
        if descriptor is not None:
            self._selector.register(descriptor, selectors.EVENT_READ, lambda: self._accept(listener))

    def _accept(self, listener: Listener) -> None:
        try:
            wire = listener.accept()
        except OSError as error:
            reason = str(error)
            logger.warning("connection lost before it began", extra=fields(url=listener.url, reason=reason))
            return
        if wire is not None:
            self._admit(wire)

    def _admit(self, wire: Wire) -> None:
        logger.info("connected", extra=fields(wire=wire.name))
        client = Client(wire, self._identity, self._sessions, self._greeting_time)
        sockets = [each for each in self._clients if not (each.wire.persistent or each.gone)]
        if len(sockets) >= MAX_CLIENTS + _MAX_DISMISSED:
            wire.close()
            return
        serving = [each for each in sockets if not each.departing]
        waiting = [each for each in serving if not each.greeted]
        if len(serving) >= MAX_CLIENTS and waiting:  # whoever says nothing does not keep others out
            waiting[0].lose("it had not greeted when others wanted to connect")
        elif len(serving) >= MAX_CLIENTS:
            detail = f"{MAX_CLIENTS} connections are open, the most that this device serves; try again later"
            client.dismiss(ErrorCode.BUSY, detail)
        self._clients.append(client)

    def _sweep(self) -> None:
        """Let go of clients that are gone."""
        for client in [client for client in self._clients if client.gone]:
            logger.info("closed", extra=fields(wire=client.wire.name, reason=client.gone))
            self._set_mask(client, 0)
            self._masks.pop(client, None)
            self._clients.remove(client)
            self._damage_before += client.damaged_frames
            client.close()

    def _count_damage(self) -> int:
        return self._damage_before + sum(client.damaged_frames for client in self._clients)

    def _drain_waker(self) -> None:
        self._wakened.recv(64)
