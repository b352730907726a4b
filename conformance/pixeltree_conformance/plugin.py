"""Options of the suite, for pytest's command line.

pytest reads a conftest of ``--pyargs`` packages too late for options, so this is an entry point of the
package. It adds nothing to runs that do not name the suite.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SUITE = "pixeltree_conformance"


def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Add the options where the command line names the suite."""
    if any(_names_suite(argument) for argument in args):
        _add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Without a device there is nothing to test."""
    if config.getoption("pixeltree_answer_time", None) is None:
        return  # a run of other tests
    url = config.getoption("ppa")
    if url is not None and url.startswith("emu:"):
        raise pytest.UsageError(
            "emu: has one connection, and ends with it; start 'pixeltree emulate --listen unix:///tmp/ppa0' "
            "and give its URL"
        )
    if url is None and not _only_lists(config):
        raise pytest.UsageError(
            "--ppa URL is missing: which device is to be tested? As in --ppa tcp://127.0.0.1:27900, "
            "--ppa unix:///PATH, --ppa serial:///dev/ttyACM0"
        )


def _only_lists(config: pytest.Config) -> bool:
    return bool(config.getoption("collectonly", False) or config.getoption("help", False))


def _names_suite(argument: str) -> bool:
    path = argument.partition("::")[0]
    return path.split(".")[0] == SUITE or SUITE in Path(path).parts


def _add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("pixeltree", "conformance of Pixeltree devices")
    group.addoption(
        "--token-file",
        dest="pixeltree_token_file",
        metavar="FILE",
        help="the token, where the device wants one",
    )
    group.addoption(
        "--answer-time",
        dest="pixeltree_answer_time",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="how long an answer may take before the device has failed (default %(default)g)",
    )
    group.addoption(
        "--analog-tolerance",
        dest="pixeltree_analog_tolerance",
        type=int,
        default=0,
        metavar="COUNTS",
        help="ADC counts by which 99 of 100 analog results may be off; 0, the default: all are exact. "
        "A chip needs about 8",
    )
    group.addoption(
        "--thorough",
        dest="pixeltree_thorough",
        action="store_true",
        help="also what takes long: more than 65,536 requests in a session",
    )
