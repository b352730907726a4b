"""Drive a device at full rate for a long time: does memory stay flat at both ends?

    python tools/soak.py                                 # an hour, on a daemon of its own
    python tools/soak.py --seconds 600 --json soak.json
    python tools/soak.py --device tcp://127.0.0.1:27900 --pid 4711

Frames go through the digits tree within a budget that forces swaps, so that objects stream all the time;
every result is compared with the integer reference. After the warm-up no sample of the resident memory of
either process may differ from the first by more than the tolerance: exit status 1 if one does, or if a result
was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pixeltree
from pixeltree.demo.run import count_mismatches, demo_budget, demo_digits, demo_tree
from pixeltree.links.emulator import EmulatorProcess

TOLERANCE = 0.05


@dataclass
class Samples:
    """Resident memory of one process after the warm-up, in KiB."""

    pid: int
    kib: list[int] = field(default_factory=list)

    def take(self) -> int:
        """Look at the process now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                self.kib.append(int(line.split()[1]))
        return self.kib[-1]

    @property
    def drift(self) -> float:
        """The greatest difference from the first sample, as a share of it."""
        return max(abs(each - self.kib[0]) for each in self.kib) / self.kib[0]


@dataclass
class Run:
    """What was driven."""

    frames: int = 0
    wrong: int = 0
    wire_bytes: int = 0
    cuts: int = 0
    seconds: float = 0.0


def main() -> int:
    """Soak; returns 1 where memory is not flat or a result is wrong."""
    options = parse()
    with served(options) as (url, pid):
        memory = {"host": Samples(os.getpid())}
        if pid is not None:
            memory["daemon"] = Samples(pid)
        run = drive(url, options, memory)
    report = {
        **{name: round(value, 1) for name, value in vars(run).items()},
        "frames_per_second": round(run.frames / run.seconds, 1),
        "warm_up_seconds": options.warm_up,
        "resident_kib": {
            name: {"first": each.kib[0], "last": each.kib[-1], "least": min(each.kib), "most": max(each.kib)}
            for name, each in memory.items()
        },
        "drift": {name: round(each.drift, 4) for name, each in memory.items()},
    }
    report["flat"] = all(each.drift <= options.tolerance for each in memory.values())
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if report["flat"] and not run.wrong else 1


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long, after the warm-up")
    parser.add_argument("--warm-up", type=float, default=30.0, help="seconds before the first sample")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between samples")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="as a share of the first sample")
    parser.add_argument("--device", metavar="URL", help="a device that runs; by default a daemon of its own")
    parser.add_argument("--pid", type=int, help="process of the daemon at --device, to watch its memory")
    parser.add_argument("--json", type=Path, help="write the report here")
    return parser.parse_args()


@contextlib.contextmanager
def served(options: argparse.Namespace) -> Iterator[tuple[str, int | None]]:
    """The URL to drive, and the daemon's process if it is known."""
    if options.device:
        yield options.device, options.pid
        return
    with EmulatorProcess() as emulator:
        yield emulator.url, emulator.pid


def drive(url: str, options: argparse.Namespace, memory: dict[str, Samples]) -> Run:
    """Take frames through the tree until the time is over."""
    tree = demo_tree()
    pictures = list(demo_digits().images)
    expected = [tree.reference(picture) for picture in pictures]
    run = Run()
    with pixeltree.connect(url) as device:
        runner = pixeltree.TreeRunner.open(device, tree, demo_budget(tree), policy="no_prefetch")
        began = time.monotonic()
        next_sample = began + options.warm_up
        end = next_sample + options.seconds
        while (now := time.monotonic()) < end:
            if now >= next_sample:
                next_sample += options.every
                show(now - began, run, {name: each.take() for name, each in memory.items()})
            index = run.frames % len(pictures)
            run.wrong += count_mismatches(runner.infer(pictures[index]), *expected[index])
            run.frames += 1
        run.seconds = time.monotonic() - began
        run.wire_bytes = device.wire_bytes_sent + device.wire_bytes_received
        run.cuts = device.cuts
    for each in memory.values():
        with contextlib.suppress(OSError):
            each.take()
    return run


def show(seconds: float, run: Run, kib: dict[str, int]) -> None:
    """A line of the log."""
    sizes = ", ".join(f"{name} {size / 1024:.1f} MiB" for name, size in kib.items())
    sys.stderr.write(f"{seconds:.0f} s: {run.frames:,} frames, {run.wrong} wrong, {sizes}\n")


if __name__ == "__main__":
    sys.exit(main())
