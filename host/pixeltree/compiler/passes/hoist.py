"""Pass: two weight planes are loaded before the words that use them, so that two taps share one launch.

A load ends a block, and a launch costs as much as ten words. Lowering gives neighbouring planes cubes of
their own; where nothing but words lies between two loads, the second moves up to the first.
"""

from __future__ import annotations

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Operation


def hoist_loads(unit: ir.Unit) -> None:
    """Bring loads of weights together in pairs."""
    for section in unit.sections:
        section.operations = _paired(section.operations)


def _paired(operations: list[Operation]) -> list[Operation]:
    result: list[Operation] = []
    at = 0
    while at < len(operations):
        second = _partner(operations, at)
        if second is None:
            result.append(operations[at])
            at += 1
            continue
        clear = result.pop()  # of the first plane's cubes; the second's move up with its load
        result += [clear, operations[second - 1], operations[at], operations[second]]
        result += operations[at + 1 : second - 1]
        at = second + 1
    return result


def _partner(operations: list[Operation], at: int) -> int | None:
    """Index of the load that may move up to the load at an index."""
    first = operations[at]
    if not isinstance(first, ir.LoadWeights):
        return None
    for index in range(at + 1, len(operations)):
        operation = operations[index]
        if isinstance(operation, ir.LoadWeights):
            return None if set(operation.cubes) & set(first.cubes) else index
        if not isinstance(operation, ir.Word | ir.SetDirection):
            return None
    return None
