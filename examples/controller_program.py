"""One program on the controller in place of a message for each call: what that saves.

Two searches over an emulated serial line, first call by call, then as one program that the controller runs by
itself: the threshold that leaves few pixels, and what is connected with one of them.

Start it: ``python examples/controller_program.py [BITS_PER_SECOND] [LATENCY_US]``
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

import pixeltree as pt

FEW = 4095 * 3 // 100
"""3% of the pixels, as ``global_count`` counts."""

brighter = pt.Kernel()  # R5 := A > IN
brighter.all()
brighter.sub(pt.B, pt.A, pt.IN)
brighter.where(pt.B)
brighter.MOV(pt.R5, pt.FLAG)
brighter.all()

grow = pt.Kernel()  # R6 := R6 and its neighbours, as far as R5 goes; R7 := what is new
grow.MOV(pt.R8, pt.R6)
grow.SET(pt.R1, pt.R2, pt.R3, pt.R4)
grow.DNEWS(pt.R7, pt.R6, pt.alldir)
grow.OR(pt.R9, pt.R7, pt.R6)
grow.AND(pt.R6, pt.R9, pt.R5)
grow.NOT(pt.R9, pt.R8)
grow.AND(pt.R7, pt.R6, pt.R9)


def spiral() -> np.ndarray:
    """A picture: a bright spiral on a ramp."""
    rows, columns = np.mgrid[-128:128, -128:128]
    turns = np.hypot(rows, columns) / 32 - np.arctan2(rows, columns) / (2 * np.pi)
    inside = np.hypot(rows, columns) < 48
    return np.where(inside & (turns % 1 < 0.2), 230, (rows + 128) // 2).astype(np.uint8)


def threshold_by_calls(device: pt.Device) -> int:
    """Three calls for each level that is tried."""
    chip = device.chip
    for level in range(-128, 128, 4):
        chip.load_in(level)
        chip.run_kernel(brighter)
        if chip.global_count(pt.R5, pt.D) < FEW:
            break
    return level


def threshold_at_once(device: pt.Device) -> int:
    """The same on the controller."""
    program = pt.ControllerProgram()
    level, count = program.variable(-128), program.variable()
    with program.repeat(64):
        program.load_in(level)
        program.run_kernel(brighter)
        count.set(program.global_count(pt.R5, pt.D))
        program.leave_if(count < FEW)
        level += 4
    found = program.answer(level)
    return device.chip.run(program).last(found)


def fill_by_calls(device: pt.Device) -> int:
    """Two calls for each round, until nothing is added; from the first pixel that the threshold left."""
    chip = device.chip
    (row, column), rounds = chip.scan_events_rc(pt.R5)[0], 0
    chip.load_point(pt.R6, row, column)
    chip.run_kernel(grow)
    while chip.global_or(pt.R7):
        rounds += 1
        chip.run_kernel(grow)
    return rounds


def fill_at_once(device: pt.Device) -> int:
    """The same on the controller."""
    program = pt.ControllerProgram()
    rounds, more, row, column = (program.variable() for _ in range(4))
    first = program.scan_events_rc(pt.R5)
    row.set(first.byte(0))
    column.set(first.byte(1))
    program.load_point(pt.R6, row, column)
    with program.repeat(2000):
        program.run_kernel(grow)
        more.set(program.global_or(pt.R7))
        program.leave_if(more == 0)
        rounds += 1
    found = program.answer(rounds)
    return device.chip.run(program).last(found)


def measured(name: str, search: Callable[[pt.Device], int], device: pt.Device) -> int:
    """Run a search and say what it took."""
    before, began = device.wire_bytes_sent + device.wire_bytes_received, time.perf_counter()
    device_ns = device.status().device_ns
    found = search(device)
    device_ns = device.status().device_ns - device_ns
    wall_ms = 1000 * (time.perf_counter() - began)
    line = device.wire_bytes_sent + device.wire_bytes_received - before
    sys.stdout.write(f"{name:24}{found:8}{wall_ms:12.1f}{device_ns / 1e6:12.2f}{line:14,}\n")
    return found


def prepare(device: pt.Device) -> None:
    """Show the picture, and bring it into A; both kernels are uploaded, so that neither way has to."""
    device.show(spiral())
    device.chip.expose()
    device.chip.get_image(pt.A, pt.C)
    device.chip.run_kernel(brighter)
    device.chip.run_kernel(grow)


def main(bits_per_second: str = "3000000", latency_us: str = "500") -> None:
    """Both searches, both ways."""
    with pt.emulator(bps=bits_per_second, latency_us=latency_us) as device:
        prepare(device)
        sys.stdout.write(f"{'search':24}{'found':>8}{'ms':>12}{'device ms':>12}{'line bytes':>14}\n")
        levels = [measured("threshold, call by call", threshold_by_calls, device)]
        levels.append(measured("threshold, one program", threshold_at_once, device))
        rounds = [measured("fill, call by call", fill_by_calls, device)]
        rounds.append(measured("fill, one program", fill_at_once, device))
    if len({*levels}) > 1 or len({*rounds}) > 1:
        raise SystemExit("the two ways have not found the same")


if __name__ == "__main__":
    main(*sys.argv[1:3])
