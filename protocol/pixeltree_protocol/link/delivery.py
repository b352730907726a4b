"""Payloads in order, once each, over a wire that may lose, repeat or damage frames: go-back-N.

Every payload has a sequence number (16 bits, from 0 in each direction of a session). Every frame carries, for
the other direction, two cumulative numbers: all before ``received`` have arrived, all before ``handled``
have been acted on. A sender keeps a frame until it is received, and may have at most a *window* of bytes that
are not handled; so a slow receiver slows its sender instead of drowning.

A receiver takes frames in order only. When one is missing it says so once (``reject``), and the sender
sends again from there. When nothing moves, a sender asks (``poll``): on a wire that keeps order the answer
tells exactly what was lost, so that nothing is sent again that did arrive. This is HDLC's REJ with
poll/final (ISO/IEC 13239), with numbers wide enough that no stale frame can be taken for a new one.

State outlives the wire: after a cut both ends tell what they have received, and go on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

_MODULUS = 0x10000
_HALF = _MODULUS // 2

GREATEST_FLIGHT = 8_192
"""Frames that may be unhandled at a time, however small: far from half of the numbers."""

SHARE = 8
"""A receiver acknowledges when this part of the window has been handled: few messages, no stalls."""

ACKNOWLEDGE_AFTER = 0.01
"""Seconds that an acknowledgement waits for a frame to ride on."""

POLL_AFTER = 0.025
POLL_AT_MOST_EVERY = 0.4
"""Seconds without progress before a sender asks; doubled each time up to the greatest."""

PREFETCH_SHARE = 4
"""What may be useful takes at most this part of the window: what is waited for is soon on the wire."""

RESERVE = 1_024
"""Bytes of the window that bulk leaves to small requests, where the window is at least four times that."""


class Priority(IntEnum):
    """What goes first where several payloads wait. Payloads of one priority keep their order."""

    REQUEST = 0
    DEMAND = 1
    PREFETCH = 2


class Admission(Enum):
    """What became of a frame that came in."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    EARLY = "early"
    OVERRUN = "overrun"


@dataclass(frozen=True)
class Report:
    """What an acknowledgement says beside the two numbers that every frame carries.

    Attributes:
        poll: not 0: please answer with this number at once.
        answer: not 0: the number of the poll that this answers.
        reject: the payload numbered ``received`` is missing though later ones arrived.
    """

    poll: int = 0
    answer: int = 0
    reject: bool = False


class Numbers(NamedTuple):
    """The numbers at the head of every frame, each 0 to 65,535."""

    sequence: int
    received: int
    handled: int


Encode = Callable[[Numbers], bytes]
"""Makes the frame of one payload, once its numbers are known."""


def _ahead(of: int, number: int) -> int:
    """How far ``number`` is ahead of another, modulo the width of the numbers."""
    return (number - of) % _MODULUS


class Delivery:
    """One end of a session's two directions.

    Args:
        send_window: bytes on the wire that the other end lets be unhandled.
        receive_window: bytes on the wire that this end has room for.

    Attributes:
        resent_bytes: bytes on the wire sent again so far.
    """

    def __init__(self, send_window: int, receive_window: int) -> None:
        self.resent_bytes = 0
        self._outbox = _Outbox(send_window)
        self._receive_window = receive_window
        self._tell_from = receive_window // SHARE
        self._expected = 0
        self._handled = 0
        self._held: deque[int] = deque()
        self._held_bytes = 0
        self._told_expected = 0
        self._told_handled = 0
        self._untold_bytes = 0
        self._tell_by: float | None = None
        self._tell_now = False
        self._rejected: int | None = None
        self._reject_due = False
        self._answer_due = 0

    # -- sending -----------------------------------------------------------------------------------

    def queue(self, size: int, encode: Encode, priority: Priority) -> None:
        """Send a payload of ``size`` bytes on the wire when its turn comes and the window allows."""
        self._outbox.queue(size, encode, priority)

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the window or the wire."""
        return self._outbox.queued_bytes

    @property
    def unreceived_bytes(self) -> int:
        """Bytes sent of which the other end has not said that they arrived."""
        return self._outbox.unreceived_bytes

    def take(self, now: float, limit: int) -> bytes:
        """Frames to put on the wire now, in order; stops at the first that reaches ``limit`` bytes."""
        outbox = self._outbox
        taken: list[bytes] = []
        fresh = False
        while limit > 0 and outbox.has_frames:
            frame, again = outbox.next(self._expected, self._handled)
            if frame is None:
                break
            taken.append(frame)
            limit -= len(frame)
            if again:
                self.resent_bytes += len(frame)  # with the numbers of then: it tells nothing new
            else:
                fresh = True
        if fresh:
            self._note_told()
        outbox.watch(now)
        return b"".join(taken)

    def due(self, now: float) -> bool:
        """Whether :meth:`take` or :meth:`report` may have something to do; cheaper than to call them."""
        outbox = self._outbox
        if (
            outbox.has_frames
            or outbox.is_unwatched
            or self._answer_due
            or self._reject_due
            or self._tell_now
            or self._untold_bytes >= self._tell_from
        ):
            return True
        tell_by = self._tell_by
        if (now >= tell_by) if tell_by is not None else self._is_untold:
            return True
        poll_at = outbox.next_poll
        return poll_at is not None and now >= poll_at

    def report(self, now: float) -> Report | None:
        """An acknowledgement to send now on its own, if one is due; call it after :meth:`take`."""
        poll = self._outbox.poll(now)
        due = self._acknowledgement_due(now)
        if not (poll or due or self._answer_due or self._reject_due):
            return None
        report = Report(poll, self._answer_due, self._reject_due)
        self._answer_due, self._reject_due = 0, False
        self._note_told()
        return report

    def next_timer(self) -> float | None:
        """When :meth:`report` may have something to say although nothing came in."""
        tell_by, poll_at = self._tell_by, self._outbox.next_poll
        if tell_by is None or poll_at is None:
            return poll_at if tell_by is None else tell_by
        return min(tell_by, poll_at)

    # -- receiving ---------------------------------------------------------------------------------

    def admit(self, sequence: int, size: int) -> Admission:
        """Judge a frame by its number; only an ACCEPTED one may be acted on."""
        ahead = (sequence - self._expected) % _MODULUS
        if ahead >= _HALF:
            self._tell_now = True  # the other end has missed an acknowledgement
            return Admission.REPEATED
        if ahead:
            self.damaged()
            return Admission.EARLY
        if self._held_bytes + size > self._receive_window or len(self._held) >= _HALF:
            return Admission.OVERRUN
        self._expected = (self._expected + 1) % _MODULUS
        self._held.append(size)
        self._held_bytes += size
        self._rejected = None
        return Admission.ACCEPTED

    def damaged(self) -> None:
        """Something was lost: say so, once for each payload that is missed."""
        if self._rejected != self._expected:
            self._rejected = self._expected
            self._reject_due = True

    def handled(self) -> None:
        """The oldest accepted payload has been acted on: its room is free again."""
        size = self._held.popleft()
        self._held_bytes -= size
        self._untold_bytes += size
        self._handled = (self._handled + 1) % _MODULUS

    def acknowledged(self, numbers: Numbers) -> None:
        """Take note of the two numbers at the head of a frame that came in."""
        self._outbox.acknowledged(numbers.received, numbers.handled)

    def reported(self, report: Report, numbers: Numbers) -> None:
        """Take note of an acknowledgement that came in on its own."""
        self.acknowledged(numbers)
        if report.poll:
            self._answer_due = report.poll
        if report.answer:
            self._outbox.answered(report.answer, numbers.received)
        if report.reject:
            self._outbox.rejected(numbers.received)

    def resume(self, numbers: Numbers) -> None:
        """There is a new wire, on which the other end has told what it received: go on from there."""
        self.acknowledged(numbers)
        self._outbox.go_back()
        self._rejected = None
        self._reject_due = False
        self._answer_due = 0
        self._tell_now = True

    def tell(self) -> None:
        """Send an acknowledgement soon, though nothing came in: this end is there."""
        self._tell_now = True

    @property
    def numbers(self) -> Numbers:
        """The numbers for a frame that carries no payload of a session."""
        return Numbers(0, self._expected, self._handled)

    @property
    def _is_untold(self) -> bool:
        return self._told_expected != self._expected or self._told_handled != self._handled

    def _note_told(self) -> None:
        self._told_expected = self._expected
        self._told_handled = self._handled
        self._untold_bytes = 0
        self._tell_by = None
        self._tell_now = False

    def _acknowledgement_due(self, now: float) -> bool:
        if self._tell_now or self._untold_bytes >= self._tell_from:
            return True
        if not self._is_untold:
            return False
        if self._tell_by is None:
            self._tell_by = now + ACKNOWLEDGE_AFTER
        return now >= self._tell_by


class _Outbox:
    """What waits to be sent, and what was sent and may have to be sent again."""

    def __init__(self, window: int) -> None:
        reserve = RESERVE if window >= 4 * RESERVE else 0
        self._shares = {
            Priority.REQUEST: window,
            Priority.DEMAND: window - reserve,
            Priority.PREFETCH: window // PREFETCH_SHARE,
        }
        self._queues: dict[Priority, deque[tuple[int, Encode]]] = {each: deque() for each in Priority}
        self._flight: deque[bytes] = deque()  # not received by the other end; the first is numbered _received
        self._cursor = 0  # index in the flight of the next frame to send; its length where none is due
        self._sizes: deque[int] = deque()  # not handled by the other end; the first is numbered _handled
        self._unhandled_bytes = 0
        self._received = 0
        self._handled = 0
        self._gone_back_to: int | None = None
        self._poll_number = 0
        self._polled: int | None = None  # the number of the next payload when the last poll was sent
        self._pause = POLL_AFTER
        self.queued_bytes = 0
        self.unreceived_bytes = 0
        self.poll_at: float | None = None

    def queue(self, size: int, encode: Encode, priority: Priority) -> None:
        self._queues[priority].append((size, encode))
        self.queued_bytes += size

    @property
    def has_frames(self) -> bool:
        """Whether there are frames to send, now or when the window allows."""
        return self.queued_bytes > 0 or self._cursor < len(self._flight)

    @property
    def is_unwatched(self) -> bool:
        """Whether something is under way, and no poll is set for when it does not arrive."""
        return self.poll_at is None and bool(self._flight)

    def next(self, expected: int, handled: int) -> tuple[bytes | None, bool]:
        """The next frame for the wire, and whether it was sent before; it tells these numbers if not."""
        if self._cursor < len(self._flight):
            self._cursor += 1
            return self._flight[self._cursor - 1], True
        for priority, queue in self._queues.items():
            if queue:
                size, encode = queue[0]
                if self._sizes and not self._fits(size, priority):
                    break
                queue.popleft()
                self.queued_bytes -= size
                return self._launch(encode(Numbers(self._next_sequence, expected, handled))), False
        return None, False

    @property
    def _next_sequence(self) -> int:
        return (self._received + len(self._flight)) % _MODULUS

    def _fits(self, size: int, priority: Priority) -> bool:
        room = self._shares[priority] - self._unhandled_bytes
        return size <= room and len(self._sizes) < GREATEST_FLIGHT

    def _launch(self, frame: bytes) -> bytes:
        size = len(frame)
        self._flight.append(frame)
        self._cursor += 1
        self._sizes.append(size)
        self._unhandled_bytes += size
        self.unreceived_bytes += size
        return frame

    def acknowledged(self, received: int, handled: int) -> None:
        arrived = (received - self._received) % _MODULUS
        if 0 < arrived <= len(self._flight):
            for _ in range(arrived):
                self.unreceived_bytes -= len(self._flight.popleft())
            self._cursor = max(0, self._cursor - arrived)
            self._received = received
            self._gone_back_to = None
            self._progress()
        done = (handled - self._handled) % _MODULUS
        if 0 < done <= len(self._sizes) - len(self._flight):
            for _ in range(done):
                self._unhandled_bytes -= self._sizes.popleft()
            self._handled = handled
            self._progress()

    def _progress(self) -> None:
        self._pause = POLL_AFTER
        self.poll_at = None

    def watch(self, now: float) -> None:
        """Start the clock of the next poll where something is under way."""
        if not (self._flight or (self._sizes and self.queued_bytes)):
            self.poll_at = None
        elif self.poll_at is None:
            self.poll_at = now + self._pause

    @property
    def next_poll(self) -> float | None:
        """When to ask; not while there is something to send again, after which the question makes sense."""
        return self.poll_at if self._cursor == len(self._flight) else None

    def poll(self, now: float) -> int:
        """The number to ask with, if it is time to ask; otherwise 0."""
        if self.poll_at is None or now < self.poll_at or self._cursor < len(self._flight):
            return 0
        self._poll_number = self._poll_number % 0xFF + 1
        self._polled = self._next_sequence
        self._pause = min(2 * self._pause, POLL_AT_MOST_EVERY)
        self.poll_at = now + self._pause
        return self._poll_number

    def answered(self, number: int, received: int) -> None:
        if number != self._poll_number or self._polled is None:
            return
        if 0 < _ahead(received, self._polled) < _HALF:  # what was sent after the poll may have arrived too
            self.go_back()
        self._polled = None

    def rejected(self, received: int) -> None:
        """Send again from there, once; if that is lost too, a poll will tell."""
        if received == self._received and self._gone_back_to != received:
            self.go_back()

    def go_back(self) -> None:
        self._cursor = 0
        self._gone_back_to = self._received if self._flight else None
        self._polled = None
