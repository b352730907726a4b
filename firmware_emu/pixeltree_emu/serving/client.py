"""A client: one wire, the protocol's connection on it, and the session that came over it."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable

from pixeltree_emu.errors import WireClosed
from pixeltree_emu.machine.logs import fields
from pixeltree_emu.serving.sessions import Session, Sessions
from pixeltree_emu.serving.turns import Standing
from pixeltree_emu.wires.base import READ_BYTES, Wants, Wire
from pixeltree_protocol.link.connection import (
    DeviceConnection,
    DeviceEvent,
    Greeting,
    Identity,
    Left,
    Received,
    Rejected,
    State,
)
from pixeltree_protocol.link.messages import ErrorCode, Hello

logger = logging.getLogger(__name__)

_CHUNK = 16_384
"""Bytes taken from a session at a time, so that a short answer overtakes a long one."""

_LOCAL_CHUNK = 65_536
"""The same where no line is slow, and each time costs more than the bytes."""

_STUCK = 0.1
"""Seconds between looks at the timers of a wire that takes nothing."""

_FAREWELL = 0.5
"""Seconds that a client which is sent away has to take the reason."""

TOLERATED_FRAMES = 16
"""Damaged or senseless frames after which a connection without a session is closed."""

TOLERATED_BYTES = 16_384
"""Bytes after which a connection without a session is closed; a greeting has a few hundred."""

_QUIET_BYTES = 1_024
"""Bytes without a greeting from which on a connection counts as noise."""


class Client:
    """Whoever is at the other end of a wire.

    Args:
        wire: the wire; closed by :meth:`close`.
        identity: what the device says of itself.
        sessions: all sessions of the device.
        greeting_time: seconds that a host has to greet; None on a wire that is always there.
        now: monotonic seconds.

    Attributes:
        gone: why nothing more is to be expected; empty while the wire serves.
        damaged_frames: frames that came in damaged on this wire.
        since: when the wire came (monotonic seconds).
    """

    def __init__(
        self,
        wire: Wire,
        identity: Identity,
        sessions: Sessions,
        greeting_time: float | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wire = wire
        self.gone = ""
        self._identity = identity
        self._sessions = sessions
        self._now = now
        self._connection = DeviceConnection(identity, secrets.token_bytes, wire.local)
        self._session: Session | None = None
        self._unsent = bytearray()
        self._chunk = _LOCAL_CHUNK if wire.local else _CHUNK
        self._greeting_time = None if wire.persistent else greeting_time
        self._greet_by = None if self._greeting_time is None else now() + self._greeting_time
        self._leave_at: float | None = None
        self._reason = ""
        self.since = now()
        self._strange_bytes = 0
        self._strange_frames = 0

    @property
    def has_unsent(self) -> bool:
        """Whether there is something that the wire has not taken yet."""
        return bool(self._unsent or (self._session is not None and self._connection.bytes_to_send))

    @property
    def damaged_frames(self) -> int:
        """Frames that came in damaged on this wire."""
        return self._connection.damaged_frames

    def wants(self) -> Wants:
        """What the wire is to be watched for, and when to serve it without any event."""
        mask, due = self.wire.wants(self._leave_at is None, bool(self._unsent))
        if self._can_go_on():
            return Wants(mask, 0.0)
        timer = self._connection.next_timer()
        if timer is not None and len(self._unsent) >= self._chunk:  # what is due then cannot be said
            timer = max(timer, self._now() + _STUCK)
        for time_due in (timer, self._greet_by, self._leave_at):
            if time_due is not None and (due is None or time_due < due):
                due = time_due
        return Wants(mask, due)

    def _can_go_on(self) -> bool:
        """Whether something is to be done although nothing came in."""
        session = self._session
        if session is None:
            return False
        return session.connection is not self._connection or self._sessions.can_advance(session)

    def serve(self, read_bytes: int = READ_BYTES, seconds: float = math.inf) -> None:
        """Move bytes in both directions and act on what came in; sets ``gone`` at the end.

        Args:
            read_bytes: bytes that are read at most.
            seconds: for which requests are acted on, about; the others wait for the next time.
        """
        try:
            if self._leave_at is None:
                self._read(
                    read_bytes
                )  # always: acknowledgements must come in, and the window bounds the rest
            self._forget_foreign_session()
            if self._session is not None and self._session.pending:
                self._sessions.advance(self._session, seconds)
            if not self._says_more_soon():
                self.flush()
            self._watch_time()
        except WireClosed as error:
            self.lose(str(error))

    def _says_more_soon(self) -> bool:
        """Whether its frame goes on in this very round, and what there is to say goes with what that says.

        On a slow line, what is said later arrives later; there nothing waits.
        """
        session = self._session
        if session is None or not self.wire.local:
            return False
        return session.stirred and session.drives and self._sessions.working

    @property
    def has_something_to_say(self) -> bool:
        """Whether :meth:`send` may have something to send."""
        stirred = self._session is not None and self._session.stirred
        return bool(stirred or self._unsent or self._connection.bytes_to_send)

    def send(self) -> None:
        """Send what the device has come up with meanwhile; sets ``gone`` where nobody is there any more."""
        if not self.has_something_to_say:
            return
        try:
            self.flush()
        except WireClosed as error:
            self.lose(str(error))

    def flush(self) -> None:
        """Send what the wire takes, up to four chunks: what is left over waits as if it had not taken it.

        Raises:
            WireClosed: nobody is there any more.
        """
        if self._session is not None:
            self._session.stirred = False
        sent = 0
        while True:
            if len(self._unsent) < self._chunk:
                self._unsent += self._connection.data_to_send(self._now(), self._chunk)
            taken = self.wire.write(self._unsent)
            del self._unsent[:taken]
            sent += taken
            if not taken or (not self._unsent and not self._connection.bytes_to_send):
                return
            if sent >= 4 * self._chunk:
                self._unsent += self._connection.data_to_send(self._now(), self._chunk)
                return

    def dismiss(self, code: ErrorCode, detail: str) -> None:
        """Say why there is no session here, and close soon."""
        logger.warning("sent away", extra=fields(wire=self.wire.name, reason=detail))
        self._connection.refuse(code, detail)
        self._greet_by = None
        self._depart(detail)

    def stop(self, reason: str) -> None:
        """The device goes away: say so if the wire takes it."""
        self._connection.stop(reason)
        try:
            self.flush()
        except WireClosed as error:
            logger.debug("not told", extra=fields(wire=self.wire.name, reason=str(error)))

    def close(self) -> None:
        """Close the wire."""
        self.wire.close()

    def _read(self, limit: int) -> None:
        data = self.wire.read(limit)
        if data is None:
            return
        if not data:
            if not self.wire.persistent:
                self._connection.ended()
                self.flush()
            self.lose("the host closed it")
            return
        for event in self._connection.receive_data(data, self._now()):
            self._take(event)
        if self._connection.state is not State.READY:
            self._wait_for_greeting()
            self._bear_noise(len(data))

    def _wait_for_greeting(self) -> None:
        """There is no session on this wire, or no longer: time runs, and its session may go on elsewhere."""
        if self._session is not None and self._session.connection is self._connection:
            self._sessions.cut(self._session, "the host greeted again, and did not get through")
            self._session = None
        if self._greet_by is None and self._greeting_time is not None:
            self._greet_by = self._now() + self._greeting_time

    def _bear_noise(self, count: int) -> None:
        """Bytes came from somebody without a session, who is sent away once there are too many."""
        self._strange_bytes += count
        if self.wire.persistent or self._leave_at is not None:
            return
        if self._strange_frames >= TOLERATED_FRAMES or self._strange_bytes >= TOLERATED_BYTES:
            detail = (
                f"{self._strange_bytes} bytes with {self._strange_frames} bad frames came, and no greeting"
            )
            self.dismiss(ErrorCode.UNEXPECTED, detail)

    def _take(self, event: DeviceEvent) -> None:
        if isinstance(event, Received) and self._session is not None:
            self._session.pending.append(event)  # by far the most frequent
        elif isinstance(event, Greeting):
            self._greet(event.hello)
        elif isinstance(event, Left):
            self._end_session("the host left")
        elif isinstance(event, Rejected) and not event.sequenced:
            particulars = fields(wire=self.wire.name, code=event.code.name, detail=event.detail)
            logger.warning("rejected", extra=particulars)
            self._strange_frames += not self.greeted
            if event.code in (ErrorCode.VERSION, ErrorCode.AUTHENTICATION):
                self._depart(event.detail)
        elif self._session is not None:
            self._session.pending.append(event)

    def _greet(self, hello: Hello) -> None:
        """Go on with the session on this very wire, as on a serial line, or begin one and end that."""
        self._strange_bytes = self._strange_frames = 0
        full = None if self.wire.persistent else self._sessions.make_room(hello)
        if full is not None:
            self.dismiss(ErrorCode.BUSY, full)
            return
        state = self._session.state if self._session is not None else None
        if state is not None and (hello.session, hello.role) != (state.session, state.role):
            self._end_session("the host began anew")
        self._session = self._sessions.greet(hello, self._connection, self.wire.name)
        self._greet_by = None

    def _end_session(self, reason: str) -> None:
        """A session ends with what its host says on its own wire; elsewhere it may have gone on."""
        if self._session is not None and self._session.connection is self._connection:
            self._sessions.end(self._session, reason)
        self._session = None

    def _is_foreign(self) -> bool:
        """Whether the session that came over this wire is not on it any more."""
        return self._session is not None and self._session.connection is not self._connection

    def _forget_foreign_session(self) -> None:
        if self._session is not None and self._is_foreign():
            elsewhere = self._session.connection is not None
            self._session = None
            self._depart("its session goes on over another wire" if elsewhere else "its session was ended")

    def _depart(self, reason: str) -> None:
        """Close soon, once what there is to say is said; a wire that is always there just goes on."""
        if not self.wire.persistent and self._leave_at is None:
            self._leave_at = self._now() + _FAREWELL
            self._reason = reason

    def _watch_time(self) -> None:
        now = self._now()
        if self._connection.silent(now):
            self.lose(f"nothing was heard for {self._identity.silence_ms / 1000:g} s")
        elif self._greet_by is not None and now >= self._greet_by:
            self.gone = "it did not greet in time"
        elif self._leave_at is not None and (now >= self._leave_at or not self._unsent):
            self.gone = self._reason

    def lose(self, reason: str) -> None:
        """The wire is cut: its session may come back on another one."""
        if self._session is not None and self._session.connection is self._connection:
            self._sessions.cut(self._session, reason)
        self._session = None
        if self.wire.persistent:
            self._unsent.clear()
            self._connection.detach()
        else:
            self.gone = reason

    @property
    def greeted(self) -> bool:
        """Whether a session is on this wire."""
        return self._connection.state is State.READY

    @property
    def standing(self) -> Standing:
        """What part of the time it has."""
        if self._session is None or self._connection.state is not State.READY:
            return Standing.STRANGER
        return Standing.DRIVES if self._session.drives else Standing.OBSERVES

    @property
    def noisy(self) -> bool:
        """Whether it has no session, and what it sent looks like no greeting."""
        return not self.greeted and (self._strange_frames > 0 or self._strange_bytes >= _QUIET_BYTES)

    def spent(self, seconds: float) -> None:
        """So much time went into serving it."""
        if self._session is not None:
            self._session.spent += seconds
