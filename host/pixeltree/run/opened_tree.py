"""A tree on a device: opened, opened again where the device has lost it, and frames taken through it.

A cut of the link is the session's business. Where the device was started anew, it is filled again with what
the run needs, and the frame in hand is repeated: each frame ends once, with a result or with an error.
"""

from __future__ import annotations

import logging
import threading

import numpy as np

from pixeltree.device.exchange import Exchange
from pixeltree.device.exposure import FrameExposure, ask_for
from pixeltree.device.upload import upload
from pixeltree.errors import SessionLostError
from pixeltree.run.frames import FrameServer, Order
from pixeltree.run.results import InferenceResult
from pixeltree.run.settings import FrameSettings
from pixeltree.run.stream import Streamer
from pixeltree.swapping import Pace, Planner
from pixeltree.swapping.chunking import BUSY_CHUNK, IDLE_CHUNK
from pixeltree.tree.tree import GreyImage, PlacedImage, Tree
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.link.messages import ExposureMode, OpenTree, SetExposure, TreeOpened

logger = logging.getLogger(__name__)

_LOOK_AGAIN = 0.005
"""Seconds after which answers are read again while no frame is asked for."""

_ROUNDING_US = 0.01


def surrounded(image: PlacedImage) -> PlacedImage:
    """A picture in a field of its mean brightness, which fills the sensor.

    Automatic exposure takes the sum of the whole array: in the dark, a small picture would become white.
    """
    pixels, top, left = image
    field = np.full((ARRAY_SIZE, ARRAY_SIZE), round(float(pixels.mean())), np.uint8)
    field[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return field, 0, 0


class OpenedTree:
    """A tree on a device, which every frame finds open.

    Args:
        exchange: requests to the device, and its answers.
        tree: the tree.
        planner: decides what is sent and what may go for it.
        streamer: sends.
        server: takes frames through the open tree.
        memory_limit: bytes that the tree may use on the device; 0 for all there is.
        fault_timeout_ms: how long a frame waits for missing objects.
        retries: how often the tree is opened again, and a frame repeated, where the device was started anew.
        exposure: how the tree's frames are exposed; None to leave it to the device.

    Attributes:
        opening_bytes: bytes on the wire of all openings so far.
    """

    def __init__(
        self,
        exchange: Exchange,
        tree: Tree,
        planner: Planner,
        streamer: Streamer,
        server: FrameServer,
        memory_limit: int,
        fault_timeout_ms: int,
        retries: int,
        exposure: SetExposure | None = None,
    ) -> None:
        self.tree = tree
        self.opening_bytes = 0
        self._exchange = exchange
        self._planner = planner
        self._streamer = streamer
        self._server = server
        self._memory_limit = memory_limit
        self._fault_timeout_ms = fault_timeout_ms
        self._retries = retries
        self._exposure = exposure
        self._frames = 0
        self._in_use = threading.Lock()

    def open(self) -> None:
        """Open the tree, also where the device is started anew meanwhile.

        Raises:
            DeviceError: the device refuses the tree.
            LinkError: the device is gone or silent.
        """
        for _ in range(self._retries):
            try:
                return self._open()
            except SessionLostError as error:
                logger.warning("opening the tree again: %s", error)
        return self._open()

    def _open(self) -> None:
        """Open the tree on the device, within its limit, and see what of it is there."""
        tree = {self.tree.digest: self.tree.objects[self.tree.digest]}
        self.opening_bytes += upload(self._exchange, tree).wire_bytes
        opened = self._exchange.ask(
            OpenTree(self.tree.digest, self._memory_limit, self._fault_timeout_ms), TreeOpened
        )
        if self._exposure is not None:
            ask_for(self._exchange, self._exposure)
        self._exchange.opened_by = self
        self._planner.memory.budget = opened.budget_bytes
        self._streamer.begin()

    def expose(self, exposure: SetExposure) -> FrameExposure:
        """Have frames exposed so from now on, also where the tree has to be opened again."""
        with self._in_use:
            self._exposure = exposure
            return ask_for(self._exchange, exposure)

    @property
    def now_us(self) -> float:
        """Microseconds on the clock of the connection."""
        return self._streamer.now

    def wait_for_turn(self, pace: Pace) -> None:
        """Let time pass until the next frame of a run is due; the line is used meanwhile."""
        try:
            with self._in_use:
                self._use_line(pace)
        except SessionLostError as error:
            logger.warning("between frames: %s", error)  # the next frame opens the tree again

    def _use_line(self, pace: Pace) -> None:
        while (due := pace.due(self._streamer.now)) > self._streamer.now + _ROUNDING_US:
            if self._exchange.opened_by is not self:
                self.open()
            again = self._streamer.ahead(pace.limit(self._streamer.now), IDLE_CHUNK)
            event = self._exchange.wait(self._streamer.requests, min(due, again or due) / 1e6)
            if event is not None:
                self._streamer.heard(event)

    def use_pause(self, pace: Pace, frame: int) -> float | None:
        """Send ahead without waiting, while nobody asks for a frame: a small part where the line is idle.

        Args:
            pace: of the run that pauses.
            frame: its last frame. The pause is over when another was asked for, by whomever.

        Returns:
            Seconds until it should be called again; None where that has no use before the next frame.
        """
        if not self._in_use.acquire(blocking=False):
            return None  # a frame is in hand
        try:
            return self._send_ahead(pace) if frame == self._frames else None
        finally:
            self._in_use.release()

    def _send_ahead(self, pace: Pace) -> float | None:
        if self._exchange.opened_by is not self:
            return None
        streamer = self._streamer
        streamer.stop_timing()
        if (event := self._exchange.take(streamer.requests)) is not None:
            streamer.heard(event)
        # a frame may be asked for at any time: it has to wait for one small part at most, as a demand has
        soon = streamer.now + BUSY_CHUNK * 2 * self._planner.line.us_per_byte
        again = streamer.ahead(max(pace.limit(streamer.now), soon), BUSY_CHUNK)
        if again is not None:
            return max(again - streamer.now, 0.0) / 1e6
        return _LOOK_AGAIN if streamer.requests else None

    def next_frame(self, image: GreyImage | None, settings: FrameSettings, pace: Pace) -> InferenceResult:
        """The next frame of a run; what will probably be needed goes over the line after it."""
        result = self.take(None if image is None else self.tree.place(image), settings, pace)
        part_us = IDLE_CHUNK * self._planner.line.us_per_byte
        # goes over the line while the caller is busy; no more than systems buffer, so that nobody waits
        self._streamer.ahead(pace.limit(self._streamer.now), IDLE_CHUNK, part_us)
        return result

    def take(self, image: PlacedImage | None, settings: FrameSettings, pace: Pace) -> InferenceResult:
        """Take a frame through the tree, again where the device was started anew meanwhile.

        Args:
            image: what to show to the emulated sensor before; None to leave it.
            settings: of the run that the frame belongs to.
            pace: of that run.

        Raises:
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        with self._in_use:
            self._frames += 1
            if image is not None and self._exposure is not None and self._exposure.mode == ExposureMode.AUTO:
                image = surrounded(image)
            order = Order(self._frames, image, settings, pace)
            asked = self._streamer.now
            while True:
                try:
                    return self._try(order)
                except SessionLostError as error:
                    if order.repeats >= self._retries:
                        raise
                    logger.warning("frame %d begins again: %s", order.number, error)
                    self._server.first_start(order, asked)  # unless it had begun
                    order.repeats += 1
                    self._planner.counters.repeats += 1

    def _try(self, order: Order) -> InferenceResult:
        """Take the frame through the tree, unless the device is started anew meanwhile."""
        if self._exchange.opened_by is not self:
            asked = self._streamer.now
            self._open()  # another runner has had the device, or it was started anew
            self._server.first_start(order, asked)
        result = self._server.take(order)
        self._streamer.stop_timing()
        return result
