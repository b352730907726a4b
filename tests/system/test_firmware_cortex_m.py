"""The firmware's Thumb code on an emulated Cortex-M4: it gives what the emulated controller gives."""

import contextlib
import subprocess
import sys
import tempfile

import pytest
from firmware.ports.cortex_m.build import compile_to
from tests.support.command_line import ROOT
from tests.support.effort import PROOF

import pixeltree as pt

TIME = 120
MOST_IMAGES = 20 if PROOF else 2


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    target = tmp_path_factory.mktemp("cortex_m") / "firmware.elf"
    compile_to(target)
    return target


@contextlib.contextmanager
def running(*command):
    """A process that says where it serves at the end of its first line; it must stop without a complaint."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(TIME)


@pytest.fixture(scope="module")
def url(image):
    """A device whose controller is the emulated processor."""
    with tempfile.TemporaryDirectory(prefix="array") as folder:
        array = (sys.executable, "-P", "-m", "pixeltree_emu.array_port", "--listen", f"unix://{folder}/array")
        emulate = (sys.executable, "-m", "firmware.ports.cortex_m.emulate", str(image))
        with running(*array) as array_url, running(*emulate, "--array", array_url) as url:
            yield url


def results(device, tree, images):
    runner = pt.TreeRunner.open(device, tree, memory_limit=8000)
    found = []
    for result in map(runner.infer, images):
        path = [(visit.node, visit.outcome, tuple(visit.logits), visit.device_us) for visit in result.path]
        found.append((result.label, path, result.device_us, result.words))
    return found


def test_a_tree_gives_what_it_gives_on_the_emulated_controller(url):
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits").images[:MOST_IMAGES]
    with pt.connect(url) as firmware:
        found = results(firmware, tree, images)
    with pt.emulator() as emulated:
        assert found == results(emulated, tree, images)


def test_the_line_stays_up_between_hosts(url):
    for _ in range(2):
        with pt.connect(url) as device:
            device.ping()
            assert not device.read_plane("R12").any()
