"""What every link can do."""

from __future__ import annotations

from typing import Protocol


class Link(Protocol):
    """A two-way stream of bytes."""

    @property
    def url(self) -> str:
        """Where it leads, for messages to people."""
        ...

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of ``data`` within ``timeout`` seconds.

        Raises:
            LinkError: the other end is gone, or takes nothing.
        """
        ...

    def receive(self, timeout: float) -> bytes | None:
        """Bytes that have come in, or None where none come within ``timeout`` seconds.

        Raises:
            LinkError: the other end is gone.
        """
        ...

    def close(self) -> None:
        """Close the link; again is harmless."""
        ...
