"""Starting emulators: the ready signal, odd places for temporary files, signals, what is left behind."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.command_line import pixeltree
from tests.support.effort import PROOF
from tests.support.forking import REAL_PYTHON

import pixeltree as host
from pixeltree.errors import LinkError
from pixeltree.kernels import Kernel
from pixeltree.links.emulator import EmulatorProcess, tell
from pixeltree_emu.array.fast import FastEngine
from pixeltree_protocol.chip.registers import Digital

R5, R6 = Digital.R5, Digital.R6
DAEMON = ["-P", "-m", "pixeltree_emu"]
"""What follows the interpreter."""
QUICK = "--engine=reference"
"""An engine that need not be compiled."""
LONGEST = 90
"""Seconds after which a test gives up."""
MOST_TO_COMPILE = 600
"""The same where it waits for the compiler, on a machine with much else to do."""


@pytest.fixture
def real(monkeypatch):
    """An interpreter of its own starts. What does not ask for this is forked, see ``forking``."""
    monkeypatch.setattr(sys, "executable", REAL_PYTHON)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder in the place of all others for temporary files."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def inverted(to=R5, source=R6):
    """A kernel that inverts a plane; planes begin with 0 everywhere."""
    kernel = Kernel()
    kernel.NOT(to, source)
    return kernel


def eventually(condition, seconds=LONGEST):
    """Wait until something is so."""
    for _ in range(seconds * 20):
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_gone(pid):
    """Whether a process has ended, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def ready_line(*options, **more):
    """What a daemon says on the file descriptor that it is given; it is stopped then."""
    ours, theirs = os.pipe()
    daemon = subprocess.Popen(
        [sys.executable, *DAEMON, QUICK, f"--ready-fd={theirs}", "--until-eof", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(theirs,),
        **more,
    )
    os.close(theirs)
    with os.fdopen(ours, "rb") as said:
        assert select.select([said], [], [], LONGEST)[0]
        text = said.read()  # the daemon closes its end
    assert daemon.poll() is None
    out, errors = daemon.communicate(b"", timeout=LONGEST)
    assert daemon.returncode == 0, errors
    return text, out, daemon.pid


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("mode", [(), ("--virtual-time",)], ids=["daemon", "virtual time"])
def test_a_daemon_says_on_a_file_descriptor_that_it_serves(tmp_path, mode):
    text, _, pid = ready_line("--listen", f"unix://{tmp_path}/device", *mode)
    assert text.count(b"\n") == 1
    facts = json.loads(text)
    assert facts.pop("version")
    assert facts == {"urls": [f"unix://{tmp_path}/device"], "pid": pid, "compiling": False}


@pytest.mark.usefixtures("real")
def test_a_path_that_the_locale_cannot_print_is_served_all_the_same(tmp_path):
    folder = tmp_path / "ü"
    folder.mkdir()
    ascii_only = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ascii_only["PYTHONIOENCODING"] = "ascii:strict"
    text, out, _ = ready_line("--listen", f"unix://{folder}/device", env=ascii_only)
    assert len(json.loads(text)["urls"]) == 1
    assert b"\\udcc3\\udcbc/device" in out


def test_a_parent_that_does_not_listen_stops_nothing(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    daemon = subprocess.run(
        [
            sys.executable,
            *DAEMON,
            QUICK,
            f"--ready-fd={theirs}",
            "--until-eof",
            "--listen",
            f"unix://{tmp_path}/device",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        pass_fds=(theirs,),
        timeout=LONGEST,
        check=False,
    )
    os.close(theirs)
    assert daemon.returncode == 0
    assert b"the parent process was not told" in daemon.stderr
    assert b"Traceback" not in daemon.stderr


@pytest.mark.parametrize("mode", [(), ("--virtual-time",)], ids=["daemon", "virtual time"])
@pytest.mark.parametrize(("standard_input", "status"), [("</dev/null", 0), ("<&-", 2), ("</etc/hostname", 0)])
def test_a_standard_input_that_has_ended_stops_a_daemon_without_a_traceback(
    tmp_path, mode, standard_input, status
):
    path = tmp_path / "device"
    python = REAL_PYTHON if standard_input == "<&-" else sys.executable  # a closed one cannot be handed on
    options = [QUICK, "--until-eof", "--listen", f"unix://{path}", *mode]
    command = " ".join([python, *DAEMON, *options, standard_input])
    run = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert run.returncode == status, run.stderr
    assert "Traceback" not in run.stderr
    assert not path.exists()


@pytest.mark.parametrize("mode", [(), ("--virtual-time",)], ids=["daemon", "virtual time"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_daemon_stops_cleanly_on_any_signal_that_asks_for_it(start, tmp_path, number, mode):
    path = tmp_path / "device"
    daemon = start(*mode, QUICK, "--listen", f"unix://{path}")
    daemon.process.send_signal(number)
    daemon.process.communicate(timeout=LONGEST)
    assert daemon.process.returncode == 0, daemon.errors()
    assert "Traceback" not in daemon.errors()
    assert not path.exists()


# -- private emulators -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a" * 120, "what?", "ü", "per%20cent", "has space", "number#"])
def test_a_private_emulator_starts_whatever_the_folder_for_temporary_files_is_called(
    temporary, monkeypatch, name
):
    folder = temporary / name
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    with host.connect("emu:?engine=reference") as device:
        assert device.status().sessions == 1
    assert not list(folder.iterdir())


def test_where_no_place_can_hold_a_socket_the_reason_is_said(monkeypatch):
    monkeypatch.setattr("pixeltree.links.emulator._places", lambda: iter(["/" + "a" * 120, "/what?"]))
    with pytest.raises(LinkError, match=r"paths are too long for a socket.*set TMPDIR"):
        EmulatorProcess(QUICK)


def test_its_folder_is_private_and_goes_with_it(temporary):
    with EmulatorProcess(QUICK) as emulator:
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert emulator.url == f"unix://{folder}/device"
    assert not list(temporary.iterdir())


def test_one_that_refuses_its_options_says_why_and_leaves_nothing(temporary):
    with pytest.raises(LinkError, match=r"the emulator did not start:(.|\n)*there is no 'odd'"):
        EmulatorProcess("--preset=odd")
    assert not list(temporary.iterdir())


def test_one_that_crashes_leaves_its_log_and_says_where(temporary, caplog):
    with EmulatorProcess(QUICK) as emulator:
        os.kill(emulator.pid, signal.SIGKILL)
        assert eventually(lambda: is_gone(emulator.pid))
    (folder,) = temporary.iterdir()
    assert f"its log is kept: {folder}/log" in caplog.text
    assert "serving an emulated SCAMP-5" in (folder / "log").read_text()


@pytest.mark.usefixtures("real")
def test_one_that_fails_while_it_starts_says_how_and_leaves_its_log(temporary, caplog, monkeypatch, tmp_path):
    broken = tmp_path / "sitecustomize.py"
    broken.write_text("import pixeltree_emu.serving.setup as setup\nsetup.device_of = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LinkError, match=r"did not start:(.|\n)*TypeError"):
        EmulatorProcess(QUICK)
    (folder,) = temporary.iterdir()
    assert f"its log is kept: {folder}/log" in caplog.text
    assert "Traceback" in (folder / "log").read_text()


@pytest.mark.usefixtures("real")
def test_one_with_an_internal_error_names_its_log_and_leaves_it(temporary, caplog, monkeypatch, tmp_path):
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import pixeltree_emu.controller.device as device\n"
        "def work(self):\n"
        "    if self.busy:\n"
        "        raise ZeroDivisionError('made up')\n"
        "device.EmulatedDevice.work = work\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(host.errors.PixeltreeError) as raised, host.connect("emu:?engine=reference") as device:
        device.chip.run_kernel(inverted())
    (folder,) = temporary.iterdir()
    assert f"internal error; {folder}/log has the details" in str(raised.value)
    assert f"its log is kept: {folder}/log" in caplog.text
    assert "made up" in (folder / "log").read_text()


PARENT = """
import sys, time
from pixeltree.links.emulator import EmulatorProcess
emulator = EmulatorProcess("--engine=reference", *sys.argv[1:])
print(emulator.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("mode", [(), ("--virtual-time",)], ids=["daemon", "virtual time"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_command_that_a_signal_ends_leaves_no_daemon_and_no_folder(temporary, tmp_path, number, mode):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    python = REAL_PYTHON if number == signal.SIGKILL else sys.executable
    parent = subprocess.Popen([python, script, *mode], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.send_signal(number)
    parent.communicate(timeout=LONGEST)
    assert eventually(lambda: is_gone(pid))
    assert eventually(lambda: not list(temporary.iterdir()))


def test_ctrl_c_during_a_start_leaves_nothing_and_shows_no_traceback(temporary):
    """The daemon has started, and has not yet said that it is ready: it is stopped in between."""
    code = (
        "import os, signal, sys\n"
        "import pixeltree.links.emulator as emulator\n"
        "from pixeltree.cli import main\n"
        "wait = emulator.EmulatorProcess._wait_until_ready\n"
        "def interrupted(self, ready):\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    wait(self, ready)\n"
        "emulator.EmulatorProcess._wait_until_ready = interrupted\n"
        "sys.argv = ['pixeltree', 'info', 'emu:?engine=reference']\n"
        "main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        process_group=0,
    )
    assert run.returncode == 130, run.stderr
    assert "Traceback" not in run.stderr
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("real")
def test_modules_in_the_working_folder_are_not_run(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('somebody else wrote this')\n")
    monkeypatch.chdir(tmp_path)
    with EmulatorProcess(QUICK) as emulator:
        assert emulator.url


# -- the first start ---------------------------------------------------------------------------------


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return folder


def children(pid):
    """Processes that a process has started, and that run."""
    found = set()
    for each in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = each.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(each.parent.name))
    return found


@pytest.mark.usefixtures("real")
def test_a_first_start_answers_while_it_compiles_and_leaves_nothing_when_it_is_stopped(
    empty_cache, temporary, caplog
):
    tell.cache_clear()
    with EmulatorProcess() as emulator:
        assert "First start: the emulator compiles its fast engine in the background" in caplog.text
        with host.connect(emulator.url) as device:
            device.chip.run_kernel(inverted())
            assert device.read_plane("R5").all()
        assert eventually(lambda: len(children(emulator.pid)) == 2)
        compilers = children(emulator.pid)
    assert eventually(lambda: all(is_gone(each) for each in compilers))
    assert not list(temporary.iterdir())
    assert [path for path in empty_cache.rglob("*") if path.suffix != ".lock"] == [empty_cache / "pixeltree"]


@pytest.mark.usefixtures("real")
def test_every_command_says_at_a_first_start_what_it_waits_for(empty_cache):
    run = pixeltree("info", "emu:")
    assert run.returncode == 0
    assert "First start: the emulator compiles its fast engine" in run.stderr
    assert "First start" not in run.stdout


@pytest.mark.usefixtures("real")
@pytest.mark.skipif(
    not PROOF, reason="30 s of compiling: in a proof; test_succession has the change of engines"
)
def test_the_compiled_engine_takes_over_and_the_next_start_need_not_compile(empty_cache, start, tmp_path):
    log = "the fast engine has taken over"
    daemon = start("--verbose", "--listen", f"unix://{tmp_path}/device", real=True)
    with host.connect(daemon.url) as device:
        device.chip.run_kernel(inverted())

        def took_over():
            for kernel in (inverted(R6, R5), inverted(R5, R6)):  # R5 ends as it was
                device.chip.run_kernel(kernel)
            return log in daemon.errors()

        assert eventually(took_over, MOST_TO_COMPILE), daemon.errors()
        assert device.read_plane("R5").all()
        assert not device.read_plane("R6").any()
    second = start("--verbose", "--listen", f"unix://{tmp_path}/second", real=True)
    assert "compiling" not in second.errors()


@pytest.mark.usefixtures("real")
def test_where_the_engine_was_compiled_before_a_start_compiles_nothing(start, tmp_path):
    assert FastEngine  # it is loaded here, and so it is kept from now on
    daemon = start("--verbose", "--listen", f"unix://{tmp_path}/device", real=True)
    with host.connect(daemon.url) as device:
        device.chip.run_kernel(inverted())
        assert device.read_plane("R5").all()
    assert not children(daemon.process.pid)
    assert "compiling" not in daemon.errors()
