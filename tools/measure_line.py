"""Measure how exactly a slow line keeps its rate: 8 MiB each way at once through a socket pair.

Prints, for 3 Mbaud 8N1 and for 12 Mbit/s, the rate in each direction as a share of the line's::

    python tools/measure_line.py
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import sys
import time

from pixeltree_emu.wires.base import READ_BYTES
from pixeltree_emu.wires.line import LineSettings
from pixeltree_emu.wires.stream_socket import SocketWire
from pixeltree_emu.wires.throttle import ThrottledWire

SIZE = 8 << 20
LINES = {"3 Mbaud 8N1": LineSettings(3e6, 10), "12 Mbit/s": LineSettings(12e6, 8)}


def send(host: socket.socket) -> None:
    """The host's sending half."""
    host.sendall(bytes(SIZE))


def receive(host: socket.socket, ended: multiprocessing.Queue[float]) -> None:
    """The host's receiving half; says when the last byte came."""
    count = 0
    while count < SIZE:
        count += len(host.recv(1 << 20))
    ended.put(time.monotonic())


def serve(wire: ThrottledWire) -> float:
    """The device's end, a loop like the daemon's; returns when the last byte came."""
    unsent, received, ended = bytearray(SIZE), 0, 0.0
    selector = selectors.DefaultSelector()
    mask = 0
    while True:
        wants = wire.wants(True, bool(unsent))
        if received == SIZE and not unsent and wants.due is None and wants.mask == selectors.EVENT_READ:
            return ended
        if wants.mask != mask:
            if mask:
                selector.unregister(wire.fileno())
            if wants.mask:
                selector.register(wire.fileno(), wants.mask)
            mask = wants.mask
        selector.select(None if wants.due is None else max(0.0, wants.due - time.monotonic()))
        if data := wire.read():
            received, ended = received + len(data), time.monotonic()
        del unsent[: wire.write(unsent[:READ_BYTES])]


def measure(settings: LineSettings) -> tuple[float, float]:
    """Share of the line's rate toward the device and from it."""
    ours, host = socket.socketpair()
    queue: multiprocessing.Queue[float] = multiprocessing.Queue()
    start = time.monotonic()
    halves = [
        multiprocessing.Process(target=send, args=(host,)),
        multiprocessing.Process(target=receive, args=(host, queue)),
    ]
    for half in halves:
        half.start()
    received = serve(ThrottledWire(SocketWire(ours, "measured"), settings))
    sent = queue.get()
    for half in halves:
        half.join()
    ideal = SIZE * settings.seconds_per_byte
    return ideal / (received - start), ideal / (sent - start)


def main() -> None:
    """Measure every line."""
    for name, settings in LINES.items():
        inward, outward = measure(settings)
        sys.stdout.write(f"{name}: {inward:.4f} toward the device, {outward:.4f} from it\n")


if __name__ == "__main__":
    main()
