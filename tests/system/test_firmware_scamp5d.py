"""The port for a SCAMP-5d, on a fake of the vendor's API: it gives what the emulated controller gives."""

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from firmware.ports.scamp5d.build import build_fake, compile_for_the_board
from tests.support.effort import PROOF
from tests.support.suite import SKIPS_AT_MOST, Run, counts

import pixeltree as pt

has_zig = importlib.util.find_spec("ziglang") is not None
pytestmark = pytest.mark.skipif(
    not (has_zig or (shutil.which("c++") and shutil.which("cc"))),
    reason="there is no C++ compiler: neither c++ on the PATH nor ziglang",
)

IMAGES = 50 if PROOF else 2
TIME = 60


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    target = tmp_path_factory.mktemp("scamp5d") / "scamp5d-fake"
    build_fake(target, ("-O0",))
    return target


@contextlib.contextmanager
def started(command, stdin=None):
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(TIME)


@contextlib.contextmanager
def device(program, *options):
    """The port and the emulated array behind it; yields the URL of the link."""
    module = [sys.executable, "-P", "-m", "pixeltree_emu.array_port", "--until-eof"]
    with tempfile.TemporaryDirectory(prefix="array") as folder:
        socket = f"unix://{folder}/array"
        with (
            started([*module, "--listen", socket], subprocess.PIPE) as array,
            started([program, "--array", array, "--port", "0", *options]) as url,
        ):
            yield url


@pytest.fixture(scope="module")
def url(program):
    with device(program) as url:
        yield url


def results(device, tree, images):
    runner = pt.TreeRunner.open(device, tree, memory_limit=8000)
    found = []
    for result in map(runner.infer, images):
        path = [(visit.node, visit.outcome, tuple(visit.logits), visit.device_us) for visit in result.path]
        found.append((result.label, path, result.device_us, result.words))
    return found


def test_a_tree_gives_what_it_gives_on_the_emulated_controller(url):
    assert url.startswith("scamp5d:tcp://")
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits").images[:IMAGES]
    with pt.connect(url) as firmware:
        found = results(firmware, tree, images)
    with pt.connect("inproc:") as emulated:
        assert found == results(emulated, tree, images)


@pytest.mark.skipif(not PROOF, reason="takes a minute or two; a proof does it")
def test_it_passes_the_conformance_suite(url):
    status, text = Run(url, "--answer-time", "60").wait()
    found = counts(text)
    assert (status, found.get("failed", 0)) == (0, 0), text
    assert found["skipped"] <= SKIPS_AT_MOST, text


def test_sums_and_waits_of_every_kind_are_those_of_the_emulated_controller(url):
    found = []
    for each in (url, "inproc:"):
        with pt.connect(each) as connected:
            chip = connected.chip
            connected.write_plane(pt.A, np.add.outer(np.arange(256) % 7, np.arange(256) % 5).astype(np.int16))
            sums = (chip.global_sum_16(pt.A), chip.global_sum_64(pt.A), chip.global_sum_fast(pt.A))
            more = (
                chip.global_sum_sparse(pt.A, 3, 5, 124, 124),
                chip.global_sum_region(pt.A, 3, 5, 40, 200),
                chip.read_areg(pt.A, 9, 200),
                chip.scan_areg_mean_8x8(pt.A),
            )
            connected.show(np.full((256, 256), 100, np.uint8))
            chip.expose(5_000)
            chip.get_image(pt.B, pt.C)
            found.append([np.asarray(value).tolist() for value in (*sums, *more, chip.scan_areg(pt.C))])
            connected.show(None)
    assert found[0] == found[1]


def test_planes_that_are_drawn_point_by_point_are_what_was_written(url):
    """The fake has few 1s drawn, as a chip has all."""
    few = np.random.default_rng(3).random((256, 256)) < 0.01
    bar = np.zeros((256, 256), bool)
    bar[100:120, 3:250] = True
    with pt.connect(url) as connected:
        for register, plane in ((pt.R5, few), (pt.R2, bar), (pt.R0, bar), (pt.R12, few | bar)):
            connected.write_plane(register, plane)
        found = {name: connected.read_plane(name) for name in ("R0", "R2", "R5", "R12")}
    assert np.array_equal(found["R5"], few), "written, and kept while others were"
    assert np.array_equal(found["R2"], bar)
    assert np.array_equal(found["R0"], bar)
    assert np.array_equal(found["R12"] & bar, bar), "R12 changes where R0 is 1"


@pytest.mark.skipif(not (PROOF and has_zig), reason="takes a while, and needs ziglang; a proof does it")
def test_core_and_port_compile_for_the_processor_of_the_device(tmp_path):
    compile_for_the_board(tmp_path)
    assert {"array.o", "transport.o", "main.o", "frame.o"} <= {each.name for each in tmp_path.iterdir()}
