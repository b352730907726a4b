"""What commands write reaches the reader as it was meant, or says why not."""

import os
import stat
import subprocess
import sys
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.forking import REAL_PYTHON
from tests.support.invoked import invoke
from typer.models import OptionInfo

import pixeltree
from pixeltree.cli import EXIT_INTERRUPTED, failure
from pixeltree.cli.app import app
from pixeltree.cli.terminal import EXIT_BROKEN_PIPE, Screen, printable
from pixeltree.device.device import connect
from pixeltree.tree.tree import Tree

PIXELTREE = ["-m", "pixeltree"]
"""What follows the interpreter."""
NOWHERE = "serial:loop://:100:[bold]"
"""A URL that is refused; Rich would make a picture and bold letters of it."""


def run(*arguments, real=False, **options):
    """A command, forked; ``real`` is for what an interpreter does itself, at its start and its end."""
    command = [REAL_PYTHON if real else sys.executable, *PIXELTREE, *arguments]
    return subprocess.run(command, check=False, timeout=60, stderr=subprocess.PIPE, **options)


@given(st.text())
def test_text_is_printed_as_it_is(text):
    screen = Screen()
    with screen.capture() as captured:
        screen.print(text, soft_wrap=True)
    shown = captured.get()
    assert shown.replace("\n", "") == printable(text).replace("\n", "").expandtabs() or "\t" in text


@pytest.mark.parametrize("text", ["a:100:b", "serial:loop://", "[bold]x[/]", "[/]", ":smile:", "x[red]"])
def test_nothing_in_a_name_is_markup_or_a_picture(text):
    screen = Screen()
    with screen.capture() as captured:
        screen.print(text)
    assert captured.get() == text + "\n"


def test_a_name_cannot_steer_the_terminal():
    assert printable("a\x1b[2Jb\x9b1m\r") == r"a\x1b[2Jb\x9b1m\x0d"


def test_an_error_shows_what_the_user_wrote():
    done = run("info", NOWHERE, text=True)
    assert NOWHERE in done.stderr
    assert done.returncode == 3


def test_names_that_the_encoding_lacks_are_shown_by_their_numbers(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run("tree", "nówhere-一.ptree", real=True, env=environment, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert r"n\xf3where-\u4e00.ptree" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("--version",), ("--help",), ("devices",), ("simulate-swap", "--frames", "9")]
)
def test_a_full_disk_is_told_of(arguments):
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, real=arguments == ("--version",), stdout=full, text=True)
    assert "No space left on device" in done.stderr
    assert done.returncode == failure.EXIT_BAD_INPUT
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("devices",), ("devices", "--json", "-")])
def test_a_reader_that_has_gone_ends_the_command_quietly(arguments):
    readable, writable = os.pipe()
    os.close(readable)
    done = run(*arguments, real=arguments == ("--version",), stdout=writable, text=True)
    os.close(writable)
    assert (done.returncode, done.stderr) == (EXIT_BROKEN_PIPE, "")


def test_closed_standard_output_is_no_trouble():
    command = [REAL_PYTHON, *PIXELTREE, "--version"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], check=False, timeout=60)
    assert done.returncode == 0


def test_the_version_is_the_packages():
    done = run("--version", stdout=subprocess.PIPE, text=True)
    assert done.stdout == f"pixeltree {version('pixeltree')}\n"
    assert pixeltree.__version__ == version("pixeltree")


def test_an_internal_error_has_a_status_of_its_own_and_keeps_its_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(failure.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended, failure.one_clear_error():
        raise ValueError("[bold] went wrong")
    (report,) = tmp_path.iterdir()
    assert ended.value.code == failure.EXIT_INTERNAL
    assert "went wrong" in report.read_text() and "Traceback" in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    shown = capsys.readouterr().err
    assert "[bold] went wrong" in shown and str(report) in shown.replace("\n", "")


def test_an_internal_error_is_shown_where_its_report_cannot_be_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(failure.tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(SystemExit) as ended, failure.one_clear_error():
        raise ValueError("went wrong")
    assert ended.value.code == failure.EXIT_INTERNAL
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_while_modules_are_imported_gives_no_traceback():
    code = """
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "pixeltree.device.session":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from pixeltree.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (EXIT_INTERRUPTED, "")


def test_every_public_name_is_found_when_it_is_used():
    names = {name: getattr(pixeltree, name) for name in pixeltree.__all__}
    assert names["Tree"] is Tree and names["connect"] is connect
    assert set(names) <= set(dir(pixeltree))
    with pytest.raises(AttributeError, match="no attribute 'TreeRuner'"):
        pixeltree.TreeRuner  # noqa: B018 - looking is the test


def _commands(group, path=()):
    """Every command: the words that lead to it, and its function."""
    for command in group.registered_commands:
        name = command.name or command.callback.__name__.replace("_", "-")
        yield (*path, name), command.callback
    for below in group.registered_groups:
        yield from _commands(below.typer_instance, (*path, below.name))


def _options(kind):
    """Every option of a type: the words of its command with what that needs besides, and its own name."""
    for path, function in _commands(app):
        hints = get_type_hints(function, include_extras=True)
        needed = [
            name for name, found in signature(function).parameters.items() if found.default is found.empty
        ]
        for name, hint in hints.items():
            plain, *details = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
            if kind in (plain, *get_args(plain)) and details:
                words = [*path]
                for other in needed:
                    is_option = isinstance(hints[other].__metadata__[0], OptionInfo)
                    words += [f"--{other}", "x"] if is_option else ["x"]
                declared = [word for word in details[0].param_decls or () if word.startswith("--")]
                yield words, declared[0] if declared else f"--{name.replace('_', '-')}"


def test_no_number_of_any_command_may_be_nan_or_infinite():
    numbers = list(_options(float))
    assert len(numbers) >= 10
    for words, option in numbers:
        for value in ("nan", "inf", "-inf"):
            done = invoke(*words, option, value)
            assert (done.exit_code, option in done.output) == (2, True), (words, option, value, done.output)


def test_every_seed_is_a_number_that_all_generators_take():
    seeds = [(words, option) for words, option in _options(int) if option == "--seed"]
    assert seeds
    for words, option in seeds:
        for value in ("-1", "9" * 20):
            assert invoke(*words, option, value).exit_code == 2, (words, value)
