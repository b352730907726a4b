"""Which objects are evicted for those that come, and how the device is made to evict just these."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pixeltree.swapping.description import SwapTree
from pixeltree.swapping.memory import ControllerMemory


class Eviction:
    """Chooses victims by what objects are worth.

    Args:
        tree: the tree.
        memory: what the device holds, as far as the host knows.
        steers: whether the host decides; otherwise the order of use does.
    """

    def __init__(self, tree: SwapTree, memory: ControllerMemory, steers: bool) -> None:
        self._sizes = tree.sizes
        self._words = tree.words
        self._memory = memory
        self._steers = steers

    def cost(self, objects: Iterable[int], worth: Sequence[float]) -> float:
        """What objects are worth together."""
        sizes = self._sizes
        return sum([worth[object_id] * sizes[object_id] for object_id in objects])

    def in_order(self, kept: Collection[int], worth: Sequence[float]) -> list[int]:
        """Residents that may go, in the order in which they do."""
        candidates = [object_id for object_id in self._memory.resident if object_id not in kept]
        if self._steers:
            candidates.sort(key=worth.__getitem__)
        return candidates

    def victims(
        self, objects: Collection[int], candidates: Iterable[int], kept: Collection[int] = ()
    ) -> list[int] | None:
        """What has to go so that objects fit; None where that is not enough.

        Args:
            objects: what comes.
            candidates: what may go, in order.
            kept: what of that stays nevertheless.
        """
        memory, sizes, words = self._memory, self._sizes, self._words
        short = (
            sum([sizes[object_id] for object_id in objects if object_id not in memory.uploads]) - memory.free
        )
        short_words = sum([words[object_id] for object_id in objects]) - (
            memory.icw_store - memory.used_words
        )
        if short <= 0 and short_words <= 0:
            return []
        victims: list[int] = []
        for object_id in candidates:
            if object_id in kept or (short <= 0 and not words[object_id]):
                continue
            victims.append(object_id)
            short -= sizes[object_id]
            short_words -= words[object_id]
            if short <= 0 and short_words <= 0:
                return self._fewest(victims, -short, -short_words)
        return None

    def _fewest(self, victims: list[int], spare: int, spare_words: int) -> list[int]:
        """Leave out those that need not go after all, the most worth first."""
        if not self._steers:
            return victims
        chosen = list(victims)
        for object_id in reversed(victims):
            if self._sizes[object_id] <= spare and self._words[object_id] <= spare_words:
                chosen.remove(object_id)
                spare -= self._sizes[object_id]
                spare_words -= self._words[object_id]
        return chosen


class UseOrder:
    """The order in which the device has used its objects, as far as the host knows it.

    While a frame is in hand, the host does not see which of its objects are used when. Where other things
    change the order meanwhile, only the device knows what came first.

    Args:
        memory: keeps the order.
    """

    def __init__(self, memory: ControllerMemory) -> None:
        self._memory = memory
        self._computing = False
        self._disturbed = False
        self._passed: tuple[int, ...] = ()
        """Nodes of the frame in hand that came before a demand: their use is in the picture already."""
        self._unsure: set[int] = set()

    def begin_frame(self) -> None:
        """A frame starts."""
        self._computing = True

    def end_frame(self) -> None:
        """It is over, and its nodes have been entered."""
        self._computing = self._disturbed = False
        self._passed = ()

    def enter(self, node: int, needs: Iterable[int]) -> None:
        """The frame has run a node."""
        if self._disturbed:
            self._unsure.update(needs)
        if node not in self._passed:
            self._memory.touch(needs)

    def stopped(self, way: Sequence[int], needs: Sequence[Sequence[int]]) -> None:
        """The frame waits for a node: the device has looked at those on the way to it in between."""
        self._computing = False
        for node, used in zip(way, needs, strict=True):
            if node not in self._passed:
                self._memory.touch(used)
            if self._disturbed:
                self._unsure.update(used)
        self._passed = tuple(way)

    def changed(self) -> None:
        """The order has changed by something else than the frame in hand."""
        self._disturbed |= self._computing

    def asked(self, keep: Sequence[int]) -> None:
        """The device is asked about these: they become the most recently used."""
        self._unsure.clear()
        self.changed()
        self._memory.touch(keep)

    def steer(self, victims: Collection[int]) -> tuple[int, ...]:
        """What to ask about so that the victims are the least recently used: all that is older."""
        keep: list[int] = []
        if not victims:
            return ()
        found = 0
        for object_id in self._memory.resident:
            if object_id in victims:
                found += 1
                if found == len(victims):
                    break
            elif object_id not in self._memory.pinned:
                keep.append(object_id)
        keep += self._unsure.intersection(self._memory.resident).difference(victims, keep)
        return tuple(keep)

    def clear(self) -> None:
        """The device holds nothing any more."""
        self._unsure.clear()
