"""``emu:``: a daemon that lives as long as its link. Starting one takes seconds, so there are few tests."""

import subprocess

import pytest

import pixeltree
from pixeltree.device.patience import Patience
from pixeltree.errors import LinkError
from pixeltree.links import emulator
from pixeltree.links.emulator import open_emulator
from pixeltree.links.url import parse_url
from pixeltree_emu.array import nonidealities


def test_a_private_device_has_what_the_url_asks_for_and_ends_with_its_connection(monkeypatch):
    started = []
    real = subprocess.Popen

    def popen(*arguments, **options):
        started.append(real(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pixeltree.connect("emu:?memory=8192&engine=reference", Patience(connect=60)) as device:
        assert device.url == "emu:?memory=8192&engine=reference"
        assert device.welcome.capabilities.memory_bytes == 8192
        (daemon,) = started
        assert daemon.poll() is None
    assert daemon.poll() is not None
    device.close()


def test_a_daemon_that_refuses_to_start_says_why():
    with pytest.raises(LinkError, match=r"the emulator did not start:(.|\n)*there is no 'odd'"):
        open_emulator(parse_url("emu:?engine=odd"), 60)


def test_a_preset_is_checked_before_a_daemon_is_started(monkeypatch):
    monkeypatch.setattr(
        subprocess, "Popen", lambda *arguments, **options: pytest.fail("a daemon was started")
    )
    with pytest.raises(LinkError, match="preset is 'odd'; known: ideal, typical, harsh"):
        open_emulator(parse_url("emu:?preset=odd"), 60)


def test_the_host_knows_the_emulators_presets():
    assert tuple(nonidealities.PRESETS) == emulator.PRESETS
