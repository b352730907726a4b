"""How often a real browser draws four planes of an emulated device, how late; what an unseen page costs."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pixeltree.errors import DataError
from pixeltree.view.board import Board
from pixeltree.view.devices import SENSOR, Devices
from pixeltree.view.feed import Running
from pixeltree.view.feed_device import DeviceFeed
from pixeltree.view.server import PageServer

LEAST_UPDATES, MOST_P99_MS, MOST_SLOWDOWN = 30.0, 100.0, 0.05
PLANES = (SENSOR, "A", "B", "C")
"""What the page shows: AREGs, 64 KiB each."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
)
_START_SECONDS = 60.0
_WARM_SECONDS = 2.0
_SCREEN_RATE = 60
_UNLIMITED = 100_000
_SLICE_SECONDS = 0.8
_SETTLE_SECONDS = 0.2
"""What starting a server takes from a device is no part of what a page costs."""


def bench_view(seconds: float, pairs: int, url: str = "emu:?source=moving") -> dict[str, Any]:
    """Measure.

    Args:
        seconds: how long a browser draws.
        pairs: how often 0.8 s with a page that nobody looks at are compared with 0.8 s without.
        url: the device.

    Raises:
        DataError: there is no browser, or it draws nothing.
    """
    updates, latencies = _drawn(url, seconds)
    return {
        "updates_per_s": round(updates, 1),
        "planes": len(PLANES),
        "page_latency_ms_p50": round(float(np.percentile(latencies, 50)), 1),
        "page_latency_ms_p99": round(float(np.percentile(latencies, 99)), 1),
        "device_slowdown": round(_slowdown(url, pairs), 4),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def _drawn(url: str, seconds: float) -> tuple[float, list[float]]:
    """Updates per second that a browser draws, and how many ms after they were on the board it said so."""
    board = Board()
    feed = DeviceFeed(Devices([url]), PLANES[1:])
    with PageServer(board) as page, Running(feed, board, _SCREEN_RATE), _browser(page.url):
        _until(lambda: len(page.drawings) > 1, "the browser draws nothing")
        time.sleep(_WARM_SECONDS)
        page.drawings.clear()
        time.sleep(seconds)
        drawings = list(page.drawings)
        missing = set(PLANES) - board.watched()
    if missing or len(drawings) < 2:
        raise DataError(
            f"the browser does not show {', '.join(sorted(missing)) or 'anything'}; run pixeltree view "
            "and look at its page"
        )
    times = [when for when, _ in drawings]
    return (len(times) - 1) / (times[-1] - times[0]), [1000 * late for _, late in drawings]


def _until(condition: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise DataError(f"{trouble}, in {_START_SECONDS:g} s")
        time.sleep(0.05)


@contextlib.contextmanager
def _browser(url: str) -> Iterator[None]:
    """A Chromium without a window that shows a page, with an empty profile."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        raise DataError(f"there is no browser to measure with: install one of {', '.join(_BROWSERS)}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _slowdown(url: str, pairs: int) -> float:
    """Share of its frames that a device loses to a page that is not visible; noise may make it negative."""
    board = Board()
    frames, times = [0, 0], [0.0, 0.0]  # without a page, and with one
    with Running(DeviceFeed(Devices([url])), board, _UNLIMITED) as running:
        _until(lambda: running.frames > 0, "the device gives no frame")
        time.sleep(_WARM_SECONDS)
        for pair in range(pairs):
            for unseen in (pair % 2, 1 - pair % 2):  # in turn, so that what drifts meets both
                with contextlib.ExitStack() as stack:
                    if unseen:
                        stack.enter_context(_unseen(stack.enter_context(PageServer(board)).url))
                    time.sleep(_SETTLE_SECONDS)
                    before, began = running.frames, time.perf_counter()
                    time.sleep(_SLICE_SECONDS)
                    frames[unseen] += running.frames - before
                    times[unseen] += time.perf_counter() - began
    return 1 - frames[1] / times[1] * times[0] / frames[0]


@contextlib.contextmanager
def _unseen(url: str) -> Iterator[None]:
    """A page in a hidden tab: it keeps its WebSocket, and says that it looks at nothing."""
    from websockets.sync.client import connect  # noqa: PLC0415 - an extra

    with connect(url.replace("http", "ws", 1) + "live") as socket:
        socket.send('{"type": "watch", "panels": []}')
        yield


def within_bars(figures: dict[str, Any]) -> Sequence[tuple[str, str, str]]:
    """Rows of a table: what was measured, the value, the goal."""
    return (
        ("updates per second, drawn", f"{figures['updates_per_s']:g}", f"at least {LEAST_UPDATES:g}"),
        ("planes in each", f"{figures['planes']}", ""),
        ("median time from the host to the screen", f"{figures['page_latency_ms_p50']:g} ms", ""),
        ("99th percentile", f"{figures['page_latency_ms_p99']:g} ms", f"at most {MOST_P99_MS:g} ms"),
        (
            "frames lost to a page that nobody looks at",
            f"{figures['device_slowdown']:.1%}",
            f"at most {MOST_SLOWDOWN:.0%}",
        ),
    )
