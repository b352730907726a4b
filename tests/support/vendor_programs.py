"""Programs in C++ with the vendor's names, compiled once for all test processes."""

import fcntl
import os

import pytest

from pixeltree.bench.vendor import compile_program
from pixeltree.errors import DataError


def compiled(folder, source, name):
    """A program; without a compiler a test is skipped, but never in CI."""
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    program = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        try:
            made = compile_program(source, folder / f"{name}.new", "-O0", "-Wall", "-Wextra", "-Werror")
        except DataError as error:
            if "there is no C++ compiler" in str(error) and not os.environ.get("CI"):
                pytest.skip(str(error))
            raise
        return made.rename(program)
