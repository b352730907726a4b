"""A device in the host's own process: what a package must offer that can make one.

Messages are handed over as they are: there is no link that could lose any. The host finds the package by the
entry point group :data:`ENTRY_POINTS`, and calls what it names as an :data:`OpenInProcess`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pixeltree_protocol.link.messages import Reply, Request, Welcome

ENTRY_POINTS = "pixeltree.in_process"
"""Group of the entry points of packages that offer a device in the host's process."""


class InProcessDevice(Protocol):
    """One device, driven by the session that has opened it. Not for use from several threads at once."""

    @property
    def welcome(self) -> Welcome:
        """What the device says of itself; there is no handshake."""
        ...

    def take(self, message: Request, request: int, wire_bytes: int) -> None:
        """Act on a request.

        Args:
            message: the request.
            request: its id; answers carry it.
            wire_bytes: bytes that it would have on a wire, for the device's own account of time.
        """
        ...

    def answers(self) -> list[tuple[Reply, int]]:
        """Work until there are answers, or until the device has nothing to do but wait for the host.

        Returns:
            Answers with the ids of their requests, in order; none where the device waits.
        """
        ...


OpenInProcess = Callable[[Sequence[str]], InProcessDevice]
"""Makes a new device from options as of ``pixeltree emulate``, each ``--name=value``.

Raises:
    PixeltreeError: an option that does not exist or makes no sense.
"""
