"""The simulator of swapping: an outcome sequence against a tree, a memory, a line and a policy.

On virtual time only, it models what the runner and the device do, event by event: the line with its framing
and latency, the controller's memory, the array times of nodes, faults, sending ahead, frame periods and
deadlines. Decisions are the runner's own: :class:`Planner` and :class:`Pace`.

Left out, because they are below a percent: acknowledgements of the link, and the credit window, which is
assumed to be large enough to keep the line busy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pixeltree.arguments.numbers import check_count, check_number
from pixeltree.errors import DataError
from pixeltree.swapping.account import LEAST_COLD, Counters
from pixeltree.swapping.chunking import BUSY_CHUNK, IDLE_CHUNK, Parcel, batches, names_of
from pixeltree.swapping.description import SwapTree
from pixeltree.swapping.latency import Latencies
from pixeltree.swapping.line import (
    CANCEL_BYTES,
    START_BYTES,
    LineRate,
    fault_bytes,
    holdings_bytes,
    query_bytes,
    result_bytes,
    stored_bytes,
)
from pixeltree.swapping.pace import Pace
from pixeltree.swapping.planner import Planner
from pixeltree.swapping.prediction import Markov, Predictor, Prior
from pixeltree.swapping.residency import policy_named
from pixeltree.swapping.trace import ARRAY, CONTROLLER, HOST, LINK, Trace

RESULT_US = 20.0
"""Device time of preparing a result message: the cost model's ``result_ns`` (assumed)."""

ICW_STORE = 1_024
"""Instruction words that the real controller stores (fact sheet 2.5)."""


@dataclass(frozen=True)
class Setup:
    """What to simulate.

    Attributes:
        tree: the tree.
        memory: bytes of controller memory.
        line: the line.
        policy: name of the policy.
        period_us: frame period in microseconds; None for one frame after the other.
        deadline_us: frames that cannot end so soon after their start are answered by a node above; None:
            frames wait.
        icw_store: instruction words that blocks may take.

    Raises:
        DataError: a memory or a store below 1, a period that is not above 0, a deadline below 0; or one that
            is not finite.
    """

    tree: SwapTree
    memory: int
    line: LineRate
    policy: str = "expected"
    period_us: float | None = None
    deadline_us: float | None = None
    icw_store: int = ICW_STORE

    def __post_init__(self) -> None:
        check_count("the controller memory, in bytes,", self.memory, 1)
        check_count("the store of instruction words", self.icw_store, 1)
        if self.period_us is not None:
            check_number("a frame period, in microseconds,", self.period_us, above=0)
        if self.deadline_us is not None:
            check_number("a deadline, in microseconds,", self.deadline_us, least=0)


@dataclass(frozen=True)
class Outcome:
    """What a simulation found.

    Attributes:
        counters: where the bytes went, and what frames waited.
        elapsed_us: virtual time of the whole run.
    """

    counters: Counters
    elapsed_us: float

    @property
    def latencies(self) -> Latencies:
        """From start to result, seen by the host."""
        return self.counters.latency

    @property
    def fps(self) -> float:
        """Frames per second."""
        return 1e6 * self.counters.frames / self.elapsed_us if self.elapsed_us else 0.0

    def summary(self) -> dict[str, float]:
        """All figures by name."""
        frames = max(1, self.counters.frames)
        return {
            **self.counters.summary().as_dict(),
            "stall_us_per_frame": round(self.counters.stall_us / frames, 3),
            "fps": round(self.fps, 3),
            "elapsed_us": round(self.elapsed_us, 1),
        }


def simulate(
    setup: Setup, ends: Iterable[int], predictor: Predictor | None = None, trace: Trace | None = None
) -> Outcome:
    """Run a sequence.

    Args:
        setup: what to simulate.
        ends: per frame, where it ends: an index into :attr:`SwapTree.ends`. An offline policy needs all of
            them beforehand; otherwise any iterator does.
        predictor: a fresh one; by default transitions learned from the sequence itself.
        trace: collects what happens, if given.

    Raises:
        DataError: an unknown policy, or an end that the tree does not have.
        TreeError: a node does not fit into the memory.
    """
    known = np.asarray(ends) if setup.policy == "belady" and not isinstance(ends, np.ndarray) else ends
    chosen = predictor or Markov(Prior(len(setup.tree.ends)))
    sequence = known if isinstance(known, np.ndarray) else ()
    policy = policy_named(setup.policy, setup.tree, chosen, sequence)  # type: ignore[arg-type]
    planner = Planner(setup.tree, setup.memory, setup.icw_store, setup.line, policy, chosen)
    for object_id in np.flatnonzero(setup.tree.uses.sum(axis=1) == 0):
        planner.memory.add(int(object_id))  # what opens the tree
    return _Run(setup, planner, trace).run(known.tolist() if isinstance(known, np.ndarray) else known)


class _Run:
    """The state of a simulation: where the line, the device and the host stand, in microseconds."""

    def __init__(self, setup: Setup, planner: Planner, trace: Trace | None) -> None:
        self.planner = planner
        self.counters = planner.counters
        self._setup = setup
        self._tree = setup.tree
        self._byte = setup.line.us_per_byte
        self._latency = setup.line.latency_us
        self._pace = Pace(setup.period_us)
        self._trace = trace
        self._line_free = 0.0
        self._device_free = 0.0
        self._back_free = 0.0
        self._answers: list[tuple[float, int]] = []
        """When the device answers what, in bytes: faults and results wait for that on the way back."""
        self._arrivals: dict[int, float] = {}
        """When objects that are on the line will be whole."""
        self._ends = [self._remember(end) for end in range(len(self._tree.ends))]

    def _remember(self, end: int) -> tuple[tuple[int, ...], float, float]:
        """Per end: the path, its array time, and the line time of its result."""
        path = self._tree.paths[end]
        nodes = [self._tree.nodes[node] for node in path]
        logits = sum(node.outcomes for node in nodes[1:])
        array = sum(node.array_us for node in nodes)
        return path, array, result_bytes(len(nodes) - 1, logits) * self._byte

    def run(self, ends: Iterable[int]) -> Outcome:
        now = 0.0
        for end in ends:
            if not 0 <= end < len(self._ends):
                raise DataError(
                    f"outcome {end} in the sequence: the tree has ends 0 to {len(self._ends) - 1}"
                )
            due = self._pace.due(now)
            self._prefetch(now, due, IDLE_CHUNK)
            now = self._frame(due, end)
        self.counters.close()
        return Outcome(self.counters, now)

    def _frame(self, start: float, end: int) -> float:
        """One frame; returns when the host has its result."""
        path, array, result_us = self._ends[end]
        self.counters.started(self._pace.started(start), self._setup.period_us)
        self.planner.begin_frame()
        arrival = self._send(start, START_BYTES)
        device = max(arrival, self._device_free)
        began = device
        host = start
        stalled = False
        for node in path:
            missing = self._missing(node, device)
            if missing or not self.planner.idle:
                self._prefetch(host, device, BUSY_CHUNK)
                host = max(host, device)
                missing = self._missing(node, device)
            if missing:
                stalled = True
                told = self._fault(node, missing, device)
                self._prefetch(host, told, BUSY_CHUNK)
                host = told
                ready = self._serve(node, told, device, start)
                if ready is None:
                    return self._coarse(node, end, start, told)
                self._note(CONTROLLER, f"fault: {self._tree.nodes[node].name}", device, ready - device)
                self.counters.stall_us += ready - device
                device = max(device, ready)
            else:
                self.counters.hits += 1
            self._note(ARRAY, self._tree.nodes[node].name, device, self._tree.nodes[node].array_us)
            device += self._tree.nodes[node].array_us
        device += RESULT_US
        self._device_free = device
        self.counters.array_us += array + RESULT_US
        done = self._back(device) + result_us + self._latency
        self._prefetch(host, done, BUSY_CHUNK)
        for node in path:
            self.planner.enter(node)
        self._finish(start, done, end, stalled)
        self._note(HOST, "frame", start, done - start, began=round(began, 3))
        return done

    def _finish(
        self, start: float, done: float, end: int | None, stalled: bool, coarse: bool = False
    ) -> None:
        self.planner.end_frame(end)
        self._pace.ended(done, stalled)
        self.counters.ended(done - start, self._setup.deadline_us, coarse)

    def _coarse(self, node: int, end: int, start: float, now: float) -> float:
        """The frame is answered by the node above, at once; what it waited for is on its way all the same."""
        self._send(now, CANCEL_BYTES)
        done = self._line_free + 2 * self._latency + CANCEL_BYTES * self._byte
        self._device_free = done
        for visited in self._tree.paths[end]:
            if visited == node:
                break
            self.planner.enter(visited)
        self._finish(start, done, self._tree.end_of.get(node), True, coarse=True)
        self.planner.want(node)
        self._note(HOST, "frame, coarse", start, done - start)
        return done

    def _back(self, now: float) -> float:
        """When the line back is free for what the device has to say now."""
        for at, wire_bytes in [answer for answer in self._answers if answer[0] <= now]:
            self._back_free = max(self._back_free, at) + wire_bytes * self._byte
        self._answers = [answer for answer in self._answers if answer[0] > now]
        return max(self._back_free, now)

    def _fault(self, node: int, missing: list[int], now: float) -> float:
        """When the host knows of a fault. Where the manifest is missing, the device can name no more."""
        manifest = self._tree.nodes[node].needs[0]
        count = 1 if manifest in missing else len(missing)
        return self._back(now) + fault_bytes(count) * self._byte + self._latency

    def _serve(self, node: int, now: float, fault_at: float, start: float) -> float | None:
        """Send what a node lacks; returns when it is there, or None where the frame does not wait for it."""
        self.counters.faults += 1
        size = self.planner.bytes_left(node)
        deadline = self._setup.deadline_us
        answers = deadline is not None and self._tree.nodes[node].parent is not None
        if answers and self.planner.too_late(node, now, self._line_free, start + (deadline or 0.0)):
            return None
        for parcel in self.planner.demand(node):
            self._put(parcel, now)
        ready = max(
            (self._arrivals.get(object_id, 0.0) for object_id in self._tree.nodes[node].needs), default=now
        )
        if size >= LEAST_COLD:
            self.counters.cold_us += ready - fault_at
            self.counters.cold_line_us += size * self._byte
        return ready

    def _missing(self, node: int, device: float) -> list[int]:
        """What a node lacks when the device comes to it."""
        resident, arrivals = self.planner.memory.resident, self._arrivals
        if not arrivals:
            return [object_id for object_id in self._tree.nodes[node].needs if object_id not in resident]
        return [
            object_id
            for object_id in self._tree.nodes[node].needs
            if object_id not in resident or arrivals.get(object_id, 0.0) > device
        ]

    def _prefetch(self, now: float, until: float, most: int) -> None:
        """Send ahead while no frame has to wait for it, by what the host knows until then."""
        planner = self.planner
        if planner.idle:
            return
        limit = self._pace.limit(now)
        while True:
            moment = max(now, self._line_free)
            if moment >= until:
                return
            parcel = planner.prefetch(int((limit - moment) / self._byte), most)
            if parcel is None:
                return
            self._put(parcel, moment)

    def _put(self, parcel: Parcel, now: float) -> None:
        for batch in batches(parcel.keep):
            self._answers.append((self._send(now, query_bytes(len(batch))), holdings_bytes(len(batch))))
        began = max(now, self._line_free)
        arrival = self._send(now, parcel.wire_bytes)
        self._note(LINK, names_of(parcel), began, self._line_free - began, bytes=parcel.size)
        if parcel.whole:
            self._answers.append((arrival, stored_bytes()))
            self._arrivals = {
                object_id: at for object_id, at in self._arrivals.items() if at > self._device_free
            }
            self._arrivals.update(dict.fromkeys(parcel.whole, arrival))

    def _send(self, now: float, wire_bytes: int) -> float:
        """Put bytes on the line; returns when they have arrived."""
        self._line_free = max(now, self._line_free) + wire_bytes * self._byte
        return self._line_free + self._latency

    def _note(self, lane: str, name: str, start: float, duration: float, **details: object) -> None:
        if self._trace is not None:
            self._trace.add(lane, name, start, duration, details)
