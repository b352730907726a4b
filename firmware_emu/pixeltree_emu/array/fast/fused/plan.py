"""Cuts passes into segments that can run row by row, and finds out what each must leave in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pixeltree_emu.array.fast.compiled import Table
from pixeltree_emu.array.fast.fused.graph import FUSED, Graph, Plane
from pixeltree_emu.array.fast.layout import (
    ANALOG_PLANES,
    DIGITAL_PLANES,
    SCRATCH,
    SCRATCH2,
    SUM_SCRATCH,
)
from pixeltree_emu.array.fast.passes import CODE, DST, LAST_ANALOG

_EVERY_PLANE = frozenset((False, number) for number in range(ANALOG_PLANES)) | {
    (True, number) for number in range(DIGITAL_PLANES)
}
_INVISIBLE = frozenset(((False, SUM_SCRATCH), (True, SCRATCH), (True, SCRATCH2)))
"""Planes whose contents do not matter at the end of a block."""


@dataclass
class Segment:
    """Passes that run together.

    Attributes:
        first, last: numbers of the first pass and of the one after the last.
        graph: what they compute; None where they are run as ever.
        leaves: planes that somebody reads from memory later, before they are written anew.
    """

    first: int
    last: int
    graph: Graph | None
    leaves: set[Plane] = field(default_factory=set)


def segments_of(passes: Table) -> list[Segment]:
    """Cut a block's passes."""
    found: list[Segment] = []
    constants: dict[Plane, int] = {}
    graph: Graph | None = None
    for index, listed in enumerate(passes.tolist()):
        row = tuple(listed)
        if row[CODE] not in FUSED:
            if graph is not None or not found:
                constants = graph.constants() if graph else {}
                graph = None
                found.append(Segment(index, index, None))
            constants.pop((row[CODE] > LAST_ANALOG, row[DST]), None)
        elif graph is None or not graph.take(row):
            graph = Graph(graph.constants() if graph else constants)
            graph.take(row)
            found.append(Segment(index, index, graph))
        found[-1].last = index + 1
    _note_leaves(found)
    return found


def _note_leaves(segments: Iterable[Segment]) -> None:
    """Note which planes matter after each segment."""
    wanted = set(_EVERY_PLANE - _INVISIBLE)
    for segment in reversed([*segments]):
        segment.leaves = set(wanted)
        if segment.graph is None:
            wanted = set(_EVERY_PLANE)
        else:
            wanted -= segment.graph.written
            wanted |= segment.graph.initial.keys()
