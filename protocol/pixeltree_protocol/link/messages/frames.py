"""Messages about trees and the frames that go through them."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.chip.exposure import LEAST_US, MOST_US
from pixeltree_protocol.link.declaration import Field, Sender, message, record
from pixeltree_protocol.link.messages.layouts import DIGEST, DIGESTS
from pixeltree_protocol.objects.layout import Digest

_HOST, _DEVICE = Sender.HOST, Sender.DEVICE


@message(
    7,
    _HOST,
    Field("tree", DIGEST, "digest of the tree object, which must be resident"),
    Field("memory_limit", c.Int32ul, "room that objects may take; 0 for all there is", "bytes"),
    Field(
        "fault_timeout_ms",
        c.Int32ul,
        "how long a frame waits for missing objects while no part of any object comes in",
        "ms",
        "0 to 3,600,000",
    ),
)
@dataclass(frozen=True)
class OpenTree:
    """Run this tree from now on."""

    tree: Digest
    memory_limit: int
    fault_timeout_ms: int


@message(
    8,
    _DEVICE,
    Field("budget_bytes", c.Int32ul, "the room in force", "bytes"),
    Field("evicted", DIGESTS, "objects that it forced out"),
)
@dataclass(frozen=True)
class TreeOpened:
    """Answer to OPEN_TREE."""

    budget_bytes: int
    evicted: tuple[Digest, ...]


@message(
    9,
    _HOST,
    Field("clear", c.Flag, "whether the rest of the picture becomes black"),
    Field("top", c.Int16ul, "first row of the rectangle", "pixels", "0 to rows - 1"),
    Field("left", c.Int16ul, "first column, from the LEFT of the picture", "pixels", "0 to columns - 1"),
    Field("rows", c.Int16ul, "height of the rectangle", "pixels", "1 to rows - top; 0 to end the scene"),
    Field(
        "columns", c.Int16ul, "width of the rectangle", "pixels", "1 to columns - left; 0 to end the scene"
    ),
    Field("pixels", c.GreedyBytes, "brightness, row-major, left to right as one looks at it", "8-bit grey"),
)
@dataclass(frozen=True)
class Show:
    """What an emulated sensor sees in a rectangle until the scene ends; answered by DONE.

    The left of the picture is the array's column 255. A message with 0 rows, 0 columns and no pixels ends the
    scene, as the end of the session does: the sensor sees again what is before it without a host's doing. A
    device with real optics answers CANNOT_SHOW.
    """

    clear: bool
    top: int
    left: int
    rows: int
    columns: int
    pixels: bytes

    @property
    def ends(self) -> bool:
        """Whether it ends the scene."""
        return not (self.rows or self.columns or self.pixels)


@message(10, _DEVICE)
@dataclass(frozen=True)
class Done:
    """A request that has no other answer is done."""


@message(11, _HOST, Field("frame", c.Int32ul, "a number of the host's choice"))
@dataclass(frozen=True)
class StartFrame:
    """Expose a frame and take it through the open tree; answered by RESULT, perhaps FAULTs before."""

    frame: int


@message(13, _HOST, Field("frame", c.Int32ul, "the number given in START_FRAME"))
@dataclass(frozen=True)
class CancelFrame:
    """Give this frame up, if it is in hand; answered by DONE, and by no RESULT."""

    frame: int


@dataclass(frozen=True)
class Visit:
    """One node on a frame's path."""

    node: Digest
    outcome: int
    logits: tuple[int, ...]
    device_ns: int


VISIT = record(
    Visit,
    Field("node", DIGEST, "which node"),
    Field("outcome", c.Int16ul, "index of the exit that it took"),
    Field(
        "logits",
        c.PrefixedArray(c.Int16ul, c.Int32sl),
        "its output sums; none of one that ends in `Proceed`, as the next adds to them",
    ),
    Field("device_ns", c.Int64ul, "device time that it took", "ns"),
)


@message(
    12,
    _DEVICE,
    Field("frame", c.Int32ul, "the number given in START_FRAME"),
    Field("label", c.Int16ul, "the label at the end of the path"),
    Field("path", c.PrefixedArray(c.Int8ul, VISIT), "the nodes visited, root first"),
    Field("capture_ns", c.Int64ul, "device time of exposing, thresholding and replicating", "ns"),
    Field("device_ns", c.Int64ul, "device time of the whole frame without stalls", "ns"),
    Field("stall_ns", c.Int64ul, "device time during which it waited for objects", "ns"),
    Field("words", c.Int32ul, "instruction words executed"),
)
@dataclass(frozen=True)
class Result:
    """A frame's answer; observers get it too, with request id 0."""

    frame: int
    label: int
    path: tuple[Visit, ...]
    capture_ns: int
    device_ns: int
    stall_ns: int
    words: int


@message(
    14,
    _DEVICE,
    Field("frame", c.Int32ul, "the number given in START_FRAME"),
    Field("node", DIGEST, "the node that cannot run"),
    Field("missing", DIGESTS, "the objects that it lacks; its manifest alone where that is missing"),
)
@dataclass(frozen=True)
class Fault:
    """The frame is held until the missing objects are resident."""

    frame: int
    node: Digest
    missing: tuple[Digest, ...]


@message(
    45,
    _HOST,
    Field("mode", c.Int8ul, "who chooses the exposure", limits="0 fixed, 1 auto, 2 as it is"),
    Field(
        "exposure_us",
        c.Int32ul,
        "exposure of the next frame; 0: as it is",
        "us",
        f"0, or {LEAST_US} to {MOST_US:,}",
    ),
)
@dataclass(frozen=True)
class SetExposure:
    """How frames of a tree are exposed until the session ends; answered by EXPOSURE."""

    mode: int
    exposure_us: int


@message(
    46,
    _DEVICE,
    Field("mode", c.Int8ul, "who chooses the exposure", limits="0 fixed, 1 auto"),
    Field("exposure_us", c.Int32ul, "exposure of the next frame", "us", f"{LEAST_US} to {MOST_US:,}"),
)
@dataclass(frozen=True)
class Exposure:
    """Answer to SET_EXPOSURE: how the next frame of a tree will be exposed."""

    mode: int
    exposure_us: int
