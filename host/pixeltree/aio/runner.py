"""A tree on a device, for asyncio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pixeltree.aio.thread import DeviceThread

if TYPE_CHECKING:
    from pixeltree.run import InferenceResult, TreeRunner
    from pixeltree.run.frame_run import FrameRun
    from pixeltree.swapping import Counters, Summary
    from pixeltree.tree.tree import GreyImage


class AsyncRunner:
    """A tree that runs on a device; :meth:`pixeltree.AsyncDevice.open` makes one.

    Args:
        runner: the runner.
        thread: where its device's calls happen.
    """

    def __init__(self, runner: TreeRunner, thread: DeviceThread) -> None:
        self._runner = runner
        self._thread = thread

    @property
    def counters(self) -> Counters:
        """Faults, stalls, hit rate, and where the bytes went."""
        return self._runner.counters

    async def infer(self, image: GreyImage) -> InferenceResult:
        """See :meth:`pixeltree.TreeRunner.infer`."""
        return await self._thread.call(self._runner.infer, image)

    async def run_frame(self) -> InferenceResult:
        """See :meth:`pixeltree.TreeRunner.run_frame`."""
        return await self._thread.call(self._runner.run_frame)

    def run(
        self,
        source: Iterable[GreyImage] | None = None,
        frames: int | None = None,
        period: float | None = None,
        deadline: float | None = None,
    ) -> FrameRun:
        """Take frame after frame through the tree, in ``async for``; see :meth:`pixeltree.TreeRunner.run`.

        Between frames, what will probably be needed is sent ahead, also while a task keeps the loop busy.
        The source is read in the device's thread.
        """
        return self._runner.run(source, frames, period, deadline, self._thread.call)

    async def finish(self) -> Summary:
        """The run is over; returns its figures. See :meth:`pixeltree.TreeRunner.finish`."""
        return (await self._thread.call(self._runner.finish)).summary()
