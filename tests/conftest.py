"""Options of the test suite, and settings of Hypothesis: nothing may depend on how fast the machine is."""

import gc
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Tests share the cores with each other. Threads of PyTorch or of a BLAS would wait for each other, and they
spin while they wait: a small training took three times as much processor time."""

from tests.support.effort import effort  # noqa: E402 - what it imports reads the variable
from tests.support.forked_programs import programs  # noqa: E402

settings.register_profile(
    "pixeltree", deadline=None, max_examples=effort(100, 60), suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("pixeltree"), max_examples=20)
settings.load_profile("pixeltree")

TESTS = Path(__file__).parent
SLOW = {
    TESTS / name
    for name in (
        "conformance",
        "emulator/array/test_engines_agree.py",
        "emulator/array/test_decay.py",
        "emulator/array/test_succession.py",
        "emulator/sensor/test_sensor.py",
        "host/bench",
        "host/cli",
        "host/compiler",
        "host/datasets",
        "host/device/test_docs.py",
        "host/evaluate/test_chips.py",
        "host/links",
        "host/port",
        "host/run",
        "host/swapping",
        "host/train",
        "host/tree",
        "host/workers",
        "link",
        "system",
    )
}
"""What starts processes, trains networks, or takes long for another reason: no part of ``make check``."""


def pytest_addoption(parser):
    parser.addoption(
        "--quick", action="store_true", help="leave out what starts processes, trains networks or takes long"
    )


def pytest_configure(config):
    if config.getoption("--quick"):
        settings.load_profile("quick")
    else:
        programs()  # before workers of pytest-xdist start, which share them
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            # What a shell starts in the background ignores Ctrl-C, what nohup starts ignores SIGHUP, and so
            # would all children. A signal that has a handler here, even an idle one, is as usual in them.
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config, specs):
    """Workers of pytest-xdist are forked too, so that they need not import everything anew."""
    if not config.getoption("--quick"):
        for spec in specs:
            spec.python = programs().python


def pytest_collection_finish():
    """What is there by now stays: the collector of garbage need not go through it again and again."""
    gc.collect()
    gc.freeze()


def is_slow(path):
    return not SLOW.isdisjoint((path, *path.parents))


def pytest_ignore_collect(collection_path, config):
    return True if config.getoption("--quick") and is_slow(collection_path) else None


def pytest_collection_modifyitems(items):
    """What is slow comes first, so that at the end no worker is alone with it."""
    items.sort(key=lambda item: not is_slow(item.path))


@pytest.fixture(scope="session", autouse=True)
def forked_processes(request):
    """Emulators and workers that this process starts import nothing anew."""
    if request.config.getoption(
        "--quick"
    ):  # the few that are started take less than what they are forked from
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", programs().python)
        multiprocessing.set_executable(sys.executable)
        yield
