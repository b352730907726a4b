"""Where every byte went, and how long frames waited."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from pixeltree.swapping.latency import Latencies
from pixeltree.swapping.summary import Summary

LEAST_COLD = 8_192
"""Bytes of missing objects from which on a fault counts for the cold swap ratio."""

LATE_SHARE = 0.1
"""A frame starts late where it starts after its turn by more than this share of its period."""


@dataclass
class Counters:
    """Counts of a run.

    Bytes are those on the wire, framing included, of parts of objects and of what steers the residency.

    Attributes:
        frames: frames that ended with a result, a coarse one included.
        repeats: how often a frame began again because the device was started anew. What it had waited for
            before stays in the counts below.
        faults: nodes for which a frame had to wait, or for which a node above answered.
        hits: nodes that were there when a frame came to them.
        coarse: frames answered by a node above, because their deadline was near.
        late: frames that ended after their deadline, coarse ones included; 0 in a run without a deadline,
            however slow.
        deadline_misses: frames that were coarse or late, each counted once.
        late_starts: frames that started after their turn by more than a tenth of their period; 0 in a run
            without a period. Turns in which no frame started are not counted.
        late_start_us: how late those started, summed.
        latest_start_us: how late the latest of them started.
        sent_bytes: all bytes of objects.
        used_bytes: of those, bytes of objects that a frame has used since.
        wasted_bytes: bytes of objects that went unused, evicted or left at the end.
        duplicate_bytes: bytes of objects that were there already.
        unjudged_bytes: bytes of objects that are there and were not used yet; 0 at the end of a run.
        steering_bytes: bytes of the questions that keep objects from being evicted.
        hidden_bytes: bytes of objects that moved while no frame waited for them.
        stall_us: device time for which frames waited. The device says nothing of coarse frames.
        array_us: device time of frames without what they waited, coarse ones left out.
        cold_us: time from fault to active node, over the faults for which a whole node had to come.
        cold_line_us: line time of the bytes that were missing.
        latency: of every frame, from its first start to its result, in microseconds.
    """

    frames: int = 0
    repeats: int = 0
    faults: int = 0
    hits: int = 0
    coarse: int = 0
    late: int = 0
    deadline_misses: int = 0
    late_starts: int = 0
    late_start_us: float = 0.0
    latest_start_us: float = 0.0
    sent_bytes: int = 0
    used_bytes: int = 0
    wasted_bytes: int = 0
    duplicate_bytes: int = 0
    steering_bytes: int = 0
    hidden_bytes: int = 0
    stall_us: float = 0.0
    array_us: float = 0.0
    cold_us: float = 0.0
    cold_line_us: float = 0.0
    latency: Latencies = field(default_factory=Latencies)
    _unjudged: dict[int, int] = field(default_factory=dict)

    @property
    def unjudged_bytes(self) -> int:
        """Bytes of objects that are there or on their way, and were not used yet."""
        return sum(self._unjudged.values())

    @property
    def swaps(self) -> int:
        """Nodes that were streamed in while a frame waited."""
        return self.faults - self.coarse

    @property
    def hidden_fraction(self) -> float:
        """Share of the bytes that moved while no frame waited for them; 1 where none moved."""
        return self.hidden_bytes / self.sent_bytes if self.sent_bytes else 1.0

    @property
    def hit_rate(self) -> float:
        """Share of nodes that were there when a frame came to them; 1 where no frame came to any."""
        visits = self.hits + self.faults
        return self.hits / visits if visits else 1.0

    @property
    def cold_swap_ratio(self) -> float:
        """Time from fault to active node over the line time of the missing bytes, over all cold faults.

        1 where there were none, which ``cold_line_us`` of 0 says.
        """
        return self.cold_us / self.cold_line_us if self.cold_line_us else 1.0

    @property
    def consistent(self) -> bool:
        """Whether every byte sent is accounted for."""
        judged = self.used_bytes + self.wasted_bytes + self.duplicate_bytes
        return self.sent_bytes == judged + self.unjudged_bytes

    def started(self, late_us: float, period_us: float | None) -> None:
        """A frame starts so long after its turn."""
        if period_us is not None and late_us > LATE_SHARE * period_us:
            self.late_starts += 1
            self.late_start_us += late_us
            self.latest_start_us = max(self.latest_start_us, late_us)

    def ended(self, latency_us: float, deadline_us: float | None, coarse: bool) -> None:
        """A frame has ended with a result."""
        late = deadline_us is not None and latency_us > deadline_us
        self.frames += 1
        self.latency.add(latency_us)
        self.coarse += coarse
        self.late += late
        self.deadline_misses += coarse or late

    def sent(self, object_id: int, wire_bytes: int, hidden: bool, known: bool = False) -> None:
        """A part of an object goes on the wire; ``known`` where the device has the object already."""
        self.sent_bytes += wire_bytes
        if hidden:
            self.hidden_bytes += wire_bytes
        if known:
            self.duplicate_bytes += wire_bytes
        else:
            self._unjudged[object_id] = self._unjudged.get(object_id, 0) + wire_bytes

    def used(self, objects: frozenset[int]) -> None:
        """A frame uses objects."""
        if self._unjudged:
            for object_id in self._unjudged.keys() & objects:
                self.used_bytes += self._unjudged.pop(object_id)

    def lost(self, object_id: int) -> None:
        """An object is gone."""
        self.wasted_bytes += self._unjudged.pop(object_id, 0)

    def close(self) -> None:
        """The run is over: what was not used is wasted."""
        for object_id in list(self._unjudged):
            self.lost(object_id)

    def summary(self) -> Summary:
        """All counts and shares so far."""
        shares = {
            field.name: getattr(self, field.name) for field in fields(Summary) if hasattr(self, field.name)
        }
        return Summary(
            p50_us=self.latency.quantile(0.5),
            p99_us=self.latency.quantile(0.99),
            mean_us=self.latency.mean_us,
            greatest_us=self.latency.most_us,
            **shares,
        )
