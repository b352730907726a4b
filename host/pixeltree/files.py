"""Paths as callers give them, and writing files so that a kill or a full disk leaves the old contents."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pixeltree.errors import DataError

AnyPath = str | os.PathLike[str]
"""What every public call takes for a path: text, or a Path."""


def as_path(path: AnyPath) -> Path:
    """A path that a caller gave; ``~`` is the user's home folder.

    Raises:
        DataError: it is neither text nor a Path, or has a zero byte, which no file's name has.
    """
    try:
        found = Path(path)
    except TypeError:
        found = None
    if found is None or "\0" in str(found):
        raise DataError(f"{path!r} is no path: give text, or a pathlib.Path, without a zero byte")
    try:
        return found.expanduser()
    except RuntimeError:  # nobody has that home folder: it is a name that begins so
        return found


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the target, then replace it: readers see the old file or the complete new one.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the old one is as it was.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
