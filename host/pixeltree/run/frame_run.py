"""A run of frames: an iterator, for ``for`` and for ``async for``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from pixeltree.errors import DataError, PixeltreeError
from pixeltree.run.opened_tree import OpenedTree
from pixeltree.run.playing import Playing
from pixeltree.run.results import InferenceResult
from pixeltree.run.settings import FrameSettings
from pixeltree.swapping import Pace
from pixeltree.tree.tree import GreyImage

logger = logging.getLogger(__name__)

Call = Callable[..., Coroutine[Any, Any, Any]]
"""Calls a function with its arguments, and gives its result to whoever awaits it."""


class FrameRun:
    """Results, one at a time: a frame starts when its result is asked for.

    In ``async for``, frames run in a thread. A task that is cancelled lets the frame in hand end first, so
    that the device is free for what comes next. While the caller is busy with a result and gives the event
    loop its turns, these are used to send ahead; that ends by itself when there is nothing more to send.

    Args:
        opened: the tree on the device, which takes the frames.
        settings: what goes with each frame.
        source: images to show; None for what the sensor sees.
        frames: how many at most; None for no limit.
        call: in ``async for``, what calls a function outside the event loop. Where it is a thread that the
            device has for itself, that sends ahead too; else the event loop does, since the caller may use
            the device there.
    """

    def __init__(
        self,
        opened: OpenedTree,
        settings: FrameSettings,
        source: Iterable[GreyImage] | None,
        frames: int | None,
        call: Call = asyncio.to_thread,
    ) -> None:
        self._opened = opened
        self._settings = settings
        self._pace: Pace | None = None
        self._images: Iterator[GreyImage] | None = None if source is None else _images(source)
        self._left = frames
        self._call = call
        self._pause: asyncio.Task[None] | None = None

    def __iter__(self) -> FrameRun:
        return self

    def __next__(self) -> InferenceResult:
        result = self._advance()
        if result is None:
            raise StopIteration
        return result

    def __aiter__(self) -> FrameRun:
        return self

    async def __anext__(self) -> InferenceResult:
        if self._pause is not None:
            self._pause.cancel()  # it stops between two steps, never inside one
        frame: asyncio.Future[InferenceResult | None] = asyncio.ensure_future(self._call(self._advance))
        try:
            result = await asyncio.shield(frame)
        except asyncio.CancelledError:
            await asyncio.wait([frame])
            raise
        if result is None:
            raise StopAsyncIteration
        self._pause = asyncio.create_task(self._use_pause(result.frame))
        return result

    async def _use_pause(self, frame: int) -> None:
        assert self._pace is not None
        try:
            while (seconds := await self._send_ahead(self._pace, frame)) is not None:
                await asyncio.sleep(seconds)
        except PixeltreeError as error:
            logger.info("between frames: %s", error)  # the next frame will say it again

    async def _send_ahead(self, pace: Pace, frame: int) -> float | None:
        if self._call is asyncio.to_thread:
            return self._opened.use_pause(pace, frame)
        seconds: float | None = await self._call(self._opened.use_pause, pace, frame)
        return seconds

    def _advance(self) -> InferenceResult | None:
        if self._left == 0:
            return None
        live = isinstance(self._images, Playing) and self._images.live
        try:
            image = None if live else self._image()
            if self._pace is None:  # the first turn is when the first frame is asked for
                self._pace = Pace(self._settings.period_us, self._opened.now_us)
            self._opened.wait_for_turn(self._pace)
            image = self._image() if live else image
        except StopIteration:
            return None
        if self._left is not None:
            self._left -= 1
        return self._opened.next_frame(image, self._settings, self._pace)

    def _image(self) -> GreyImage | None:
        """The next image to show. Values that are not images are refused before their turn.

        Raises:
            StopIteration: there is no more.
        """
        if self._images is None:
            return None
        image = next(self._images)
        self._opened.tree.place(image)
        return image


def _images(source: Iterable[GreyImage]) -> Iterator[GreyImage]:
    try:
        return iter(source)
    except TypeError:
        raise DataError(f"a source of images must be an iterable of arrays, not {source!r}") from None
