"""How long is an event loop kept while a device is used? ``pixeltree.aconnect`` over a line of 3 Mbaud.

Usage: python tools/measure_loop.py [--frames N]

A task that sleeps a millisecond at a time notes how late it wakes. Meanwhile a device on a pseudo terminal is
connected, a tree opened, frames run of which many need swaps, and the daemon is killed and started anew. Says
in JSON, per phase, the longest time that the loop was kept, and the longest processor time of this process
between two beats: on a loaded machine a process also waits for the processor, which is nobody's fault here.
Warnings that the link broke are expected.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pixeltree as pt

_BEAT = 0.001
_LINE = ("--bps", "3e6", "--bits-per-byte", "10")
_KEEPER = """
import subprocess, sys
while True:
    command = [sys.executable, "-m", "pixeltree", "emulate", *sys.argv[1:]]
    daemon = subprocess.Popen(command, stdout=-1, text=True)
    print(daemon.stdout.readline(), flush=True)
    again = sys.stdin.readline()
    daemon.kill()
    daemon.wait()
    if not again:
        break
"""
"""Starts the daemon, kills it and starts it again for each line on standard input; ends with its input. A
process of its own, since starting one keeps all threads of a process for a while."""


class Heartbeat:
    """Notes how late a task of the loop wakes, per phase."""

    def __init__(self) -> None:
        self._beats: dict[str, list[tuple[float, float]]] = {}
        self._phase = "idle"

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            began, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(_BEAT)
            late = time.perf_counter() - began - _BEAT
            self._beats.setdefault(self._phase, []).append((late, min(late, time.process_time() - used)))

    @asynccontextmanager
    async def phase(self, name: str) -> AsyncIterator[None]:
        """What is done meanwhile counts for a phase."""
        self._phase = name
        try:
            yield
        finally:
            await asyncio.sleep(2 * _BEAT)
            self._phase = "idle"

    def figures(self) -> dict[str, dict[str, float]]:
        """Per phase, in milliseconds."""
        return {
            name: {
                "longest_ms": round(1000 * max(late for late, _ in beats), 2),
                "longest_cpu_ms": round(1000 * max(used for _, used in beats), 2),
                "beats": len(beats),
            }
            for name, beats in self._beats.items()
        }


async def _measure(path: Path, frames: int) -> dict[str, dict[str, float]]:
    tree, digits = pt.zoo.load("digits"), pt.zoo.held_out("digits")
    heart = Heartbeat()
    keeper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _KEEPER, "--listen", f"pty://{path}", *_LINE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    await keeper.stdout.readline()
    beating = asyncio.create_task(heart.beat())
    try:
        await asyncio.sleep(0.5)
        async with heart.phase("connect"):
            connecting = pt.aconnect(f"serial://{path}", pt.Patience(reconnect=60))
            device = await connecting.__aenter__()
        async with heart.phase("open"):
            runner = await device.open(tree, memory_limit=8000)
        async with heart.phase("run"):
            async for _ in runner.run(digits.images[:frames], period=1 / 30):
                await asyncio.sleep(0.005)
        async with heart.phase("reconnect"):
            keeper.stdin.write(b"\n")
            await runner.infer(digits.images[0])
        assert device.cuts
        async with heart.phase("close"):
            await connecting.__aexit__(None, None, None)
        return heart.figures()
    finally:
        beating.cancel()
        keeper.stdin.close()
        await keeper.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=90)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_measure(Path(folder) / "ppa", parser.parse_args().frames))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
