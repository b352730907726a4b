"""Measure whether a frame costs the same however many there are: ``python tools/measure_growth.py``.

Typical chips in this process, the digits tree, every frame executed; its images come round again. Times are
processor time, which other work on the machine changes least; memory is what is resident when a row ends.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np

import pixeltree as pt

WARM_UP = 1_500
"""Frames before the first row: blocks that run often have machine code of their own by then."""

COUNTS = (100, 1_000, 10_000)
CHIPS = (1, 2, 4, 8)
IMAGES_OF_A_CHIP = 500


def resident_mib() -> float:
    """Memory of this process that is resident (proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=COUNTS[-1], help="images of the longest run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits").images

    def run(chip: int, counts: list[int]) -> Iterator[float]:
        """Milliseconds of a frame in each stretch of so many, one after the other on one chip."""
        with pt.connect(f"inproc:?preset=typical&chip={chip}") as device:
            runner, source = pt.TreeRunner.open(device, tree), cycle(images)
            for count in counts:
                began = time.process_time()
                for image in islice(source, count):
                    runner.infer(image)
                yield (time.process_time() - began) / count * 1e3

    list(run(0, [WARM_UP]))
    rows: dict[str, dict[str, float]] = {}

    def note(name: str, milliseconds: float) -> None:
        rows[name] = {"ms_per_frame": round(milliseconds, 3), "resident_mib": round(resident_mib(), 1)}

    ends = [count for count in COUNTS if count < options.images] + [options.images]
    stretches = np.diff([0, *ends]).tolist()
    times = []
    for end, each in zip(ends, run(1, stretches), strict=True):
        times.append(each)
        note(f"{end:,} images, one chip", float(np.average(times, weights=stretches[: len(times)])))
    for count in CHIPS:
        each = [next(run(chip, [IMAGES_OF_A_CHIP])) for chip in range(count)]
        note(f"{IMAGES_OF_A_CHIP} images on each of {count} chips", float(np.mean(each)))
    if options.json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    for name, found in rows.items():
        sys.stdout.write(f"{name:36}{found['ms_per_frame']:8.3f} ms  {found['resident_mib']:8.1f} MiB\n")


if __name__ == "__main__":
    main()
