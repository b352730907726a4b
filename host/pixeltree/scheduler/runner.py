"""TreeRunner: takes frames through a tree and serves the device's faults.

Demand paging: nothing is sent before the device asks for it, except that a fault on an absent manifest
is answered with everything that node needs, manifest last, so that one round trip is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree.device import Device
from pixeltree.errors import TreeError
from pixeltree.tree import Image, Tree
from pixeltree_protocol.messages import Fault, Result
from pixeltree_protocol.objects import Digest, short

FAULT_TIMEOUT = 5.0


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
        fault_timeout: seconds that a frame may wait for missing objects.

    Attributes:
        budget_bytes: controller memory that the tree has.
        wire_bytes_streamed: bytes of objects put on the wire so far, framing included.

    Raises:
        TreeError: a node needs more than the limit.
    """

    def __init__(
        self,
        device: Device,
        tree: Tree,
        memory_limit: int | None = None,
        fault_timeout: float = FAULT_TIMEOUT,
    ) -> None:
        self.device = device
        self.tree = tree
        self._frames = 0
        capabilities = device.welcome.capabilities
        limit = min(memory_limit or capabilities.memory_bytes, capabilities.memory_bytes)
        self._check_fits(limit)
        self.wire_bytes_streamed = device.upload({tree.digest: tree.objects[tree.digest]}).wire_bytes
        self.budget_bytes = device.open_tree(tree.digest, memory_limit or 0, fault_timeout)

    def infer(self, image: Image) -> InferenceResult:
        """Show an image to the (emulated) sensor and take one frame of it through the tree.

        Args:
            image: uint8, (64, 64) for the tree's window or (256, 256) for the whole picture.

        Raises:
            DataError: an image of another shape or type.
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        pixels, top, left = self.tree.scene(image)
        self.device.show(pixels, top, left)
        return self.run_frame()

    def run_frame(self) -> InferenceResult:
        """Take one frame of whatever the sensor sees through the tree."""
        self._frames += 1
        request = self.device.start_frame(self._frames)
        swaps: list[Swap] = []
        faults = 0
        while True:
            event = self.device.next_event(request)
            if isinstance(event, Result):
                return self._result(event, tuple(swaps), faults)
            faults += 1
            swaps.append(self._serve(event))

    def _serve(self, fault: Fault) -> Swap:
        """Send what a fault asks for: all that the node lacks, whether the device can know it yet or not."""
        if fault.node not in self.tree.nodes:
            raise TreeError(f"the device asks for node {short(fault.node)}, which is not in this tree")
        needs = {digest: self.tree.objects[digest] for digest in self.tree.needs(fault.node)}
        upload = self.device.upload(needs)
        self.wire_bytes_streamed += upload.wire_bytes
        return Swap(self._name(fault.node), upload.objects, upload.wire_bytes)

    def _name(self, node: Digest) -> str:
        return self.tree.names.get(node, "capture")

    def _result(self, result: Result, swaps: tuple[Swap, ...], faults: int) -> InferenceResult:
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
        )

    def _check_fits(self, limit: int) -> None:
        for digest in self.tree.nodes:
            size = self.tree.bytes_of(self.tree.needs(digest))
            if size > limit:
                raise TreeError(
                    f"node {self._name(digest)!r} needs {size} bytes of controller memory; "
                    f"the limit is {limit}"
                )
