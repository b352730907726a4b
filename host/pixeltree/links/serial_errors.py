"""Errors of an open serial port as sentences, and how to close a port in any state."""

from __future__ import annotations

import contextlib
import errno
import socket

import serial

from pixeltree.errors import LinkError

try:
    import termios
except ImportError:  # Windows
    PORT_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    PORT_ERRORS = (OSError, termios.error)
"""What pyserial and the system raise for a port; ``SerialException`` is an ``OSError``."""

OPEN_ERRORS: tuple[type[Exception], ...] = (
    *PORT_ERRORS,
    ValueError,
    OverflowError,
    NotImplementedError,
    LookupError,
)
"""What is raised where a port is opened; a baud rate out of range is an ``OverflowError``, an option that
pyserial does not know a ``KeyError``."""


def lost(url: str, error: Exception | None) -> LinkError:
    """The error for a port that was there and is no longer; ``error`` is None where it ended without one."""
    if error is None:
        reason = "it ended"
    elif getattr(error, "errno", None) == errno.EBADF:
        return LinkError(f"the link to {url} is closed")
    else:
        reason = getattr(error, "strerror", None) or str(error)
    return LinkError(
        f"the device at {url} is gone ({reason}); was it unplugged or switched off? "
        f"Plug it in and connect again; 'pixeltree devices' shows whether it is there"
    )


def close_port(port: serial.Serial) -> None:
    """Close a port in any state; closing it twice does no harm."""
    connection = getattr(port, "_socket", None)  # pyserial leaves it open where the other end was first
    with contextlib.suppress(*PORT_ERRORS):
        port.close()
    if isinstance(connection, socket.socket):
        connection.close()
