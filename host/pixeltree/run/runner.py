"""TreeRunner: takes frames through a tree, serves the device's faults, and sends ahead what comes next.

The room :mod:`pixeltree.swapping` decides what is sent when, and what may go for it, here as in its
simulator. A frame whose nodes are resident needs one message each way: the device goes on by itself. Faults
are served first; the line's idle time belongs to what will probably be needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from types import TracebackType

from pixeltree.arguments.numbers import check_count, check_number
from pixeltree.device.device import Device
from pixeltree.device.exposure import FrameExposure, wanted
from pixeltree.errors import DataError
from pixeltree.run.frame_run import Call, FrameRun
from pixeltree.run.frames import FrameServer
from pixeltree.run.nodes import NodeTable
from pixeltree.run.opened_tree import OpenedTree
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
from pixeltree.swapping.describe import children_of, describe
from pixeltree.swapping.line import UNKNOWN_LINE
from pixeltree.swapping.line_meter import LineMeter
from pixeltree.swapping.residency import policy_named
from pixeltree.tree.tree import GreyImage, Tree
from pixeltree_protocol.link.bundles import PUT_HEAD
from pixeltree_protocol.link.messages import MAX_FAULT_TIMEOUT_MS

logger = logging.getLogger(__name__)

_FAULT_SILENCES = 3.0
"""Unless told otherwise, a frame waits for missing objects so many times as long as the device takes to see
that a wire is dead: from then on the time stands still until its host is back."""

_RETRIES = 5

_LOGITS_PER_E = 20.0
"""Temperature of the root's margins; the mixture judges what they are worth."""

_MAX_BYTES = 2**32 - 1
"""The greatest memory limit that OPEN_TREE can carry."""


class TreeRunner:
    """A tree that runs on a device; :meth:`open` makes one.

    >>> with TreeRunner.open(device, tree) as runner:                        # doctest: +SKIP
    ...     result = runner.infer(image)

    Args:
        device: the device.
        opened: the tree on it.
        planner: of the tree's swapping.
        streamer: sends what the planner decides.

    Attributes:
        device: the device.
        tree: the tree.
        counters: faults, stalls, hit rate, and where the bytes went.
    """

    def __init__(self, device: Device, opened: OpenedTree, planner: Planner, streamer: Streamer) -> None:
        self.device = device
        self.tree = opened.tree
        self.counters: Counters = planner.counters
        self._opened = opened
        self._planner = planner
        self._streamer = streamer
        self._pace = Pace(None)

    @classmethod
    def open(
        cls,
        device: Device,
        tree: Tree,
        memory_limit: int | None = None,
        fault_timeout: float | None = None,
        retries: int = _RETRIES,
        line: LineRate | None = None,
        policy: str = "expected",
        predictor: Predictor | None = None,
        trace: Trace | None = None,
        exposure: int | str | None = None,
    ) -> TreeRunner:
        """Open a tree on a device: frames go through it from now on.

        Args:
            device: a connected device.
            tree: the tree.
            memory_limit: controller memory in bytes that the tree may use, 1 or more; None for all there is.
            fault_timeout: seconds that a frame may wait for missing objects, 0 to 3,600; if None, three times
                as long as the device takes to notice that its host is gone.
            retries: how often one frame may begin again because the device was started anew, 0 or more.
            line: the line to the device; None to measure it. Nothing is sent ahead before it is known.
            policy: ``expected``, ``no_prefetch`` or ``lru``.
            predictor: what guesses the next frame's path; by default transitions seen so far and the root's
                margins.
            trace: collects what happens when, if given.
            exposure: of the tree's frames, as ``Device.set_exposure`` takes it; None leaves it to the device.

        Raises:
            TreeError: a node needs more than the limit, or more instruction words than the device stores.
            DataError: a policy that does not exist, or that needs to know the future; a number out of range.
            DeviceError: the device refuses the tree, or cannot choose exposures.
            LinkError: the device is gone or silent.
        """
        _check(tree, line, policy, memory_limit, retries)
        if fault_timeout is None:
            fault_timeout = _FAULT_SILENCES * device.welcome.silence_ms / 1000
        check_number("a fault time-out, in seconds,", fault_timeout, 0, most=MAX_FAULT_TIMEOUT_MS / 1000)
        capabilities = device.welcome.capabilities
        limit = min(memory_limit or capabilities.memory_bytes, capabilities.memory_bytes)
        nodes = NodeTable(tree)
        given = memory_limit is not None and memory_limit <= capabilities.memory_bytes
        nodes.check_fits(limit, capabilities.icw_store, given)
        swap_tree = describe(tree)
        guess = predictor or _default_predictor(tree, swap_tree)
        planner = Planner(
            swap_tree,
            limit,
            capabilities.icw_store,
            line or UNKNOWN_LINE,
            policy_named(policy, swap_tree, guess, ()),
            guess,
            capabilities.max_body - PUT_HEAD,
        )
        exchange = device.exchange
        streamer = Streamer(exchange, planner, LineMeter(line), tree.objects, trace)
        server = FrameServer(device, tree, planner, streamer, Timeline(planner, trace), nodes)
        opened = OpenedTree(
            exchange,
            tree,
            planner,
            streamer,
            server,
            memory_limit or 0,
            round(fault_timeout * 1000),
            retries,
            None if exposure is None else wanted(exposure),
        )
        opened.open()
        return cls(device, opened, planner, streamer)

    def __enter__(self) -> TreeRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    @property
    def budget_bytes(self) -> int:
        """Controller memory that the tree has."""
        return self._planner.memory.budget

    @property
    def line(self) -> LineRate | None:
        """The line as it was given, or measured where it was not or turned out slower; None before that."""
        return self._planner.line if self._planner.line.known else None

    @property
    def wire_bytes_streamed(self) -> int:
        """Bytes of objects put on the wire so far, framing included."""
        return self._opened.opening_bytes + self._streamer.wire_bytes

    def infer(self, image: GreyImage) -> InferenceResult:
        """Show an image to the (emulated) sensor and take one frame of it through the tree.

        Args:
            image: uint8, (64, 64) for the tree's window or (256, 256) for the whole picture.

        Raises:
            DataError: an image of another shape or type.
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        return self._opened.take(self.tree.place(image), ONE_FRAME, self._pace)

    def run_frame(self) -> InferenceResult:
        """Take one frame of whatever the sensor sees through the tree.

        Where it has to be repeated, the sensor sees what is before it then.

        Raises:
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        return self._opened.take(None, ONE_FRAME, self._pace)

    def run(
        self,
        source: Iterable[GreyImage] | None = None,
        frames: int | None = None,
        period: float | None = None,
        deadline: float | None = None,
        call: Call = asyncio.to_thread,
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
            call: in ``async for``, what calls a function outside the event loop.

        Returns:
            The results, for ``for`` and for ``async for``. A frame starts when its result is asked for, so
            a slow caller gets fewer frames and never an old one. It can be left at any point.

        Raises:
            DataError: a time or a count out of range, or not finite. The frames raise what
                :meth:`infer` does.
        """
        if frames is not None:
            check_count("the number of frames", frames, 0)
        return FrameRun(self._opened, FrameSettings(period, deadline), source, frames, call)

    def set_exposure(self, exposure: int | str) -> FrameExposure:
        """Say how frames are exposed from now on; see :meth:`pixeltree.Device.set_exposure`.

        Unlike there it is said again where the device was started anew.

        Raises:
            DataError: neither ``auto``, ``fixed`` nor microseconds.
            DeviceError: a controller that cannot choose exposures.
            LinkError: the device is gone or silent.
        """
        return self._opened.expose(wanted(exposure))

    def finish(self) -> Counters:
        """The run is over: what was sent and not used counts as wasted; the counters go to the log."""
        self.counters.close()
        logger.info("swapping: %s", self.counters.summary().as_dict())
        return self.counters


def _default_predictor(tree: Tree, swap_tree: SwapTree) -> Predictor:
    """Transitions seen so far, and the root's margins."""
    markov = Markov(Prior(len(swap_tree.ends)))
    root = tree.by_level[swap_tree.trunk[-1]]
    return Mixture([markov, RootLogits(swap_tree, children_of(tree, root), _LOGITS_PER_E)])


def _check(tree: Tree, line: LineRate | None, policy: str, memory_limit: int | None, retries: int) -> None:
    """Whether a tree can be opened so.

    Raises:
        DataError: it cannot, whatever the device.
    """
    if not isinstance(tree, Tree):
        raise DataError(f"a runner takes a Tree, as Tree.load returns it, not {type(tree).__name__}")
    if line is not None and not isinstance(line, LineRate):
        raise DataError(f"a line must be a LineRate, for example LINES['usb_12M'], not {line!r}")
    if policy == "belady":
        raise DataError(
            "the policy belady needs to know all later frames, so it runs only in pixeltree "
            "simulate-swap; choose another policy"
        )
    if memory_limit is not None:
        check_count("a memory limit, in bytes,", memory_limit, 1, _MAX_BYTES)
    check_count("the number of retries", retries, 0)
