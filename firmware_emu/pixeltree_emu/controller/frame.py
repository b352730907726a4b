"""A frame in hand: its way from exposure through the nodes of the tree to a result.

The runner advances one controller step at a time, so that the link is served while the array computes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from pixeltree_emu.array.remembered import Remembered
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_emu.controller.exposure import FrameExposure
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.controller.stretches import Part
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.link.messages import ErrorCode, Fault, Result, Visit
from pixeltree_protocol.objects import (
    MAX_DEPTH,
    MAX_PATH_LOGITS,
    Block,
    Digest,
    Label,
    Node,
    Segment,
    TreeRoot,
    short,
)
from pixeltree_protocol.objects.program import Proceed, Program, Step
from pixeltree_protocol.objects.verify import VerifiedNode, verify_node

_T = TypeVar("_T")

_REMEMBERED_ITEMS = 262_144
"""Words and selections of nodes that are kept ready, so that no frame verifies them again; 150 bytes each."""


@dataclass(frozen=True)
class _Ready:
    """A verified node, its blocks made ready, and its program in parts."""

    verified: VerifiedNode
    kernels: tuple[Kernel, ...]
    parts: tuple[Part, ...]

    @cached_property
    def items(self) -> int:
        """Words and selections of its blocks and stretches."""
        stretches = (part.stretch.kernel for part in self.parts if part.stretch is not None)
        return sum(len(kernel.items) for kernel in (*self.kernels, *stretches)) or 1


def _nothing_made_ready() -> Remembered[tuple[Hashable, ...], _Ready]:
    return Remembered(_REMEMBERED_ITEMS, lambda ready: ready.items)


_MADE_READY = _nothing_made_ready()
"""Nodes by number of kind, digest, input plane, and whether they capture; for all devices of this process."""

_KINDS: dict[tuple[Hashable, CostModel], int] = {}
"""Numbers of kinds of devices: those whose arrays take each other's kernels, with the same costs."""


@dataclass
class FrameInHand:
    """State of the frame that the device is working on.

    Attributes:
        frame: the host's id of the frame.
        request: id of the request that started it.
        tree: the tree it runs through.
        node: digest of the node that is active, or wanted next.
        path: nodes done so far.
        reported: missing objects already told to the host.
        stall_ns: device time spent waiting for objects.
        capture_ns: device time of the capture node.
        capturing: whether the frame is still at its capture node.
        started_ns, started_words: device clock at the start.
    """

    frame: int
    request: int
    tree: TreeRoot
    node: Digest
    started_ns: int
    started_words: int
    path: list[Visit] = field(default_factory=list)
    reported: frozenset[Digest] = frozenset()
    stall_ns: int = 0
    capture_ns: int = 0
    steps: Iterator[Step | None] | None = None
    decision: Decision = field(default_factory=Decision)
    node_started_ns: int = 0
    verified: VerifiedNode | None = None
    capturing: bool = True

    @property
    def waiting(self) -> bool:
        """Whether the frame is held for missing objects."""
        return bool(self.reported)


class FrameRunner:
    """Advances a frame.

    Attributes:
        exposure: how long each frame is exposed.
    """

    def __init__(
        self,
        array: PixelArray,
        clock: DeviceClock,
        store: ObjectStore,
        read_out: ReadOutParameters | None = None,
    ) -> None:
        self._array = array
        self._clock = clock
        self._store = store
        self.sequencer = Sequencer(array, clock, read_out)
        self._kind = _KINDS.setdefault((array.alike, clock.costs), len(_KINDS))
        self._made_ready = _nothing_made_ready() if array.alike is None else _MADE_READY
        self.exposure = FrameExposure(array, clock, read_out)

    def start(self, frame: int, request: int, tree: TreeRoot) -> FrameInHand:
        """Expose the sensor and take a frame in hand."""
        self._array.elapse(self._clock.now_ns)
        self._array.begin_frame(frame)
        hand = FrameInHand(frame, request, tree, tree.capture, self._clock.now_ns, self._clock.words)
        self.exposure.expose()
        return hand

    def advance(
        self, hand: FrameInHand, looks_at_ns: int | None = None, through: bool = False
    ) -> Fault | Result | None:
        """Do one step of work, or a stretch of them that nobody looks into.

        Args:
            hand: the frame.
            looks_at_ns: device time at which somebody will look at the device; None for nobody.
            through: go on until the node is done; nobody's link waits meanwhile.

        Returns:
            A fault the first time objects turn out to be missing, a result at the end, else None.

        Raises:
            RequestError: the node cannot run; the frame is over.
        """
        if hand.steps is None:
            return self._activate(hand)
        self.sequencer.looks_at_ns = looks_at_ns
        for _ in hand.steps:
            if not through:
                return None
        return self._leave(hand)

    def _activate(self, hand: FrameInHand) -> Fault | None:
        missing = self._missing(hand.node)
        if missing:
            if frozenset(missing) <= hand.reported:
                return None
            hand.reported = frozenset(missing)
            return Fault(hand.frame, hand.node, tuple(missing))
        hand.reported = frozenset()
        ready = self._ready(hand)
        hand.verified = ready.verified
        # what a capture node computes is nobody's opinion
        hand.decision = Decision(earlier=hand.decision.logits if hand.path else ())
        hand.node_started_ns = self._clock.now_ns
        hand.steps = self.sequencer.execute_parts(ready.parts, ready.verified, ready.kernels, hand.decision)
        return None

    def _missing(self, digest: Digest) -> list[Digest]:
        """What a node lacks; pins what it has."""
        resident = self._store.get(digest)
        if resident is None:
            self._store.pin([digest])
            return [digest]
        node = _expect(resident.data, Node, digest)
        self._store.pin([digest, *node.needs])
        return self._store.missing(node.needs)

    def _ready(self, hand: FrameInHand) -> _Ready:
        """A node that is wholly resident, made ready."""
        key = self._kind, hand.node, hand.tree.input_plane, hand.capturing
        return self._made_ready.get(key, lambda: self._make_ready(hand))

    def _make_ready(self, hand: FrameInHand) -> _Ready:
        verified = self._verify(hand)
        kernels = tuple(self._store.kernel(digest) for digest in verified.node.blocks)
        return _Ready(verified, kernels, self.sequencer.cut(verified))

    def _verify(self, hand: FrameInHand) -> VerifiedNode:
        node = _expect(self._resident(hand.node), Node, hand.node)
        program = _expect(self._resident(node.program), Program, node.program)
        blocks = [_expect(self._resident(digest), Block, digest) for digest in node.blocks]
        segments = [_segment(self._resident(digest), digest) for digest in node.segments]
        plane = hand.tree.input_plane
        try:
            return verify_node(node, program, blocks, segments, plane, is_capture=hand.capturing)
        except ProgramError as error:
            raise RequestError(ErrorCode.BAD_TREE, f"node {short(hand.node)}: {error}") from error

    def _resident(self, digest: Digest) -> object:
        resident = self._store.get(digest)
        return resident.data if resident else None

    def _leave(self, hand: FrameInHand) -> Result | None:
        elapsed = self._clock.now_ns - hand.node_started_ns
        hand.steps = None
        if hand.capturing:
            hand.capture_ns = elapsed
            hand.capturing = False
            hand.node = hand.tree.root
            return None
        assert hand.verified is not None
        outcome = hand.decision.outcome
        assert outcome is not None  # a verified node's last step decides
        proceeds = isinstance(hand.verified.program.steps[-1], Proceed)
        told = () if proceeds else hand.decision.logits
        hand.path.append(Visit(hand.node, outcome, told, elapsed))
        logits = sum(len(visit.logits) for visit in hand.path)
        if logits > MAX_PATH_LOGITS:
            raise RequestError(
                ErrorCode.BAD_TREE,
                f"the nodes of the frame's path give {logits} logits; a result holds {MAX_PATH_LOGITS} at "
                "most",
            )
        exit_ = hand.verified.node.exits[outcome]
        if not isinstance(exit_, Label):
            if len(hand.path) >= MAX_DEPTH:
                raise RequestError(ErrorCode.BAD_TREE, f"the frame's path is longer than {MAX_DEPTH} nodes")
            hand.node = exit_.node
            return None
        return self._result(hand, exit_.value)

    def _result(self, hand: FrameInHand, label: int) -> Result:
        self._store.pin([])
        self._clock.charge(self._clock.costs.result_ns)
        return Result(
            hand.frame,
            label,
            tuple(hand.path),
            hand.capture_ns,
            self._clock.now_ns - hand.started_ns - hand.stall_ns,
            hand.stall_ns,
            self._clock.words - hand.started_words,
        )


def _expect(found: object, kind: type[_T], digest: Digest) -> _T:
    if not isinstance(found, kind):
        raise _not_a(kind.__name__, digest)
    return found


def _segment(found: object, digest: Digest) -> Segment:
    if not isinstance(found, Segment):
        raise _not_a("Segment", digest)
    return found


def _not_a(kind: str, digest: Digest) -> RequestError:
    return RequestError(
        ErrorCode.BAD_TREE, f"object {short(digest)} is not the {kind} that the tree takes it for"
    )
