"""Drawing into a DREG, point by point and line by line (fact sheet 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pixeltree.device.chip.calls import Calls
from pixeltree.device.chip.registers import LAST, dreg, wrapped
from pixeltree.errors import DataError
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Digital
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import Program
from pixeltree_protocol.objects.step import Step

_DRAWN_TOGETHER = 500
"""Primitives per program: they fit into a message of 8 KiB."""


class DrawingCalls(Calls):
    """See :class:`pixeltree.device.chip.Chip`.

    What is drawn between draw_begin and draw_end is sent by the latter. It clobbers R2, R3, RECT and SELECT.
    """

    _canvas = Digital.R5
    _drawing: list[Step] | None = None

    @contextmanager
    def draw(self, d: Digital) -> Iterator[None]:
        """``with chip.draw(R5): chip.draw_line(...)``: draw_begin and draw_end as one.

        Device time: that of what is drawn.
        """
        self.draw_begin(d)
        try:
            yield
        except BaseException:
            self._drawing = None
            raise
        self.draw_end()

    def draw_begin(self, d: Digital) -> None:
        """``scamp5_draw_begin``: draw into a DREG other than R2 and R3 until draw_end. What it holds stays.

        Device time: none.
        """
        Program((s.DrawNegate(dreg(d)),))  # a register that cannot be drawn into is reported here
        self._canvas, self._drawing = d, []

    def draw_end(self) -> None:
        """``scamp5_draw_end``: send what was drawn. Clobbers R2 and R3.

        Device time: that of what was drawn. Where points were drawn by draw_point, their answer costs 20 us
        for every 500 calls, and 0.01 us a point.
        """
        steps, self._drawing = self._drawing, None
        if steps is None:
            raise DataError("draw_end was called without draw_begin before it")
        for start in range(0, len(steps), _DRAWN_TOGETHER):
            self._do(*steps[start : start + _DRAWN_TOGETHER])

    def _add(self, kind: Callable[..., Step], *operands: int) -> None:
        if self._drawing is None:
            raise DataError("call draw_begin before anything is drawn")
        step = kind(dreg(self._canvas), *operands)
        Program((step,))  # an operand out of range is reported where it is drawn
        self._drawing.append(step)

    def draw_pixel(self, r: int, c: int) -> None:
        """``scamp5_draw_pixel``: one pixel; coordinates wrap.

        Device time: 1.7 us.
        """
        self._add(s.DrawPixel, *wrapped(r, c))

    def draw_point(self, r: int, c: int) -> bool:
        """``scamp5_draw_point``: one pixel, if it is inside the array.

        Returns:
            Whether it is.

        Device time: 1.7 us, and none outside; the answer comes on top, see draw_end.
        """
        self._add(s.DrawPoint, *(min(max(place, -1), ARRAY_SIZE) for place in (r, c)))  # outside is outside
        return 0 <= r <= LAST and 0 <= c <= LAST

    def draw_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """``scamp5_draw_rect``: a filled rectangle, (r0, c0) top right, (r1, c1) bottom left, inclusive.

        Device time: 2.2 us.
        """
        self._add(s.DrawRect, *wrapped(r0, c0, r1, c1))

    def draw_line(self, r0: int, c0: int, r1: int, c1: int, repeat: bool = False) -> None:
        """``scamp5_draw_line``: outside the array it is clipped, or wraps with ``repeat`` (INFERRED).

        Rows and columns are -256 to 511 here.
        Device time: 1.7 us a pixel.
        """
        self._add(s.DrawLine, r0, c0, r1, c1, repeat)

    def draw_circle(self, r: int, c: int, radius: int, repeat: bool = False) -> None:
        """``scamp5_draw_circle``: the outline of a circle; outside the array as a line.

        Row and column are -256 to 511 here, the radius 0 to 255.
        Device time: 1.7 us a pixel.
        """
        self._add(s.DrawCircle, r, c, radius, repeat)

    def draw_negate(self) -> None:
        """``scamp5_draw_negate``: invert what has been drawn so far, and all else in the DREG.

        Device time: 1.2 us.
        """
        self._add(s.DrawNegate)
