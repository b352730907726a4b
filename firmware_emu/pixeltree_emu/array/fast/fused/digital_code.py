"""What digital values of a row are computed by: 256 PEs at once. Each equals a pass of ``digital_ops``."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.fused.graph import Value
from pixeltree_emu.array.fast.fused.lines import ROW, Lines, row_constant, words
from pixeltree_emu.array.fast.layout import (
    DIGITAL_BYTES,
    EAST,
    FIRST_ROW,
    NORTH,
    SOUTH,
)
from pixeltree_emu.array.fast.passes import (
    CONSTANT,
    NEIGHBOURS,
    NOR,
    OFFSET,
    OR,
    SELECT_PATTERN,
    SELECT_RECTANGLE,
    SET_TO,
    SHIFT,
    VALUE,
    A,
    B,
)

_COLUMNS = np.arange(256)
_PAIRS = 128
"""Bytes before the rows of a constant; see ``constants``."""


class DigitalCode:
    """Rows of bits, each computed once.

    Args:
        lines: where instructions go.
        carried: planes whose row before the one in hand is kept in a register.
        downward: whether rows go from 0 on.
    """

    def __init__(self, lines: Lines, carried: set[int], downward: bool) -> None:
        self._lines = lines
        self._carried = carried
        self._before = -1 if downward else 1
        self._rows: dict[tuple[Value, int], str] = {}
        self._inside: dict[int, str] = {}
        self._numbers: dict[int, str] = {}
        self._slots: dict[Value, str] = {}
        self._loaded: dict[tuple[int, int], str] = {}

    def slot(self, value: Value) -> str:
        """Memory for a row that loops over its chunks read or write."""
        if value not in self._slots:
            self._slots[value] = self._lines.put("alloca [4 x i64], align 32", self._lines.entry)
        return self._slots[value]

    def row(self, value: Value, rows: int = 0) -> str:
        """A value, of the row in hand or of one that many rows below."""
        if value.constant is not None:
            return row_constant(value.constant)
        if value.in_memory:
            return self.loaded(value.plane[1], rows)
        made = self._rows.get((value, rows))
        if made is None:
            made = self._rows[value, rows] = self._made(value, rows)
        return made

    def loaded(self, plane: int, rows: int = 0) -> str:
        """A row of a plane in memory as it was when the segment began."""
        made = self._loaded.get((plane, rows))
        if made is None:
            if rows == self._before and plane in self._carried:
                made = f"%carried{plane}"
            else:
                at = self._lines.put(
                    f"getelementptr i8, ptr %digital, i64 {self.address(plane, rows)}", self._lines.top
                )
                made = self._lines.put(f"load {ROW}, ptr {at}, align 32", self._lines.top)
            self._loaded[plane, rows] = made
        return made

    def address(self, plane: int, rows: int = 0) -> str:
        """Bytes from the first digital plane to a row."""
        top = self._lines.top
        bytes_ = self._lines.put(f"shl i64 {self._number(rows)}, 5", top)
        return self._lines.put(f"add i64 {bytes_}, {plane * DIGITAL_BYTES + FIRST_ROW}", top)

    def _number(self, rows: int) -> str:
        """Number of a row; of one beyond the edge, that of some row: nobody uses what is there."""
        if not rows:
            return "%r"
        if rows not in self._numbers:
            top = self._lines.top
            at = self._lines.put(f"add i64 %r, {rows}", top)
            self._numbers[rows] = self._lines.put(f"and i64 {at}, 255", top)
        return self._numbers[rows]

    def _within(self, rows: int, value: str, edge: int) -> str:
        """A row that many rows below, or the edge if it lies beyond."""
        if not rows:
            return value
        put, top = self._lines.put, self._lines.top
        if rows not in self._inside:
            at = put(f"add i64 %r, {rows}", top)
            inside = put(f"icmp ult i64 {at}, 256", top)
            word = put(f"sext i1 {inside} to i64", top)
            one = put(f"insertelement {ROW} poison, i64 {word}, i32 0", top)
            self._inside[rows] = put(
                f"shufflevector {ROW} {one}, {ROW} poison, <4 x i32> zeroinitializer", top
            )
        inside = self._inside[rows]
        if not edge:
            return put(f"and {ROW} {value}, {inside}")
        outside = put(f"xor {ROW} {inside}, {row_constant(1)}")
        return put(f"or {ROW} {value}, {outside}")

    def _made(self, value: Value, rows: int) -> str:
        if value.compares:
            return self._lines.put(f"load {ROW}, ptr {self.slot(value)}, align 32")
        made = self._computed(value, rows)
        if value.gate is None or value.old is None:
            return made
        put, gate = self._lines.put, self.row(value.gate, rows)
        differs = put(f"xor {ROW} {made}, {self.row(value.old, rows)}")
        changed = put(f"and {ROW} {differs}, {gate}")
        return put(f"xor {ROW} {changed}, {self.row(value.old, rows)}")

    def _computed(self, value: Value, rows: int) -> str:
        row, put = value.row, self._lines.put
        assert row is not None  # constants and memory have no pass
        if value.code in (OR, NOR):
            made = self.row(value.sources[0][0], rows)
            for source, _, _ in value.sources[1:]:
                made = put(f"or {ROW} {made}, {self.row(source, rows)}")
            return put(f"xor {ROW} {made}, {row_constant(1)}") if value.code == NOR else made
        if value.code == SET_TO:
            return row_constant(row[VALUE])
        if value.code == SHIFT:
            return self._shifted(value, rows)
        if value.code == NEIGHBOURS:
            return self._neighbours(value, rows)
        if value.code == CONSTANT:
            return self._constant(row[VALUE], rows)
        assert value.code in (SELECT_PATTERN, SELECT_RECTANGLE)
        return self._selected(value.code, row[A], row[B], rows)

    def _shifted(self, value: Value, rows: int) -> str:
        row = value.row
        assert row is not None
        source, further, _ = value.sources[0]
        if row[OFFSET] > 255:
            return row_constant(row[VALUE])
        if row[B] in (NORTH, SOUTH):
            return self._within(rows + further, self.row(source, rows + further), row[VALUE])
        return self._sideways(self.row(source, rows), row[B] == EAST, row[OFFSET], row[VALUE])

    def _sideways(self, row: str, upward: bool, pixels: int, edge: int) -> str:
        """A row moved along itself; upward is toward higher columns."""
        put = self._lines.put
        whole, bits = divmod(pixels, 64)

        def moved(by: int) -> str:
            """Whole words moved, with the edge where none are."""
            if not by:
                return row
            chosen = [word - by if upward else word + by for word in range(4)]
            lanes = ", ".join(f"i32 {lane if 0 <= lane < 4 else 4}" for lane in chosen)
            return put(f"shufflevector {ROW} {row}, {ROW} {row_constant(edge)}, <4 x i32> <{lanes}>")

        near = moved(whole)
        if not bits:
            return near
        there, back = ("shl", "lshr") if upward else ("lshr", "shl")
        main = put(f"{there} {ROW} {near}, {words([bits] * 4)}")
        rest = put(f"{back} {ROW} {moved(whole + 1)}, {words([64 - bits] * 4)}")
        return put(f"or {ROW} {main}, {rest}")

    def _neighbours(self, value: Value, rows: int) -> str:
        row, put = value.row, self._lines.put
        assert row is not None
        edge, found, sources = row[VALUE] & 1, "zeroinitializer", iter(value.sources)
        for direction in range(4):
            use = row[VALUE] >> (1 + 2 * direction) & 3
            if not use:
                continue
            source, further, _ = next(sources)
            seen = self.row(source, rows + further)
            if direction in (NORTH, SOUTH):
                seen = self._within(rows + further, seen, edge)
            else:
                seen = self._sideways(seen, direction == EAST, 1, edge)
            if use == 2:
                seen = put(f"and {ROW} {seen}, {self.row(next(sources)[0], rows)}")
            found = put(f"or {ROW} {found}, {seen}")
        return found

    def _constant(self, at: int, rows: int) -> str:
        """A row of a plane that ``constants`` has packed."""
        put, number = self._lines.put, self._number(rows)
        pair = put(f"lshr i64 {number}, 1")
        where = put(f"add i64 {pair}, {at}")
        pointer = put(f"getelementptr i8, ptr %memory, i64 {where}")
        byte = put(f"load i8, ptr {pointer}, align 1")
        wide = put(f"zext i8 {byte} to i64")
        pairs = put(f"shl i64 {wide}, 6")
        odd = put(f"and i64 {number}, 1")
        half = put(f"shl i64 {odd}, 5")
        both = put(f"or i64 {pairs}, {half}")
        packed = put(f"add i64 {both}, {at + _PAIRS}")
        found = put(f"getelementptr i8, ptr %memory, i64 {packed}")
        return put(f"load {ROW}, ptr {found}, align 32")

    def _selected(self, code: int, a: int, b: int, rows: int) -> str:
        """Rows and columns that match; see ``run_select`` and ``run_rectangle``."""
        put, number = self._lines.put, self._number(rows)
        if code == SELECT_PATTERN:
            unlike = put(f"xor i64 {number}, {a & 255}")
            matters = put(f"and i64 {unlike}, {~(a >> 8) & 255}")
            inside = put(f"icmp eq i64 {matters}, 0")
            columns = (_COLUMNS ^ b & 255) & ~(b >> 8) & 255 == 0
        else:
            first = put(f"sub i64 {number}, {a & 255}")
            inside = put(f"icmp ule i64 {first}, {(a >> 8) - (a & 255)}")
            columns = ((b & 255) <= _COLUMNS) & (b >> 8 >= _COLUMNS)
            if a >> 8 < a & 255:
                return row_constant(0)
        packed = np.packbits(columns, bitorder="little").view(np.uint64).tolist()
        word = put(f"sext i1 {inside} to i64")
        one = put(f"insertelement {ROW} poison, i64 {word}, i32 0")
        every = put(f"shufflevector {ROW} {one}, {ROW} poison, <4 x i32> zeroinitializer")
        return put(f"and {ROW} {every}, {words(packed)}")
