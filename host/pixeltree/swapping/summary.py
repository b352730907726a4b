"""What a run came to, as one value: for programs by name, for people as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass

_DIGITS = 3
"""Decimal places of times in JSON, in microseconds."""

_SHARE_DIGITS = 4


@dataclass(frozen=True)
class Summary:
    """The figures of a run. ``str()`` gives text that a person can read, :meth:`as_dict` gives JSON.

    Bytes are those on the wire, framing included. Times are microseconds; latencies are from a frame's first
    start to its result, repeats, reconnects and opening the tree again included.

    Attributes:
        frames: frames that ended with a result, a coarse one included.
        p50_us: latency that half of the frames do not exceed; right within 0.3 %.
        p99_us: latency that 99 of 100 frames do not exceed; right within 0.3 %.
        mean_us: mean latency.
        greatest_us: greatest latency.
        repeats: how often a frame began again because the device was started anew.
        late: frames that ended after their deadline, coarse ones included; 0 in a run without a deadline.
        coarse: frames answered by a node above, because their deadline was near.
        deadline_misses: frames that were coarse or late, each counted once.
        late_starts: frames that started after their turn by more than a tenth of their period; 0 in a run
            without a period.
        late_start_us: how late those started, summed.
        latest_start_us: how late the latest of them started.
        faults: nodes for which a frame had to wait, or for which a node above answered.
        swaps: nodes that were streamed in while a frame waited: faults without coarse answers.
        hits: nodes that were there when a frame came to them.
        hit_rate: hits over hits and faults, 0 to 1; 1 where no frame came to any node.
        stall_us: device time for which frames waited.
        array_us: device time of frames without what they waited.
        sent_bytes: all bytes of objects.
        used_bytes: of those, bytes of objects that a frame has used since.
        wasted_bytes: bytes of objects that went unused, evicted or left at the end.
        duplicate_bytes: bytes of objects that were there already.
        unjudged_bytes: bytes of objects that are there and were not used yet; 0 at the end of a run.
        hidden_bytes: bytes of objects that moved while no frame waited for them.
        hidden_fraction: hidden over sent bytes, 0 to 1; 1 where none moved.
        steering_bytes: bytes of the questions that keep objects from being evicted.
        cold_us: time from fault to active node, over the faults for which a whole node had to come.
        cold_line_us: line time of the bytes that were missing.
        cold_swap_ratio: the one over the other; 1 where there were none.
    """

    frames: int
    p50_us: float
    p99_us: float
    mean_us: float
    greatest_us: float
    repeats: int
    late: int
    coarse: int
    deadline_misses: int
    late_starts: int
    late_start_us: float
    latest_start_us: float
    faults: int
    swaps: int
    hits: int
    hit_rate: float
    stall_us: float
    array_us: float
    sent_bytes: int
    used_bytes: int
    wasted_bytes: int
    duplicate_bytes: int
    unjudged_bytes: int
    hidden_bytes: int
    hidden_fraction: float
    steering_bytes: int
    cold_us: float
    cold_line_us: float
    cold_swap_ratio: float

    def as_dict(self) -> dict[str, float]:
        """All figures by name, rounded, as JSON takes them."""
        return {
            name: round(value, _DIGITS if name.endswith("_us") else _SHARE_DIGITS)
            for name, value in asdict(self).items()
        }

    def __str__(self) -> str:
        if not self.frames:
            return "no frame ended"
        lines = [
            f"{counted(self.frames, 'frame')}, latency {milliseconds(self.p50_us)} (median), "
            f"{milliseconds(self.p99_us)} (99 %), {milliseconds(self.greatest_us)} (greatest)"
        ]
        lines.append(
            f"{counted(self.swaps, 'node')} streamed in while a frame waited, {milliseconds(self.stall_us)} "
            f"in all; {self.hit_rate:.1%} of nodes were there"
        )
        lines.append(
            f"{self.sent_bytes:,} bytes of nodes sent, {self.hidden_fraction:.0%} while nobody waited; "
            f"{self.wasted_bytes:,} not used"
        )
        if self.late or self.coarse:
            lines.append(
                f"{self.late:,} ended after their deadline, {self.coarse:,} answered by the node above"
            )
        if self.late_starts:
            lines.append(
                f"{counted(self.late_starts, 'frame')} started late, at most by "
                f"{milliseconds(self.latest_start_us)}"
            )
        if self.repeats:
            lines.append(f"{counted(self.repeats, 'frame')} repeated, as the device was started anew")
        return "\n".join(lines)


def counted(number: int, what: str) -> str:
    """A count with its noun: ``1 frame``, ``2,000 frames``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def milliseconds(us: float) -> str:
    """Microseconds as milliseconds, for people."""
    return f"{us / 1000:,.1f} ms" if us >= 10_000 else f"{us / 1000:.3g} ms"
