"""What commands write on: text reaches the terminal as it was written, whatever is in it.

Names of classes, files and devices come from users and from other machines. Rich would read ``[bold]`` in
them as markup and ``:100:`` as a picture, so both are off here. Control characters are shown, not obeyed.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.text import Text

EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program whose reader has gone: 128 + SIGPIPE."""

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


class Screen(Console):
    """Standard output, or standard error, of a command."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - passed on as they are
        """All text that is printed, cells of tables included, comes through here."""
        return super().render_str(printable(text), **options)


def printable(text: str) -> str:
    r"""The text with its control characters shown as ``\x1b``: a name cannot steer the terminal."""
    return text.translate(_CONTROLS)


def busy(what: str) -> Status:
    """Says on standard error what a user waits for; gone at the end of the ``with`` block."""
    return Screen(stderr=True).status(Text(printable(what)))


def progress() -> Progress:
    """A bar on standard error: a description, the share that is done, and the time left; gone at the end."""
    description = TextColumn("{task.description}", markup=False)
    columns = description, BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Screen(stderr=True), transient=True)


class Output(io.TextIOWrapper):
    r"""A standard stream that shows any text, and that ends the command quietly when its reader has gone.

    What the terminal's encoding cannot show comes as ``\u4e00``. A reader that has gone, as in
    ``pixeltree demo | head -1``, ends the command with :data:`EXIT_BROKEN_PIPE`.
    """

    def __init__(self, buffer: BinaryIO, encoding: str = "utf-8", terminal: bool = False) -> None:
        super().__init__(buffer, encoding=encoding, errors="backslashreplace", line_buffering=terminal)

    def write(self, text: str, /) -> int:
        """See :class:`io.TextIOBase`."""
        with _quiet_end(self):
            return super().write(text)

    def flush(self) -> None:
        """See :class:`io.TextIOBase`."""
        with _quiet_end(self):
            super().flush()


def install_output() -> None:
    """Let standard output and standard error be :class:`Output` from now on; a closed one takes anything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Output(Path(os.devnull).open("wb")))  # noqa: SIM115 - open to the end
        elif isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, Output(stream.buffer, stream.encoding, stream.isatty()))


@contextlib.contextmanager
def _quiet_end(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        discard(stream)
        sys.exit(EXIT_BROKEN_PIPE)


def discard(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere, so that the interpreter does not fail at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
