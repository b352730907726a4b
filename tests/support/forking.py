"""Starts commands as forks of a server that has imported the packages.

The server is multiprocessing's. It imports once, and forks itself for every command.
"""

import atexit
import contextlib
import importlib.util
import multiprocessing
import os
import sys
import tempfile
from multiprocessing import reduction

REAL_PYTHON = sys.executable
"""The interpreter. While tests run, ``sys.executable`` is a program of ``forked_programs``."""

PYTHON = "PIXELTREE_TESTS_PYTHON"
"""A variable that says by which Python a command starts emulators and workers of its own."""

_PRELOADED = [
    *("numpy", "numba", "pytest", "torch", "sklearn.utils", "PIL.Image", "serial", "cryptography.x509"),
    *("scipy.optimize", "matplotlib.pyplot"),
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


def start(entry, arguments, given, output, errors, handed, environment, folder):
    """A command under way, as a process of multiprocessing.

    Args:
        entry: module and name of what is called, ``module:name``.
        arguments: of the command.
        given: standard input, a file; it is empty if there is none.
        output: standard output, a file.
        errors: standard error, a file.
        handed: files whose descriptors the command gets by options, such as ``--ready-fd``.
        environment: all variables; ``PYTHON`` is one of them.
        folder: the working folder.
    """
    given, output, errors = (file and _Descriptor(file.fileno()) for file in (given, output, errors))
    handed = {option: _Descriptor(file.fileno()) for option, file in handed.items()}
    process = _processes.Process(
        target=_run, args=(entry, arguments, given, handed, output, errors, environment, folder)
    )
    process.start()
    return process


def missing():
    """Modules that the server cannot find: it passes over them, and every command imports them anew."""
    return [name for name in _PRELOADED if importlib.util.find_spec(name) is None]
