"""Folders that nobody else can write, looked at before anything in them is believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pixeltree_emu.errors import UntrustedFolder

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


def private_folder(base: Path, *names: str) -> Path:
    """A folder below ``base``, made where it is missing; only we can change what lies in it.

    Args:
        base: must belong to us; made (0700) where it is missing.
        names: of the folders below it, outermost first.

    Returns:
        Its path without symbolic links.

    Raises:
        UntrustedFolder: another user owns one of them or may write in it, or it cannot be made.
    """
    try:
        folder = base.resolve()
        _make(folder)
        _check_ancestors(folder)
        _check(folder)
        for name in names:
            folder /= name
            _make(folder)
            _check(folder)
    except (OSError, RuntimeError) as error:  # resolve raises RuntimeError for a loop of links
        raise UntrustedFolder(str(error)) from error
    return folder


def _make(folder: Path) -> None:
    """Make a folder and those above it that are missing, each for us alone whatever the umask."""
    for each in (*reversed(folder.parents), folder):
        if not os.path.lexists(each):
            try:
                each.mkdir(mode=0o700)
            except FileExistsError:  # another start was faster; whose it is, is looked at afterwards
                continue


def _check(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise UntrustedFolder(f"{folder} is not a folder")
    if status.st_uid != os.geteuid():
        raise UntrustedFolder(f"{folder} belongs to another user (uid {status.st_uid})")
    if status.st_mode & _OTHERS_MAY_WRITE:
        raise UntrustedFolder(f"other users may write in {folder}; forbid it by: chmod go-w {folder}")


def _check_ancestors(folder: Path) -> None:
    """Nobody else may put another folder in the place of this one."""
    for each in folder.parents:
        status = each.lstat()
        if status.st_uid not in (os.geteuid(), _ROOT):
            raise UntrustedFolder(f"{each} belongs to another user (uid {status.st_uid})")
        if status.st_mode & _OTHERS_MAY_WRITE and not status.st_mode & stat.S_ISVTX:
            raise UntrustedFolder(
                f"other users may replace what lies in {each}; forbid it by: chmod go-w {each}"
            )
