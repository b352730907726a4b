"""Serves one emulated device: a single thread that alternates between the wires and the array.

Whatever a client sends, or does not send, the daemon keeps serving the others:
:mod:`pixeltree_emu.serving.turns` says whose turn it is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import time
from collections.abc import Iterable, Sequence

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.machine.logs import fields, moderation
from pixeltree_emu.serving.announcement import Announcement
from pixeltree_emu.serving.client import Client
from pixeltree_emu.serving.listeners import Listener
from pixeltree_emu.serving.sessions import DRIVER_SECONDS, Sessions
from pixeltree_emu.serving.turns import Standing, Turns
from pixeltree_emu.wires import Wire
from pixeltree_emu.wires.base import READ_BYTES
from pixeltree_protocol.link.connection import Identity

logger = logging.getLogger(__name__)

STRANGERS = 16
"""Connections without a session at a time; the noisiest, then the oldest goes when others want to connect."""

_QUIET_TIME = 0.25
"""Seconds that a new connection has for its first words before its place may be given to another."""

_PORTIONS = {
    Standing.DRIVES: (4 * READ_BYTES, DRIVER_SECONDS),
    Standing.OBSERVES: (4096, 0.0005),
    Standing.STRANGER: (1024, 0.0005),
}
"""What one turn is: bytes that are read, and seconds in which requests are acted on."""

_WORK_SECONDS = 0.0005
"""For which the device works before somebody who waits is looked for, and answered within a millisecond."""

_LOOK_AROUND = 0.02
"""Seconds for which the daemon may look at the host that drives alone, while nobody else is connected."""

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
        self._turns = Turns()
        self._masks: dict[Client | Listener, int] = {}
        self._selector = selectors.DefaultSelector()
        self._stop_at: float | None = None
        self._looked_around = 0.0
        self._private = False
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, self._drain_waker)
        for listener in self._listeners:
            self._watch(listener)

    def stop(self) -> None:
        """Ask the loop to end after the frame in hand. Safe in a signal handler and from other threads.

        After the end it does nothing: a signal may come while the process tidies up.
        """
        grace = _STOP_GRACE if self._stop_at is None else 0.0  # asked twice: at once
        self._stop_at = time.monotonic() + grace
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def stop_at_end_of(self, descriptor: int) -> None:
        """Stop when a pipe that nobody writes to is closed at its other end."""
        try:
            self._selector.register(descriptor, selectors.EVENT_READ, lambda: self._watch_pipe(descriptor))
        except PermissionError:  # a file or /dev/null, which nobody has to wait for
            self.stop()
        self._private = True  # it belongs to whoever holds that end

    def _watch_pipe(self, descriptor: int) -> None:
        if not os.read(descriptor, 4096):
            self._selector.unregister(descriptor)
            self.stop()

    def serve(self) -> None:
        """Serve until :meth:`stop`; then finish the frame in hand, if that does not take long."""
        announcement = None
        if not self._private:
            announcement = Announcement(self._identity.name, [each.url for each in self._listeners])
        while not self._finished():
            ready = self._sleep()
            for each in sorted(ready, key=self._turns.last) if len(ready) > 1 else ready:
                self._serve(each)
            self._sessions.tick()
            self._work()
            self._sweep()
            if moderation.report_at is not None and time.monotonic() >= moderation.report_at:
                moderation.report()
        moderation.report()
        if announcement is not None:
            announcement.withdraw()
        self.close()

    def _serve(self, who: Client | Listener) -> None:
        """Give somebody a turn, unless those of the same standing have used up their time in this round."""
        began = time.monotonic()
        standing = _standing(who)
        if not self._turns.may(standing, began):
            return
        if isinstance(who, Client):
            self._serve_client(who, *_PORTIONS[standing])
        else:
            self._accept(who)
        self._account(who, standing, began)

    def _account(self, who: Client | Listener, standing: Standing, began: float) -> None:
        """Somebody's turn is over, which began at a time."""
        now = time.monotonic()
        self._turns.took(who, standing, now - began, now)
        if isinstance(who, Client):
            who.spent(now - began)
        if standing is Standing.DRIVES:
            self._turns.driver_works(now)

    def _serve_client(self, client: Client, read_bytes: int, seconds: float) -> None:
        try:
            client.serve(read_bytes, seconds)
        except Exception:  # whatever a peer sends, the daemon keeps serving the others
            logger.exception("internal error", extra=fields(wire=client.wire.name))
            self.failed = True
            client.lose("internal error")

    def _sleep(self) -> list[Client | Listener]:
        """Wait until somebody who may be served has something, or is due; returns who."""
        now = time.monotonic()
        if now < self._looked_around + _LOOK_AROUND and len(self._clients) == 1:
            client = self._clients[0]
            if client.standing is Standing.DRIVES:
                return self._sleep_beside(client, now)
        self._looked_around = now
        if self._device.frame_in_hand:
            self._turns.driver_works(now)
        dues: dict[Client | Listener, float] = {}
        wakes: list[float | None] = [self._device.wakes_at, self._sessions.next_timer(), self._stop_at]
        wakes.append(moderation.report_at)
        for client in self._clients:
            opens_at = self._turns.opens_at(client.standing, now)
            if opens_at > now:
                self._set_mask(client, 0)
                wakes.append(opens_at)
                continue
            wants = client.wants()
            self._set_mask(client, wants.mask)
            if wants.due is not None:
                dues[client] = wants.due
        wakes += [self._watch_listeners(now), *dues.values()]
        ready = self._wait(self._patience(now, wakes))
        now = time.monotonic()
        return ready + [client for client, due in dues.items() if due <= now and client not in ready]

    def _sleep_beside(self, client: Client, now: float) -> list[Client | Listener]:
        """The same where there is nobody but the host that drives; the others wait as they did before."""
        wants = client.wants()
        self._set_mask(client, wants.mask)
        ready = self._wait(self._patience(now, (wants.due, self._device.wakes_at, now + _LOOK_AROUND)))
        if client not in ready and wants.due is not None and wants.due <= time.monotonic():
            ready.append(client)
        return ready

    def _wait(self, patience: float | None) -> list[Client | Listener]:
        """Wait for events; returns whose they are."""
        ready: list[Client | Listener] = []
        for key, _ in self._selector.select(patience):
            if callable(key.data):
                key.data()
            else:
                ready.append(key.data)
        return ready

    def _watch_listeners(self, now: float) -> float | None:
        """Look for new connections when there is time and room for them; when to look again if not."""
        opens_at = max(self._turns.opens_at(Standing.STRANGER, now), self._place_free_at(now))
        for listener in self._listeners:
            if listener.fileno() is not None:
                self._set_mask(listener, selectors.EVENT_READ if opens_at <= now else 0)
        return opens_at if opens_at > now else None

    def _set_mask(self, who: Client | Listener, mask: int) -> None:
        before = self._masks.get(who, 0)
        if mask == before:
            return
        descriptor = who.wire.fileno() if isinstance(who, Client) else who.fileno()
        assert descriptor is not None
        if not before:
            self._selector.register(descriptor, mask, who)
        elif not mask:
            self._selector.unregister(descriptor)
        else:
            self._selector.modify(descriptor, mask, who)
        self._masks[who] = mask

    def _patience(self, now: float, wakes: Iterable[float | None]) -> float | None:
        """How long the loop may sleep."""
        if self._device.busy:
            return 0.0
        known = [wake for wake in wakes if wake is not None]
        return min(max(0.0, min(known) - now), _LONGEST_SLEEP) if known else None

    def _finished(self) -> bool:
        if self._stop_at is None:
            return False
        unsent = any(client.has_unsent for client in self._clients)
        return not (self._device.busy or unsent) or time.monotonic() > self._stop_at

    def _work(self) -> None:
        try:
            self._work_on_device()
        except Exception:  # whatever a host made the device do, the daemon keeps serving
            logger.exception("a frame ended with an internal error")
            self.failed = True
            self._device.give_up(f"internal error; {self._log} has the details")
        self._sessions.work_for_driver()
        for client in self._clients:
            began = time.monotonic()
            if client.has_something_to_say and self._turns.may(client.standing, began):
                client.send()
                self._account(client, client.standing, began)

    def _work_on_device(self) -> None:
        """Steps of the job or frame in hand, for a short time; what there is to say ends both."""
        until = time.monotonic() + _WORK_SECONDS
        self._device.work()
        while self._device.busy and time.monotonic() < until:
            self._device.work()

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
        self._turns.enter(listener, time.monotonic())

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
        strangers = self._strangers()
        if len(strangers) >= STRANGERS:
            worst = max(strangers, key=lambda each: (each.noisy, -each.since))
            worst.lose("it had not greeted when others wanted to connect")
        client = Client(wire, self._identity, self._sessions, self._greeting_time)
        self._clients.append(client)
        self._turns.enter(client, client.since)

    def _strangers(self) -> list[Client]:
        """Connections without a session, which share their places; a serial port has its own."""
        return [
            each
            for each in self._clients
            if each.standing is Standing.STRANGER and not (each.wire.persistent or each.gone)
        ]

    def _place_free_at(self, now: float) -> float:
        """When there is a place for one more connection, or somebody whose place it may have."""
        if len(self._clients) < STRANGERS:
            return now
        strangers = self._strangers()
        if len(strangers) < STRANGERS or any(each.noisy for each in strangers):
            return now
        return min(each.since for each in strangers) + _QUIET_TIME

    def _sweep(self) -> None:
        """Let go of clients that are gone."""
        gone = [client for client in self._clients if client.gone]
        if not gone:
            return
        self._looked_around = 0.0
        began = time.monotonic()
        for client in gone:
            logger.info("closed", extra=fields(wire=client.wire.name, reason=client.gone))
            self._set_mask(client, 0)
            self._masks.pop(client, None)
            self._clients.remove(client)
            self._turns.leave(client)
            self._damage_before += client.damaged_frames
            client.close()
        now = time.monotonic()
        self._turns.charge(Standing.STRANGER, now - began, now)

    def _count_damage(self) -> int:
        return self._damage_before + sum(client.damaged_frames for client in self._clients)

    def _drain_waker(self) -> None:
        self._wakened.recv(64)


def _standing(who: Client | Listener) -> Standing:
    """Whose part of the time a turn takes: new connections are strangers."""
    return who.standing if isinstance(who, Client) else Standing.STRANGER
