"""Which pixels a line or a circle consists of. Coordinates may lie outside the array."""

from __future__ import annotations

Point = tuple[int, int]
"""Row and column."""


def line(r0: int, c0: int, r1: int, c1: int) -> list[Point]:
    """Bresenham's line, both ends included."""
    rows, columns = abs(r1 - r0), abs(c1 - c0)
    row_step, column_step = (1 if r1 > r0 else -1), (1 if c1 > c0 else -1)
    error = columns - rows
    points = [(r0, c0)]
    while (r0, c0) != (r1, c1):
        doubled = 2 * error
        if doubled > -rows:
            error -= rows
            c0 += column_step
        if doubled < columns:
            error += columns
            r0 += row_step
        points.append((r0, c0))
    return points


def circle(row: int, column: int, radius: int) -> list[Point]:
    """The midpoint circle, each pixel once."""
    points: dict[Point, None] = {}
    across, along, decision = radius, 0, 1 - radius
    while along <= across:
        for a, b in ((across, along), (along, across)):
            for sign_a in (1, -1):
                for sign_b in (1, -1):
                    points[row + sign_a * a, column + sign_b * b] = None
        along += 1
        if decision < 0:
            decision += 2 * along + 1
        else:
            across -= 1
            decision += 2 * (along - across) + 1
    return list(points)
