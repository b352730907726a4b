"""The suite can fail: devices that break a rule are caught by the test that holds them to it."""

import contextlib
import secrets
import threading

import pytest
from tests.support.effort import chosen
from tests.support.mutants import CAUGHT_BY
from tests.support.suite import Run, counts

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.serving.daemon import Daemon
from pixeltree_emu.serving.listeners import ListenSettings, listen_all
from pixeltree_protocol.link.connection import Identity


@contextlib.contextmanager
def serving(path):
    """A daemon in a thread of this process; its URL."""
    device = EmulatedDevice()
    identity = Identity(secrets.token_bytes(8), "mutant", device.limits.capabilities(), 100, 2_000, 3_000)
    url = f"unix://{path}"
    daemon = Daemon(device, listen_all([url], ListenSettings()), identity)
    thread = threading.Thread(target=daemon.serve)
    thread.start()
    try:
        yield url
    finally:
        daemon.stop()
        thread.join(20)
        assert not thread.is_alive()


MUTANTS = chosen(CAUGHT_BY, (2, 9, 14, 20, 27))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_device_that_breaks_a_rule_is_caught(mutant, monkeypatch, tmp_path):
    mutant(monkeypatch)
    with serving(tmp_path / "device") as url:
        status, text = Run(url, "-x", "--answer-time", "5", "-k", CAUGHT_BY[mutant]).wait()
    assert status == 1, text
    assert counts(text).get("failed") == 1, text
    assert CAUGHT_BY[mutant] in text.split("short test summary")[1]


def test_none_of_these_tests_fails_a_device_that_keeps_the_rules(tmp_path):
    with serving(tmp_path / "device") as url:
        status, text = Run(url, "-k", " or ".join(CAUGHT_BY[mutant] for mutant in MUTANTS)).wait()
    assert status == 0, text
    assert counts(text)["passed"] >= len(MUTANTS)
