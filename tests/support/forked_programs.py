"""Programs that import nothing anew: ``pixeltree`` and ``pytest`` for a shell, and a Python.

They are small scripts in a folder. They send their arguments, environment, working folder and descriptors to
the first process of the tests, which has the real command forked, see ``forking``. They hand on signals, and
end with the command's exit status. The Python starts emulators, worker processes, pytest and its workers,
our modules and scripts; if it is asked for anything else, it becomes the real one.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import json
import os
import runpy
import shutil
import socket
import sys
import tempfile
import threading
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from tests.support import forking

COMMAND_LINE = "pixeltree.cli:main"
DAEMON = "pixeltree_emu.__main__:main"
FOLDER = "PIXELTREE_TESTS_PROGRAMS"
"""A variable that says where the programs are, once there are any: all processes of the tests share them."""

_PROGRAM = """\
#!{python} -IS
import os, sys
name, arguments = {name!r}, sys.argv[1:]
if name == "python":
    if arguments[:3] == ["-P", "-m", "pixeltree_emu"]:
        name, arguments = "pixeltree", ["emulate", *arguments[3:]]
    elif arguments[:1] == ["-mpytest"]:
        name, arguments = "pytest", arguments[1:]
    elif arguments[-1:] == ["--multiprocessing-fork"]:
        name, arguments = "worker", arguments[-2:-1]
    elif arguments[:1] == ["-m"] and arguments[1].startswith({ours!r}):
        name, arguments = "module", arguments[1:]
    elif arguments[:2] == ["-P", "-m"] and arguments[2].startswith({ours!r}):
        name, arguments = "module", arguments[2:]
    elif arguments and arguments[0].endswith(".py"):
        name = "script"
    elif arguments[:2] == ["-u", "-c"] and "sys.stdin.readline()" in arguments[2]:
        name, arguments = "gateway", arguments[2:]
    else:
        os.execv({python!r}, [{python!r}, *arguments])
import json, signal, socket
signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
handed = {{}}
if name == "worker":
    with os.scandir("/proc/self/fd") as folder:
        numbers = sorted({{int(each.name) for each in folder}} - {{0, 1, 2}})
    handed = {{str(each): each for each in numbers if os.path.exists(f"/proc/self/fd/{{each}}")}}
for each in [each for each in arguments if each.startswith("--ready-fd=")]:
    arguments.remove(each)
    handed["--ready-fd"] = int(each.partition("=")[2])
here = socket.socket(socket.AF_UNIX)
here.connect({address!r})
entry = {entries!r}[name]
if name == "pixeltree" and arguments[:1] == ["emulate"]:
    entry, arguments = {daemon!r}, arguments[1:]
said = {{"entry": entry, "arguments": arguments, "handed": list(handed), "is_given": True}}
said |= {{"environment": {{**{defaults!r}, **os.environ}}, "folder": os.getcwd()}}
socket.send_fds(here, [b"descriptors"], [0, 1, 2, *handed.values()])
here.sendall(json.dumps(said).encode() + b"\\n")
answers = here.makefile()
pid = int(answers.readline())
for number in signals:
    signal.signal(number, lambda number, _: os.kill(pid, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
for each in (0, *handed.values()):
    os.close(each)  # only the command is to have these ends of pipes
status = int(answers.readline() or 1)  # 1 where the first process of the tests has ended
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


_ENTRIES = {
    "pixeltree": COMMAND_LINE,
    "pytest": "pytest:console_main",
    "worker": "tests.support.forked_programs:work",
    "module": "tests.support.forked_programs:run_module",
    "script": "tests.support.forked_programs:run_script",
    "gateway": "tests.support.forked_programs:run_gateway",
}
"""What each program calls, by its name."""

_OURS = ("pixeltree", "tests.", "tools.", "firmware.")
"""Modules that begin so are forked; what others import is not there yet."""

_MOST_DESCRIPTORS = 100
_BACKLOG = 100
_ASIDE = 500
"""Descriptors from here on are nobody's."""


def work() -> None:
    """In a forked process: become a worker of multiprocessing. It knows its descriptors by their numbers."""
    code, *handed = sys.argv[1:]
    numbers = [tuple(map(int, each.split("="))) for each in handed]
    aside = {wanted: fcntl.fcntl(number, fcntl.F_DUPFD, _ASIDE) for wanted, number in numbers}
    for wanted, number in aside.items():
        os.dup2(number, wanted)
        os.close(number)
    sys.argv = [sys.executable, "--multiprocessing-fork"]
    exec(code)


def run_module() -> None:
    """In a forked process: what ``python -m MODULE`` does."""
    del sys.argv[0]
    sys.modules.pop(sys.argv[0], None)  # a module that was imported before would be warned of
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def run_script() -> None:
    """In a forked process: what ``python FILE`` does."""
    del sys.argv[0]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


def run_gateway() -> None:
    """In a forked process: become a worker of pytest-xdist, which sends what it is to do."""
    exec(sys.argv[1], {"__name__": "__main__"})


class ForkedPrograms:
    """The programs in a folder.

    Attributes:
        folder: for PATH.
        python: the Python.
        address: of the socket on which commands are asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = str(folder / "python")
        self.address = str(folder / "socket")

    def serve(self) -> None:
        """Write them, and do what they ask for as long as this process lives."""
        told = {
            "python": forking.REAL_PYTHON,
            "address": self.address,
            "entries": _ENTRIES,
            "daemon": DAEMON,
            "ours": _OURS,
        }
        told["defaults"] = {forking.PYTHON: self.python}
        for name in ("pixeltree", "pytest", "python"):
            program = self.folder / name
            program.write_text(_PROGRAM.format(name=name, **told))
            program.chmod(0o755)
        server = socket.socket(socket.AF_UNIX)
        server.bind(self.address)
        server.listen(_BACKLOG)
        atexit.register(self._close, server)
        threading.Thread(target=_accept, args=(server,), daemon=True).start()

    def _close(self, server: socket.socket) -> None:
        """Serve nobody any more; programs that run go on."""
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _accept(server: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was shut down
        while True:
            program, _ = server.accept()
            threading.Thread(target=_serve, args=(program,), daemon=True).start()


def _serve(program: socket.socket) -> None:
    """One command: start it, tell its process id, wait, tell its status. Whoever is killed takes it along."""
    with program, contextlib.suppress(OSError):  # the program was killed
        with contextlib.ExitStack() as opened:
            _, numbers, _, _ = socket.recv_fds(program, len(b"descriptors"), _MOST_DESCRIPTORS)
            files = [opened.enter_context(os.fdopen(number, "rb", buffering=0)) for number in numbers]
            said: dict[str, Any] = json.loads(opened.enter_context(program.makefile()).readline())
            given = files.pop(0) if said.pop("is_given") else None
            output, errors, *others = files
            said["handed"] = dict(zip(said["handed"], others, strict=True))
            process = forking.start(given=given, output=output, errors=errors, **said)
        program.sendall(b"%d\n" % process.pid)
        if process.sentinel not in wait([process.sentinel, program]):
            process.kill()
        process.join()
        program.sendall(b"%d\n" % process.exitcode)


@functools.cache
def programs() -> ForkedPrograms:
    """Those of all processes of the tests; the first that asks serves them."""
    if folder := os.environ.get(FOLDER):
        return ForkedPrograms(Path(folder))
    served = ForkedPrograms(Path(tempfile.mkdtemp(prefix="programs-")))
    served.serve()
    os.environ[FOLDER] = str(served.folder)
    return served
