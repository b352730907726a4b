"""Calls that write DREGs or select pixels (fact sheet 4.2)."""

from __future__ import annotations

from pixeltree.device.chip.calls import Calls
from pixeltree.device.chip.registers import dreg, wrapped
from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import SelectPattern, SelectRect


class DigitalCalls(Calls):
    """See :class:`pixeltree.device.chip.Chip`."""

    def flood(
        self, target: Digital, mask: Digital, boundary: int = 0, iterations: int = 5, use_local: bool = False
    ) -> None:
        """``scamp5_flood``: 1s of target flood through the pixels where mask is 1.

        Args:
            target: R1 to R12.
            mask: a DREG; R0 and R12 go by FLAG, which is 1 then.
            boundary: 0 or 1, what is outside the array.
            iterations: 0 to 255.
            use_local: keep R1 to R4 as the directions of every pixel, instead of all directions.

        Clobbers R12 and, without ``use_local``, R1 to R4 (:= 1); R0 := 1.
        Device time: 1.6 us, and 0.2 us an iteration; 0.2 us less for R12 as target, 0.1 us less with
        ``use_local``, 0.2 us more for R0 or R12 as mask.
        """
        self._do(s.Flood(dreg(target), dreg(mask), boundary, iterations, use_local))

    def load_point(self, d: Digital, r: int, c: int) -> None:
        """``scamp5_load_point``: DREG := 1 at one pixel, 0 at all others. Changes SELECT.

        Device time: 0.5 us.
        """
        self.load_pattern(d, r, c, 0, 0)

    def load_rect(self, d: Digital, r0: int, c0: int, r1: int, c1: int) -> None:
        """``scamp5_load_rect``: DREG := 1 from the top right (r0, c0) to the bottom left (r1, c1), inclusive.

        Changes RECT and SELECT.
        Device time: 1 us.
        """
        self._do(s.LoadRect(dreg(d), *wrapped(r0, c0, r1, c1)))

    load_region = load_rect
    """The name of load_rect in earlier versions of the vendor's API."""

    def load_pattern(self, d: Digital, r: int, c: int, rx: int, cx: int) -> None:
        """``scamp5_load_pattern``: DREG := 1 where ``(row ^ r) & ~rx`` and ``(column ^ c) & ~cx`` are 0.

        So rx and cx name the bits that do not matter. Changes SELECT.
        Device time: 0.5 us.
        """
        self._do(s.LoadPattern(dreg(d), *wrapped(r, c, rx, cx)))

    def select_point(self, r: int, c: int) -> None:
        """``scamp5_select_point``: the pixel of load_point, left in SELECT.

        Device time: 0.5 us.
        """
        self.select_pattern(r, c, 0, 0)

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """``scamp5_select_rect``: the rectangle of load_rect, left in RECT; SELECT changes too.

        Device time: 1 us.
        """
        self._do(SelectRect(*wrapped(r0, c0, r1, c1)))

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """``scamp5_select_pattern``: the pixels of load_pattern, left in SELECT.

        Device time: 0.5 us.
        """
        self._do(SelectPattern(*wrapped(r, c, rx, cx)))

    def select_row(self, r: int, rx: int = 0) -> None:
        """``scamp5_select_row``: whole rows that match r but for the bits of rx, in SELECT.

        Device time: 0.5 us.
        """
        self.select_pattern(r, 0, rx, 255)

    def select_col(self, c: int, cx: int = 0) -> None:
        """``scamp5_select_col``: whole columns that match c but for the bits of cx, in SELECT.

        Device time: 0.5 us.
        """
        self.select_pattern(0, c, 255, cx)
