"""Makes compiled code where there is none yet: in processes of their own, into a place that can keep it."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pixeltree_emu.array.fast import cache
from pixeltree_emu.array.fast.compile_part import NO_ROOM
from pixeltree_emu.errors import NotCompiled
from pixeltree_emu.machine.logs import fields

logger = logging.getLogger(__name__)

_FAST = "pixeltree_emu.array.fast"
_PARTS = (
    (f"{_FAST}.interpreter",),
    (f"{_FAST}.translate", f"{_FAST}.optimize", f"{_FAST}.constants", f"{_FAST}.read_out"),
)
"""Modules that are compiled at once, by a process each. No function of one part calls one of another."""
_LAST_WORDS = 300
_LOCK_POLL = 0.1


class Compiler:
    """Compiles once. Another thread may cancel it."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._cancelled = False

    def cancel(self) -> None:
        """End what runs; :meth:`compiled` then raises, and leaves nothing behind."""
        with self._lock:
            self._cancelled = True
            for process in self._processes:
                process.kill()

    @contextlib.contextmanager
    def compiled(self) -> Iterator[Path]:
        """A folder with compiled code to load: kept from before, or made and kept, or made for this once.

        Raises:
            NotCompiled: it was cancelled, or it failed, or no place is left that can be written.
        """
        kept = cache.find() or self._keep()
        if kept is not None and _writable(kept):
            yield kept
            return
        try:
            scratch = Path(tempfile.mkdtemp(prefix="pixeltree-compiled-"))
        except OSError as error:
            raise NotCompiled(
                f"the compiled code cannot be kept, as no folder can be written: {error}"
            ) from error
        try:
            folder = scratch / cache.folder_name()
            if kept is None:
                self._make(folder)
            else:
                shutil.copytree(kept, folder)
            yield folder
        except OSError as error:
            raise NotCompiled(
                f"the compiled code cannot be kept, as no folder can be written: {error}"
            ) from error
        finally:
            cache.discard(scratch)

    def _keep(self) -> Path | None:
        """Compile, and keep the code in the first place that can keep it; None if there is no such place."""
        for place in cache.places():
            folder = place / cache.folder_name()
            try:
                with self._alone(place / f"{folder.name}.lock"):
                    if not cache.is_complete(folder):
                        self._make(folder)
                return folder
            except OSError as error:
                reason = str(error)
                logger.warning(
                    "compiled code cannot be kept here", extra=fields(folder=str(place), reason=reason)
                )
        return None

    @contextlib.contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """Wait while another start compiles: it may make what we need."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while not self._cancelled and is_taken(descriptor):
                time.sleep(_LOCK_POLL)
            yield
        finally:
            os.close(descriptor)

    def _make(self, folder: Path) -> None:
        """Compile beside a folder, then put the result in its place.

        Raises:
            NotCompiled: a process failed, or it was cancelled.
            OSError: the place cannot be written.
        """
        for left in folder.parent.glob(f"{folder.name}.part*"):  # by a start that was killed
            cache.discard(left)
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part", dir=folder.parent))
        try:
            self.compile_into(part)
            if not cache.mark_complete(part):
                raise NotCompiled("Numba compiled nothing; unset NUMBA_DISABLE_JIT")
            cache.discard(folder)
            part.rename(folder)
        finally:
            if part.exists():
                cache.discard(part)

    def compile_into(self, folder: Path) -> None:
        """Compile the engine in processes of its own, and have Numba keep what it makes in a folder.

        Raises:
            NotCompiled: a process failed, or it was cancelled.
            OSError: a process found no room.
        """
        theirs, ours = os.pipe()  # its end tells them that we are gone
        try:
            with self._lock:
                if self._cancelled:
                    raise NotCompiled("the compilation was cancelled")
                for modules in _PARTS:
                    self._processes.append(start_part(folder, modules, theirs))
            words = [process.communicate()[1] for process in self._processes]
        finally:
            os.close(theirs)
            os.close(ours)
        ended = [(process.returncode, said) for process, said in zip(self._processes, words, strict=True)]
        self._processes.clear()
        if self._cancelled:
            raise NotCompiled("the compilation was cancelled")
        for status, said in ended:
            reason = said.decode(errors="replace").strip()[-_LAST_WORDS:]
            if status == NO_ROOM:
                raise OSError(reason)
            if status:
                raise NotCompiled(reason or f"the compiler ended with status {status}")


def is_taken(descriptor: int) -> bool:
    """Whether another process holds a lock; if not, we do from now on."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks on this file system: both compile
        return False
    return False


def _writable(folder: Path) -> bool:
    """Whether Numba will load from a folder: it tries to write there first."""
    return all(os.access(each, os.W_OK) for each in (folder, *folder.iterdir()) if each.is_dir())


def start_part(folder: Path, modules: tuple[str, ...], until: int) -> subprocess.Popen[bytes]:
    """Start to compile some modules; the process ends when the other end of the pipe ``until`` does."""
    return subprocess.Popen(  # level 3 of LLVM takes half as long again, and its code is not faster
        [sys.executable, "-P", "-m", f"{_FAST}.compile_part", str(folder), *modules],
        env={"NUMBA_OPT": "2", **os.environ},
        stdin=until,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,  # Ctrl-C is for whoever started us
    )
