"""Tells the hosts of this user that a daemon runs (:mod:`pixeltree_protocol.link.running`)."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import tempfile
from pathlib import Path

from pixeltree_emu.machine.logs import fields
from pixeltree_protocol.link.running import RunningDaemon, running_folder

logger = logging.getLogger(__name__)


class Announcement:
    """A file that tells of this daemon until it is withdrawn, or until the process ends in any way.

    Where it cannot be written, that is logged, and nothing else happens.

    Args:
        name: of the device, for people.
        urls: where it is served.
    """

    def __init__(self, name: str, urls: list[str]) -> None:
        self._descriptor = -1
        self._path: Path | None = None
        try:
            self._write(RunningDaemon(os.getpid(), name, tuple(urls)).encode())
        except OSError as error:
            logger.info("'pixeltree devices' will not list this daemon", extra=fields(reason=str(error)))
            self.withdraw()

    def _write(self, data: bytes) -> None:
        folder = _private_folder()
        self._descriptor, path = tempfile.mkstemp(prefix=f"{os.getpid()}-", suffix=".new", dir=folder)
        self._path = Path(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(self._descriptor, data)
        self._path = self._path.rename(self._path.with_suffix(".json"))  # only now does anybody look at it

    def withdraw(self) -> None:
        """The daemon ends. Again is harmless."""
        if self._path is not None:
            with contextlib.suppress(OSError):  # somebody has tidied up
                self._path.unlink()
            self._path = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _private_folder() -> Path:
    """The folder of announcements, made if need be.

    Raises:
        OSError: it cannot be made, or is not this user's alone.
    """
    folder = Path(running_folder(os.environ, tempfile.gettempdir(), os.geteuid()))
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")
    return folder
