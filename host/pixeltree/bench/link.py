"""How fast the link is: round trips, uploads over simulated lines and without any, processor time."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pixeltree.bench.raw_socket import echo_us, sink_mb_s
from pixeltree.device.device import Device, connect
from pixeltree.device.patience import Patience
from pixeltree.links.emulator import EmulatorProcess
from pixeltree_protocol.objects import Digest, FullyConnected, digest_of

MIB = 1 << 20
MOST_PING_RATIO = 5
LEAST_GOODPUT = 0.97
LEAST_MB_S = 50
_PAYLOAD = 8 * MIB
_INPUTS, _OUTPUTS = 2_048, 250
_PING_FRAME = 22
"""Bytes on the wire of a PING, and of its PONG."""

_LONG = Patience(connect=10.0, answer=300.0)


@dataclass(frozen=True)
class Line:
    """A line to simulate.

    Attributes:
        bits_per_second: its rate.
        bits_per_byte: bits on the line for each byte: 10 for a serial port with 8N1.
    """

    bits_per_second: float
    bits_per_byte: int

    @property
    def bytes_per_second(self) -> float:
        """What it can carry."""
        return self.bits_per_second / self.bits_per_byte


LINES = {"serial_3M": Line(3e6, 10), "usb_12M": Line(12e6, 8)}


def bench_link(
    rounds: int = 5_000, payload: int = _PAYLOAD, progress: Callable[[str], None] = lambda step: None
) -> dict[str, Any]:
    """Measure the link.

    Args:
        rounds: round trips of each kind.
        payload: bytes to upload over each line; the bars hold for 8 MiB.
        progress: is told what comes next.

    Returns:
        ``ping_us``, ``raw_echo_us`` and their ``ping_ratio``; per line ``goodput_ratio``; ``goodput_mb_s``
        and ``raw_mb_s`` over a unix socket; processor time per MiB of both ends, in ms; the machine.
    """
    objects = _objects(payload)
    size = sum(map(len, objects.values()))
    progress("round trips")
    raw = echo_us(_PING_FRAME, rounds)
    with _device() as (device, _):
        ping = _ping_us(device, rounds)
    raw = min(raw, echo_us(_PING_FRAME, rounds))
    result: dict[str, Any] = {
        "ping_us": round(ping, 1),
        "raw_echo_us": round(raw, 1),
        "ping_ratio": round(ping / raw, 2),
        "goodput_ratio": {},
        "payload_bytes": size,
    }
    for name, line in LINES.items():
        progress(f"upload over {name}, {size / line.bytes_per_second:.0f} s")
        options = (f"--bps={line.bits_per_second}", f"--bits-per-byte={line.bits_per_byte}")
        with _device(*options) as (device, _):
            seconds = _upload_seconds(device, objects)
        result["goodput_ratio"][name] = round(size / seconds / line.bytes_per_second, 4)
    progress("upload over a unix socket")
    result.update(_unthrottled(objects, size))
    result["machine"] = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return result


def _unthrottled(objects: dict[Digest, bytes], size: int) -> dict[str, Any]:
    with _device() as (device, process):
        host, daemon = time.process_time(), cpu_seconds(process)
        seconds = _upload_seconds(device, objects)
        host_cpu = time.process_time() - host
        daemon_cpu = None if daemon is None else (cpu_seconds(process) or 0.0) - daemon
    per_mib = MIB / size * 1e3
    return {
        "goodput_mb_s": {"unix": round(size / seconds / 1e6, 1)},
        "raw_mb_s": round(sink_mb_s(size, device.welcome.capabilities.max_body), 1),
        "cpu_ms_per_mib": {
            "host": round(host_cpu * per_mib, 2),
            "daemon": None if daemon_cpu is None else round(daemon_cpu * per_mib, 2),
        },
    }


@contextmanager
def _device(*options: str) -> Iterator[tuple[Device, int]]:
    """A device of one's own with room for everything, and its process id."""
    with (
        EmulatorProcess(f"--memory-bytes={4 * _PAYLOAD}", *options) as emulator,
        connect(emulator.url, _LONG) as device,
    ):
        yield device, emulator.pid


def _ping_us(device: Device, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        device.ping()
        times.append(time.perf_counter() - start)
    return median(times) * 1e6


def _upload_seconds(device: Device, objects: dict[Digest, bytes]) -> float:
    start = time.perf_counter()
    device.upload(objects)
    return time.perf_counter() - start


def _objects(payload: int) -> dict[Digest, bytes]:
    """Weight segments of random weights, about 64 KiB each, together at least ``payload`` bytes."""
    random = np.random.default_rng(0)
    objects: dict[Digest, bytes] = {}
    total = 0
    while total < payload:
        weights = random.bytes(_OUTPUTS * _INPUTS // 8)
        data = FullyConnected(_INPUTS, (0,) * _OUTPUTS, weights).encode()
        objects[digest_of(data)] = data
        total += len(data)
    return objects


def cpu_seconds(process: int) -> float | None:
    """Processor time of another process so far; None where the system does not tell (proc(5))."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
