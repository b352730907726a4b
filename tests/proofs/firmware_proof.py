"""Trees of the package on the firmware and on the emulated controller, image by image.

    python -m tests.proofs.firmware_proof --port linux --images 200
    python -m tests.proofs.firmware_proof --port cortex_m --seconds 300

Both see the same images, on arrays with the same errors, and take messages of the same sizes; nodes are
swapped where a tree has several. Labels, logits, paths, whether a frame faults and for which nodes, device
times and words must be equal.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from firmware.ports.cortex_m.build import compile_to
from firmware.ports.cortex_m.start import board, serving
from tests.support.daemon_thread import serving as served_in_thread

import pixeltree as pt
from pixeltree_emu.serving.options import Options
from pixeltree_emu.serving.setup import device_of

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
PRESETS = ("ideal", "typical")
MEMORY = {"digits": 8_000, "glyphs": 32_000}
"""Bytes for the objects of trees with several nodes: about half of them."""

BODIES = {"linux": (8_192, 65_536), "cortex_m": (2_048, 3_072)}
"""Greatest body and window of each port."""

SILENCE_MS = 60_000
"""The machine may be busy, and one of the two idle for long."""


def main(arguments=None):
    """Compare; returns 1 where anything differs."""
    options = parse(arguments)
    trees = [options.tree] if options.tree else pt.zoo.names()
    rows = []
    with tempfile.TemporaryDirectory(prefix="proof") as folder:
        program = Path(folder) / "firmware"
        build(options.port, program)
        for name in trees:
            for preset in PRESETS:
                share = options.seconds / len(trees) / len(PRESETS) if options.seconds else None
                rows.append(compare(options.port, program, name, preset, options.images, share))
                sys.stdout.write(f"{json.dumps(rows[-1])}\n")
                sys.stdout.flush()
    total = {"port": options.port, "images": sum(row["images"] for row in rows)}
    total["differences"] = sum(row["differences"] for row in rows)
    sys.stdout.write(f"{json.dumps(total)}\n")
    if options.json:
        options.json.write_text(json.dumps({**total, "trees": rows}, indent=1) + "\n")
    return 1 if total["differences"] else 0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", choices=("linux", "cortex_m"), default="linux")
    parser.add_argument("--tree", choices=pt.zoo.names(), help="only this one")
    parser.add_argument("--images", type=int, default=200, help="of each tree, with each preset")
    parser.add_argument("--seconds", type=float, help="for all of it: begin no image after that")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(arguments)


def build(port, program):
    """Compile a port."""
    if port == "cortex_m":
        compile_to(program)
        return
    sources = [path for room in ("core", "ports", "ports/linux") for path in (FIRMWARE / room).glob("*.c")]
    subprocess.run(["cc", "-std=c99", "-O2", "-o", program, *sorted(sources)], check=True)


@contextlib.contextmanager
def firmware_on(port, program, preset):
    """The firmware with an emulated array; its URL."""
    silence = ("--silence-ms", str(SILENCE_MS))
    if port == "cortex_m":
        with board(program, *silence, array=("--preset", preset)) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="array") as folder:
        array = (sys.executable, "-P", "-m", "pixeltree_emu.array_port", "--preset", preset)
        with (
            serving(*array, "--listen", f"unix://{folder}/array") as array_url,
            serving(str(program), "--array", array_url, "--port", "0", *silence) as url,
        ):
            yield url


@contextlib.contextmanager
def emulated_on(port, preset):
    """The emulated controller in a thread, with the port's sizes of messages; its URL."""
    body, window = BODIES[port]
    device = device_of(Options(preset=preset), at_once=False)
    sizes = replace(device.limits.capabilities(), max_body=body, credit_window=window)
    with tempfile.TemporaryDirectory(prefix="emulated") as folder:
        url = f"unix://{folder}/device"
        with served_in_thread(device, url, "emulated", sizes, 1_000, SILENCE_MS, 30_000):
            yield url


def compare(port, program, name, preset, most, seconds):
    """One tree with one preset; what it came to."""
    tree, images = pt.zoo.load(name), pt.zoo.held_out(name).images[:most]
    done = differences = 0
    with (
        firmware_on(port, program, preset) as url,
        emulated_on(port, preset) as emulated_url,
        pt.connect(url) as firmware,
        pt.connect(emulated_url) as emulated,
    ):
        runners = [
            pt.TreeRunner.open(device, tree, memory_limit=MEMORY.get(name), policy="no_prefetch")
            for device in (firmware, emulated)
        ]
        began = time.monotonic()
        for image in images:
            if seconds and time.monotonic() - began > seconds:
                break
            found, expected = (outcome(runner.infer(image)) for runner in runners)
            done += 1
            if found != expected:
                differences += 1
                sys.stderr.write(f"{name}, {preset}, image {done}: {found} and not {expected}\n")
            if done % 20 == 0:
                sys.stderr.write(f"{name}, {preset}: {done} images, {differences} differ\n")
        seconds_taken = round(time.monotonic() - began, 1)
    return {
        "tree": name,
        "preset": preset,
        "images": done,
        "differences": differences,
        "seconds": seconds_taken,
    }


def outcome(result):
    """All that must be equal. How many FAULTs a frame has depends on when objects come in."""
    path = [(visit.node, visit.outcome, tuple(visit.logits), visit.device_us) for visit in result.path]
    swapped = sorted({swap.node for swap in result.swaps})
    return result.label, path, result.faults > 0, swapped, result.device_us, result.words


if __name__ == "__main__":
    sys.exit(main())
