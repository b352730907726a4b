"""Frames a second of the firmware on Linux, its array behind a socket: the digits tree, all resident."""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.proofs.firmware_proof import PRESETS, build, firmware_on

import pixeltree as pt

ROUNDS = 3
FRAMES = 200


def main():
    """Print a line of JSON for each preset: the rate of each round."""
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits").images[:FRAMES]
    with tempfile.TemporaryDirectory(prefix="rate") as folder:
        program = Path(folder) / "firmware"
        build("linux", program)
        for preset in PRESETS:
            with firmware_on("linux", program, preset) as url, pt.connect(url) as device:
                runner = pt.TreeRunner.open(device, tree)
                rates = [rate(runner, images) for _ in range(ROUNDS + 1)][1:]  # the first loads nodes
            sys.stdout.write(f"{json.dumps({'preset': preset, 'frames_per_s': rates})}\n")
            sys.stdout.flush()


def rate(runner, images):
    """Frames a second."""
    began = time.monotonic()
    for image in images:
        runner.infer(image)
    return round(len(images) / (time.monotonic() - began), 1)


if __name__ == "__main__":
    main()
