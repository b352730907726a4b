"""Writing results where the user asked for them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import RenderableType

from pixeltree.cli.terminal import Screen
from pixeltree.errors import DataError


def is_standard_output(path: Path | None) -> bool:
    """Whether a path is ``-``, which stands for standard output."""
    return path is not None and str(path) == "-"


def screen_beside(json_file: Path | None) -> Screen:
    """Where a command talks to people: standard error where standard output is for JSON."""
    return Screen(stderr=is_standard_output(json_file))


def check_writable(path: Path) -> None:
    """Refuse a path early that :func:`write_file` could not write in the end.

    Raises:
        DataError: its folder is missing or not writable, or it is a folder itself.
    """
    if is_standard_output(path):
        return
    target = path if path.exists() else path.parent
    if path.is_dir() or not os.access(target, os.W_OK):
        raise DataError(f"cannot write {path}: the folder is missing or not writable, or it is a folder")


def check_picture(path: Path) -> None:
    """Refuse early a picture that ``pictures`` could not draw in the end.

    Raises:
        DataError: the file cannot be written, matplotlib is not installed, or it knows no such format.
    """
    check_writable(path)
    from pixeltree.cli.pictures import formats  # noqa: PLC0415 - an extra, slow to import

    known = formats()
    if path.suffix.lstrip(".").lower() not in known:
        raise DataError(f"cannot write {path}: the suffix says the format; known: {', '.join(known)}")


def check_replaceable(path: Path) -> None:
    """Refuse a path early that ``files.write_whole`` or :func:`write_file` could not write.

    Raises:
        DataError: see :func:`check_writable`; the folder that a link leads to is not writable; or standard
            output is a terminal, which bytes would garble.
    """
    if is_standard_output(path):
        if sys.stdout.isatty():
            raise DataError(
                "this is binary data, and standard output is a terminal: name a file, or send it to a pipe"
            )
        return
    check_writable(path)
    folder = Path(os.path.realpath(path)).parent
    if not (path.exists() and not path.is_file()) and not os.access(folder, os.W_OK):
        raise DataError(f"cannot write {path}: the folder {folder} is missing or not writable")


def write_file(path: Path, data: bytes) -> None:
    """Write bytes to a file, or to standard output for ``-``.

    Raises:
        DataError: they cannot be written.
    """
    try:
        if not is_standard_output(path):
            path.write_bytes(data)
            return
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        where = "to standard output" if is_standard_output(path) else path
        raise DataError(f"cannot write {where}: {error.strerror}") from error


def write_json(path: Path | None, figures: object) -> None:
    """Write figures as JSON to a file, or to standard output for ``-``; for None nowhere.

    Raises:
        DataError: the file cannot be written.
    """
    if path is None:
        return
    text = json.dumps(figures, indent=2) + "\n"
    if is_standard_output(path):
        sys.stdout.write(text)
    else:
        write_file(path, text.encode())


def report(json_file: Path | None, figures: object, shown: Callable[[], RenderableType]) -> None:
    """Show figures on the screen, write them as JSON, or both: what ``--json`` says.

    Args:
        json_file: the value of the option.
        figures: what JSON can express.
        shown: makes what people see of them.

    Raises:
        DataError: the file cannot be written.
    """
    write_json(json_file, figures)
    if not is_standard_output(json_file):
        Screen().print(shown())
