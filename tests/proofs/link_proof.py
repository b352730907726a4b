"""Many schedules of faults over the demo tree, and what they came to: ``make link-proof``.

    python -m tests.proofs.link_proof --schedules 5000 --json proof.json

A schedule is named by its kind and seed; ``--kind all --first 17 --schedules 1`` runs one again.
With ``--firmware`` the device is the firmware in C, compiled with sanitizers.
"""

import argparse
import json
import logging
import sys
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

from tests.support.firmware_world import WINDOWS, worlds_of_firmware
from tests.support.schedules import KINDS, emulated_world, run_schedule, undisturbed

BYTE_BY_BYTE = 50
"""One in so many of the split schedules comes byte by byte: each takes seconds."""


def main(arguments=None):
    """Run them; returns 1 where one failed."""
    options = parse(arguments)
    logging.disable(logging.CRITICAL)
    undisturbed()
    kinds = [options.kind] if options.kind else list(KINDS)
    rows = []
    with (
        worlds_of_firmware(options.firmware) if options.firmware else nullcontext(emulated_world) as world_of
    ):
        for index, kind in enumerate(kinds):
            count = options.schedules // len(kinds) + (index < options.schedules % len(kinds))
            rows.append(run_kind(kind, range(options.first, options.first + count), world_of))
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
    total = {"schedules": sum(row["schedules"] for row in rows), "failed": sum(row["failed"] for row in rows)}
    sys.stdout.write(f"{json.dumps(total)}\n")
    if options.json:
        options.json.write_text(json.dumps({**total, "kinds": rows}, indent=1) + "\n")
    return 1 if total["failed"] else 0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first schedule of each kind")
    parser.add_argument("--kind", choices=KINDS, help="only this kind")
    parser.add_argument(
        "--firmware", choices=WINDOWS, help="the firmware in the emulated device's place, with these limits"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(arguments)


def run_kind(kind, seeds, world_of):
    """All schedules of one kind; a failure is shown and counted."""
    began = time.perf_counter()
    outcomes, failed = [], 0
    for seed in seeds:
        try:
            byte_by_byte = kind == "split" and seed % BYTE_BY_BYTE == 1
            outcomes.append(run_schedule(kind, seed, byte_by_byte, world_of))
        except Exception:  # noqa: BLE001 - every failure counts, and the rest shall run
            failed += 1
            sys.stderr.write(f"{kind} {seed} failed\n{traceback.format_exc()}\n")
    sums = ("frames", "repeats", "cuts", "restarts", "host_resent", "device_resent")
    return {
        "kind": kind,
        "schedules": len(seeds),
        "failed": failed,
        **{name: sum(getattr(outcome, name) for outcome in outcomes) for name in sums},
        "most_resent_per_cut": max((most_per_cut(outcome) for outcome in outcomes), default=0),
        "seconds_of_virtual_time": round(sum(outcome.seconds for outcome in outcomes)),
        "seconds": round(time.perf_counter() - began, 1),
    }


def most_per_cut(outcome):
    """Bytes that either end sent again, for each cut; 0 where there was none."""
    return round(max(outcome.host_resent, outcome.device_resent) / outcome.cuts) if outcome.cuts else 0


if __name__ == "__main__":
    sys.exit(main())
