"""The command line and daemons as processes of their own, which need not import everything anew.

A server imports the packages once and forks itself for every command. What runs is the real entry point, with
descriptors, environment, working folder, signals and exit status of its own; only the start is cheaper.
"""

import atexit
import contextlib
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from multiprocessing import reduction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL_PYTHON = sys.executable
"""The interpreter. While tests run, ``sys.executable`` is a program of ``forked_programs``."""

COMMAND = [REAL_PYTHON, "-c", "from pixeltree.cli import main; main()"]
"""The command line in an interpreter of its own, for what depends on how a process starts."""

START_TIMEOUT = 180
DAEMON = "pixeltree_emu.__main__:main"
COMMAND_LINE = "pixeltree.cli:main"

PYTHON = "PIXELTREE_TESTS_PYTHON"
"""A variable that says by which Python a command starts emulators and workers of its own."""

_PRELOADED = [
    *("numpy", "numba", "pytest", "torch", "sklearn.utils", "PIL.Image", "serial", "cryptography.x509"),
    *(
        "pixeltree.cli.app",
        "pixeltree.train.from_recipe",
        "pixeltree_emu.serving.serve",
        "tests.support.preloaded",
    ),
]
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(_PRELOADED)


class _Descriptor:
    """A file descriptor that goes to the process to be started."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return _received, (reduction.DupFd(self.number),)


def _received(sent):
    return sent.detach()


def _run(entry, arguments, given, handed, output, errors, environment, folder):
    """In the new process: become the command."""
    if given is not None:
        os.dup2(given, 0)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - lives as long as the process
    arguments = [*arguments, *(f"{option}={number}" for option, number in handed.items())]
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = os.environ.pop(PYTHON)
    multiprocessing.set_executable(sys.executable)
    tempfile.tempdir = None
    sys.argv = ["pixeltree", *arguments]
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = sys.__stderr__ = open(2, "w", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    module, name = entry.split(":")
    try:
        sys.exit(getattr(importlib.import_module(module), name)())
    finally:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        atexit._run_exitfuncs()  # noqa: SLF001 - multiprocessing leaves them out


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
        given, output, errors = (file and _Descriptor(file.fileno()) for file in (given, sink, errors))
        handed = {option: _Descriptor(file.fileno()) for option, file in (handed or {}).items()}
        environment = {PYTHON: sys.executable, **os.environ, **environment}
        self._process = _processes.Process(
            target=_run, args=(entry, arguments, given, handed, output, errors, environment, folder)
        )
        self._process.start()
        if self.stdout is not None:
            sink.close()

    @property
    def pid(self):
        return self._process.pid

    @property
    def returncode(self):
        """Exit status, or the number of the signal that ended it, less than 0; None while it runs."""
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self._process.kill()

    def wait(self, timeout):
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self._process.exitcode

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
