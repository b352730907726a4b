"""An emulator on virtual time as a process of its own."""

import subprocess
import sys

from pixeltree import TreeRunner
from pixeltree.demo.run import count_mismatches, demo_digits, demo_tree
from pixeltree.device.virtual_time import virtual_device


def frame_times():
    tree = demo_tree()
    image = demo_digits().images[0]
    with virtual_device("--bps=3e6", "--bits-per-byte=10") as device:
        runner = TreeRunner.open(device, tree)
        began = device.now
        results = [runner.infer(image), runner.run_frame()]
        assert all(count_mismatches(result, *tree.reference(image)) == 0 for result in results)
        carried = sum(swap.wire_bytes for result in results for swap in result.swaps)
        return device.now - began, [result.stall_us for result in results], carried


def test_every_run_takes_the_same_time():
    first, second = frame_times(), frame_times()
    assert first == second
    _, stalls, carried = first
    assert carried > 4_000, "three nodes"
    assert stalls[0] > carried * 10 / 3, "at 3 Mbaud"
    assert stalls[1] == 0


def test_virtual_time_is_for_one_unix_socket():
    command = [sys.executable, "-m", "pixeltree_emu", "--virtual-time"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "give one --listen unix:///PATH" in result.stderr
