"""The suite can fail: devices that break a rule are caught by the test that holds them to it."""

import pytest
from tests.support.daemon_thread import serving
from tests.support.effort import chosen
from tests.support.mutants import CAUGHT_BY
from tests.support.suite import Run, counts

from pixeltree_emu.controller.device import EmulatedDevice


def served(path):
    """An emulated device in a thread of this process, where it can be changed; yields its URL."""
    device = EmulatedDevice()
    return serving(device, f"unix://{path}", "mutant", device.limits.capabilities(), 100, 2_000, 3_000)


MUTANTS = chosen(CAUGHT_BY, (2, 9, 14, 20, 27))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_device_that_breaks_a_rule_is_caught(mutant, monkeypatch, tmp_path):
    mutant(monkeypatch)
    with served(tmp_path / "device") as url:
        status, text = Run(url, "-x", "--answer-time", "5", "-k", CAUGHT_BY[mutant]).wait()
    assert status == 1, text
    assert counts(text).get("failed") == 1, text
    assert CAUGHT_BY[mutant] in text.split("short test summary")[1]


def test_none_of_these_tests_fails_a_device_that_keeps_the_rules(tmp_path):
    with served(tmp_path / "device") as url:
        status, text = Run(url, "-k", " or ".join(CAUGHT_BY[mutant] for mutant in MUTANTS)).wait()
    assert status == 0, text
    assert counts(text)["passed"] >= len(MUTANTS)
