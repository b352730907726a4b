"""What comes of frames."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_MOST_SUMS = 16
"""Sums of a node that a notebook shows."""


@dataclass(frozen=True)
class NodeVisit:
    """One node on a frame's path.

    Attributes:
        node: its name.
        outcome: index of the exit it took.
        logits: its output sums; none in a coarse answer.
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
        device_us: device time of the frame in microseconds, stalls not included; 0 in a coarse answer, of
            which the device says nothing. Where the frame was repeated: of the last time.
        stall_us: device time during which it waited for objects; as ``device_us``.
        swaps: what was streamed in for it; where it was repeated, the last time.
        faults: faults that the device reported; where it was repeated, the last time.
        words: instruction words executed; 0 in a coarse answer.
        repeats: how often the frame had to begin again because the device was started anew.
        coarse: the deadline was near: the last node of the path has answered for the node that would have
            been next, and the label is the most frequent one below that.
        latency_us: from the frame's first start to its result, on the clock of the connection: repeats,
            reconnects and opening the tree again included. Showing an image is not, but for repeats, and
            where the link breaks meanwhile.
        late_us: how long after its turn it first started, in microseconds; 0 in a run without a period. The
            time to show an image to an emulated sensor is part of it.
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
    coarse: bool = False
    latency_us: float = 0.0
    late_us: float = 0.0

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(visit.node)}</td><td>{visit.device_us:,.1f} us</td>"
            f"<td>{', '.join(map(str, visit.logits[:_MOST_SUMS]))}</td></tr>"
            for visit in self.path
        )
        swapped = f", swapped in: {', '.join(swap.node for swap in self.swaps)}" if self.swaps else ""
        return (
            f"<p><b>{escape(self.label_name)}</b> in {self.device_us:,.1f} us of device time"
            f"{escape(swapped)}</p><table><tr><th>node</th><th>time</th><th>sums</th></tr>{rows}</table>"
        )

    @property
    def margin(self) -> int | None:
        """How sure the last node was: its greatest logit less its second greatest.

        None where it has fewer than two, as in a coarse answer. What a margin is worth differs from tree to
        tree.
        """
        ordered = sorted(self.path[-1].logits if self.path else ())
        return ordered[-1] - ordered[-2] if len(ordered) > 1 else None

    @property
    def logits(self) -> tuple[int, ...]:
        """Output sums of the last node."""
        return self.path[-1].logits
