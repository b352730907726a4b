"""Device time of a frame of each shipped tree, by the cost model and by what the firmware was counted for.

    python -m tools.compare_costs

The table of docs/reference/firmware_costs.md, "Rates under both". Of a tree it is the path that takes
longest, with all nodes resident and exposure apart.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from firmware.ports.cortex_m.counts import microseconds

from pixeltree import zoo
from pixeltree.compiler.cost import Predictor
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.objects import Block, Child, Digest, Node, TreeRoot
from pixeltree_protocol.objects.program import Program
from pixeltree_protocol.objects.segment import decode_segment

LAUNCH, SELECTION, RECTANGLE, PRODUCT = 228, 293, 357, 20
"""Instructions: a Launch, one of a LoadCover's selections, a SelectRect, 32 bits of ApplyFullyConnected."""

TREES = ("digits", "glyphs", "localize", "segment", "mnist", "mnist-node")


def counted() -> tuple[CostTable, CostTable]:
    """The cost model with what was counted in its place: with the fewest and with the most cycles."""
    tables = []
    for most in (False, True):
        launch, select, rectangle, operation = (
            round(1_000 * microseconds(count)[most]) for count in (LAUNCH, SELECTION, RECTANGLE, 1)
        )
        tables.append(
            CostTable(
                launch_ns=launch,
                select_ns=select,
                select_rect_ns=rectangle,
                operation_ns=operation,
                fully_connected_operations=PRODUCT,
            )
        )
    return tables[0], tables[1]


class Times:
    """Device times of a tree's nodes, in ns, under one table of costs."""

    def __init__(self, objects: dict[Digest, bytes], costs: CostTable) -> None:
        self._objects = objects
        self._costs = costs

    def node(self, digest: Digest) -> int:
        """Of one node."""
        node = Node.decode(self._objects[digest])
        blocks = [Block.decode(self._objects[each]) for each in node.blocks]
        segments = [decode_segment(self._objects[each]) for each in node.segments]
        predictor = Predictor(blocks, segments, self._costs)
        program = Program.decode(self._objects[node.program])
        return sum(predictor.cost(step).nanoseconds for step in program.steps)

    def longest(self, digest: Digest) -> int:
        """Of the path below and with a node that takes longest."""
        exits = Node.decode(self._objects[digest]).exits
        below = {each.node for each in exits if isinstance(each, Child)}
        return self.node(digest) + max(map(self.longest, below), default=0)

    def frame(self, tree: Digest) -> int:
        """Of a frame, with the message of its result."""
        root = TreeRoot.decode(self._objects[tree])
        return self.node(root.capture) + self.longest(root.root) + self._costs.result_ns


def rows() -> Iterable[str]:
    """The table, in Markdown."""
    yield "| tree | cost model | counted, fewest cycles | counted, most cycles |"
    yield "|---|---|---|---|"
    for name in TREES:
        tree = zoo.load(name)
        times = [Times(tree.objects, costs).frame(tree.digest) for costs in (CostTable(), *counted())]
        cells = [f"{time / 1e6:.2f} ms, {1e9 / time:,.0f}/s" for time in times]
        yield f"| `{name}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(rows()) + "\n")
