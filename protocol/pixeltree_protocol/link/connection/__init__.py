"""The sans-I/O state machine of a link: handshake, authentication, sessions, heartbeats.

A connection turns messages into bytes to send and received bytes into events; it never touches a wire or a
clock and never raises on bytes from outside. The shape is h11's. A *wire* is one stream of bytes (a socket,
an open serial port); a *session* outlives wires: after a cut the host greets again on a new wire, and both
ends go on where they were.

States of a wire::

    host:    CUT --connect()--> GREETING --WELCOME--> READY --cut()--> CUT
    device:  NEW --HELLO--> [CHALLENGED --PROOF-->] GREETED --welcome()--> READY
             READY --HELLO with another nonce--> NEW (a serial host started again), HELLO acted on at once
"""

from pixeltree_protocol.link.connection.base import State, Ticket
from pixeltree_protocol.link.connection.device import DeviceConnection, Identity, SessionState
from pixeltree_protocol.link.connection.events import (
    Departing,
    DeviceEvent,
    Greeting,
    HostEvent,
    Left,
    Ready,
    Received,
    Refused,
    Rejected,
    SessionLost,
)
from pixeltree_protocol.link.connection.host import HostConnection

__all__ = [
    "Departing",
    "DeviceConnection",
    "DeviceEvent",
    "Greeting",
    "HostConnection",
    "HostEvent",
    "Identity",
    "Left",
    "Ready",
    "Received",
    "Refused",
    "Rejected",
    "SessionLost",
    "SessionState",
    "State",
    "Ticket",
]
