"""Random and mutated frames against the daemon's sessions: is it alive afterwards, and its memory bounded?

    python -m tools.fuzz_daemon --frames 1000000
    python -m tools.fuzz_daemon --first-round 17 --frames 20000     # one round again
    python -m tools.fuzz_daemon --device unix:///tmp/ppa0 --frames 100000

In process, real clients, sessions and an emulated device are served on wires in memory, round by round; seed
and round fix all that happens in a round, so that a round can be run again. After every thousand frames an
honest host must get its answer, and nothing may have been logged as an internal error. With --device, such
frames go to a live daemon.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.fuzz_target import Target, note
from tests.support.hostile import Hostility

import pixeltree
from pixeltree.links import open_link
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.link.connection import HostConnection
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.messages import Role

ROUND = 20_000
"""Frames before a device is replaced by a new one."""

LOOK = 1_000
"""Frames between two looks at whether it is alive."""


def main() -> int:
    """Fuzz; returns 1 where anything was found."""
    options = parse()
    logging.getLogger("pixeltree_emu").propagate = False
    logging.getLogger("pixeltree").setLevel(logging.CRITICAL)
    began = time.perf_counter()
    report = fuzz_live(options) if options.device else fuzz_in_process(options)
    report["seconds"] = round(time.perf_counter() - began, 1)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if report["findings"] else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first-round", type=int, default=0, help=f"go on from here; a round is {ROUND} frames"
    )
    parser.add_argument("--device", metavar="URL", help="a live daemon without a token")
    parser.add_argument("--json", type=Path, help="write the report here")
    return parser.parse_args()


def fuzz_in_process(options: argparse.Namespace) -> dict[str, Any]:
    """Round after round, each with a device of its own; every other one wants a token."""
    array = PixelArray()
    greatest: Counter[str] = Counter()
    findings: list[str] = []
    before, device_frames, done = None, 0, 0
    for number in range(options.first_round, options.first_round + -(-options.frames // ROUND)):
        target = Target(f"{options.seed} {number}", array, authenticated=number % 2 == 1)
        size = min(ROUND, options.frames - done)
        findings += [f"round {number}: {finding}" for finding in attack(target, size)]
        done += size
        device_frames += target.device.frames
        for name, value in target.greatest.items():
            note(greatest, name, value)
        before = before or resident_mib()
        progress(number, done, options.frames, findings)
    return {
        "frames": done,
        "seed": options.seed,
        "findings": findings,
        "frames_through_the_tree": device_frames,
        "resident_mib_after_first_round": before,
        "resident_mib_at_end": resident_mib(),
        "greatest": dict(sorted(greatest.items())),
    }


def attack(target: Target, frames: int) -> list[str]:
    """One round; what was found."""
    findings = []
    try:
        for start in range(0, frames, LOOK):
            target.attack(min(LOOK, frames - start))
            if not target.serves_others():
                findings.append(f"it does not serve others after {start + LOOK} frames")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        findings.append(f"{type(error).__name__}: {error}")
    return findings + sorted(set(target.internal_errors.seen))


def fuzz_live(options: argparse.Namespace) -> dict[str, Any]:
    """The same frames to a daemon that runs already, one connection after another."""
    findings: list[str] = []
    dice = random.Random(options.seed)
    hostility = Hostility(dice)
    done = 0
    while done < options.frames and not findings:
        size = min(LOOK, options.frames - done)
        with contextlib.suppress(pixeltree.errors.LinkError):  # it may well close the connection
            annoy(options.device, hostility, size)
        done += size
        try:
            pixeltree.connect(options.device, observe=True).close()
        except pixeltree.errors.PixeltreeError as error:
            findings.append(f"after {done} frames: {error}")
        progress(done // LOOK, done, options.frames, findings)
    return {"frames": done, "seed": options.seed, "findings": findings}


def annoy(url: str, hostility: Hostility, frames: int) -> None:
    """One hostile connection."""
    dice = hostility.dice
    host = HostConnection("hostile", dice.randbytes, dice.choice((Role.DRIVE, Role.OBSERVE)))
    link = open_link(url, 5.0)
    try:
        host.connect(time.monotonic())
        for sequence in range(frames):
            link.send(host.data_to_send(time.monotonic()), 5.0)
            link.send(hostility.frame(Numbers(sequence % 0x10000, 0, 0), bytes(8), tame=True)[0], 5.0)
            link.receive(0.0)
    finally:
        link.close()


def progress(number: int, done: int, frames: int, findings: list[str]) -> None:
    """A line for whoever waits."""
    sys.stderr.write(
        f"round {number}: {done:,} of {frames:,} frames, {len(findings)} findings, {resident_mib()} MiB\n"
    )


def resident_mib() -> float:
    """Resident memory of this process; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
