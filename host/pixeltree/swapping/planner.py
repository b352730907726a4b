"""The decisions of swapping: what to send next, what may go for it. The simulator and the runner share them.

The planner knows the tree and the line, keeps the host's picture of the controller's memory, and says what
to send. It does no I/O and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pixeltree.swapping.account import Counters
from pixeltree.swapping.description import CAPTURE, ROOT, SwapTree
from pixeltree.swapping.line import LineRate, put_bytes, query_bytes
from pixeltree.swapping.memory import ControllerMemory, NoRoomError
from pixeltree.swapping.prediction import Logits, Predictor
from pixeltree.swapping.residency import Residency

IDLE_PART = 2_048
"""Bytes of an object in one part while nothing can interrupt."""

BUSY_PART = 512
"""The same while a frame is in hand, which may fault: what a demand may have to wait for."""

LEAST_PART = 64
"""A part that is smaller than this is not worth its framing, unless it is the rest of its object."""

_MARGIN = 1.05
"""What comes must be worth so many times what goes for it: otherwise equals would take turns."""

_CANDIDATES = 4
"""Absent nodes that are looked at before nothing is sent."""

_LEAST_WORTH = 1e-4
"""Nodes less probable than this are not sent ahead."""

_QUERY_DIGESTS = 256
"""Digests in one question at most."""

_NO_LOGITS: Logits = {}


@dataclass(frozen=True)
class Part:
    """Part of an object to send.

    Attributes:
        each: the object.
        offset: where in it the part begins.
        size: bytes of it.
        last: whether it completes the object.
        keep: objects to ask about before, so that the device evicts others.
    """

    each: int
    offset: int
    size: int
    last: bool
    keep: tuple[int, ...] = ()

    @property
    def wire_bytes(self) -> int:
        """Bytes on the wire, the question about what to keep not included."""
        return put_bytes(self.size)


class Planner:
    """The decisions.

    Args:
        tree: the tree.
        budget: controller memory in bytes.
        icw_store: instruction words that blocks may take.
        line: the line to the device.
        policy: who has to go.
        predictor: what comes next.
        max_part: bytes of an object in one message at most.

    Attributes:
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
        max_part: int = 8_192 - 24,
    ) -> None:
        self.tree = tree
        self.line = line
        self.policy = policy
        self.memory = ControllerMemory(tree.sizes, tree.words, budget, icw_store)
        self.counters = Counters()
        self._predictor = predictor
        self._max_part = max_part
        self._always = frozenset((*tree.nodes[CAPTURE].needs, *tree.nodes[ROOT].needs))
        self._needs = tuple(frozenset(node.needs) for node in tree.nodes)
        self._way = tuple((CAPTURE, *tree.path_to(node)[:-1]) for node in range(len(tree.nodes)))
        self._frames = 0
        self._at: int | None = None
        self.expected: dict[int, list[int]] = {}
        self._computing = False
        self._disturbed = False
        self._passed: tuple[int, ...] = ()
        """Nodes of the frame in hand that came before a demand: their use is in the picture already."""
        self._unsure: set[int] = set()
        """Used by frames while the order changed otherwise too: what came first, only the device knows."""
        self._queue: list[int] = []
        self._keep: tuple[int, ...] = ()
        self._urgent = False
        self._demanded: frozenset[int] = frozenset()
        self._content = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send ahead until something happens."""
        return self._content or not (self._queue or self.policy.prefetches)

    # -- what happens ------------------------------------------------------------------------------

    def begin_frame(self) -> None:
        """A frame starts; until it faults or ends, the host does not know which objects it uses when."""
        self._computing = True

    def enter(self, node: int) -> None:
        """A frame runs a node: its objects are used."""
        needs = self.tree.nodes[node].needs
        if self._disturbed:
            self._unsure.update(needs)
        if node not in self._passed:
            self.memory.touch(needs)
        for each in needs:
            self.counters.used(each)

    def end_frame(self, end: int | None, logits: Logits = _NO_LOGITS) -> None:
        """A frame is over; what is learned from it changes what is worth sending. None: who knows where."""
        self._frames += 1
        self._computing = self._disturbed = False
        self._passed = ()
        if end is not None:
            self._predictor.learn(end, logits)
            self.policy.learn(end, self._frames - 1)
        self._demanded = self.memory.pinned = frozenset()
        if logits:
            self._content = False
        if end != self._at:
            self._at = end
            self._content = False
            self._queue = [each for each in self._queue[:1] if each in self.memory.uploads]
            self._keep = ()

    def evicted(self, each: int) -> None:
        """The device says that an object went, which we took for resident."""
        self._lose(each)

    def stayed(self, each: int) -> None:
        """The device says that an object did not go, which we took for evicted."""
        if each not in self.memory.resident and each not in self.memory.uploads:
            self.memory.add_oldest(each)

    def restart(self) -> None:
        """The device was started anew and holds nothing."""
        for each in [*self.memory.resident, *self.memory.uploads]:
            self.counters.lost(each)
        self.memory.clear()
        self.expected.clear()
        self._unsure.clear()
        self._queue.clear()
        self._demanded = frozenset()
        self._content = False

    # -- what to send ------------------------------------------------------------------------------

    def demand(self, node: int, missing: Iterable[int] | None = None) -> list[Part]:
        """Parts to send at once so that a node can run, in order.

        Args:
            node: the node that the frame in hand waits for.
            missing: what the device says is missing; by default what the host knows to be.

        Raises:
            NoRoomError: they do not fit.
        """
        needs = self.tree.nodes[node].needs
        if missing is not None:
            for each in missing:
                if each in self.memory.resident:
                    self._lose(each)
        self._demanded = self._needs[node]
        self._computing = False
        for each in self._way[node]:  # the device has looked at those of this frame in between
            if each not in self._passed:
                self.memory.touch(self.tree.nodes[each].needs)
            if self._disturbed:
                self._unsure.update(self.tree.nodes[each].needs)
        # without the manifest the device does not know what else the node needs
        self._passed = self._way[node]
        known = needs if needs[0] in self.memory.resident else needs[:1]
        self.memory.touch(known)
        self.memory.pinned = frozenset(known)
        self._content = False
        absent = self.memory.missing(needs)
        parts: list[Part] = []
        if absent:
            keep = self._make_way(absent, self._demanded | self._always, self._demanded)
            self._asked(keep)
            for each in self._in_order(absent, node):
                parts += self._rest(each, self._max_part, hidden=False, keep=keep)
                keep = ()
        self._queue = [each for each in self._queue if each not in self.memory.resident]
        self.memory.touch(needs)
        return parts

    def prefetch(self, room: int, most: int = IDLE_PART) -> Part | None:
        """A part that is worth sending now, though nobody waits for it.

        Args:
            room: bytes on the wire that it may take.
            most: bytes of the object that it may have.

        Returns:
            None where nothing is worth it, or nothing fits.
        """
        if self.idle:
            return None
        if not self._queue:
            if room < put_bytes(LEAST_PART) + query_bytes(1):
                return None
            if not self._choose():
                self._content = True
                return None
        keep, each = self._keep, self._queue[0]
        steering = self.steering_bytes(keep)
        size = min(most, self._max_part, room - steering - put_bytes(0) - room // 508)
        left = self.tree.sizes[each] - self.memory.uploads.get(each, 0)
        if size < min(LEAST_PART, left):
            if keep and not self._urgent:
                self._queue.clear()  # it is chosen anew when there is room
            return None
        self._asked(keep)
        try:
            self._begin(each)
        except NoRoomError:
            self._queue.clear()
            return None
        self._keep = ()
        part = self._part(each, size, hidden=True, keep=keep)
        if part.last:
            self._queue.pop(0)
            self._urgent = self._urgent and bool(self._queue)
        return part

    def too_late(self, node: int, now: float, line_free: float, deadline: float) -> bool:
        """Whether a frame that waits for a node now cannot end by a deadline; times in microseconds."""
        absent = self.memory.missing(self.tree.nodes[node].needs)
        left = sum(self.tree.sizes[each] - self.memory.uploads.get(each, 0) for each in absent)
        there = max(now, line_free) + left * self.line.us_per_byte + self.line.latency_us
        return there + self.tree.nodes[node].array_us > deadline

    @staticmethod
    def steering_bytes(keep: Sequence[int]) -> int:
        """Bytes on the wire of the questions about what is to be kept."""
        return sum(query_bytes(len(batch)) for batch in batches(keep))

    def want(self, node: int) -> None:
        """A frame would have needed this node and did not wait for it: send it ahead of all else."""
        absent = self.memory.missing(self.tree.nodes[node].needs)
        if absent:
            self._content = False
            self._urgent = True
            self._queue = self._in_order(absent, node)
            self._keep = self._make_way(absent, self._needs[node] | self._always, self._needs[node])

    # -- how ---------------------------------------------------------------------------------------

    def _choose(self) -> bool:
        """Queue the absent objects of the node most worth sending; returns whether there is one."""
        forecast = self._predictor.forecast().tolist()  # plain numbers: many small sums follow
        chances = [(sum(forecast[end] for end in ends), node) for node, ends in enumerate(self.tree.below)]
        chances.sort(reverse=True)
        worth = self.policy.worth().tolist()
        looked_at = 0
        for chance, node in chances:
            absent = self.memory.missing(self.tree.nodes[node].needs)
            if not absent:
                continue
            looked_at += 1
            if chance < _LEAST_WORTH or looked_at > _CANDIDATES:
                break
            victims = self._victims(absent, self._needs[node] | self._always | self._demanded, worth)
            if victims is None or self._cost(victims, worth) * _MARGIN >= self._cost(absent, worth):
                continue
            self._queue = self._in_order(absent, node)
            self._keep = self._steer(victims)
            self._urgent = False
            return True
        return False

    def _in_order(self, absent: Iterable[int], node: int) -> list[int]:
        """What is on its way already first, the manifest last: with it the device looks at the node."""
        manifest = self.tree.nodes[node].needs[0]
        return sorted(absent, key=lambda each: (each not in self.memory.uploads, each == manifest))

    def _cost(self, objects: Iterable[int], worth: Sequence[float]) -> float:
        return float(sum(worth[each] * self.tree.sizes[each] for each in objects))

    def _victims(
        self, objects: Sequence[int], kept: frozenset[int], worth: Sequence[float]
    ) -> list[int] | None:
        """What has to go so that objects fit, least worth first; None where that is not enough."""
        memory, sizes, words = self.memory, self.tree.sizes, self.tree.words
        short = sum(sizes[each] for each in objects if each not in memory.uploads) - memory.free
        short_words = sum(words[each] for each in objects) - (memory.icw_store - memory.used_words)
        if short <= 0 and short_words <= 0:
            return []
        candidates = [each for each in memory.resident if each not in kept]
        if self.policy.steers:
            candidates.sort(key=worth.__getitem__)
        victims: list[int] = []
        for each in candidates:
            if short <= 0 and not words[each]:
                continue
            victims.append(each)
            short -= sizes[each]
            short_words -= words[each]
            if short <= 0 and short_words <= 0:
                return self._fewest(victims, -short, -short_words)
        return None

    def _fewest(self, victims: list[int], spare: int, spare_words: int) -> list[int]:
        """Leave out those that need not go after all, the most worth first."""
        if not self.policy.steers:
            return victims
        chosen = list(victims)
        for each in reversed(victims):
            if self.tree.sizes[each] <= spare and self.tree.words[each] <= spare_words:
                chosen.remove(each)
                spare -= self.tree.sizes[each]
                spare_words -= self.tree.words[each]
        return chosen

    def _make_way(
        self, objects: Sequence[int], kept: frozenset[int], least: frozenset[int]
    ) -> tuple[int, ...]:
        """What is to be kept so that the device evicts as the policy has it; returns what to ask about."""
        if not self.policy.steers:
            return ()
        worth = self.policy.worth().tolist()
        victims = self._victims(objects, kept, worth)
        if victims is None:
            victims = self._victims(objects, least, worth)
        if victims is None:
            return ()  # uploads in progress have to go; the device sees to that
        return self._steer(victims)

    def _steer(self, victims: Sequence[int]) -> tuple[int, ...]:
        """Have the victims be the least recently used: what is older is asked about, so becomes younger."""
        if not self.policy.steers or not victims:
            return ()
        going = set(victims)
        keep: list[int] = []
        found = 0
        for each in self.memory.resident:
            if each in going:
                found += 1
                if found == len(going):
                    break
            elif each not in self.memory.pinned:
                keep.append(each)
        keep += self._unsure.intersection(self.memory.resident).difference(going, keep)
        return tuple(keep)

    def _asked(self, keep: tuple[int, ...]) -> None:
        """The device is asked about these: they become the most recently used."""
        if keep:
            self._unsure.clear()
            self._disturbed |= self._computing
            self.memory.touch(keep)
            self.counters.steering_bytes += self.steering_bytes(keep)

    def _begin(self, each: int) -> None:
        """Take room for an object, unless it is on its way already."""
        if each in self.memory.uploads:
            return
        before = list(self.memory.uploads)
        self.expected[each] = self.memory.begin(each)
        for gone in self.expected[each]:
            self.counters.lost(gone)
        for upload in before:
            if upload not in self.memory.uploads:
                self.counters.lost(upload)

    def _rest(self, each: int, most: int, hidden: bool, keep: tuple[int, ...]) -> Iterator[Part]:
        """The parts that an object lacks."""
        self._begin(each)
        while True:
            part = self._part(each, most, hidden, keep)
            keep = ()
            yield part
            if part.last:
                return

    def _part(self, each: int, most: int, hidden: bool, keep: tuple[int, ...]) -> Part:
        offset = self.memory.uploads[each]
        size = min(most, self.tree.sizes[each] - offset)
        last = offset + size == self.tree.sizes[each]
        part = Part(each, offset, size, last, keep)
        self.counters.sent(each, part.wire_bytes, hidden)
        if last:
            evicted = self.memory.finish(each)
            self._disturbed |= self._computing
            self.expected.setdefault(each, []).extend(evicted)
            for gone in evicted:
                self.counters.lost(gone)
        else:
            self.memory.uploads[each] = offset + size
        return part

    def _lose(self, each: int) -> None:
        self.memory.drop(each)
        self.counters.lost(each)
        if each in self._queue:
            self._queue.clear()


def batches(objects: Sequence[int]) -> list[Sequence[int]]:
    """Objects as questions take them."""
    return [objects[start : start + _QUERY_DIGESTS] for start in range(0, len(objects), _QUERY_DIGESTS)]
