"""Paths as users write them, and files that a kill or a full disk leaves with their old contents."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from pixeltree.errors import DataError

TEXT = "utf-8-sig"
"""Encoding of text files that users write: UTF-8, with or without the byte order mark of some editors."""

_FOREIGN_FOLDERS = frozenset({"__MACOSX"})
"""Folders that archive programs add, and that hold nothing of the user's."""

AnyPath = str | os.PathLike[str]
"""What every public call takes for a path: text, or a Path."""


def as_path(path: AnyPath) -> Path:
    """A path that a caller gave: ``~`` and ``~NAME`` at its start are home folders, where there are such.

    A shell does not always see to it: not in ``--out=~/planes``, not in a recipe. A path that is called
    ``~`` is written ``./~``.

    Raises:
        DataError: it is neither text nor a Path, or has a zero byte, which no file's name has.
    """
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"{path!r} is not a path: give text, or a pathlib.Path")
    text = os.fspath(path)
    if not isinstance(text, str) or "\0" in text:
        raise DataError(f"{path!r} is not a path: give text, or a pathlib.Path, without a zero byte")
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises where there is no home


def visible(paths: Iterable[Path]) -> list[Path]:
    """The paths that a user put there, in the order of their names: neither hidden nor of an archive program.

    ``._x.png`` and ``.DS_Store`` are what a Macintosh leaves in folders and archives.
    """
    return sorted(
        path for path in paths if not path.name.startswith(".") and path.name not in _FOREIGN_FOLDERS
    )


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the target, then replace it: readers see the old file or the complete new one.

    A symbolic link stays, and what it points to is replaced. A file that exists keeps its mode; a new one
    gets the mode that the umask leaves. What is no file, such as a pipe or ``/dev/null``, is written to.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the old one is as it was.
    """
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        path.write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # what exists is never readable to more people than it was, not even for a moment
    permissions = 0o666 if mode is None else stat.S_IMODE(mode) & 0o600
    try:
        with os.fdopen(os.open(temporary, flags, permissions), "wb") as file:
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int | None:
    """Type and permissions of what is at a path, links followed; None where nothing is."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
