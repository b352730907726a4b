"""Writing results where the user asked for them."""

from __future__ import annotations

import sys
from pathlib import Path

from pixeltree.errors import DataError


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
