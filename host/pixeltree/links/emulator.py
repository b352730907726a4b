"""``emu:``, an emulated device of one's own: a daemon, started as a subprocess on a private unix socket.

The host never imports the emulator; it only starts it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from pixeltree.errors import LinkError
from pixeltree.links.stream_socket import SocketLink, open_unix
from pixeltree.links.url import LinkUrl, known_options, parse_url, switch, whole_number
from pixeltree_protocol.names import known_names

logger = logging.getLogger(__name__)

_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 5.0
_SILENT_START = 1.5
"""Seconds of a start after which the user is told what is waited for."""
_LOG_LINES = 5
_REFUSED = 2
"""Exit status of a daemon that has said what is wrong with its options."""
_LONGEST_SOCKET = 103
"""Bytes of a unix socket's path, on macOS and BSD; on Linux 107."""
_SOCKET_NAME = "/pixeltree-01234567/device"
_PLAIN_PATH = re.compile(r"[\w/.,+=~:@-]*", re.ASCII)
"""Paths that mean the same in a URL and in every locale."""


@functools.cache
def tell(sentence: str) -> None:
    """Say once what a user is waiting for: a warning, which Python shows on standard error by itself."""
    logger.warning("%s", sentence)


PRESETS = ("ideal", "typical", "harsh")
"""What ``--preset`` may be, so that a wrong name is refused before anything is started."""

PRESET_SUFFIX = ".toml"
"""What a preset ends with that is a file, which ``pixeltree calibrate`` wrote."""

_OPTIONS = {
    "bps": "--bps",
    "chip": "--chip",
    "engine": "--engine",
    "exposure": "--exposure",
    "exposure_us": "--exposure-us",
    "icw_store": "--icw-store",
    "latency_us": "--latency-us",
    "memory": "--memory-bytes",
    "preset": "--preset",
    "seed": "--seed",
    "source": "--source",
    "source_clock": "--source-clock",
    "source_rate": "--source-rate",
}
"""Options of the URL, and what the daemon calls them."""

_SUM_SCALES = ("sum_16_scale", "sum_64_scale", "sum_fast_scale", "sum_sparse_scale", "sum_region_scale")
_OPTIONS |= {name: f"--set={name}" for name in _SUM_SCALES}

_LEAST = dict.fromkeys((*_SUM_SCALES, "bps", "exposure_us", "icw_store"), 1)
_LEAST |= dict.fromkeys(("chip", "latency_us", "memory", "seed"), 0)
"""Options that are whole numbers, from which on."""


class EmulatorProcess:
    """A running daemon; stopped, and its socket and log removed, when the ``with`` block ends.

    Attributes:
        url: where it serves.
        urls: all the places where it serves, those of ``--listen`` options with the port that they took.

    Raises:
        LinkError: it does not start, or there is no folder for it.
    """

    def __init__(self, *options: str) -> None:
        self._folder = _private_folder()
        self._log = self._folder / "log"
        self.url = f"unix://{self._folder / 'device'}"
        self.urls: tuple[str, ...] = ()
        try:
            self._process, ready = self._start(options)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        try:
            self._wait_until_ready(ready)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(ready)

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
        """Stop the daemon; again is harmless. The log of one that failed is kept, and its name is logged."""
        ours = set() if self._process.poll() is not None else {-signal.SIGTERM}
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.terminate()
        try:
            status = self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            ours.add(-signal.SIGKILL)
            status = self._process.wait()
        if status not in (0, _REFUSED, *ours) and self._log.exists():
            logger.warning("the emulator failed (status %d); its log is kept: %s", status, self._log)
            return
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, options: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], int]:
        """The process, and the end of a pipe on which it will say that it is ready."""
        ready, theirs = os.pipe()
        # It ends when its standard input does, and tidies up itself: it never outlives us, however we end.
        command = [sys.executable, "-P", "-m", "pixeltree_emu", "--listen", self.url, "--until-eof"]
        command += [f"--ready-fd={theirs}", f"--private-folder={self._folder}", *options]
        try:
            with self._log.open("wb") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs,),
                    process_group=0,  # Ctrl-C is for us, who stop it
                )
        except OSError as error:
            os.close(ready)
            raise LinkError(f"the emulator cannot be started: {error}") from error
        except BaseException:
            os.close(ready)
            raise
        finally:
            os.close(theirs)
        return process, ready

    def _wait_until_ready(self, pipe: int) -> None:
        """The daemon says where it serves once it does, as a line of JSON."""
        deadline, said = time.monotonic() + _START_TIMEOUT, b""
        patience = _SILENT_START
        while not said.endswith(b"\n"):
            if not select.select([pipe], [], [], patience)[0]:
                if time.monotonic() > deadline:
                    raise LinkError(f"the emulator was not ready after {_START_TIMEOUT:g} s")
                if patience == _SILENT_START:
                    tell("Starting an emulated device.")
                patience = max(0.1, deadline - time.monotonic())
                continue
            part = os.read(pipe, 4096)
            if not part:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STOP_TIMEOUT)
                raise LinkError(f"the emulator did not start:\n{self._last_words()}")
            said += part
        facts: dict[str, Any] = json.loads(said)
        self.urls = tuple(facts.get("urls", ()))
        if facts.get("compiling"):
            tell(
                "First start: the emulator compiles its fast engine in the background (15 to 60 s). "
                "Until then it computes more slowly, with equal results."
            )

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def _private_folder() -> Path:
    """A new folder that only we can use, with a path that is short and plain enough for a socket.

    Raises:
        LinkError: there is none, in no place for temporary files.
    """
    tried = []
    for place in _places():
        if len(os.fsencode(place)) + len(_SOCKET_NAME) > _LONGEST_SOCKET or not _PLAIN_PATH.fullmatch(place):
            continue  # too long for a socket, or not the same in a URL
        try:
            return Path(tempfile.mkdtemp(prefix="pixeltree-", dir=place))
        except OSError as error:
            tried.append(f"{place}: {error.strerror}")
    reasons = "; ".join(tried) or "their paths are too long for a socket"
    raise LinkError(f"no folder for temporary files can hold the emulator's socket ({reasons}); set TMPDIR")


def _places() -> Iterator[str]:
    """Folders for temporary files, first the one that was asked for."""
    with contextlib.suppress(OSError):  # none can be written
        yield tempfile.gettempdir()
    if os.environ.get("XDG_RUNTIME_DIR"):
        yield os.environ["XDG_RUNTIME_DIR"]
    yield from ("/tmp", "/var/tmp", "/dev/shm")


class EmulatorLink:
    """A link to a private daemon; closing it stops the daemon."""

    def __init__(self, daemon: EmulatorProcess, link: SocketLink) -> None:
        self._daemon = daemon
        self._link = link
        self.url = link.url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._link.send(data, timeout)

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        return self._link.receive(timeout)

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._link.close()
        self._daemon.stop()


def open_emulator(url: LinkUrl, timeout: float) -> EmulatorLink:
    """Start a daemon with the options of ``emu:?NAME=VALUE`` and connect to it.

    Starting takes a second or two, which are not counted in ``timeout``.
    """
    if url.address.strip("/"):
        raise LinkError(f"{url.text}: emu: takes no address, only options, as in emu:?preset=typical&chip=7")
    daemon = EmulatorProcess(*daemon_options(url))
    try:
        link = open_unix(parse_url(daemon.url), timeout)
    except BaseException:
        daemon.stop()
        raise
    link.url = url.text
    return EmulatorLink(daemon, link)


def daemon_options(url: LinkUrl) -> list[str]:
    """The daemon's command line for the options of a URL; ``set=NAME=VALUE`` may come several times.

    Raises:
        LinkError: an option has another name or a value that cannot be.
    """
    settings = [segment for segment in url.query if segment.startswith("set=")]
    url = replace(url, query=tuple(segment for segment in url.query if segment not in settings))
    options = known_options(url, (*_OPTIONS, "fit", "set"))
    fit = ["--fit"] if switch(url, options, "fit") else []
    options.pop("fit", None)
    preset = options.get("preset", PRESETS[0])
    if preset not in PRESETS and not preset.endswith(PRESET_SUFFIX):
        raise LinkError(f"{url.text}: preset is {preset!r}; {known_names(preset, PRESETS)}")
    for name, least in _LEAST.items():
        if name in options:
            options[name] = str(whole_number(url, options, name, default=least, least=least))
    named = [f"{_OPTIONS[name]}={value}" for name, value in options.items()]
    return [*named, *fit, *(f"--{setting}" for setting in settings)]
