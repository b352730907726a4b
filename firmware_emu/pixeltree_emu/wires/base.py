"""What the daemon asks of a wire, whatever it is made of.

An event loop serves a wire like this::

    wants = wire.wants(reading=True, writing=bool(unsent))
    ...                          # sleep until an event of wants.mask, or until wants.due
    data = wire.read()           # if it would read
    del unsent[: wire.write(unsent)]    # always, even with nothing to send: it moves on what is inside

No call blocks. Once :class:`~pixeltree_emu.errors.WireClosed` was raised, only ``close`` may follow.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

READ_BYTES = 65_536
"""Bytes that one read takes at most, unless told: what other sessions wait for is bounded."""

Data = bytes | bytearray | memoryview


class Wants(NamedTuple):
    """What to wait for before it is worth calling a wire again.

    Attributes:
        mask: events of :mod:`selectors` on the wire's descriptor; 0 when none would help.
        due: time by ``time.monotonic`` in seconds at which to call it without any event; 0.0 is at once,
            None never.
    """

    mask: int
    due: float | None = None


class Wire(Protocol):
    """A stream of bytes in both directions, non-blocking.

    Attributes:
        name: for logs, as in ``tcp 127.0.0.1:51514``.
        persistent: the wire outlives its user, as a serial port does: ``read`` returns ``b""`` when a user
            leaves and goes on with the bytes of the next.
        local: both ends are on this machine and nothing slows the bytes: large bursts keep nobody waiting.
    """

    name: str
    persistent: bool
    local: bool

    def fileno(self) -> int:
        """Descriptor for a selector; the same as long as the wire lives."""

    def wants(self, reading: bool, writing: bool) -> Wants:
        """What to wait for.

        Args:
            reading: the owner would take bytes.
            writing: the owner has bytes that :meth:`write` has not taken.
        """

    def read(self, limit: int = READ_BYTES) -> bytes | None:
        """Take 1 to ``limit`` bytes; None: there is nothing now; ``b""``: the other end left in order.

        Raises:
            WireClosed: the other end is gone in another way.
        """

    def write(self, data: Data) -> int:
        """Give bytes; returns how many were taken, 0 when none can be now.

        Bytes that were not taken come first in the next call. An empty ``data`` only moves on what is inside.

        Raises:
            WireClosed: the other end is gone.
        """

    def close(self) -> None:
        """Let go of everything; bytes inside leave at once if they can. Again is harmless."""
