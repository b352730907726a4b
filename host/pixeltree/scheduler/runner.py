"""TreeRunner: takes frames through a tree and serves the device's faults.

Demand paging: nothing is sent before the device asks for it, except that a fault on an absent manifest
is answered with everything that node needs, manifest last, so that one round trip is enough.

A cut of the link is the session's business. Where the device was started anew, the runner fills it again with
what the run needs and repeats the frame in hand: each frame ends once, with a result or with an error.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.device import Device
from pixeltree.errors import DataError, DeviceError, SessionLostError, TreeError
from pixeltree.tree import Image, Tree
from pixeltree_protocol.messages import Fault, Result
from pixeltree_protocol.objects import Digest, short

logger = logging.getLogger(__name__)

FAULT_SILENCES = 3.0
"""Unless told otherwise, a frame waits for missing objects so many times as long as the device takes to see
that a wire is dead: from then on the time stands still until its host is back."""

RETRIES = 5

Scene = tuple[npt.NDArray[np.uint8], int, int]
"""Pixels for an emulated sensor, with the row and column (from the left) where they go."""


@dataclass(frozen=True)
class NodeVisit:
    """One node on a frame's path.

    Attributes:
        node: its name.
        outcome: index of the exit it took.
        logits: its output sums.
        device_us: device time that it took, in microseconds.
    """

    node: str
    outcome: int
    logits: tuple[int, ...]
    device_us: float


@dataclass(frozen=True)
class Swap:
    """A node that had to be streamed in while a frame waited.

    Attributes:
        node: its name (``capture`` for the capture node).
        objects: how many objects were sent.
        wire_bytes: their bytes on the wire, framing included.
    """

    node: str
    objects: int
    wire_bytes: int


@dataclass(frozen=True)
class InferenceResult:
    """What came of a frame.

    Attributes:
        frame: its number, counted by the runner.
        label: index of the label.
        label_name: the label's name.
        path: the nodes it went through, root first.
        device_us: device time of the frame in microseconds, stalls not included.
        stall_us: device time during which it waited for objects.
        swaps: what was streamed in for it.
        faults: faults that the device reported.
        words: instruction words executed.
        repeats: how often the frame had to begin again because the device was started anew.
    """

    frame: int
    label: int
    label_name: str
    path: tuple[NodeVisit, ...]
    device_us: float
    stall_us: float
    swaps: tuple[Swap, ...]
    faults: int
    words: int
    repeats: int = 0

    @property
    def logits(self) -> tuple[int, ...]:
        """Output sums of the last node."""
        return self.path[-1].logits


class TreeRunner:
    """Runs a tree on a device.

    Args:
        device: a connected device.
        tree: the tree.
        memory_limit: controller memory in bytes that the tree may use; None for all there is.
        fault_timeout: seconds that a frame may wait for missing objects; if None, three times as long as
            the device takes to notice that its host is gone.
        retries: how often one frame may begin again because the device was started anew.

    Attributes:
        budget_bytes: controller memory that the tree has.
        wire_bytes_streamed: bytes of objects put on the wire so far, framing included.

    Raises:
        TreeError: a node needs more than the limit, or more instruction words than the device stores.
    """

    def __init__(
        self,
        device: Device,
        tree: Tree,
        memory_limit: int | None = None,
        fault_timeout: float | None = None,
        retries: int = RETRIES,
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
        self.wire_bytes_streamed = 0
        self.budget_bytes = self._open_again()

    def _open_again(self) -> int:
        """Open the tree, also where the device is started anew meanwhile."""
        for _ in range(self._retries):
            try:
                return self._open()
            except SessionLostError as error:
                logger.warning("opening the tree again: %s", error)
        return self._open()

    def _open(self) -> int:
        """Open the tree on the device, within its limit."""
        tree = {self.tree.digest: self.tree.objects[self.tree.digest]}
        self.wire_bytes_streamed += self.device.upload(tree).wire_bytes
        budget = self.device.open_tree(self.tree.digest, self._memory_limit, self._fault_timeout)
        self._opened = self.device.opened
        return budget

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
        request = self.device.start_frame(self._frames)
        try:
            return self._follow(request, repeats)
        except (DataError, DeviceError, TreeError):
            self.device.cancel_frame(self._frames, request)
            raise

    def _follow(self, request: int, repeats: int) -> InferenceResult:
        """Serve a frame's faults until its result comes."""
        swaps: list[Swap] = []
        faults = 0
        while True:
            event = self.device.next_event(request)
            if isinstance(event, Result):
                return self._result(event, tuple(swaps), faults, repeats)
            faults += 1
            swaps.append(self._serve(event))

    def _serve(self, fault: Fault) -> Swap:
        """Send what a fault asks for: all that the node lacks, whether the device can know it yet or not."""
        name = self._name(fault.node)
        needs = {digest: self.tree.objects[digest] for digest in self.tree.needs(fault.node)}
        upload = self.device.begin_upload(needs).wait()
        self.wire_bytes_streamed += upload.wire_bytes
        return Swap(name, upload.objects, upload.wire_bytes)

    def _name(self, node: Digest) -> str:
        if node == self.tree.root.capture:
            return "capture"
        if node not in self.tree.names:
            raise TreeError(f"the device speaks of node {short(node)}, which is not in this tree")
        return self.tree.names[node]

    def _result(self, result: Result, swaps: tuple[Swap, ...], faults: int, repeats: int) -> InferenceResult:
        path = tuple(
            NodeVisit(self._name(visit.node), visit.outcome, visit.logits, visit.device_ns / 1000)
            for visit in result.path
        )
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
        )

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
