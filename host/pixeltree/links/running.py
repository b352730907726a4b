"""Which daemons of this user run on this machine (:mod:`pixeltree_protocol.link.running`)."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from pixeltree_protocol.link.running import GREATEST_FILE, RunningDaemon, decode_running, running_folder


def running_daemons() -> list[RunningDaemon]:
    """Daemons that run now; files of others are removed. None on Windows, where no daemon runs."""
    if sys.platform == "win32":
        return []
    folder = Path(running_folder(os.environ, tempfile.gettempdir(), os.geteuid()))
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return []  # others could have written there
        found = [_running(path) for path in sorted(folder.glob("*.json"))]
    except OSError:
        return []
    return [each for each in found if each is not None]


def host_url(url: str) -> str:
    """The URL by which a host connects to what a daemon serves at one: a pseudo terminal is a serial port."""
    return "serial://" + url.removeprefix("pty://") if url.startswith("pty://") else url


def _running(path: Path) -> RunningDaemon | None:
    """What a file tells, if its daemon runs."""
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it has ended meanwhile
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # its daemon holds it
            return decode_running(file.read(GREATEST_FILE))
        with contextlib.suppress(OSError):
            path.unlink()
    return None
