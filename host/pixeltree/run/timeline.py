"""When what happened on the device, worked out from messages: for the trace, and for the time of cold swaps.

The device says how long each node took and how long the frame stalled. Start and faults are placed by when
their messages went and came, less their time on the line.
"""

from __future__ import annotations

from itertools import pairwise

from pixeltree.swapping.description import CAPTURE
from pixeltree.swapping.line import fault_bytes
from pixeltree.swapping.planner import Planner
from pixeltree.swapping.trace import ARRAY, CONTROLLER, HOST, Trace
from pixeltree_protocol.link.messages import Fault, Result


class Timeline:
    """One frame after the other; times are microseconds on the connection's clock.

    Args:
        planner: knows the tree and the line.
        trace: collects the events, if given.

    Attributes:
        waited: nodes that the frame in hand had to wait for.
    """

    def __init__(self, planner: Planner, trace: Trace | None) -> None:
        self._tree = planner.tree
        self._planner = planner
        self._trace = trace
        self._started = 0.0
        self._arrived = 0.0
        self._faults: dict[int, tuple[float, int]] = {}

    @property
    def waited(self) -> int:
        """Nodes that the frame in hand had to wait for."""
        return len(self._faults)

    def start(self, now: float, line_free: float) -> None:
        """A frame starts; its message is on the line until then."""
        self._started = now
        self._arrived = line_free + self._planner.line.latency_us
        self._faults = {}

    def fault(self, node: int, now: float, fault: Fault, missing_bytes: int) -> None:
        """The host has heard of a fault."""
        line = self._planner.line
        travelled = fault_bytes(len(fault.missing)) * line.us_per_byte + line.latency_us
        self._faults[node] = (now - travelled, missing_bytes)

    def lost(self, now: float) -> None:
        """The device was started anew, and the frame in hand is lost; it begins again."""
        self._note(HOST, "frame, lost", self._started, now - self._started)

    def coarse(self, started: float, done: float) -> None:
        """The frame was answered by the node above the missing one."""
        self._note(HOST, "frame, coarse", started, done - started)

    def finish(self, result: Result, nodes: list[int], done: float) -> list[tuple[int, float]]:
        """The frame has ended.

        Returns:
            For each fault the bytes that were missing, and the time from it to the active node.
        """
        times = [(CAPTURE, result.capture_ns / 1000)]
        times += [(node, visit.device_ns / 1000) for node, visit in zip(nodes, result.path, strict=True)]
        stalls = self._stalls(times, result.stall_ns / 1000)
        now = self._arrived
        for node, array_us in times:
            if node in stalls:
                now = self._faults[node][0]
                self._note(CONTROLLER, f"fault: {self._tree.nodes[node].name}", now, stalls[node])
                now += stalls[node]
            self._note(ARRAY, self._tree.nodes[node].name, now, array_us)
            now += array_us
        self._note(HOST, "frame", self._started, done - self._started)
        return [(self._faults[node][1], stall) for node, stall in stalls.items()]

    def _stalls(self, times: list[tuple[int, float]], total: float) -> dict[int, float]:
        """How long each fault took: until the next one, less what was computed in between.

        What is left of the whole is the last one's.
        """
        stalls: dict[int, float] = {}
        left = total
        order = [node for node, _ in times if node in self._faults]
        for node, following in pairwise(order):
            places = [at for at, (each, _) in enumerate(times) if each in (node, following)]
            between = sum(array_us for _, array_us in times[places[0] : places[-1]])
            stalls[node] = max(0.0, min(left, self._faults[following][0] - self._faults[node][0] - between))
            left -= stalls[node]
        if order:
            stalls[order[-1]] = left
        return stalls

    def _note(self, lane: str, name: str, start: float, duration: float) -> None:
        if self._trace is not None:
            self._trace.add(lane, name, start, duration, {})
