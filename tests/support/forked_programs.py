"""Programs that import nothing anew: ``pixeltree`` for a shell, and a Python that starts emulators.

Both are small scripts in a folder. They send their arguments, environment, working folder and descriptors to
this process, which has the real command forked from the server of ``command_line``. They hand on signals, and
end with the command's exit status. A Python that is asked for anything but an emulator becomes the real one.
"""

from __future__ import annotations

import atexit
import contextlib
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

from tests.support.command_line import COMMAND_LINE, DAEMON, Process

_PROGRAM = """\
#!{python} -IS
import json, os, signal, socket, sys
arguments = sys.argv[1:]
signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
if {is_python}:
    if arguments[:3] != ["-P", "-m", "pixeltree_emu"]:
        os.execv({python!r}, [{python!r}, *arguments])
    arguments = ["emulate", *arguments[3:]]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
ready = [int(each.partition("=")[2]) for each in arguments if each.startswith("--ready-fd=")]
arguments = [each for each in arguments if not each.startswith("--ready-fd=")]
here = socket.socket(socket.AF_UNIX)
here.connect({address!r})
said = {{"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}}
socket.send_fds(here, [b"descriptors"], [0, 1, 2, *ready])
here.sendall(json.dumps(said).encode() + b"\\n")
answers = here.makefile()
pid = int(answers.readline())
for number in signals:
    signal.signal(number, lambda number, _: os.kill(pid, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
for each in (0, *ready):
    os.close(each)  # only the command is to have these ends of pipes
status = int(answers.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


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
        for name in ("pixeltree", "python"):
            program = self.folder / name
            program.write_text(
                _PROGRAM.format(python=sys.executable, is_python=name == "python", address=address)
            )
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
            _, numbers, _, _ = socket.recv_fds(program, len(b"descriptors"), 4)
            given, output, errors, *ready = [
                opened.enter_context(os.fdopen(number, "rb", buffering=0)) for number in numbers
            ]
            said: dict[str, Any] = json.loads(opened.enter_context(program.makefile()).readline())
            entry, arguments = COMMAND_LINE, said["arguments"]
            if arguments[:1] == ["emulate"]:
                entry, arguments = DAEMON, arguments[1:]
            process = Process(
                entry, arguments, errors, output, given, *ready, folder=said["folder"], **said["environment"]
            )
        program.sendall(b"%d\n" % process.pid)
        program.sendall(b"%d\n" % process.wait(None))


@functools.cache
def programs() -> ForkedPrograms:
    """Those of this process."""
    served = ForkedPrograms()
    atexit.register(served.close)
    return served
