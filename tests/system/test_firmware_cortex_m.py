"""The firmware's Thumb code on an emulated Cortex-M4: it gives what the emulated controller gives."""

import tempfile
from pathlib import Path

import pytest
from firmware.ports.cortex_m.build import compile_to
from firmware.ports.cortex_m.elf import Elf
from firmware.ports.cortex_m.size import CODE_GOAL, MEMORY_GOAL, sizes
from firmware.ports.cortex_m.start import board
from tests.support.command_line import pixeltree as run_pixeltree
from tests.support.effort import PROOF

import pixeltree as pt

MOST_IMAGES = 20 if PROOF else 2


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    target = tmp_path_factory.mktemp("cortex_m") / "firmware.elf"
    compile_to(target)
    return target


@pytest.fixture(scope="module")
def report():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "report.json"


@pytest.fixture(scope="module")
def url(image, report):
    """A device whose controller is the emulated processor."""
    with board(image, "--report", str(report)) as url:
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


@pytest.mark.skipif(not PROOF, reason="it compiles once more: make firmware-proof")
def test_a_tree_in_flash_runs_without_a_host(tmp_path):
    """It fits, an observer sees its results, and they are those of the emulated controller in the dark."""
    exported = run_pixeltree("export", "digits", "--format", "c", "-o", tmp_path / "out", "--every-ms", "20")
    assert exported.returncode == 0, exported.stderr
    target = tmp_path / "firmware.elf"
    compile_to(target, tmp_path / "out/tree_in_flash.c")
    found = sizes(Elf(target.read_bytes()))
    assert found["flash"] <= 512 * 1024
    assert found["memory"] <= MEMORY_GOAL
    with pt.emulator() as emulated:
        dark = path_of(pt.TreeRunner.open(emulated, pt.zoo.load("digits")).run_frame())
    with board(target) as url, pt.connect(url, observe=True) as observer:
        seen = [observer.watch() for _ in range(2)]
    assert [path_of(result) for result in seen] == [dark, dark]


def path_of(result):
    return [(visit.outcome, tuple(visit.logits)) for visit in result.path]


def test_the_line_stays_up_between_hosts(url):
    for _ in range(2):
        with pt.connect(url) as device:
            device.ping()
            assert not device.read_plane("R12").any()


def test_it_is_as_small_as_it_has_to_be(image):
    found = sizes(Elf(image.read_bytes()))
    assert found["flash"] <= CODE_GOAL
    assert found["memory"] <= MEMORY_GOAL
    assert found["store"] == 64 * 1024
