"""What a command says when it cannot go on, and the exit status for each kind of trouble."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from typing import cast

import typer

from pixeltree import __version__
from pixeltree.cli import EXIT_INTERRUPTED
from pixeltree.cli.terminal import Screen, discard, printable
from pixeltree.errors import DeviceError, LinkError, PixeltreeError

EXIT_BAD_INPUT = 2
EXIT_DEVICE = 3
EXIT_INTERNAL = 70
"""EX_SOFTWARE of sysexits.h: a fault of Pixeltree itself, never a wrong result."""

EXIT_STATUS_HELP = "\n\n".join(
    (
        "Exit status:",
        "0: the command did what it was asked for",
        "1: a result is wrong, or misses its bar",
        "2: bad usage, input or output",
        "3: trouble with the device or the link",
        "70: a fault of Pixeltree itself",
        "130: interrupted by Ctrl-C",
        "141: nobody reads the output",
    )
)
"""What ``pixeltree --help`` says, the one place for all commands."""

_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""The base class of mistakes in a command line, which typer does not name."""


@contextlib.contextmanager
def one_clear_error() -> Iterator[None]:
    """Turn what goes wrong within into one sentence on standard error and an exit status.

    Raises:
        SystemExit: something went wrong.
    """
    try:
        yield
    except _UsageError as error:
        _leave_usage(error)
    except (LinkError, DeviceError) as error:
        _leave(str(error), EXIT_DEVICE)
    except PixeltreeError as error:
        _leave(str(error), EXIT_BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except OSError as error:
        if error.filename is None:
            discard(sys.stdout)
        what = "the output" if error.filename is None else os.fspath(error.filename)
        _leave(f"{what}: {error.strerror or error}", EXIT_BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - the last resort: say it, keep it, ask for a report
        _leave_internal(error)


def say(message: str) -> None:
    """One line on standard error that begins with ``error:``."""
    with contextlib.suppress(OSError):
        Screen(stderr=True).print(f"[bold red]error:[/] {_plain(message)}", markup=True, soft_wrap=True)


def _plain(message: str) -> str:
    """No control characters, and nothing that Rich would read as markup."""
    return printable(message).replace("[", r"\[")


def _leave(message: str, status: int) -> None:
    say(message)
    sys.exit(status)


def _leave_usage(error: typer.BadParameter) -> None:
    """Say what is wrong with a command line, unless its help has been shown instead."""
    message, context = error.format_message(), error.ctx
    if not message:
        sys.exit(EXIT_BAD_INPUT)
    command = "pixeltree" if context is None else context.command_path
    _leave(f"{message}\nTry '{command} --help' for help.", EXIT_BAD_INPUT)


def _leave_internal(error: Exception) -> None:
    """Say that the fault is ours, and where its details are."""
    path = _kept_report(error)
    where = f"The details are in {path}. " if path is not None else ""
    if path is None:
        traceback.print_exception(error)
    _leave(
        f"Pixeltree has a fault of its own ({type(error).__name__}: {error}). {where}Please report it with "
        f"these details and the command that you gave.",
        EXIT_INTERNAL,
    )


def _kept_report(error: Exception) -> str | None:
    """A private file with the traceback and what the report needs; None if none can be written."""
    try:
        handle, path = tempfile.mkstemp(prefix="pixeltree-fault-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(
                f"pixeltree {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
            )
            file.write(f"arguments: {sys.argv[1:]}\n\n")
            file.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return path
