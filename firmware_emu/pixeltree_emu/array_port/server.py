"""Serves an array at a socket: one controller at a time, batch after batch."""

from __future__ import annotations

import logging
import socket
import struct

from pixeltree_emu.array_port.executor import ArrayExecutor
from pixeltree_protocol.array_port.commands import DONE, LENGTH_BYTES, MAX_BATCH, REFUSED
from pixeltree_protocol.errors import PixeltreeError

logger = logging.getLogger(__name__)


def serve(server: socket.socket, executor: ArrayExecutor) -> None:
    """Serve controllers one after the other until the process is told to stop.

    The array stays as one controller leaves it: to the next it is a sensor that was on all the time.
    """
    server.setblocking(True)
    while True:
        connected, _ = server.accept()
        with connected:
            try:
                serve_one(connected, executor)
            except OSError as error:
                logger.info("a controller is gone: %s", error)


def serve_one(connected: socket.socket, executor: ArrayExecutor) -> None:
    """Serve one controller until it goes, or sends a length that no batch has."""
    if connected.family == socket.AF_INET:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connected.makefile("rb", buffering=1 << 16) as stream:
        while True:
            head = stream.read(LENGTH_BYTES)
            if len(head) < LENGTH_BYTES:
                return
            (size,) = struct.unpack("<I", head)
            if size > MAX_BATCH:
                connected.sendall(
                    _answer(REFUSED, f"a batch of {size} bytes; the most is {MAX_BATCH}".encode())
                )
                return
            data = stream.read(size)
            if len(data) < size:
                return
            connected.sendall(_done(executor, data))


def _done(executor: ArrayExecutor, data: bytes) -> bytes:
    try:
        return _answer(DONE, executor.do(data))
    except PixeltreeError as error:
        logger.warning("a batch was refused: %s", error)
        return _answer(REFUSED, str(error).encode())


def _answer(status: int, data: bytes) -> bytes:
    return struct.pack("<IB", 1 + len(data), status) + data
