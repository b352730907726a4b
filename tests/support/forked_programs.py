"""Programs that import nothing anew: ``pixeltree`` and ``pytest`` for a shell, and a Python.

They are small scripts in a folder. They send their arguments, environment, working folder and descriptors to
this process, which has the real command forked from the server of ``command_line``. They hand on signals, and
end with the command's exit status. The Python starts emulators, worker processes and pytest; if it is asked
for anything else, it becomes the real one.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.support.command_line import COMMAND_LINE, DAEMON, REAL_PYTHON, Process

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
said = {{"name": name, "arguments": arguments, "handed": list(handed)}}
said |= {{"environment": dict(os.environ), "folder": os.getcwd()}}
socket.send_fds(here, [b"descriptors"], [0, 1, 2, *handed.values()])
here.sendall(json.dumps(said).encode() + b"\\n")
answers = here.makefile()
pid = int(answers.readline())
for number in signals:
    signal.signal(number, lambda number, _: os.kill(pid, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
for each in (0, *handed.values()):
    os.close(each)  # only the command is to have these ends of pipes
status = int(answers.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


_ENTRIES = {
    "pixeltree": COMMAND_LINE,
    "pytest": "pytest:console_main",
    "worker": "tests.support.forked_programs:work",
}
"""What each program calls, by its name."""

_MOST_DESCRIPTORS = 100
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


class ForkedPrograms:
    """Serves the programs for as long as this process lives.

    Attributes:
        folder: for PATH.
        python: the Python.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="programs-"))
        address = str(self.folder / "socket")
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(address)
        self._server.listen()
        for name in ("pixeltree", "pytest", "python"):
            program = self.folder / name
            program.write_text(_PROGRAM.format(python=REAL_PYTHON, name=name, address=address))
            program.chmod(0o755)
        self.python = str(self.folder / "python")
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Serve nobody any more; programs that run go on."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was shut down
            while True:
                program, _ = self._server.accept()
                threading.Thread(target=_serve, args=(program,), daemon=True).start()


def _serve(program: socket.socket) -> None:
    """One command: start it, tell its process id, wait, tell its status."""
    with program, contextlib.suppress(OSError):  # the program was killed
        with contextlib.ExitStack() as opened:
            _, numbers, _, _ = socket.recv_fds(program, len(b"descriptors"), _MOST_DESCRIPTORS)
            given, output, errors, *others = [
                opened.enter_context(os.fdopen(number, "rb", buffering=0)) for number in numbers
            ]
            said: dict[str, Any] = json.loads(opened.enter_context(program.makefile()).readline())
            entry, arguments = _ENTRIES[said["name"]], said["arguments"]
            if said["name"] == "pixeltree" and arguments[:1] == ["emulate"]:
                entry, arguments = DAEMON, arguments[1:]
            handed = dict(zip(said["handed"], others, strict=True))
            more = {"handed": handed, "folder": said["folder"], **said["environment"]}
            process = Process(entry, arguments, errors, output, given, **more)
        program.sendall(b"%d\n" % process.pid)
        program.sendall(b"%d\n" % process.wait(None))


@functools.cache
def programs() -> ForkedPrograms:
    """Those of this process."""
    served = ForkedPrograms()
    atexit.register(served.close)
    return served
