"""What happened when, as Chrome trace JSON: for chrome://tracing, Perfetto, and ``pixeltree trace``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixeltree.arguments.files import TEXT, AnyPath, as_path
from pixeltree.errors import DataError

LINK, ARRAY, CONTROLLER, HOST = "link", "array", "controller", "host"
LANES = (LINK, ARRAY, CONTROLLER, HOST)


@dataclass(frozen=True)
class Event:
    """Something that took time.

    Attributes:
        lane: where it happened.
        name: what it was.
        start_us: when it began, on the device clock.
        duration_us: how long it took.
        details: further particulars.
    """

    lane: str
    name: str
    start_us: float
    duration_us: float
    details: Mapping[str, object] = field(default_factory=dict)


class Trace:
    """Collects events.

    Attributes:
        events: in the order in which they were added.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(
        self, lane: str, name: str, start_us: float, duration_us: float, details: Mapping[str, object]
    ) -> None:
        """Note an event."""
        self.events.append(Event(lane, name, start_us, duration_us, details))

    def busy_us(self, lane: str) -> float:
        """How long a lane was busy altogether; the link with parts of objects, no other message is noted."""
        return sum(event.duration_us for event in self.events if event.lane == lane)

    def to_json(self) -> dict[str, Any]:
        """Chrome trace: one process, a thread per lane, complete events in microseconds."""
        names = [
            {"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": {"name": lane}}
            for number, lane in enumerate(LANES)
        ]
        events = [
            {
                "ph": "X",
                "pid": 1,
                "tid": LANES.index(event.lane),
                "name": event.name,
                "ts": round(event.start_us, 3),
                "dur": round(event.duration_us, 3),
                "args": dict(event.details),
            }
            for event in self.events
        ]
        return {"displayTimeUnit": "ms", "traceEvents": [*names, *events]}

    def save(self, path: AnyPath) -> None:
        """Write the trace.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            as_path(path).write_text(json.dumps(self.to_json()), encoding="utf-8")
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: AnyPath) -> Trace:
        """Read a trace that :meth:`save` wrote.

        Raises:
            DataError: it cannot be read, or is not one.
        """
        try:
            found = json.loads(as_path(path).read_text(TEXT))
            trace = cls()
            for event in found["traceEvents"]:
                if event["ph"] == "X":
                    lane = LANES[event["tid"]]
                    if not (math.isfinite(event["ts"]) and math.isfinite(event["dur"])):
                        raise ValueError("a time that is not finite")
                    trace.add(lane, event["name"], float(event["ts"]), float(event["dur"]), event["args"])
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f"{path} is not a trace of Pixeltree: {error!r}") from error
        return trace
