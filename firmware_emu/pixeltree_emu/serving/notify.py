"""Tells a service manager that the daemon is ready, or stops: systemd's readiness protocol.

It is one datagram to the socket that ``NOTIFY_SOCKET`` names (sd_notify(3)). The packages that offer it are
bindings of libsystemd or no longer kept up; this needs neither.
"""

from __future__ import annotations

import logging
import os
import socket

from pixeltree_emu.machine.logs import fields

logger = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """Say a state, if there is somebody to tell; never blocks and never fails.

    Args:
        state: lines of ``NAME=VALUE``, as :data:`READY`.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # in the abstract namespace, which has no files
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.setblocking(False)
            manager.connect(address)
            manager.send(state.encode())
    except OSError as error:
        logger.warning("the service manager was not told", extra=fields(state=state, reason=str(error)))
