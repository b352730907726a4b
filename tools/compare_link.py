"""Measure the link of two checkouts in turns: ``python tools/compare_link.py OTHER/.venv/bin/python``.

Each round starts both interpreters one after the other, each with the packages that it has, so that what else
the machine does meets both. Medians of the rounds are told. Processor time is the surer figure on a machine
that is busy: wall time there is mostly waiting for a core.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

MIB = 1 << 20
UPLOAD = 32 * MIB
PINGS = 2_000
FRAMES = 150
SWAPPING_BYTES = 8_000
PLANES = {"R5": 200, "A": 60}


def measure() -> dict[str, float]:
    """What this interpreter's packages do."""
    import pixeltree as pt  # noqa: PLC0415 - the parent compares other packages than its own
    from pixeltree.bench.link import _objects, cpu_seconds  # noqa: PLC0415
    from pixeltree.bench.raw_socket import echo_us, sink_mb_s  # noqa: PLC0415
    from pixeltree.links.emulator import EmulatorProcess  # noqa: PLC0415

    found: dict[str, float] = {}
    with EmulatorProcess(f"--memory-bytes={4 * UPLOAD}") as emulator:

        def timed(name: str, count: float, work: Callable[[], object]) -> float:
            """Processor time of both ends for each of so many; returns seconds of wall time for each."""
            host, daemon, began = time.process_time(), cpu_seconds(emulator.pid) or 0, time.perf_counter()
            work()
            seconds = time.perf_counter() - began
            found[f"{name}, host ms"] = (time.process_time() - host) / count * 1e3
            found[f"{name}, daemon ms"] = ((cpu_seconds(emulator.pid) or 0) - daemon) / count * 1e3
            return seconds / count

        with pt.connect(emulator.url) as device:
            objects = _objects(UPLOAD)
            size = sum(map(len, objects.values()))
            seconds = timed("MiB uploaded", size / MIB, lambda: device.upload(objects))
            found["uploaded, MB/s"] = MIB / seconds / 1e6
            found["bare socket, MB/s"] = sink_mb_s(size, 65_536)
            times: list[float] = []

            def ping() -> None:
                for _ in range(PINGS):
                    began = time.perf_counter()
                    device.ping()
                    times.append(time.perf_counter() - began)

            raw = echo_us(22, PINGS)
            timed("ping", PINGS, ping)
            found["ping, us"] = median(times) * 1e6
            found["bare echo, us"] = min(raw, echo_us(22, PINGS))
            found["ping, bare echoes"] = found["ping, us"] / found["bare echo, us"]
        with pt.connect(emulator.url), pt.connect(emulator.url, observe=True) as observer:
            for name, count in PLANES.items():
                seconds = timed(
                    f"plane {name} observed",
                    count,
                    lambda: [observer.read_plane(name) for _ in range(count)],  # noqa: B023
                )
                found[f"planes {name} observed, 1/s"] = 1 / seconds
        tree, digits = pt.zoo.load("digits"), pt.zoo.held_out("digits")
        with pt.connect(emulator.url) as device:
            for name, limit in (("frame that swaps", SWAPPING_BYTES), ("frame, all resident", None)):
                runner = pt.TreeRunner.open(device, tree, memory_limit=limit)
                for image in digits.images[:20]:
                    runner.infer(image)
                timed(name, FRAMES, lambda: [runner.infer(image) for image in digits.images[:FRAMES]])  # noqa: B023
    return found


def main() -> None:
    """Compare, or measure where ``--measure`` is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("against", nargs="?", help="the other checkout's Python")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help="measure once, and print JSON")
    options = parser.parse_args()
    if options.measure:
        sys.stdout.write(json.dumps(measure()) + "\n")
        return
    pythons = {"other": options.against, "this": sys.executable}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(options.rounds):
        for name, python in pythons.items():
            command = [python, __file__, "--measure"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rounds[name].append(json.loads(done.stdout))
    for figure in rounds["this"][0]:
        before, after = (median(each[figure] for each in rounds[name]) for name in pythons)
        sys.stdout.write(f"{figure:32} {before:10.3f} {after:10.3f}  x {after / before:.2f}\n")


if __name__ == "__main__":
    main()
