"""What every link can do, and the words for what goes wrong on any of them."""

from __future__ import annotations

from typing import Protocol

from pixeltree.errors import LinkError

READ_BYTES = 65_536
"""Bytes that one read takes at most."""


class Link(Protocol):
    """A two-way stream of bytes. Not for use from several threads at once."""

    @property
    def url(self) -> str:
        """Where it leads, for messages to people."""
        ...

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of ``data`` within ``timeout`` seconds.

        After an error nobody knows how much of it arrived: the link is of no more use than to be closed.

        Raises:
            LinkError: the other end is gone, or takes nothing.
        """
        ...

    def receive(self, timeout: float) -> bytes | None:
        """Bytes that have come in, as soon as there are any; None where none come within ``timeout`` seconds.

        0 seconds only look.

        Raises:
            LinkError: the other end is gone.
        """
        ...

    def close(self) -> None:
        """Close the link; again is harmless."""
        ...


def took_too_little(url: str, taken: int, size: int, timeout: float) -> LinkError:
    """The error for ``taken`` bytes of ``size`` that got away within ``timeout`` seconds."""
    how_much = f"only {taken:,} of {size:,} bytes" if taken else "nothing"
    return LinkError(
        f"the device at {url} took {how_much} for {timeout:g} s; it hangs, or the line is slower than that: "
        f"reset it, or allow more time"
    )
