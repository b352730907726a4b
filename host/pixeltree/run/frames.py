"""One frame through the tree: its faults served, its result taken, and the line used meanwhile."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from pixeltree.device.device import Device
from pixeltree.device.exchange import device_error
from pixeltree.errors import PixeltreeError, SessionLostError
from pixeltree.run.coarse import CoarseAnswers
from pixeltree.run.nodes import NodeTable
from pixeltree.run.results import InferenceResult, NodeVisit, Swap
from pixeltree.run.settings import FrameSettings
from pixeltree.run.stream import Sending, Streamer
from pixeltree.run.timeline import Timeline
from pixeltree.swapping import Pace, Planner
from pixeltree.swapping.account import LEAST_COLD
from pixeltree.swapping.chunking import BUSY_CHUNK
from pixeltree.swapping.description import CAPTURE
from pixeltree.swapping.line import CANCEL_BYTES, START_BYTES
from pixeltree.tree.tree import PlacedImage, Tree
from pixeltree_protocol.link.messages import CancelFrame, Done, Error, Fault, Result, Show, StartFrame

_WIDE = 131_072
"""Bytes of the window of a wire that is fast: an image counts for nothing there."""

_IMAGES_SHARE = 4
"""An image that takes at most this part of such a window goes together with START_FRAME."""


@dataclass
class Order:
    """A frame that is asked for. Where the device is started anew, it is taken again.

    Attributes:
        number: counted by the runner.
        image: what to show to the emulated sensor before; None for what it sees.
        settings: of the run that it belongs to.
        pace: of that run.
        repeats: how often it has begun again.
        started: when it first started, in microseconds; None before.
        late_us: how long after its turn that was.
    """

    number: int
    image: PlacedImage | None
    settings: FrameSettings
    pace: Pace
    repeats: int = 0
    started: float | None = None
    late_us: float = 0.0


@dataclass
class _Frame:
    """The frame in hand.

    Attributes:
        order: what was asked for.
        first: when it first started, in microseconds.
        started: when it did this time.
        request: what its events answer.
        shows: requests that show its image, of which it is not known yet whether they were granted.
        swaps: what was sent for each fault.
        faulted: nodes that it had to wait for, in order.
        faults: faults that the device reported.
    """

    order: Order
    first: float
    started: float
    request: int
    shows: set[int] = field(default_factory=set)
    swaps: list[tuple[str, Sending]] = field(default_factory=list)
    faulted: list[int] = field(default_factory=list)
    faults: int = 0


class FrameServer:
    """Takes frames through a tree that is open on the device.

    Args:
        device: the device.
        tree: the tree.
        planner: decides.
        streamer: sends.
        timeline: works out what happened when.
        nodes: names and numbers of the tree's nodes.
    """

    def __init__(
        self,
        device: Device,
        tree: Tree,
        planner: Planner,
        streamer: Streamer,
        timeline: Timeline,
        nodes: NodeTable,
    ) -> None:
        self._device = device
        self._exchange = device.exchange
        self._tree = tree
        self._swap_tree = planner.tree
        self._planner = planner
        self._counters = planner.counters
        self._streamer = streamer
        self._timeline = timeline
        self._nodes = nodes
        self._answers = CoarseAnswers(tree, planner.tree)

    def take(self, order: Order) -> InferenceResult:
        """Take a frame through the tree.

        Raises:
            DeviceError: the frame ended with an error.
            SessionLostError: the device was started anew meanwhile.
            LinkError: the device is gone or silent.
        """
        frame = self._start(order)
        self._planner.begin_frame()
        self._streamer.sent(START_BYTES)
        self._timeline.start(frame.started, self._streamer.line_free)
        try:
            return self._follow(frame)
        except BaseException as error:
            self._exchange.forget({frame.request} | frame.shows)
            if isinstance(error, SessionLostError):
                self._timeline.lost(self._streamer.now)
            else:
                with contextlib.suppress(PixeltreeError):
                    self._cancel(frame)
            raise

    def _start(self, order: Order) -> _Frame:
        """Show a frame's image, and start it: in one burst where the wire is fast and the image small."""
        shows = self._shows_at_once(order)
        if order.image is not None and not shows:
            self._show_image(order)
        started = self._streamer.now
        first = self.first_start(order, started)
        start = StartFrame(order.number)
        if not shows:
            return _Frame(order, first, started, self._exchange.send(start).request)
        with self._exchange.session.together():
            shown = {self._exchange.send(show).request for show in shows}
            return _Frame(order, first, started, self._exchange.send(start).request, shown)

    def _shows_at_once(self, order: Order) -> list[Show]:
        """What shows a frame's image, if that may go together with START_FRAME."""
        window = self._exchange.welcome.capabilities.credit_window
        if order.image is None or window < _WIDE or order.image[0].size > window // _IMAGES_SHARE:
            return []
        return self._device.shows(*order.image)

    def _show_image(self, order: Order) -> None:
        """Show a frame's image; a frame whose link breaks meanwhile has started when that began."""
        assert order.image is not None
        asked, cuts = self._streamer.now, self._exchange.session.cuts
        self._device.show(*order.image)
        if self._exchange.session.cuts != cuts:
            self.first_start(order, asked)

    def first_start(self, order: Order, now: float) -> float:
        """When a frame first started: now, unless it has before."""
        if order.started is None:
            order.started = now
            order.late_us = order.pace.started(now)
            self._counters.started(order.late_us, order.pace.period_us)
        return order.started

    def _cancel(self, frame: _Frame) -> None:
        """Give a frame up, if it is not over."""
        self._exchange.forget({frame.request})
        self._exchange.ask(CancelFrame(frame.order.number), Done)

    def _follow(self, frame: _Frame) -> InferenceResult:
        """Serve the frame's faults until its result comes."""
        while True:
            message = self._next(frame)
            if isinstance(message, Result):
                return self._result(message, frame)
            node = self._nodes.number(message.node)
            now = self._streamer.now
            first = node not in frame.faulted
            frame.faults += 1
            self._counters.faults += first
            if first:
                frame.faulted.append(node)
                if self._answers_now(node, now, frame):
                    return self._coarse(node, frame)
            missing = self._planner.bytes_left(node)
            sending = self._streamer.demand(node, message.missing)
            if first:
                self._timeline.fault(node, now, message, missing)
            frame.swaps.append((self._nodes.name(message.node), sending))

    def _next(self, frame: _Frame) -> Fault | Result:
        """The frame's next event; the line is used meanwhile."""
        while True:
            again = None
            if not frame.faulted:
                again = self._streamer.ahead(frame.order.pace.limit(self._streamer.now), BUSY_CHUNK)
            event = self._exchange.wait(
                self._streamer.requests | frame.shows | {frame.request},
                None if again is None else again / 1e6,
            )
            if event is None:
                continue
            if event.request in frame.shows:
                if isinstance(event.message, Error):
                    raise device_error(event.message)
                frame.shows.remove(event.request)
                self._exchange.forget({event.request})
                continue
            if event.request == frame.request:
                if isinstance(event.message, Error):
                    raise device_error(event.message)
                assert isinstance(event.message, Fault | Result)
                if isinstance(event.message, Result):
                    self._exchange.forget({frame.request})
                return event.message
            if not self._streamer.heard(event) and frame.faulted:
                self._streamer.demand(frame.faulted[-1], ())

    def _answers_now(self, node: int, now: float, frame: _Frame) -> bool:
        """Whether the node above has to answer, because the frame would end too late."""
        deadline_us = frame.order.settings.deadline_us
        if deadline_us is None or self._swap_tree.nodes[node].parent is None:
            return False
        return self._planner.too_late(node, now, self._streamer.line_free, frame.first + deadline_us)

    def _coarse(self, node: int, frame: _Frame) -> InferenceResult:
        """Give the frame up; the node above has said as much as there is to say in time."""
        self._cancel(frame)
        self._streamer.sent(CANCEL_BYTES)
        tree = self._swap_tree
        visited = (CAPTURE, *tree.path_to(node)[:-1])
        for each in visited:
            self._planner.enter(each)
        self._planner.end_frame(tree.end_of.get(node))
        self._planner.want(node)
        self._counters.hits += len(visited) - (len(frame.faulted) - 1)
        done = self._ended(frame, True, coarse=True)
        self._timeline.coarse(frame.started, done)
        label = self._answers.label(node)
        return InferenceResult(
            frame=frame.order.number,
            label=label,
            label_name=self._tree.labels[label],
            path=self._answers.path(node),
            device_us=0.0,
            stall_us=0.0,
            swaps=_swaps(frame),
            faults=frame.faults,
            words=0,
            repeats=frame.order.repeats,
            coarse=True,
            latency_us=done - frame.first,
            late_us=frame.order.late_us,
        )

    def _result(self, result: Result, frame: _Frame) -> InferenceResult:
        found = [self._nodes.find(visit.node) for visit in result.path]
        nodes = [number for number, _ in found]
        logits = {node: visit.logits for node, visit in zip(nodes, result.path, strict=True)}
        for node in (CAPTURE, *nodes):
            self._planner.enter(node)
        self._answers.learn(nodes, result.label)
        self._planner.end_frame(self._swap_tree.end_of.get(nodes[-1]), logits)
        done = self._ended(frame, self._timeline.waited > 0)
        self._count(result, nodes, done)
        return InferenceResult(
            frame=result.frame,
            label=result.label,
            label_name=self._tree.labels[result.label],
            path=tuple(
                NodeVisit(name, visit.outcome, visit.logits, visit.device_ns / 1000)
                for (_, name), visit in zip(found, result.path, strict=True)
            ),
            device_us=result.device_ns / 1000,
            stall_us=result.stall_ns / 1000,
            swaps=_swaps(frame),
            faults=frame.faults,
            words=result.words,
            repeats=frame.order.repeats,
            coarse=False,
            latency_us=done - frame.first,
            late_us=frame.order.late_us,
        )

    def _ended(self, frame: _Frame, waited: bool, coarse: bool = False) -> float:
        """The frame is over; returns when."""
        done = self._streamer.now
        order = frame.order
        if not order.repeats:
            order.pace.ended(done, waited)
        self._counters.ended(done - frame.first, order.settings.deadline_us, coarse)
        return done

    def _count(self, result: Result, nodes: list[int], done: float) -> None:
        """Put into the counters what the device says."""
        counters, line = self._counters, self._planner.line
        counters.hits += 1 + len(nodes) - self._timeline.waited
        counters.stall_us += result.stall_ns / 1000
        counters.array_us += result.device_ns / 1000
        for size, cold_us in self._timeline.finish(result, nodes, done):
            if size >= LEAST_COLD and line.known:
                counters.cold_us += cold_us
                counters.cold_line_us += size * line.us_per_byte


def _swaps(frame: _Frame) -> tuple[Swap, ...]:
    return tuple(Swap(name, sending.objects, sending.wire_bytes) for name, sending in frame.swaps)
