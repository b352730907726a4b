"""Programs in C++ with the vendor's names, compiled once for all test processes."""

import os

import pytest
from tests.support.once import once

from pixeltree.bench.vendor import compile_program
from pixeltree.errors import DataError


def compiled(tmp_path_factory, source, name):
    """A program; without a compiler a test is skipped, but never in CI."""

    def make(program):
        try:
            compile_program(source, program, "-O0", "-Wall", "-Wextra", "-Werror")
        except DataError as error:
            if "there is no C++ compiler" in str(error) and not os.environ.get("CI"):
                pytest.skip(str(error))
            raise

    return once(tmp_path_factory, name, make)
