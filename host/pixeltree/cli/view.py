"""``pixeltree view``: a page in the browser that shows a device at work."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from pixeltree.arguments.token import read_token
from pixeltree.cli.option_groups import with_groups
from pixeltree.cli.options import KERNEL, OUTPUT, ChosenImages, exposure_of, load_tree, writable
from pixeltree.cli.report import write_file
from pixeltree.cli.terminal import Screen, busy
from pixeltree.errors import DataError
from pixeltree.kernels.files import settings

VIEW = OUTPUT
_IMAGES_RATE = 3
"""Frames per second where still images are shown: people shall see each."""

if TYPE_CHECKING:
    from pixeltree.view.board import Board
    from pixeltree.view.devices import Devices
    from pixeltree.view.feed import Feed, Running

_LOOK_SECONDS = 0.1
"""How soon Ctrl-C counts while a device is connected."""

_NO_BROWSER = "no browser can be opened from here; open the address above"


@dataclass(frozen=True)
class Page:
    """Options that say how the page begins, where it is served, who may visit it, and what is kept of it."""

    record: Annotated[
        Path | None, OUTPUT(callback=writable, help="Record what is seen to this MCAP file, from the start.")
    ] = None
    foxglove: Annotated[
        int | None,
        VIEW(metavar="PORT", min=0, max=65535, help="Serve Foxglove too, at this port of 127.0.0.1."),
    ] = None
    pause: Annotated[bool, VIEW("--pause", help="Wait for the first step.")] = False
    open_: Annotated[bool, VIEW("--open", help="Open the page in a browser.")] = False
    host: Annotated[
        str, VIEW(help="Address to serve the page at. Beyond loopback, visitors need a token.")
    ] = "127.0.0.1"
    port: Annotated[int, VIEW(min=0, max=65535, help="Port of the page; 0 for a free one.")] = 0
    token_file: Annotated[
        Path | None, VIEW(help="File with the token that visitors need; made up without it.")
    ] = None


@with_groups
def view(
    url: Annotated[
        str,
        typer.Argument(
            help="Device; 'emu:' starts an emulated one. 'scamp5d:tcp://HOST:27888' and 'scamp5d:usb' show "
            "what a program of the vendor's displays, with its sliders."
        ),
    ] = "emu:",
    *,
    kernel: Annotated[
        Path | None, KERNEL(help="Run this kernel file on every frame; its parameters become sliders.")
    ] = None,
    tree: Annotated[str | None, KERNEL(help="Take every frame through this tree.")] = None,
    compare: Annotated[
        str | None,
        VIEW(metavar="URL", help="A second device, beside the first: planes, and their difference."),
    ] = None,
    source: Annotated[
        str | None,
        VIEW(help="What the sensor of an 'emu:' device sees: moving, a picture, a folder, a video, .npy."),
    ] = None,
    exposure: Annotated[
        str | None,
        VIEW(
            metavar="auto|US",
            help="Exposure: auto, where the brightness of a frame decides about the next one, or "
            "microseconds to begin with.",
        ),
    ] = None,
    show: Annotated[str | None, VIEW(help="Registers to show at the start, as in D,R5.")] = None,
    curve: Annotated[
        str | None,
        VIEW(help="Registers whose means are shown as curves: level of an AREG, share of 1s of a DREG."),
    ] = None,
    level: Annotated[int, KERNEL("--in", min=-128, max=127, help="Level of IN while the kernel runs.")] = 0,
    set_: Annotated[
        list[str] | None,
        KERNEL("--set", metavar="NAME=VALUE", help="A parameter of the kernel. Repeatable."),
    ] = None,
    memory: Annotated[
        int | None, KERNEL(min=1, help="Bytes of the controller's memory that the tree may use.")
    ] = None,
    rate: Annotated[
        int | None,
        VIEW(min=1, max=200, help="Frames per second, at most. Default: 30; 3 for a tree's held-out images."),
    ] = None,
    page: Page,
) -> None:
    """Serve a page that shows a device at work: planes, sliders, single steps. Ctrl-C ends it.

    Without a kernel or a tree, the page shows the sensor's picture. Standard output has the page's address.
    """
    from pixeltree.view.feed_device import DeviceFeed  # noqa: PLC0415
    from pixeltree.view.feed_kernel import KernelFeed  # noqa: PLC0415
    from pixeltree.view.feed_scamp5d import SCHEME, Scamp5dFeed  # noqa: PLC0415
    from pixeltree.view.feed_tree import TreeFeed  # noqa: PLC0415
    from pixeltree.view.kernel_steps import LiveKernel, check_registers  # noqa: PLC0415

    if kernel is not None and tree is not None:
        raise DataError("give --kernel or --tree, not both")
    if url.startswith(SCHEME) and any(each is not None for each in (kernel, tree, compare, source, show)):
        raise DataError(
            f"{url} shows what a program displays: leave out --kernel, --tree, --compare, --source and --show"
        )
    devices = _devices(url, compare, source, exposure)
    shown = check_registers(_names(show))
    devices.curves.names = check_registers(_names(curve))
    feed: Feed
    if url.startswith(SCHEME):
        feed = Scamp5dFeed(url.removeprefix(SCHEME))
    elif kernel is not None:
        feed = KernelFeed(devices, LiveKernel(kernel, settings(set_ or [])), shown, level)
    elif tree is not None:
        loaded = load_tree(tree)
        images = None if source is not None or _sees(devices) else ChosenImages().load(loaded).images
        rate = rate or (None if images is None else _IMAGES_RATE)
        feed = TreeFeed(devices, loaded, images, shown, memory)
    else:
        feed = DeviceFeed(devices, shown)
    _serve(feed, url, page, rate)


def _sees(devices: Devices) -> bool:
    """Whether what a device sees is not up to us: somebody else started it, or its address says what."""
    return any(not lane.own or "source" in lane.options for lane in devices.lanes)


def _serve(feed: Feed, url: str, page: Page, rate: int | None) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        PixeltreeError: the device is not there or refuses, or the page cannot be served.
    """
    from pixeltree.view.board import Board  # noqa: PLC0415
    from pixeltree.view.feed import RATE, Running  # noqa: PLC0415
    from pixeltree.view.recorder import Recorder  # noqa: PLC0415
    from pixeltree.view.server import PageServer  # noqa: PLC0415

    token = read_token(page.token_file).decode() if page.token_file is not None else None
    board = Board()
    recorder = Recorder(board, page.record)
    if page.record is not None:
        recorder.start()
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(_until_told())
        stack.callback(recorder.stop)
        server = stack.enter_context(PageServer(board, page.host, page.port, token))
        if page.foxglove is not None:
            _serve_foxglove(stack, board, page.foxglove)
        opened = threading.Event()
        running = stack.enter_context(Running(feed, board, rate or RATE, page.pause, recorder, opened.set))
        _wait_for_device(running, opened, told, url)
        if not told.is_set():
            _say_where(server.url, page.open_)
        told.wait()


def _names(listed: str | None) -> list[str]:
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


def _devices(url: str, compare: str | None, source: str | None, exposure: str | None) -> Devices:
    from pixeltree.view.devices import Devices, in_step, with_options  # noqa: PLC0415

    urls = [with_options(each, source=source) for each in (url, compare) if each is not None]
    devices = Devices([in_step(each) for each in urls] if compare is not None else urls)
    if exposure is not None:
        devices.choose_exposure(exposure_of(exposure))
    return devices


def _serve_foxglove(stack: contextlib.ExitStack, board: Board, port: int) -> None:
    from pixeltree.view.foxglove_server import FoxgloveServer  # noqa: PLC0415 - an extra

    server = stack.enter_context(FoxgloveServer(board, port))
    Screen().print(f"Foxglove: {server.url}", soft_wrap=True)


def _wait_for_device(running: Running, opened: threading.Event, told: threading.Event, url: str) -> None:
    """Until the device is there, or Ctrl-C.

    Raises:
        PixeltreeError: it is not there, or refuses.
    """
    with busy(f"connecting to {url}"):
        while not (opened.wait(_LOOK_SECONDS) or told.is_set()):
            pass
    if running.failure is not None:
        raise running.failure


def replay(
    file: Annotated[Path, typer.Argument(help="A recording of pixeltree view or run.")],
    loop: Annotated[bool, VIEW("--loop", help="Begin again after the last moment.")] = False,
    pause: Annotated[bool, VIEW("--pause", help="Wait for the first step.")] = False,
    pictures: Annotated[
        Path | None,
        OUTPUT(
            metavar="FILE.npy",
            callback=writable,
            help="Do not show a page: write what the sensor saw, for --source.",
        ),
    ] = None,
    open_: Annotated[bool, VIEW("--open", help="Open the page in a browser.")] = False,
    port: Annotated[int, VIEW(min=0, max=65535, help="Port of the page; 0 for a free one.")] = 0,
) -> None:
    """Play a recording into a page like that of pixeltree view; Ctrl-C ends it."""
    from pixeltree.recording.reader import Replay  # noqa: PLC0415
    from pixeltree.view.board import Board  # noqa: PLC0415
    from pixeltree.view.feed import Running  # noqa: PLC0415
    from pixeltree.view.feed_replay import ReplayFeed  # noqa: PLC0415
    from pixeltree.view.server import PageServer  # noqa: PLC0415

    if pictures is not None:
        stack = io.BytesIO()
        with Replay(file) as found:
            np.save(stack, np.stack(list(found.pictures())))
        write_file(pictures, stack.getvalue())
        return
    feed = ReplayFeed(file, loop)
    board = Board()
    with (
        _until_told() as told,
        PageServer(board, port=port) as page,
        Running(feed, board, feed.rate, pause),
    ):
        _say_where(page.url, open_)
        told.wait()


def _say_where(url: str, in_browser: bool) -> None:
    Screen().print(f"Page: {url}", soft_wrap=True)
    sys.stdout.flush()
    if in_browser and not webbrowser.open(url):
        Screen(stderr=True).print(_NO_BROWSER)


@contextlib.contextmanager
def _until_told() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    told = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
