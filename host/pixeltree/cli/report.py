"""Writing results where the user asked for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pixeltree.errors import DataError


def check_writable(path: Path) -> None:
    """Refuse a path early that :func:`write_json` could not write in the end.

    Raises:
        DataError: its folder is missing or not writable, or it is a folder itself.
    """
    if str(path) == "-":
        return
    target = path if path.exists() else path.parent
    if path.is_dir() or not os.access(target, os.W_OK):
        raise DataError(f"cannot write {path}: the folder is missing or not writable, or it is a folder")


def write_json(path: Path, text: str) -> None:
    """Write JSON text to a file, or to standard output for ``-``.

    Raises:
        DataError: the file cannot be written.
    """
    if str(path) == "-":
        sys.stdout.write(text + "\n")
        return
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
