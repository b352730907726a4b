"""What connections tell their owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pixeltree_protocol.link.messages import ErrorCode, Hello, Message, Role, Welcome


class Received(NamedTuple):
    """A request, or what a device says to one, came in: in order, and once.

    Attributes:
        wire_bytes: size of its frame.
    """

    message: Message
    request: int
    wire_bytes: int


@dataclass(frozen=True)
class Rejected:
    """Bytes came in that are no message for us; ``detail`` says why. Nothing else happened.

    Attributes:
        sequenced: it is a whole frame of the session, in order, and so a device answers it with an ERROR.
    """

    code: ErrorCode
    detail: str
    request: int = 0
    wire_bytes: int = 0
    sequenced: bool = False


@dataclass(frozen=True)
class Greeting:
    """Device: a host wants a session; answer with ``welcome`` or ``refuse``."""

    hello: Hello


@dataclass(frozen=True)
class Left:
    """Device: the host has ended its session."""


@dataclass(frozen=True)
class Ready:
    """Host: the wire is ready, and the session is what it was (or is the first)."""

    welcome: Welcome
    role: Role


@dataclass(frozen=True)
class SessionLost:
    """Host: the wire is ready, but the session is a new one: open requests will not be answered.

    Attributes:
        restarted: the device has started anew: objects and tree are gone too. Otherwise only the session is:
            it was without a wire for too long, or another host took its place.
    """

    welcome: Welcome
    role: Role
    restarted: bool


@dataclass(frozen=True)
class Refused:
    """Host: there will be no session on this wire."""

    code: ErrorCode
    detail: str


@dataclass(frozen=True)
class Departing:
    """Host: the device says that it goes away."""

    detail: str


DeviceEvent = Greeting | Received | Rejected | Left
HostEvent = Ready | SessionLost | Received | Rejected | Refused | Departing
