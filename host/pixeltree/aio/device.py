"""A device for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from pixeltree.aio.runner import AsyncRunner
from pixeltree.aio.thread import DeviceThread

if TYPE_CHECKING:  # what they import takes a while: that is done in the device's thread
    import numpy as np
    import numpy.typing as npt

    from pixeltree.arguments.files import AnyPath
    from pixeltree.device.device import Device
    from pixeltree.device.patience import Patience
    from pixeltree.run import TreeRunner
    from pixeltree.tree.tree import Tree
    from pixeltree_protocol.link.messages import Result, Status, Welcome

_T = TypeVar("_T")


@contextlib.asynccontextmanager
async def aconnect(
    url: AnyPath,
    patience: Patience | None = None,
    observe: bool = False,
    token_file: AnyPath | None = None,
) -> AsyncIterator[AsyncDevice]:
    """Connect to a device, for asyncio: ``async with pixeltree.aconnect(url) as device: ...``.

    No call keeps the event loop: connecting, opening a tree, frames, swaps and reconnecting happen in a
    thread that the device has for itself.

    Args:
        url: see :func:`pixeltree.connect`.
        patience: how long to wait for what.
        observe: look on while another session drives the device.
        token_file: file with the token that the device wants.

    Raises:
        LinkError: nobody answers, or not with the Pixeltree protocol.
        DeviceError: the device refuses the connection.
        DataError: the URL or the token file cannot be used.
    """
    thread = DeviceThread(f"device {url}")
    opening = thread.start(_connect, url, patience, observe, token_file)
    try:
        try:
            device = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            thread.start(_close_if_open, opening)
            raise
        try:
            yield AsyncDevice(device, thread)
        finally:
            await asyncio.shield(thread.call(device.close))
    finally:
        thread.end()


def _connect(url: AnyPath, patience: Patience | None, observe: bool, token_file: AnyPath | None) -> Device:
    with _uncollected():  # all that is needed later too; not in the thread of the event loop
        import pixeltree.run  # noqa: F401, PLC0415
        from pixeltree.device.device import connect  # noqa: PLC0415

    return connect(url, patience, observe, token_file)


def _open(device: Device, tree: Tree, options: dict[str, Any]) -> TreeRunner:
    from pixeltree.run import TreeRunner  # noqa: PLC0415 - it was imported in the device's thread

    return TreeRunner.open(device, tree, **options)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage while modules are imported.

    So many new objects that stay would make Python look at all that there are, which keeps every thread of
    the process for some 25 ms.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _close_if_open(opening: Future[Device]) -> None:
    """Nobody waits any more for a device that has been connected meanwhile."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class AsyncDevice:
    """A connected device, for asyncio; :func:`aconnect` makes one. Calls happen one after the other.

    Args:
        device: the device.
        thread: where its calls happen.

    Attributes:
        welcome: what the device said of itself.
    """

    def __init__(self, device: Device, thread: DeviceThread) -> None:
        self.welcome: Welcome = device.welcome
        self._device = device
        self._thread = thread

    @property
    def url(self) -> str:
        """Where the device is."""
        return self._device.url

    @property
    def cuts(self) -> int:
        """How often the link broke and was opened again."""
        return self._device.cuts

    async def do(self, function: Callable[[Device], _T]) -> _T:
        """Call a function with the :class:`pixeltree.Device`, in the device's thread.

        So everything that a device can is at hand: ``await device.do(lambda device: device.chip.expose())``.
        """
        return await self._thread.call(function, self._device)

    async def open(self, tree: Tree, **options: Any) -> AsyncRunner:  # noqa: ANN401 - passed on as they are
        """Open a tree: frames go through it from now on.

        Args:
            tree: the tree.
            options: those of :meth:`pixeltree.TreeRunner.open`.

        Raises:
            TreeError, DataError, DeviceError, LinkError: see there.
        """
        return AsyncRunner(await self._thread.call(_open, self._device, tree, options), self._thread)

    async def ping(self) -> None:
        """See :meth:`pixeltree.Device.ping`."""
        await self._thread.call(self._device.ping)

    async def status(self) -> Status:
        """See :meth:`pixeltree.Device.status`."""
        return await self._thread.call(self._device.status)

    async def settings(self) -> dict[str, str]:
        """See :meth:`pixeltree.Device.settings`."""
        return await self._thread.call(self._device.settings)

    async def watch(self, timeout: float | None = None) -> Result | None:
        """See :meth:`pixeltree.Device.watch`."""
        return await self._thread.call(self._device.watch, timeout)

    async def show(
        self, pixels: npt.NDArray[np.uint8] | None, top: int = 0, left: int = 0, clear: bool = True
    ) -> None:
        """See :meth:`pixeltree.Device.show`."""
        await self._thread.call(self._device.show, pixels, top, left, clear)

    async def read_plane(self, register: str) -> npt.NDArray[np.generic]:
        """See :meth:`pixeltree.Device.read_plane`."""
        return await self._thread.call(self._device.read_plane, register)
