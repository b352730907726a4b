"""TreeRunner: takes frames through a tree, serves the device's faults, and sends ahead what comes next.

What is sent when, and what may go for it, :mod:`pixeltree.swapping` decides, here as in its simulator. A
frame whose nodes are resident needs one message each way: the device goes on by itself. Faults are served
first; the line's idle time belongs to what will probably be needed.

A cut of the link is the session's business. Where the device was started anew, the runner fills it again with
what the run needs and repeats the frame in hand: each frame ends once, with a result or with an error.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from pixeltree.arguments.numbers import check_count
from pixeltree.device.device import Device
from pixeltree.errors import DataError, SessionLostError
from pixeltree.run.frame_run import FrameRun
from pixeltree.run.frames import FrameServer, Order
from pixeltree.run.nodes import NodeTable
from pixeltree.run.results import InferenceResult
from pixeltree.run.settings import ONE_FRAME, FrameSettings
from pixeltree.run.stream import Streamer
from pixeltree.run.timeline import Timeline
from pixeltree.swapping import (
    Counters,
    LineRate,
    Markov,
    Mixture,
    Pace,
    Planner,
    Predictor,
    Prior,
    RootLogits,
    SwapTree,
    Trace,
)
from pixeltree.swapping.chunking import BUSY_CHUNK, IDLE_CHUNK
from pixeltree.swapping.describe import children_of, describe
from pixeltree.swapping.line import UNKNOWN_LINE
from pixeltree.swapping.line_meter import LineMeter
from pixeltree.swapping.residency import policy_named
from pixeltree.tree.tree import GreyImage, PlacedImage, Tree
from pixeltree_protocol.link.bundles import PUT_HEAD

logger = logging.getLogger(__name__)

FAULT_SILENCES = 3.0
"""Unless told otherwise, a frame waits for missing objects so many times as long as the device takes to see
that a wire is dead: from then on the time stands still until its host is back."""

RETRIES = 5

_LOGITS_PER_E = 20.0
"""Temperature of the root's margins; the mixture judges what they are worth."""

_LOOK_AGAIN = 0.005
"""Seconds between two looks for answers while nobody asks for a frame."""

_ROUNDING_US = 0.01

MAX_BYTES = 2**32 - 1
"""The greatest memory limit that OPEN_TREE can carry."""


class TreeRunner:
    """Runs a tree on a device.

    Args:
        device: a connected device.
        tree: the tree.
        memory_limit: controller memory in bytes that the tree may use, 1 or more; None for all there is.
        fault_timeout: seconds that a frame may wait for missing objects; if None, three times as long as
            the device takes to notice that its host is gone.
        retries: how often one frame may begin again because the device was started anew, 0 or more.
        line: the line to the device; None to measure it. Nothing is sent ahead before it is known.
        policy: ``expected``, ``no_prefetch`` or ``lru``.
        predictor: what guesses the next frame's path; by default transitions seen so far and the root's
            margins.
        trace: collects what happens when, if given.

    Attributes:
        budget_bytes: controller memory that the tree has.
        counters: faults, stalls, hit rate, and where the bytes went.

    Raises:
        TreeError: a node needs more than the limit, or more instruction words than the device stores.
        DataError: a policy that does not exist, or that needs to know the future; a number out of range.
        DeviceError: the device refuses the tree.
        LinkError: the device is gone or silent.
    """

    def __init__(
        self,
        device: Device,
        tree: Tree,
        memory_limit: int | None = None,
        fault_timeout: float | None = None,
        retries: int = RETRIES,
        line: LineRate | None = None,
        policy: str = "expected",
        predictor: Predictor | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._retries = retries
        self.device = device
        self.tree = tree
        self._frames = 0
        if not isinstance(tree, Tree):
            raise DataError(f"a runner takes a Tree, as Tree.load returns it, not {type(tree).__name__}")
        if line is not None and not isinstance(line, LineRate):
            raise DataError(f"a line must be a LineRate, for example LINES['usb_12M'], not {line!r}")
        capabilities = device.welcome.capabilities
        if memory_limit is not None:
            check_count("a memory limit, in bytes,", memory_limit, 1, MAX_BYTES)
        check_count("the number of retries", retries, 0)
        limit = min(memory_limit or capabilities.memory_bytes, capabilities.memory_bytes)
        nodes = NodeTable(tree)
        given = memory_limit is not None and memory_limit <= capabilities.memory_bytes
        nodes.check_fits(limit, capabilities.icw_store, given)
        self._memory_limit = memory_limit or 0
        silence = device.welcome.silence_ms / 1000
        self._fault_timeout = FAULT_SILENCES * silence if fault_timeout is None else fault_timeout
        if policy == "belady":
            raise DataError("policy belady needs the future, which is not known; it runs in simulate-swap")
        self._swap_tree = describe(tree)
        guess = predictor or default_predictor(tree, self._swap_tree)
        self._planner = Planner(
            self._swap_tree,
            limit,
            capabilities.icw_store,
            line or UNKNOWN_LINE,
            policy_named(policy, self._swap_tree, guess, ()),
            guess,
            capabilities.max_body - PUT_HEAD,
        )
        self.counters: Counters = self._planner.counters
        self._streamer = Streamer(device, self._planner, LineMeter(line), tree.objects, trace)
        timeline = Timeline(self._planner, trace)
        self._server = FrameServer(device, tree, self._planner, self._streamer, timeline, nodes)
        self._pace = Pace(None)
        self._in_use = threading.Lock()
        self._opening_bytes = 0
        self.budget_bytes = self._open_again()

    @property
    def line(self) -> LineRate | None:
        """The line as it was given, or measured where it was not or turned out slower; None before that."""
        return self._planner.line if self._planner.line.known else None

    @property
    def wire_bytes_streamed(self) -> int:
        """Bytes of objects put on the wire so far, framing included."""
        return self._opening_bytes + self._streamer.wire_bytes

    def _open_again(self) -> int:
        """Open the tree, also where the device is started anew meanwhile."""
        for _ in range(self._retries):
            try:
                return self._open()
            except SessionLostError as error:
                logger.warning("opening the tree again: %s", error)
        return self._open()

    def _open(self) -> int:
        """Open the tree on the device, within its limit, and see what of it is there."""
        tree = {self.tree.digest: self.tree.objects[self.tree.digest]}
        self._opening_bytes += self.device.upload(tree).wire_bytes
        budget = self.device.open_tree(self.tree.digest, self._memory_limit, self._fault_timeout)
        self._opened = self.device.opened
        self._planner.memory.budget = budget
        self._streamer.begin()
        return budget

    # -- frames ------------------------------------------------------------------------------------

    def infer(self, image: GreyImage) -> InferenceResult:
        """Show an image to the (emulated) sensor and take one frame of it through the tree.

        Args:
            image: uint8, (64, 64) for the tree's window or (256, 256) for the whole picture.

        Raises:
            DataError: an image of another shape or type.
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        return self._run(self.tree.place(image), ONE_FRAME, self._pace)

    def run_frame(self) -> InferenceResult:
        """Take one frame of whatever the sensor sees through the tree.

        Where it has to be repeated, the sensor sees what is before it then.

        Raises:
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        return self._run(None, ONE_FRAME, self._pace)

    def run(
        self,
        source: Iterable[GreyImage] | None = None,
        frames: int | None = None,
        period: float | None = None,
        deadline: float | None = None,
    ) -> FrameRun:
        """Take frame after frame through the tree.

        Period and deadline are those of this run's frames alone; they do not outlive it.

        Args:
            source: images to show to the (emulated) sensor; None for what the sensor sees.
            frames: how many at most, 0 or more; None for as long as the source lasts.
            period: seconds from one frame's start to the next, 0.000001 or more; None starts each when it is
                asked for. The first turn is when the first frame is asked for. A frame that misses its turn
                starts as soon as it can (``InferenceResult.late_us``, ``Counters.late_starts``).
            deadline: seconds from a frame's first start in which it must end, 0 or more; where that cannot
                be, the node before the missing one answers (``InferenceResult.coarse``). Until the line is
                known, frames wait.

        Returns:
            The results, for ``for`` and for ``async for``. A frame starts when its result is asked for: who
            is slow gets fewer frames, never old ones. It can be left at any point.

        Raises:
            DataError: a time or a count out of range, or not finite. The frames raise what
                :meth:`infer` does.
        """
        if frames is not None:
            check_count("the number of frames", frames, 0)
        return FrameRun(self, FrameSettings(period, deadline), source, frames)

    @property
    def now_us(self) -> float:
        """Microseconds on the clock of the connection."""
        return self._streamer.now

    def wait_for_turn(self, pace: Pace) -> None:
        """Let time pass until the next frame of :meth:`run` is due; the line is used meanwhile."""
        try:
            with self._in_use:
                self._use_line(pace)
        except SessionLostError as error:
            logger.warning("between frames: %s", error)  # the next frame opens the tree again

    def _use_line(self, pace: Pace) -> None:
        while (due := pace.due(self._streamer.now)) > self._streamer.now + _ROUNDING_US:
            if self._opened != self.device.opened:
                self._open_again()
            again = self._streamer.ahead(pace.limit(self._streamer.now), IDLE_CHUNK)
            event = self.device.wait_for(self._streamer.requests, min(due, again or due) / 1e6)
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
        if self._opened != self.device.opened:
            return None
        streamer = self._streamer
        streamer.look_away()
        if (event := self.device.take(streamer.requests)) is not None:
            streamer.heard(event)
        # a frame may be asked for at any time: it has to wait for one small part at most, as a demand has
        soon = streamer.now + BUSY_CHUNK * 2 * self._planner.line.us_per_byte
        again = streamer.ahead(max(pace.limit(streamer.now), soon), BUSY_CHUNK)
        if again is not None:
            return max(again - streamer.now, 0.0) / 1e6
        return _LOOK_AGAIN if streamer.requests else None

    def next_frame(self, image: GreyImage | None, settings: FrameSettings, pace: Pace) -> InferenceResult:
        """The next frame of :meth:`run`."""
        result = self._run(None if image is None else self.tree.place(image), settings, pace)
        part_us = IDLE_CHUNK * self._planner.line.us_per_byte
        # goes over the line while the caller is busy; no more than systems buffer, so that nobody waits
        self._streamer.ahead(pace.limit(self._streamer.now), IDLE_CHUNK, part_us)
        return result

    def _run(self, image: PlacedImage | None, settings: FrameSettings, pace: Pace) -> InferenceResult:
        with self._in_use:
            self._frames += 1
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
                    self.counters.repeats += 1

    def _try(self, order: Order) -> InferenceResult:
        """Take the frame through the tree, unless the device is started anew meanwhile."""
        if self._opened != self.device.opened:
            asked = self._streamer.now
            self._open()  # another runner has had the device, or it was started anew
            self._server.first_start(order, asked)
        result = self._server.take(order)
        self._streamer.look_away()
        return result

    def finish(self) -> Counters:
        """The run is over: what was sent and not used counts as wasted; the counters go to the log."""
        self.counters.close()
        logger.info("swapping: %s", self.counters.summary())
        return self.counters


def default_predictor(tree: Tree, swap_tree: SwapTree) -> Predictor:
    """Transitions seen so far, and the root's margins."""
    markov = Markov(Prior(len(swap_tree.ends)))
    root = tree.by_level[swap_tree.trunk[-1]]
    return Mixture([markov, RootLogits(swap_tree, children_of(tree, root), _LOGITS_PER_E)])
