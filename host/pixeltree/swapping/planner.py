"""The decisions of swapping: what to send next, what may go for it. The simulator and the runner share them.

The planner knows the tree and the line, keeps the host's picture of the controller's memory, and says what
to send. It does no I/O and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pixeltree.errors import NoRoomError
from pixeltree.swapping.account import Counters
from pixeltree.swapping.chunking import IDLE_CHUNK, LEAST_CHUNK, Cutter, Parcel, steering_bytes
from pixeltree.swapping.description import CAPTURE, SwapTree
from pixeltree.swapping.eviction import Eviction, UseOrder
from pixeltree.swapping.line import LineRate, chunk_within, put_bytes, query_bytes
from pixeltree.swapping.memory import ControllerMemory
from pixeltree.swapping.prediction import Logits, Predictor
from pixeltree.swapping.residency import Residency
from pixeltree_protocol.link.bundles import PUT_HEAD

_MARGIN = 1.05
"""What comes must be worth so many times what goes for it: otherwise equals would take turns."""

_CANDIDATES = 4
"""Absent nodes that are looked at before nothing is sent."""

_LEAST_WORTH = 1e-4
"""Nodes less probable than this are not sent ahead."""

_NO_LOGITS: Logits = {}


class Planner:
    """The decisions.

    Args:
        tree: the tree.
        budget: controller memory in bytes.
        icw_store: instruction words that blocks may take.
        line: the line to the device.
        policy: who has to go.
        predictor: what comes next.
        max_chunk: bytes of an object in one message at most.

    Attributes:
        line: may be replaced by one that is known better. While it is unknown, nothing is sent ahead.
        memory: what the device holds, as far as the host knows.
        counters: where the bytes went.
        expected: what the host takes for evicted by the upload of each object.
    """

    def __init__(
        self,
        tree: SwapTree,
        budget: int,
        icw_store: int,
        line: LineRate,
        policy: Residency,
        predictor: Predictor,
        max_chunk: int = 8_192 - PUT_HEAD,
    ) -> None:
        self.tree = tree
        self.line = line
        self.policy = policy
        self.memory = ControllerMemory(tree.sizes, tree.words, budget, icw_store)
        self.counters = Counters()
        self._predictor = predictor
        self._max_chunk = max_chunk
        self._eviction = Eviction(tree, self.memory, policy.steers)
        self._order = UseOrder(self.memory)
        self._cutter = Cutter(tree.sizes, self.memory, self.counters, max_chunk)
        self.expected = self._cutter.expected
        self._always = frozenset(need for node in (CAPTURE, *tree.trunk) for need in tree.nodes[node].needs)
        self._needs = tuple(frozenset(node.needs) for node in tree.nodes)
        self._all_needs = frozenset[int]().union(*self._needs)
        self._after = tuple(tree.way_from(node)[1:] for node in range(len(tree.nodes)))
        self._way = tuple((CAPTURE, *tree.path_to(node)[:-1]) for node in range(len(tree.nodes)))
        self._below = np.zeros((len(tree.nodes), len(tree.ends)))
        for node, ends in enumerate(tree.below):
            self._below[node, list(ends)] = 1.0
        self._frames = 0
        self._at: int | None = None
        self._queue: list[int] = []
        self._keep: tuple[int, ...] = ()
        self._urgent = False
        self._demanded: frozenset[int] = frozenset()
        self._content = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send ahead until something happens."""
        return self._content or not (self.line.known and (self._queue or self.policy.prefetches))

    # -- what happens ------------------------------------------------------------------------------

    def begin_frame(self) -> None:
        """A frame starts; until it faults or ends, the host does not know which objects it uses when."""
        self._order.begin_frame()

    def enter(self, node: int) -> None:
        """A frame runs a node: its objects are used."""
        needs = self.tree.nodes[node].needs
        self._order.enter(node, needs)
        self.counters.used(self._needs[node])

    def end_frame(self, end: int | None, logits: Logits = _NO_LOGITS) -> None:
        """A frame is over; what is learned from it changes what is worth sending. None: who knows where."""
        self._frames += 1
        self._order.end_frame()
        if end is not None:
            self._predictor.learn(end, logits)
            self.policy.learn(end, self._frames - 1)
        if logits or self._demanded:
            self._content = False
        self._demanded = self.memory.pinned = frozenset()
        if end != self._at:
            self._at = end
            self._content = False
            self._queue = [object_id for object_id in self._queue[:1] if object_id in self.memory.uploads]
            self._keep = ()

    def evicted(self, object_id: int) -> None:
        """The device says that an object went, which we took for resident."""
        self._lose(object_id)

    def stayed(self, object_id: int) -> None:
        """The device says that an object did not go, which we took for evicted."""
        if object_id not in self.memory.resident and object_id not in self.memory.uploads:
            self.memory.add_oldest(object_id)

    def holds(self, object_id: int, received: int) -> None:
        """The device says how many bytes of an object it has; a whole one is resident."""
        if received == self.tree.sizes[object_id]:
            self.memory.add(object_id)
        elif (
            received
            and object_id not in self.memory.uploads
            and self.memory.free >= self.tree.sizes[object_id]
        ):
            self.memory.begin(object_id)
            self.memory.uploads[object_id] = received

    def restart(self) -> None:
        """The device was started anew and holds nothing."""
        for object_id in [*self.memory.resident, *self.memory.uploads]:
            self.counters.lost(object_id)
        self.memory.clear()
        self.expected.clear()
        self._order.clear()
        self._queue.clear()
        self._demanded = frozenset()
        self._content = False

    # -- what to send ------------------------------------------------------------------------------

    def demand(self, node: int, missing: Iterable[int] = ()) -> list[Parcel]:
        """Parts to send at once so that a node can run, in order, and then those that follow it in any case.

        Args:
            node: the node that the frame in hand waits for.
            missing: what the device says is missing, beside what the host knows to be.

        Raises:
            NoRoomError: they do not fit.
        """
        needs = self.tree.nodes[node].needs
        for object_id in missing:
            if object_id in self.memory.resident:
                self._lose(object_id)
        self._demanded = self._needs[node]
        way = self._way[node]
        self._order.stopped(way, [self.tree.nodes[passed].needs for passed in way])
        # without the manifest the device does not know what else the node needs
        known = needs if needs[0] in self.memory.resident else needs[:1]
        self.memory.touch(known)
        self.memory.pinned = frozenset(known)
        self._content = True  # until the frame ends, forecasts are those of before it
        parcels = self._whole(node)
        parcels += self._following(node)
        self._queue = [object_id for object_id in self._queue if object_id not in self.memory.resident]
        self.memory.touch(needs)
        return parcels

    def _whole(self, node: int) -> list[Parcel]:
        """All that a node lacks."""
        absent = self.memory.missing(self.tree.nodes[node].needs)
        if not absent:
            return []
        keep = self._make_way(absent, node, self._needs[node])
        self._ask(keep)
        return list(self._cutter.all(self._in_order(absent, node), keep))

    def _following(self, node: int) -> list[Parcel]:
        """What the nodes lack that follow a node whatever it says: it comes while that one computes.

        As far as they have room beside it; the device would ask for it next.
        """
        found: list[Parcel] = []
        kept = set(self._needs[node])
        for after in self._after[node] if self.policy.prefetches else ():
            kept |= self._needs[after]
            absent = self.memory.missing(self.tree.nodes[after].needs)
            if sum(self.tree.sizes[object_id] for object_id in kept) > self.memory.budget:
                break
            keep = self._make_way(absent, after, frozenset(kept))
            self._ask(keep)
            try:
                for parcel in self._cutter.all(self._in_order(absent, after), keep):
                    found.append(parcel)
            except NoRoomError:
                break
        return found

    def prefetch(self, room: int, most: int = IDLE_CHUNK) -> Parcel | None:
        """What is worth sending now in one message, though nobody waits for it.

        Args:
            room: bytes on the wire that it may take.
            most: bytes of objects that it may have.

        Returns:
            None where nothing is worth it, or nothing fits.
        """
        if self.idle:
            return None
        if not self._queue:
            if room < put_bytes(LEAST_CHUNK) + query_bytes(1):
                return None
            if not self._choose():
                self._content = True
                return None
        keep, object_id = self._keep, self._queue[0]
        steering = steering_bytes(keep)
        size = min(most, self._max_chunk, chunk_within(room) - steering)
        if size < min(LEAST_CHUNK, self._cutter.left(object_id)):
            if keep and not self._urgent:
                self._queue.clear()  # it is chosen anew when there is room
            return None
        self._ask(keep)
        together = self._cutter.together(self._queue, size + PUT_HEAD)
        try:
            if together:
                parcel: Parcel = self._cutter.bundle(self._queue[:together], hidden=True, keep=keep)
            else:
                self._cutter.begin(object_id)
                parcel = self._cutter.chunk(object_id, size, hidden=True, keep=keep)
        except NoRoomError:
            self._queue.clear()
            return None
        self._keep = ()
        if parcel.whole:
            self._order.changed()
            del self._queue[: len(parcel.whole)]
            self._urgent = self._urgent and bool(self._queue)
        return parcel

    def too_late(self, node: int, now: float, line_free: float, deadline: float) -> bool:
        """Whether a frame that waits for a node now cannot end by a deadline; times in microseconds."""
        there = max(now, line_free) + self.bytes_left(node) * self.line.us_per_byte + self.line.latency_us
        return there + self.tree.nodes[node].array_us > deadline

    def bytes_left(self, node: int) -> int:
        """Bytes of a node's objects that have not been sent."""
        return sum(
            self._cutter.left(object_id) for object_id in self.memory.missing(self.tree.nodes[node].needs)
        )

    def want(self, node: int) -> None:
        """A frame would have needed this node and did not wait for it: send it ahead of all else."""
        absent = self.memory.missing(self.tree.nodes[node].needs)
        if absent:
            self._content = False
            self._urgent = True
            self._queue = self._in_order(absent, node)
            self._keep = self._make_way(absent, node, self._needs[node])

    # -- how ---------------------------------------------------------------------------------------

    def _choose(self) -> bool:
        """Queue the absent objects of the node most worth sending; returns whether there is one."""
        resident = self.memory.resident
        if self._all_needs <= resident.keys():
            return False
        chances = (self._below @ self._predictor.forecast()).tolist()  # plain numbers: many small sums follow
        worth: list[float] = []
        candidates: list[int] = []
        looked_at, refused_gain, refused_bytes = 0, 0.0, 0
        for chance, node in sorted(zip(chances, range(len(chances)), strict=True), reverse=True):
            absent = self._needs[node].difference(resident)
            if not absent:
                continue
            looked_at += 1
            if chance < _LEAST_WORTH or looked_at > _CANDIDATES:
                break
            if not worth:
                worth = self.policy.worth().tolist()
                candidates = self._eviction.in_order(self._always | self._demanded, worth)
            gain, size = (
                self._eviction.cost(absent, worth),
                sum([self.tree.sizes[object_id] for object_id in absent]),
            )
            if size >= refused_bytes and gain <= refused_gain:
                continue  # one that would bring more for less was refused
            victims = self._eviction.victims(absent, candidates, self._needs[node])
            if victims is None or self._eviction.cost(victims, worth) * _MARGIN >= gain:
                refused_gain, refused_bytes = gain, size
                continue
            self._queue = self._in_order(self.memory.missing(self.tree.nodes[node].needs), node)
            self._keep = self._steer(victims)
            self._urgent = False
            return True
        return False

    def _in_order(self, absent: Iterable[int], node: int) -> list[int]:
        """What is on its way already first, the manifest last: with it the device looks at the node."""
        manifest = self.tree.nodes[node].needs[0]
        return sorted(
            absent, key=lambda object_id: (object_id not in self.memory.uploads, object_id == manifest)
        )

    def _make_way(self, absent: list[int], node: int, needs: frozenset[int]) -> tuple[int, ...]:
        """Have victims that are not needed evicted for what a node lacks; returns what to ask about."""
        if not self.policy.steers:
            return ()
        below = self.tree.below[node]
        # where the frame in hand will end is known already, if that is so
        worth = self.policy.worth(below[0] if len(below) == 1 else None).tolist()
        for kept in (needs | self._always, needs):
            victims = self._eviction.victims(absent, self._eviction.in_order(kept, worth))
            if victims is not None:
                return self._steer(victims)
        return ()  # uploads in progress have to go; the device sees to that

    def _steer(self, victims: list[int]) -> tuple[int, ...]:
        return self._order.steer(set(victims)) if self.policy.steers else ()

    def _ask(self, keep: tuple[int, ...]) -> None:
        """The device is asked about these."""
        if keep:
            self._order.asked(keep)
            self.counters.steering_bytes += steering_bytes(keep)

    def _lose(self, object_id: int) -> None:
        self.memory.drop(object_id)
        self.counters.lost(object_id)
        if object_id in self._queue:
            self._queue.clear()
