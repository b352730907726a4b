"""TreeRunner: takes frames through a tree, serves the device's faults, and sends ahead what comes next.

What is sent when, and what may go for it, :mod:`pixeltree.swapping` decides, here as in its simulator. A
frame whose nodes are resident needs one message each way: the device goes on by itself. Faults are served
first; the line's idle time belongs to what will probably be needed.

A cut of the link is the session's business. Where the device was started anew, the runner fills it again with
what the run needs and repeats the frame in hand: each frame ends once, with a result or with an error.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pixeltree.device import Device
from pixeltree.errors import DataError, PixeltreeError, SessionLostError, TreeError
from pixeltree.scheduler.coarse import CoarseAnswers
from pixeltree.scheduler.results import InferenceResult, NodeVisit, Swap
from pixeltree.scheduler.run import FrameRun
from pixeltree.scheduler.stream import Sending, Streamer
from pixeltree.scheduler.timeline import Timeline
from pixeltree.session import device_error
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
    Trace,
)
from pixeltree.swapping.describe import describe, node_order, root_children
from pixeltree.swapping.line import CANCEL_BYTES, START_BYTES
from pixeltree.swapping.parts import BUSY_PART, IDLE_PART
from pixeltree.swapping.residency import policy_named
from pixeltree.swapping.simulator import LEAST_COLD
from pixeltree.tree import Image, Tree
from pixeltree_protocol.messages import Error, Fault, Result
from pixeltree_protocol.objects import Digest, short

logger = logging.getLogger(__name__)

FAULT_SILENCES = 3.0
"""Unless told otherwise, a frame waits for missing objects so many times as long as the device takes to see
that a wire is dead: from then on the time stands still until its host is back."""

RETRIES = 5

UNKNOWN_LINE = LineRate("unknown", 1e9)
"""Where nobody says how fast the line is, nothing is sent ahead, and costs of objects are their bytes."""

_LOGITS_PER_E = 20.0
"""Temperature of the root's margins; the mixture judges what they are worth."""

_CAPTURE, _ROOT = 0, 1
_PUT_HEAD = 24
_ROUNDING_US = 0.01

Scene = tuple[npt.NDArray[np.uint8], int, int]
"""Pixels for an emulated sensor, with the row and column (from the left) where they go."""


class TreeRunner:
    """Runs a tree on a device.

    Args:
        device: a connected device.
        tree: the tree.
        memory_limit: controller memory in bytes that the tree may use; None for all there is.
        fault_timeout: seconds that a frame may wait for missing objects; if None, three times as long as
            the device takes to notice that its host is gone.
        retries: how often one frame may begin again because the device was started anew.
        line: the line to the device; without it nothing is sent ahead.
        policy: ``expected``, ``no_prefetch`` or ``lru``; by default the first where the line is known, else
            the second.
        predictor: what guesses the next frame's path; by default transitions seen so far and the root's
            margins.
        trace: collects what happens when, if given.

    Attributes:
        budget_bytes: controller memory that the tree has.
        counters: faults, stalls, hit rate, and where the bytes went.

    Raises:
        TreeError: a node needs more than the limit, or more instruction words than the device stores.
        DataError: a policy that does not exist, or that needs to know the line or the future.
    """

    def __init__(
        self,
        device: Device,
        tree: Tree,
        memory_limit: int | None = None,
        fault_timeout: float | None = None,
        retries: int = RETRIES,
        line: LineRate | None = None,
        policy: str | None = None,
        predictor: Predictor | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._retries = retries
        self.device = device
        self.tree = tree
        self._frames = 0
        capabilities = device.welcome.capabilities
        limit = min(memory_limit or capabilities.memory_bytes, capabilities.memory_bytes)
        self._check_fits(limit, capabilities.icw_store)
        self._memory_limit = memory_limit or 0
        silence = device.welcome.silence_ms / 1000
        self._fault_timeout = FAULT_SILENCES * silence if fault_timeout is None else fault_timeout
        self._swap_tree = describe(tree)
        self._line = line
        chosen = policy or ("expected" if line else "no_prefetch")
        if chosen == "belady" or (chosen == "expected" and line is None):
            raise DataError(
                f"policy {chosen} needs {'the future' if line else 'the line'}, which is not known"
            )
        guess = predictor or self._predictor()
        self._planner = Planner(
            self._swap_tree,
            limit,
            capabilities.icw_store,
            line or UNKNOWN_LINE,
            policy_named(chosen, self._swap_tree, guess, ()),
            guess,
            capabilities.max_body - _PUT_HEAD,
        )
        self.counters: Counters = self._planner.counters
        self._number = {digest: index for index, digest in enumerate(node_order(tree))}
        self._streamer = Streamer(device, self._planner, tree.objects, trace)
        self._timeline = Timeline(self._swap_tree, line or UNKNOWN_LINE, trace)
        self._pace = Pace(None)
        self._deadline_us: float | None = None
        self._answers = CoarseAnswers(tree, self._swap_tree)
        self._opening_bytes = 0
        self.budget_bytes = self._open_again()

    def _predictor(self) -> Predictor:
        tree = self._swap_tree
        markov = Markov(Prior(len(tree.ends)))
        return Mixture([markov, RootLogits(tree, root_children(self.tree), _LOGITS_PER_E)])

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

    def infer(self, image: Image) -> InferenceResult:
        """Show an image to the (emulated) sensor and take one frame of it through the tree.

        Args:
            image: uint8, (64, 64) for the tree's window or (256, 256) for the whole picture.

        Raises:
            DataError: an image of another shape or type.
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        return self._run(self.tree.scene(image))

    def run_frame(self) -> InferenceResult:
        """Take one frame of whatever the sensor sees through the tree.

        Where it has to be repeated, the sensor sees what is before it then.
        """
        return self._run(None)

    def run(
        self,
        source: Iterable[Image] | None = None,
        frames: int | None = None,
        period: float | None = None,
        deadline: float | None = None,
    ) -> FrameRun:
        """Take frame after frame through the tree.

        Args:
            source: images to show to the (emulated) sensor; None for what the sensor sees.
            frames: how many at most; None for as long as the source lasts.
            period: seconds from one frame's start to the next; None starts each when the one before was taken
                by the caller.
            deadline: seconds from a frame's start in which it must end; where that cannot be, the node before
                the missing one answers (``InferenceResult.coarse``). Needs to know the line.

        Returns:
            The results, for ``for`` and for ``async for``. A frame starts when its result is asked for: who
            is slow gets fewer frames, never old ones. It can be left at any point.

        Raises:
            DataError: a deadline without a line, or times below 0.
        """
        if deadline is not None and self._line is None:
            raise DataError("a deadline needs to know the line; give TreeRunner a line=")
        if min(period or 0.0, deadline or 0.0) < 0:
            raise DataError("a period and a deadline are at least 0 seconds")
        self._pace = Pace(period * 1e6 if period else None, self._streamer.now)
        self._deadline_us = None if deadline is None else deadline * 1e6
        return FrameRun(self, source, frames)

    def wait_for_turn(self) -> None:
        """Let time pass until the next frame of :meth:`run` is due; the line is used meanwhile."""
        try:
            self._use_line()
        except SessionLostError as error:
            logger.warning("between frames: %s", error)  # the next frame opens the tree again

    def _use_line(self) -> None:
        while (due := self._pace.due(self._streamer.now)) > self._streamer.now + _ROUNDING_US:
            if self._opened != self.device.opened:
                self._open_again()
            again = self._streamer.ahead(self._pace.limit(self._streamer.now), IDLE_PART)
            event = self.device.wait_for(self._streamer.requests, min(due, again or due) / 1e6)
            if event is not None:
                self._streamer.heard(event)

    def next_frame(self, image: Image | None) -> InferenceResult:
        """The next frame of :meth:`run`."""
        return self._run(None if image is None else self.tree.scene(image))

    def _run(self, scene: Scene | None) -> InferenceResult:
        self._frames += 1
        for repeats in range(self._retries):
            try:
                return self._try(scene, repeats)
            except SessionLostError as error:
                logger.warning("frame %d begins again: %s", self._frames, error)
        return self._try(scene, self._retries)

    def _try(self, scene: Scene | None, repeats: int) -> InferenceResult:
        """Take the frame through the tree, unless the device is started anew meanwhile."""
        if self._opened != self.device.opened:
            self._open()  # another runner has had the device, or it was started anew
        if scene is not None:
            self.device.show(*scene)
        started = self._streamer.now
        self._pace.started(started)
        self._planner.begin_frame()
        request = self.device.start_frame(self._frames)
        self._streamer.sent(START_BYTES)
        self._timeline.start(started, self._streamer.line_free)
        try:
            return self._follow(request, repeats, started)
        except BaseException as error:
            self.device.forget({request})
            if not isinstance(error, SessionLostError):
                with contextlib.suppress(PixeltreeError):
                    self.device.cancel_frame(self._frames, request)
            raise

    def _follow(self, request: int, repeats: int, started: float) -> InferenceResult:
        """Serve a frame's faults until its result comes."""
        swaps: list[tuple[str, Sending]] = []
        faulted: dict[int, Fault] = {}
        faults = 0
        while True:
            message = self._next(request, faulted)
            if isinstance(message, Result):
                return self._result(message, swaps, faults, repeats, started)
            faults += 1
            node = self._number_of(message.node)
            now = self._streamer.now
            first = node not in faulted
            self.counters.faults += first
            faulted[node] = message
            if first and self._answers_now(node, now, started):
                return self._coarse(request, node, faults, repeats, started)
            missing = self._planner.bytes_left(node)
            sending = self._streamer.demand(node, message.missing)
            if first:
                self._timeline.fault(node, now, message, missing)
            swaps.append((self._name(message.node), sending))

    def _next(self, request: int, faulted: dict[int, Fault]) -> Fault | Result:
        """The frame's next event; the line is used meanwhile."""
        while True:
            now = self._streamer.now
            again = None if faulted else self._streamer.ahead(self._pace.limit(now), BUSY_PART)
            event = self.device.wait_for(
                self._streamer.requests | {request}, None if again is None else again / 1e6
            )
            if event is None:
                continue
            if event.request == request:
                if isinstance(event.message, Error):
                    raise device_error(event.message)
                assert isinstance(event.message, Fault | Result)
                if isinstance(event.message, Result):
                    self.device.forget({request})
                return event.message
            if not self._streamer.heard(event) and faulted:
                node = next(reversed(faulted))
                self._streamer.demand(node, ())

    def _answers_now(self, node: int, now: float, started: float) -> bool:
        """Whether the node above has to answer, because the frame would end too late."""
        if self._deadline_us is None or self._swap_tree.nodes[node].parent is None:
            return False
        return self._planner.too_late(node, now, self._streamer.line_free, started + self._deadline_us)

    def _coarse(self, request: int, node: int, faults: int, repeats: int, started: float) -> InferenceResult:
        """Give the frame up; the node above has said as much as there is to say in time."""
        self.device.cancel_frame(self._frames, request)
        self._streamer.sent(CANCEL_BYTES)
        tree = self._swap_tree
        above = tree.path_to(node)[:-1]
        for each in (0, *above):
            self._planner.enter(each)
        self._planner.end_frame(tree.end_of.get(node))
        self._planner.want(node)
        done = self._streamer.now
        self._pace.ended(done, True)
        self.counters.coarse += 1
        self._count(done - started)
        self._timeline.coarse(started, done)
        label = self._answers.label(node)
        return InferenceResult(
            self._frames,
            label,
            self.tree.labels[label],
            self._answers.path(node),
            0.0,
            0.0,
            (),
            faults,
            0,
            repeats,
            True,
            done - started,
        )

    def _result(
        self,
        result: Result,
        sendings: list[tuple[str, Sending]],
        faults: int,
        repeats: int,
        started: float,
    ) -> InferenceResult:
        path = tuple(
            NodeVisit(self._name(visit.node), visit.outcome, visit.logits, visit.device_ns / 1000)
            for visit in result.path
        )
        done = self._streamer.now
        nodes = [self._number_of(visit.node) for visit in result.path]
        logits = {node: visit.logits for node, visit in zip(nodes, result.path, strict=True) if node == _ROOT}
        for node in (_CAPTURE, *nodes):
            self._planner.enter(node)
        self._answers.learn(nodes, result.label)
        waited = self._timeline.waited
        self.counters.hits += 1 + len(nodes) - waited
        self._planner.end_frame(self._swap_tree.end_of.get(nodes[-1]), logits)
        self._pace.ended(done, waited > 0)
        self.counters.stall_us += result.stall_ns / 1000
        self.counters.array_us += result.device_ns / 1000
        self._count(done - started)
        for size, cold_us in self._timeline.finish(result, nodes, done):
            if size >= LEAST_COLD:
                self.counters.cold_us += cold_us
                self.counters.cold_line_us += size * self._planner.line.us_per_byte
        swaps = tuple(Swap(name, sending.objects, sending.wire_bytes) for name, sending in sendings)
        return InferenceResult(
            result.frame,
            result.label,
            self.tree.labels[result.label],
            path,
            result.device_ns / 1000,
            result.stall_ns / 1000,
            swaps,
            faults,
            result.words,
            repeats,
            False,
            done - started,
        )

    def _count(self, latency_us: float) -> None:
        self.counters.frames += 1
        if self._deadline_us is not None and latency_us > self._deadline_us:
            self.counters.late += 1

    def finish(self) -> Counters:
        """The run is over: what was sent and not used counts as wasted; the counters go to the log."""
        self.counters.close()
        logger.info("swapping: %s", self.counters.summary())
        return self.counters

    # -- names and limits --------------------------------------------------------------------------

    def _number_of(self, node: Digest) -> int:
        self._name(node)
        return self._number[node]

    def _name(self, node: Digest) -> str:
        if node == self.tree.root.capture:
            return "capture"
        if node not in self.tree.names:
            raise TreeError(f"the device speaks of node {short(node)}, which is not in this tree")
        return self.tree.names[node]

    def _check_fits(self, limit: int, icw_store: int) -> None:
        for digest in self.tree.nodes:
            words = self.tree.words_of(digest)
            if words > icw_store:
                raise TreeError(
                    f"node {self._name(digest)!r} needs {words} instruction words; the device's store has "
                    f"{icw_store}"
                )
            size = self.tree.bytes_of(self.tree.needs(digest))
            if size > limit:
                raise TreeError(
                    f"node {self._name(digest)!r} needs {size} bytes of controller memory; "
                    f"the limit is {limit}"
                )
