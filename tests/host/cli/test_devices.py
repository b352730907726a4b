"""``pixeltree devices``, with ports that are plugged in for the test."""

import fcntl
import json
import os
import subprocess
import sys

import pytest
from serial.tools.list_ports_common import ListPortInfo
from tests.support.invoked import invoke

from pixeltree_emu.serving.announcement import Announcement


def port(path, vendor=None, product=None, serial_number=None, description="n/a"):
    info = ListPortInfo(path)
    info.vid, info.pid, info.serial_number, info.description = vendor, product, serial_number, description
    return info


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command on a machine with these ports; exit status 0 is part of every expectation."""

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def run_with(ports, *options):
        monkeypatch.setattr("serial.tools.list_ports.comports", lambda: list(ports))
        result = invoke("devices", *options, env={"COLUMNS": "120"})
        assert result.exit_code == 0, result.output
        return result.output

    return run_with


PORTS = (
    port("/dev/ttyS0"),
    port("/dev/ttyUSB0", 0x0403, 0x6001, "A7[x]", "FT232R [bridge]"),
    port("/dev/ttyACM0", 0x1FC9, 0x008A, "0042", "SCAMP5D USB"),
)


def test_ports_are_listed_with_their_url_and_the_scamp_5_is_marked_and_first(run):
    lines = run(PORTS).splitlines()
    listed = [line for line in lines if "/dev/tty" in line]
    assert "usb:1fc9:008a:0042" in listed[0]
    assert "SCAMP-5" in listed[0]
    assert "serial:///dev/ttyS0" in listed[1]
    assert "FT232R [bridge]" in listed[2]
    assert not any("SCAMP-5" in line for line in listed[1:])
    assert "pixeltree emulate --listen" in "".join(lines)


def test_json_is_the_whole_output(run):
    listed = json.loads(run(PORTS, "--json", "-"))
    assert [each["port"] for each in listed] == ["/dev/ttyACM0", "/dev/ttyS0", "/dev/ttyUSB0"]
    assert listed[0] == {
        "url": "usb:1fc9:008a:0042",
        "port": "/dev/ttyACM0",
        "description": "SCAMP5D USB",
        "usb_id": "1fc9:008a",
        "serial_number": "0042",
        "scamp5": True,
    }
    assert listed[1]["usb_id"] is None


def test_an_empty_list_says_how_to_go_on(run):
    output = run(())
    assert "No serial or USB port is here" in output
    assert "pixeltree emulate --listen tcp://127.0.0.1:27900" in output
    assert json.loads(run((), "--json", "-")) == []


def test_help_shows_how_to_use_what_is_listed():
    output = invoke("devices", "--help", env={"COLUMNS": "120"}).output
    assert "pixeltree info usb:1fc9:008a" in output


def test_daemons_that_run_are_listed_with_the_urls_for_hosts(run, tmp_path):
    process = announce(tmp_path)
    try:
        output = run(())
        assert "serial:///tmp/ppa[0]" in output
        assert "unix:///tmp/a" in output
        assert f"emulator :tada:, process {process.pid}" in output
        listed = json.loads(run((), "--json", "-"))
        assert [each["url"] for each in listed] == ["serial:///tmp/ppa[0]", "unix:///tmp/a"]
        assert [each["port"] for each in listed] == ["/tmp/ppa[0]", None]
    finally:
        process.kill()
        process.communicate()
    assert json.loads(run((), "--json", "-")) == []
    assert list((tmp_path / "pixeltree").iterdir()) == [], "what a killed daemon left behind is removed"


def announce(folder):
    """A process that announces itself as a daemon does."""
    code = """if True:
        import sys
        from pixeltree_emu.serving.announcement import Announcement
        kept = Announcement("emulator :tada:", ["pty:///tmp/ppa[0]", "unix:///tmp/a"])
        print(flush=True)
        sys.stdin.read()
    """
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, **pipes)
    assert process.stdout.readline() == "\n"
    return process


def test_a_folder_that_others_can_write_to_is_not_believed(run, tmp_path):
    process = announce(tmp_path)
    try:
        (tmp_path / "pixeltree").chmod(0o777)
        assert json.loads(run((), "--json", "-")) == []
        assert announce_in_process(tmp_path) == ""
    finally:
        process.kill()
        process.communicate()


def announce_in_process(folder):
    """The files of an announcement here, beside those that are there."""
    before = set((folder / "pixeltree").iterdir())
    announcement = Announcement("emulator", ["unix:///tmp/a"])
    made = set((folder / "pixeltree").iterdir()) - before
    announcement.withdraw()
    return " ".join(map(str, made))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 1, "name": "x", "urls": [2]}', "\0"])
def test_a_file_that_says_nonsense_is_passed_over(run, tmp_path, content):
    folder = tmp_path / "pixeltree"
    folder.mkdir(mode=0o700)
    with (folder / "1.json").open("w") as file:
        file.write(content)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert json.loads(run((), "--json", "-")) == []
