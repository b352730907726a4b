"""Whose a path is: a daemon holds a lock beside what it makes there, and the lock ends with the process.

Neither that something is there nor when it was made tells whether its maker still runs: numbers of terminals
are used again, and ``chmod`` changes times. A lock does. The lock's file also keeps what the holder made, so
that who comes after a killed daemon removes that and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from pixeltree_emu.errors import ListenError

_GREATEST_NOTE = 4096


class Claim:
    """A path that is ours until :meth:`release`, or until this process ends in any way.

    Args:
        path: what is claimed; the lock is the file with ``.lock`` after it.

    Attributes:
        before: what an earlier holder that did not release it said of itself; empty where there was none.

    Raises:
        ListenError: another process has claimed it, or the lock's file is not ours.
        OSError: the lock's file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(path.name + ".lock")
        self._descriptor = self._take()
        self.before = os.pread(self._descriptor, _GREATEST_NOTE, 0).decode(errors="replace")

    def _take(self) -> int:
        """The descriptor that holds the lock of the file at the path, not of one removed meanwhile."""
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self._lock, flags, 0o600)
            try:
                self._check(os.fstat(descriptor))
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, self._lock):
                    return descriptor
            except BlockingIOError as error:
                os.close(descriptor)
                raise ListenError(f"another daemon serves {self._path}; choose another path") from error
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise ListenError(
                f"{self._lock} is not a file of this user; choose another path than {self._path}"
            )

    def note(self, text: str) -> None:
        """Say what is made at the path, before it is made."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        """Give the path up, after what was made there is removed. Again is harmless."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):  # its folder may be gone already
            if _is_at(self._descriptor, self._lock):
                self._lock.unlink()
        os.close(self._descriptor)
        self._descriptor = -1


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
