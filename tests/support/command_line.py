"""The command line and daemons as processes of their own, which need not import everything anew.

They are forked, see ``forking``. What runs is the real entry point, with descriptors, environment, working
folder, signals and exit status of its own; only the start is cheaper.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.forked_programs import COMMAND_LINE, DAEMON, programs
from tests.support.forking import PYTHON, REAL_PYTHON

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [REAL_PYTHON, "-c", "from pixeltree.cli import main; main()"]
"""The command line in an interpreter of its own, for what depends on how a process starts."""

START_TIMEOUT = 180


class Process:
    """A command that runs; like a Popen with text in pipes.

    Args:
        entry: module and name of what is called, ``module:name``.
        output: where standard output goes, a file; a pipe is made if there is none.
        errors: the same for standard error, which must be given.
        given: a file that is standard input; it is empty if there is none.
        handed: files whose descriptors the command gets by options, such as ``--ready-fd``.
        folder: the working folder.
        environment: variables beside those of this process.
    """

    def __init__(
        self, entry, arguments, errors, output=None, given=None, handed=None, folder=".", **environment
    ):
        self.stdout = None
        sink = output
        if output is None:
            reading, writing = os.pipe()
            self.stdout = os.fdopen(reading)
            sink = os.fdopen(writing, "w")
        handed = handed or {}
        said = {"entry": entry, "arguments": list(arguments), "handed": list(handed)}
        said |= {"is_given": given is not None, "folder": str(Path(folder).resolve())}
        said["environment"] = {PYTHON: sys.executable, **os.environ, **environment}
        files = ([] if given is None else [given]) + [sink, errors, *handed.values()]
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(programs().address)
        socket.send_fds(self._server, [b"descriptors"], [file.fileno() for file in files])
        self._server.sendall(json.dumps(said).encode() + b"\n")
        if output is None:
            sink.close()
        self.pid = self._answer()
        self.returncode = None

    def __del__(self):
        self._server.close()

    def _answer(self):
        """The next number that the server tells."""
        line = b""
        while not line.endswith(b"\n"):
            line += self._server.recv(1) or b"0\n"
        return int(line)

    def poll(self):
        """Exit status, or the number of the signal that ended it, less than 0; None while it runs."""
        if self.returncode is None and select.select([self._server], [], [], 0)[0]:
            self.returncode = self._answer()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout):
        if self.returncode is None and not select.select([self._server], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.poll()

    def communicate(self, timeout):
        """Wait for the end; returns the rest of standard output."""
        self.wait(timeout)
        text = ""
        if self.stdout and not self.stdout.closed:
            with self.stdout:
                text = self.stdout.read()
        return text, None


def pixeltree(*arguments, timeout=120, text=True):
    """Run the command line to its end; ``emulate`` goes at once to what it turns into."""
    entry = COMMAND_LINE
    arguments = [str(each) for each in arguments]
    if arguments[0] == "emulate":
        entry, arguments = DAEMON, arguments[1:]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = Process(entry, arguments, errors, output, COLUMNS="200")
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        written = []
        for file in (output, errors):
            file.seek(0)
            data = file.read()
            written.append(data.decode() if text else data)
    return subprocess.CompletedProcess(arguments, status, *written)


class Daemon:
    """An emulator daemon as ``pixeltree emulate`` makes it; ``real`` starts that very command."""

    def __init__(self, *options, real=False):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the daemon; a pipe could fill up
        if real:
            self.process = subprocess.Popen(
                [*COMMAND, "emulate", *options], stdout=subprocess.PIPE, stderr=self.log, text=True
            )
        else:
            self.process = Process(DAEMON, options, self.log)
        self.urls = []
        for _ in range(options.count("--listen") or 1):
            line = self.process.stdout.readline()  # ends when the daemon dies
            if not line:
                raise AssertionError(f"the daemon did not start: {self.errors()}")
            self.urls.append(line.split()[-1])

    @property
    def url(self):
        return self.urls[0]

    def errors(self):
        """What it has written to standard error."""
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=START_TIMEOUT)
        self.log.close()
