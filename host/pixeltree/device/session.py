"""A session with a device: survives cuts, gives up in time.

The protocol's connection knows what to say; a link moves the bytes; the session joins them, watches the
clock, and opens the link again when it breaks. Where the device is as it was, nobody notices but for the
time it took; where it started anew, open requests are lost and :class:`SessionLostError` says so.

While nobody calls, a small thread answers the device's heartbeats. It ends with :meth:`Session.close`, and
with the session itself should nobody close it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pixeltree.device.clock import Clock
from pixeltree.device.patience import Keeper, Patience
from pixeltree.errors import DataError, DeviceError, LinkError, SessionLostError
from pixeltree.links import Link
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.connection import (
    Departing,
    HostConnection,
    HostEvent,
    Received,
    Refused,
    Rejected,
    SessionLost,
    State,
    Ticket,
)
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.messages import ErrorCode, Request, Role, Welcome

logger = logging.getLogger(__name__)

_GREATEST_BURST = 16_384
"""Bytes given to the link between two looks at what comes in: what a small request may have to wait for."""

_WINDOWS_BURSTS = 4
"""A window of this many such bursts, or more, is a fast wire's: there a burst may be this part of it."""

_FIRST_BURST = 2_048
_LEAST_BURST = 1_024
_LONG = 1.0
"""Seconds that sending a burst may take before the next ones are shorter: a slow line is no stuck device."""

_LEAST_GREETING = 2.0
"""Seconds to greet, if so much was allowed, however long opening took: a private daemon starts first."""

_FIRST_PAUSE = 0.02
_GREATEST_PAUSE = 0.5
_WRONG_PROTOCOL = "what answers at {} does not speak the Pixeltree protocol; is it the right address?"
_NO_ANSWER = "what is at {} does not answer; check the cable and the power, or look at the daemon's log"


class Session:
    """One conversation with a device.

    Args:
        open_link: opens the link, within so many seconds.
        url: where it leads.
        role: drive the device, or observe.
        token: what the device wants to see proof of, if it does.
        patience: how long to wait.
        keep_alive: whether to answer heartbeats while nobody calls.
        clock: what tells the time and waits.

    Attributes:
        generation: counts the device's losses of this session: requests of an earlier one are not answered.
        restarted: whether the last loss was a restart of the device, so that its objects are gone too.
        cuts: how often the link broke and was opened again.
    """

    def __init__(
        self,
        open_link: Callable[[float], Link],
        url: str,
        role: Role = Role.DRIVE,
        token: bytes | None = None,
        patience: Patience | None = None,
        keep_alive: bool = True,
        clock: Clock = time,
    ) -> None:
        self.url = url
        self.generation = 0
        self.restarted = False
        self.cuts = 0
        self.wire_bytes_sent = 0
        self.wire_bytes_received = 0
        self.patience = patience or Patience()
        self._open_link = open_link
        self._role = role
        self._clock = clock
        self._keep_alive = keep_alive
        self._connection = HostConnection("pixeltree", secrets.token_bytes, role, token)
        self._link: Link | None = None
        self._lost = "it was closed"
        self._ready: list[Received] = []
        self._refusal: Refused | None = None
        self._departing: str | None = None
        self._nonsense = 0
        self._gathering = 0
        self._burst = _FIRST_BURST
        self._greatest_burst = _GREATEST_BURST
        self._greet_by: float | None = None
        self._lock = threading.RLock()
        self._keeper: Keeper | None = None
        self._closed = False

    def greet(self) -> Welcome:
        """Find the device and shake hands.

        Raises:
            LinkError: nobody answers, or not with our protocol.
            DeviceError: the device refuses.
        """
        with self._lock:
            try:
                welcome = self._connect(self._clock.monotonic() + self.patience.connect)
            except BaseException:
                self._drop_link()
                raise
            if self._keep_alive:
                self._keeper = Keeper(self.keep_alive, self.url, welcome.heartbeat_ms / 2000)
                self._keeper.start()
            return welcome

    def send(self, message: Request, priority: Priority, generation: int) -> Ticket:
        """Send a request, or queue it until its turn comes.

        Args:
            message: the request.
            priority: what goes first where several wait.
            generation: of the session for which it is meant.

        Raises:
            DataError: it does not fit the device.
            LinkError: the device is gone and does not come back.
            SessionLostError: it came back without knowing us.
        """
        with self._lock:
            self._need_link()
            if generation != self.generation:
                raise self.lost()  # what the caller knows of the device is no longer so
            try:
                ticket = self._connection.send(message, priority)
            except MessageError as error:
                raise DataError(f"this cannot be sent to {self.url}: {error}") from error
            if not self._gathering:
                self._persist(self._flush)
            if generation != self.generation:
                raise self.lost()
            return ticket

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is sent within goes on the wire at the end, in one burst instead of one each.

        Raises:
            LinkError: the device is gone and does not come back.
        """
        with self._lock:
            self._gathering += 1
            try:
                yield
            finally:
                self._gathering -= 1
            if not self._gathering:
                self._need_link()
                self._persist(self._flush)

    def lost(self) -> SessionLostError:
        """What to raise for requests of an earlier generation."""
        what = "was started anew" if self.restarted else "gave this session up"
        return SessionLostError(
            f"the device at {self.url} {what}; what was under way is lost", self.restarted
        )

    @property
    def deadline(self) -> float:
        """When to give up waiting for an answer that is asked for now, by the clock of the session."""
        return self._clock.monotonic() + self.patience.answer

    def deadline_in(self, seconds: float) -> float:
        """When so many seconds from now will have passed."""
        return self._clock.monotonic() + seconds

    @property
    def resent_bytes(self) -> int:
        """Bytes that this end had to send again in this session."""
        return self._connection.resent_bytes

    @property
    def now(self) -> float:
        """Seconds on the clock of the session."""
        return self._clock.monotonic()

    def receive(self, deadline: float, until: float | None = None) -> list[Received]:
        """Wait for messages; none come back only where the session was lost meanwhile, or ``until`` has come.

        Raises:
            LinkError: the device is gone and does not come back, or has nothing to say until the deadline.
        """
        with self._lock:
            self._need_link()
            generation = self.generation
            while not self._ready and generation == self.generation:
                now = self._clock.monotonic()
                if until is not None and now >= until:
                    break
                left = min(deadline, deadline if until is None else until) - now
                if left <= 0:
                    raise LinkError(
                        f"the device at {self.url} is alive, but did not answer in time; "
                        f"look at its log, or allow more time"
                    )
                try:
                    self._converse(left)
                except LinkError as error:
                    self._reconnect(str(error))
            return self.waiting()

    def poll(self) -> None:
        """Move what can be moved without waiting."""
        with self._lock:
            self._need_link()
            self._persist(lambda: self._converse(0.0))

    def waiting(self) -> list[Received]:
        """Messages that have come in and nobody has taken yet."""
        with self._lock:
            messages, self._ready = self._ready, []
            return messages

    def close(self) -> None:
        """Leave the device and close the link; again is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._link is not None:
                self._connection.leave()
                try:
                    self._flush()
                except LinkError as error:
                    logger.debug("leaving %s: %s", self.url, error)
            self._drop_link()
        if self._keeper is not None:
            self._keeper.stop()

    # -- the link ----------------------------------------------------------------------------------

    def _need_link(self) -> None:
        if self._closed:
            raise LinkError(f"the connection to {self.url} is closed")
        if self._link is None:
            self._reconnect(self._lost)

    def _persist(self, action: Callable[[], None]) -> None:
        """Do something with the link; where it breaks, open it again."""
        try:
            action()
        except LinkError as error:
            self._reconnect(str(error))

    def _reconnect(self, reason: str) -> None:
        """Open the link again until it works or patience ends."""
        self._drop_link()
        logger.warning("the link broke: %s", reason)
        deadline = self._clock.monotonic() + self.patience.reconnect
        pause = _FIRST_PAUSE
        while True:
            if self._clock.monotonic() >= deadline:
                tried = f"; it did not come back within {self.patience.reconnect:g} s"
                raise LinkError(reason + (tried if self.patience.reconnect else ""))
            try:
                now = self._clock.monotonic()
                self._connect(now + min(max(deadline - now, _GREATEST_PAUSE), self.patience.connect))
            except LinkError as error:
                logger.debug("not yet: %s", error)
                self._drop_link()
                self._clock.sleep(min(pause, max(0.0, deadline - self._clock.monotonic())))
                pause = min(2 * pause, _GREATEST_PAUSE)
            except DeviceError as error:
                self._drop_link()
                if error.code != ErrorCode.BUSY.name or self._clock.monotonic() + _GREATEST_PAUSE >= deadline:
                    raise
                self._clock.sleep(_GREATEST_PAUSE)  # it may be our own session on a wire that is dead by now
            else:
                self.cuts += 1
                logger.warning("connected to %s again", self.url)
                return

    def _connect(self, deadline: float) -> Welcome:
        """Open the link and shake hands."""
        received = self.wire_bytes_received
        allowed = max(0.1, deadline - self._clock.monotonic())
        self._link = self._open_link(allowed)
        deadline = max(deadline, self._clock.monotonic() + min(allowed, _LEAST_GREETING))
        self._burst = _FIRST_BURST
        self._greet_by = None
        self._refusal = None
        self._connection.connect(self._clock.monotonic())
        while self._connection.state is not State.READY:
            left = deadline - self._clock.monotonic()
            if left <= 0 and self.wire_bytes_received > received:
                raise LinkError(_WRONG_PROTOCOL.format(self.url))
            if left <= 0:
                raise LinkError(_NO_ANSWER.format(self.url))
            self._exchange(left)
            if self._refusal is not None:
                raise DeviceError(self._refusal.code.name, self._refusal.detail)
        welcome = self._connection.welcome
        assert welcome is not None
        window = welcome.capabilities.credit_window
        self._greatest_burst = max(_GREATEST_BURST, window // _WINDOWS_BURSTS)
        if welcome.role != self._role:
            raise DeviceError(
                ErrorCode.BUSY.name,
                f"another session drives the device at {self.url}; wait for it to leave, or observe",
            )
        return welcome

    def _drop_link(self) -> None:
        self._connection.cut()
        if self._link is not None:
            self._link.close()
            self._link = None

    # -- bytes -------------------------------------------------------------------------------------

    def _converse(self, timeout: float) -> None:
        """Exchange bytes in a session; a device that forgot it is greeted again, but not for ever."""
        self._exchange(timeout)
        if self._connection.state is State.READY:
            self._greet_by = None
        elif self._greet_by is None:
            self._greet_by = self._clock.monotonic() + self.patience.connect
        elif self._clock.monotonic() >= self._greet_by:
            raise LinkError(_NO_ANSWER.format(self.url))

    def _exchange(self, timeout: float) -> None:
        """Send what is to send, then wait for something to come in, or for a timer, for so long at most."""
        connection, now = self._connection, self._clock.monotonic()
        if connection.due(now):
            self._flush()
            now = self._clock.monotonic()
        if self._ready and connection.state is State.READY:
            return
        timer = connection.next_timer()
        if timer is not None and timer - now < timeout:
            timeout = max(0.0, timer - now)
        self._take(timeout)
        if not self._ready and connection.silent(self._clock.monotonic()):
            raise LinkError(self._silence())

    def _flush(self) -> None:
        more = True
        while more:
            unsent = self._connection.data_to_send(self._clock.monotonic(), self._burst)
            more = len(unsent) >= self._burst
            while unsent:
                burst, unsent = unsent[: self._burst], unsent[self._burst :]
                self._send_burst(burst)

    def _send_burst(self, data: bytes) -> None:
        """Send some bytes, and learn how many the line takes in reasonable time."""
        assert self._link is not None
        full = len(data) >= self._burst
        began = self._clock.monotonic()
        self._link.send(data, self.patience.connect)
        self.wire_bytes_sent += len(data)
        if self._clock.monotonic() - began > _LONG:
            self._burst = max(self._burst // 2, _LEAST_BURST)
        elif full:
            self._burst = min(2 * self._burst, self._greatest_burst)
        if full:
            self._take(0.0)

    def _take(self, timeout: float) -> None:
        assert self._link is not None
        data = self._link.receive(timeout)
        if data is not None:
            self.wire_bytes_received += len(data)
            for event in self._connection.receive_data(data, self._clock.monotonic()):
                self._act(event)
            if self._departing is not None:
                reason, self._departing = self._departing, None
                raise LinkError(f"the device at {self.url} is gone ({reason})")

    def _act(self, event: HostEvent) -> None:
        if isinstance(event, Received):
            self._ready.append(event)
        elif isinstance(event, Rejected):
            self._nonsense += 1
            logger.info("from %s: %s: %s", self.url, event.code.name, event.detail)
        elif isinstance(event, Refused):
            self._refusal = event
        elif isinstance(event, SessionLost):
            self.generation += 1
            self.restarted = event.restarted
            self._ready.clear()
            what = "the device was started anew" if event.restarted else "the device had given our session up"
            logger.warning("%s: %s", self.url, what)
        elif isinstance(event, Departing):
            self._departing = event.detail

    def _silence(self) -> str:
        welcome = self._connection.welcome
        assert welcome is not None
        return (
            f"the device at {self.url} fell silent for {welcome.silence_ms / 1000:g} s ({self._nonsense} "
            f"messages that could not be read came in so far); check the cable and the power, or look at "
            f"the daemon's log"
        )

    def keep_alive(self) -> None:
        """Answer heartbeats, unless a caller uses the link; the next caller learns of a broken link."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._link is not None and not self._closed:
                self._converse(0.0)
        except LinkError as error:
            logger.info("while idle: %s", error)
            self._lost = str(error)
            self._drop_link()
        finally:
            self._lock.release()
