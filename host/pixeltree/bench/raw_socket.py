"""A bare Python socket in another process: what the link is compared with.

Run as a module, it serves one connection on a unix socket: it sends back what it gets, or, given a number of
bytes, takes so many and answers one.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

_READ_BYTES = 65_536
_START_TIMEOUT = 20.0


def echo_us(size: int, rounds: int) -> float:
    """Median round trip of so many bytes through a bare unix socket and back, in microseconds."""
    with _Peer("echo") as wire:
        payload = bytes(size)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            wire.sendall(payload)
            left = size
            while left:
                left -= len(wire.recv(_READ_BYTES))
            times.append(time.perf_counter() - start)
    return median(times) * 1e6


def sink_mb_s(total: int, chunk: int) -> float:
    """Million bytes per second that a bare unix socket takes in chunks of so many bytes."""
    with _Peer(str(total)) as wire:
        payload = bytes(chunk)
        start = time.perf_counter()
        for offset in range(0, total, chunk):
            wire.sendall(payload[: total - offset])
        wire.recv(1)
        return total / (time.perf_counter() - start) / 1e6


class _Peer:
    """The process at the other end, and a socket to it."""

    def __init__(self, what: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pixeltree-")
        path = str(Path(self._folder.name) / "raw")
        self._process = subprocess.Popen([sys.executable, "-m", __name__, path, what])
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                self._socket.connect(path)
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.01)

    def __enter__(self) -> socket.socket:
        return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _serve(path: str, what: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen(1)
        wire, _ = server.accept()
    with wire:
        if what == "echo":
            while data := wire.recv(_READ_BYTES):
                wire.sendall(data)
            return
        left = int(what)
        while left and (data := wire.recv(_READ_BYTES)):
            left -= len(data)
        wire.sendall(b"\0")
        wire.recv(1)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
