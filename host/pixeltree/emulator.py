"""An emulator daemon of one's own, started as a subprocess on a private unix socket.

The host never imports the emulator; it only starts it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from pixeltree.errors import LinkError

_START_TIMEOUT = 180.0
"""The first ever start compiles the emulator's fast engine."""
_STOP_TIMEOUT = 5.0
_POLL = 0.02
_LOG_LINES = 5


PRESETS = ("ideal", "typical", "harsh")
"""What ``--preset`` may be, so that a wrong name is refused before anything is started."""


class EmulatorProcess:
    """A running daemon; stopped, and its socket and log removed, when the ``with`` block ends.

    Attributes:
        url: where it serves.
    """

    def __init__(self, *options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pixeltree-"))
        self.url = f"unix://{self._folder / 'device'}"
        self._log = self._folder / "log"
        # The daemon ends when its standard input does: it never outlives us, however we end.
        command = [sys.executable, "-m", "pixeltree_emu", "--listen", self.url, "--until-eof", *options]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Process id of the daemon."""
        return self._process.pid

    def __enter__(self) -> EmulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the daemon; again is harmless."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        """The daemon says where it serves once it does."""
        deadline = time.monotonic() + _START_TIMEOUT
        while self.url not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None:
                raise LinkError(f"the emulator did not start:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise LinkError(f"the emulator was not ready after {_START_TIMEOUT:g} s")
            time.sleep(_POLL)

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
