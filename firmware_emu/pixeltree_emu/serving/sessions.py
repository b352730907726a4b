"""Sessions: who drives the device, who looks on, and who may come back after a cut.

One session drives; it keeps the device while its wire is cut, for as long as WELCOME said, unless another
host wants to drive meanwhile. Further sessions observe.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator

from pixeltree_emu.controller.device import LOCAL_PART_BYTES, PART_BYTES, EmulatedDevice
from pixeltree_emu.errors import RequestError
from pixeltree_emu.machine.logs import fields
from pixeltree_protocol.link.connection import DeviceConnection, DeviceEvent, Received, Rejected, SessionState
from pixeltree_protocol.link.messages import (
    Error,
    ErrorCode,
    GetSettings,
    GetStatus,
    Hello,
    Holdings,
    Ping,
    PlanePart,
    Pong,
    Query,
    ReadPlane,
    Reply,
    Result,
    Role,
    Status,
    error_message,
)

logger = logging.getLogger(__name__)

GREATEST_BACKLOG = 256 << 10
"""While so many bytes wait for a session to take them, none of its requests is acted on."""

DRIVER_SECONDS = 0.005
"""For which requests of the session that drives are acted on at a time; then it is the others' turn."""

_GREATEST_VIEW = 64 << 10
"""While so many bytes wait for an observer to take them, it misses results."""

MAX_CONNECTED = 16
"""Sessions at a time that have a wire."""

_GREATEST_KEPT = 32
"""Sessions at a time, those without a wire included."""


class Session:
    """One host's session.

    Attributes:
        state: the protocol's part of it.
        name: for logs.
        client: what the host calls itself.
        drives: whether it may do more than look on.
        pending: what came in and was not acted on yet; it survives a cut, as it will not be sent again.
        connection: its wire's connection; None while it is cut.
        cut_at: when its wire was lost (monotonic seconds).
        spent: seconds that went into serving it.
        stirred: requests were acted on since the wire was last served: there may be something to say.
    """

    def __init__(self, state: SessionState, name: str, client: str, connection: DeviceConnection) -> None:
        self.state = state
        self.name = name
        self.client = client
        self.drives = state.role is Role.DRIVE
        self.pending: deque[DeviceEvent] = deque()
        self.connection: DeviceConnection | None = connection
        self.cut_at = 0.0
        self.stirred = False
        self.spent = 0.0


class Sessions:
    """All sessions of a device.

    Args:
        device: what they share.
        resume_ms: for how long a session without a wire is kept.
        damaged_frames: tells how many frames came in damaged so far, for STATUS.
        now: monotonic seconds.
    """

    def __init__(
        self,
        device: EmulatedDevice,
        resume_ms: int,
        damaged_frames: Callable[[], int] = lambda: 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._resume = resume_ms / 1000
        self._damaged_frames = damaged_frames
        self._now = now
        self._started = now()
        self._by_id: dict[bytes, Session] = {}
        self._driver: Session | None = None
        self._count = 0

    # -- coming and going --------------------------------------------------------------------------

    def greet(self, hello: Hello, connection: DeviceConnection, name: str) -> Session:
        """A host has greeted: go on with its session, or begin one."""
        known = self._by_id.get(hello.session)
        if known is not None and known.state.role == hello.role:
            return self._resume_session(known, connection)
        role = self._role_for(hello)
        self._count += 1
        state = connection.welcome(secrets.token_bytes(8), role, None, self._now())
        session = Session(state, f"session {self._count}", hello.client, connection)
        self._by_id[state.session] = session
        particulars = fields(session=session.name, wire=name, client=hello.client, role=role.name.lower())
        logger.info("session opened", extra=particulars)
        if role is Role.DRIVE:
            self._driver = session
            self._device.attach(self._reply_to_driver)
            self._device.part_bytes = _part_bytes(connection)
        self._keep_few()
        return session

    def make_room(self, hello: Hello) -> str | None:
        """Whether a host that has greeted finds room; a host that drives takes that of whoever looks on most.

        Returns:
            Why there is none; None where there is.
        """
        connected = [session for session in self._by_id.values() if session.connection is not None]
        known = self._by_id.get(hello.session)
        if len(connected) < MAX_CONNECTED or (known is not None and known.connection is not None):
            return None
        observers = [session for session in connected if not session.drives]
        if self._role_of(hello) is Role.DRIVE and observers:
            self._turn_out(max(observers, key=lambda session: session.spent))
            return None
        return f"{MAX_CONNECTED} connections are open, the most that this device serves; try again later"

    def _turn_out(self, session: Session) -> None:
        connection = session.connection
        detail = "a host that drives needs the place; try again later"
        self.end(session, detail)
        session.connection = None
        if connection is not None:
            connection.refuse(ErrorCode.BUSY, detail)

    def _resume_session(self, session: Session, connection: DeviceConnection) -> Session:
        if session.connection is not None and session.connection is not connection:
            session.connection.detach()  # its old wire, which nobody has noticed to be dead
        session.connection = connection
        connection.welcome(session.state.session, session.state.role, session.state, self._now())
        logger.info("session resumed", extra=fields(session=session.name))
        if session is self._driver:
            self._device.host_away(False)
            self._device.part_bytes = _part_bytes(connection)
        return session

    def _role_for(self, hello: Hello) -> Role:
        """The role of a new session; the one that drove and has no wire ends for another that wants to."""
        role = self._role_of(hello)
        if role is Role.DRIVE and self._driver is not None:
            self.end(self._driver, "another host wants to drive")
        return role

    def _role_of(self, hello: Hello) -> Role:
        """A host drives if it wants to and nobody does who has a wire."""
        taken = self._driver is not None and self._driver.connection is not None
        return Role.OBSERVE if hello.role == Role.OBSERVE or taken else Role.DRIVE

    def cut(self, session: Session, reason: str) -> None:
        """A session's wire is gone; it may come back, if its host knows of it."""
        if not session.state.confirmed:
            self.end(session, f"{reason}, before the host took note of it")
            return
        logger.info("session cut", extra=fields(session=session.name, reason=reason))
        session.connection = None
        session.cut_at = self._now()
        if session is self._driver:
            self._device.host_away(True)

    def end(self, session: Session, reason: str) -> None:
        """A session is over. Objects stay; its frame and its tree do not."""
        if self._by_id.pop(session.state.session, None) is None:
            return
        logger.info("session ended", extra=fields(session=session.name, reason=reason))
        if session is self._driver:
            self._driver = None
            self._device.attach(lambda message, request: None)

    def tick(self) -> None:
        """End the sessions that have been without a wire for too long."""
        now = self._now()
        for session in self._cut_sessions():
            if now >= session.cut_at + self._resume:
                self.end(session, f"it did not come back within {self._resume:g} s")

    def next_timer(self) -> float | None:
        """When :meth:`tick` may have something to do."""
        return min((session.cut_at + self._resume for session in self._cut_sessions()), default=None)

    def _cut_sessions(self) -> list[Session]:
        return [session for session in self._by_id.values() if session.connection is None]

    def _keep_few(self) -> None:
        """However often hosts come and vanish, memory is bounded: observers without a wire go first."""
        cut = sorted(self._cut_sessions(), key=lambda session: (session.drives, session.cut_at))
        for session in cut[: max(0, len(self._by_id) - _GREATEST_KEPT)]:
            self.end(session, "there are too many sessions")

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_id.values()))

    # -- requests ----------------------------------------------------------------------------------

    def work(self) -> None:
        """Act on what came in, as long as the sessions take their answers."""
        for session in self:
            self.advance(session)

    def can_advance(self, session: Session) -> bool:
        """Whether something came in from a session that can be acted on now."""
        return bool(session.pending) and session.state.queued_bytes < GREATEST_BACKLOG

    def advance(self, session: Session, seconds: float = math.inf) -> None:
        """Act on what came in from one session, as long as it takes its answers.

        Args:
            session: whose requests.
            seconds: no further request is begun after so long.
        """
        until = self._now() + seconds
        while self.can_advance(session):
            event = session.pending.popleft()
            self._act_safely(session, event)
            session.state.handled(event)
            session.stirred = True
            if session.pending and self._now() >= until:
                return

    @property
    def working(self) -> bool:
        """Whether the device has work that does not wait for its host."""
        return self._device.busy

    def work_for_driver(self) -> None:
        """Act on what came in from the session that drives, with a wire or without one."""
        if self._driver is not None and self._driver.pending:
            self.advance(self._driver, DRIVER_SECONDS)

    def _act_safely(self, session: Session, event: DeviceEvent) -> None:
        try:
            self._act(session, event)
        except Exception:  # whatever a host sends, the daemon keeps serving
            logger.exception("internal error", extra=fields(session=session.name))
            detail = "internal error; the daemon's log has the details"
            session.state.send(error_message(ErrorCode.INTERNAL, detail), _request(event))

    def _act(self, session: Session, event: DeviceEvent) -> None:
        if isinstance(event, Received):
            if isinstance(event.message, GetStatus):
                session.state.send(self.status(session), event.request)
            elif isinstance(event.message, GetSettings):
                session.state.send(self._device.told_settings(), event.request)
            elif session.drives:
                self._device.handle(event.message, event.request, event.wire_bytes)
            else:
                for answer in self._observe(session, event):
                    session.state.send(answer, event.request)
        elif isinstance(event, Rejected):
            particulars = fields(session=session.name, code=event.code.name, detail=event.detail)
            logger.warning("rejected", extra=particulars)
            session.state.send(error_message(event.code, event.detail), event.request)

    def _observe(
        self, session: Session, event: Received
    ) -> list[Holdings] | list[Pong] | list[PlanePart] | list[Error]:
        """What an observer gets to see."""
        message = event.message
        if isinstance(message, Ping):
            return [Pong(message.nonce)]
        if isinstance(message, Query):
            store = self._device.store
            return [Holdings(tuple(store.received(digest, wanted=False) for digest in message.digests))]
        if isinstance(message, ReadPlane):
            try:
                return self._device.read_plane(message.register, _part_bytes(session.connection))
            except RequestError as error:
                return [error_message(error.code, str(error))]
        detail = f"{type(message).__name__} from a session that observes; the session that drives may send it"
        return [error_message(ErrorCode.NOT_DRIVER, detail)]

    def _reply_to_driver(self, message: Reply, request: int) -> None:
        if self._driver is None:
            return
        self._driver.state.send(message, request)
        if isinstance(message, Result):
            for session in self:
                if not session.drives and session.connection and session.state.queued_bytes < _GREATEST_VIEW:
                    session.state.send(message)

    def status(self, session: Session) -> Status:
        """How the device is, told to one session."""
        return self._device.status(
            sum(1 for each in self if each.connection is not None),
            self._driver.client if self._driver else "",
            self._now() - self._started,
            self._damaged_frames(),
            session.state.delivery.resent_bytes,
        )


def _part_bytes(connection: DeviceConnection | None) -> int:
    """Bytes of a long answer in one message."""
    return LOCAL_PART_BYTES if connection is not None and connection.local else PART_BYTES


def _request(event: DeviceEvent) -> int:
    return event.request if isinstance(event, Received | Rejected) else 0
