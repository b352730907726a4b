"""What analog values are computed by, some PEs at a time; equal to ``analog_ops`` and ``errors_ops``."""

from __future__ import annotations

from pixeltree_emu.array.fast.fused.digital_code import DigitalCode
from pixeltree_emu.array.fast.fused.graph import Plane, Value
from pixeltree_emu.array.fast.fused.lines import Facts, Lines, splat
from pixeltree_emu.array.fast.fused.schedule import Schedule
from pixeltree_emu.array.fast.layout import (
    ANALOG_BYTES,
    DIGITAL_BYTES,
    FIRST_ROW,
    LOWEST_NEGATIVE,
    MARGIN,
    NEWS,
    ROW_BYTES,
    SUM_SCRATCH,
)
from pixeltree_emu.array.fast.passes import (
    ADD,
    COMPARE_TWO,
    COPY,
    DIVIDING,
    ERROR,
    EXACT,
    FILL,
    MAGNITUDE,
    MOVE,
    NEGATE,
    NEGATE_SUM,
    SUBTRACT,
    VALUE,
)

BUFFER = MARGIN + 256 + MARGIN
_OFFSETS = 2
_PEERS, _MORE_PEERS, _FEW_ERRORS = 2, 4, 48
"""Vectors that are worked out side by side: each waits for itself, and the machine can do several at once. A
write with errors waits longest; but so much code for many of them takes too long to make."""


class AnalogCode:
    """Loops over a row; all values that one turn allows are worked out for some PEs before the next ones.

    Args:
        lines: where instructions go.
        digital: the rows of bits.
        schedule: when each value is worked out.
        facts: what the code may count on.
        draws: number of each value whose write adds an error.
    """

    def __init__(
        self,
        lines: Lines,
        digital: DigitalCode,
        schedule: Schedule,
        facts: Facts,
        draws: dict[Value, int],
    ) -> None:
        self._lines = lines
        self._digital = digital
        self._schedule = schedule
        self._width = width = facts.width
        self._lanes = f"<{width} x i8>"
        self._facts = facts
        self._draws = draws
        self._buffers: dict[Value, str] = {}
        self._chunk: dict[tuple[Value, int, int, int], str] = {}
        self._masks: dict[tuple[Value, int], str] = {}
        self._patterns: dict[tuple[int, int], str] = {}
        self._places: dict[int, str] = {}
        self._part = 0
        self._functions: set[str] = set()

    @property
    def functions(self) -> set[str]:
        """Declarations of what is called."""
        return self._functions

    def turn(self, turn: int) -> None:
        """The loop of a turn, if anything is to be done in it."""
        values = [value for value in self._schedule.order if self._schedule.turns[value] == turn]
        stores = {p: v for p, v in self._schedule.stores.items() if self._schedule.store_turns.get(p) == turn}
        if not values and not stores:
            return
        lines, loop = self._lines, f"loop{turn}"
        before = lines.block
        lines.do(f"br label %{loop}")
        lines.begin(loop)
        lines.do(f"%c{turn} = phi i64 [ 0, %{before} ], [ %n{turn}, %{loop} ]")
        self._chunk, self._masks, self._patterns, self._places = {}, {}, {}, {}
        self._column = f"%c{turn}"
        at = lines.put(f"add i64 %a, {self._column}")
        self._base = lines.put(f"getelementptr i8, ptr %analog, i64 {at}")
        eighth = lines.put(f"lshr i64 {self._column}, 3")
        bits = lines.put(f"add i64 %d, {eighth}")
        self._bits = lines.put(f"getelementptr i8, ptr %digital, i64 {bits}")
        self._eighth = eighth
        errors = sum(value in self._draws for value in values)
        together = (_MORE_PEERS if 0 < errors <= _FEW_ERRORS else _PEERS) * self._width
        for value in values:
            for part in range(0, together, self._width):
                self._part = part
                self._make(value)
        for plane, value in stores.items():
            for part in range(0, together, self._width):
                self._part = part
                self._store(plane, value)
        lines.do(f"%n{turn} = add i64 {self._column}, {together}")
        done = lines.put(f"icmp eq i64 %n{turn}, 256")
        lines.do(f"br i1 {done}, label %after{turn}, label %{loop}")
        lines.begin(f"after{turn}")

    def _make(self, value: Value) -> None:
        if value.compares:
            self._compare(value)
            return
        made = self._computed(value)
        if value.gate is not None and value.old is not None:
            old = self.lanes(value.old)
            mask = self._mask(value.gate)
            made = self._lines.put(
                f"select <{self._width} x i1> {mask}, {self._lanes} {made}, {self._lanes} {old}"
            )
        self._chunk[value, 0, 0, self._part] = made
        if value in self._schedule.buffered:
            at = self._place(self._buffer(value), 0)
            self._lines.do(f"store {self._lanes} {made}, ptr {at}, align {self._width}")

    def _store(self, plane: Plane, value: Value) -> None:
        at = self._lines.put(
            f"getelementptr i8, ptr {self._base}, i64 {plane[1] * ANALOG_BYTES + self._part}"
        )
        self._lines.do(f"store {self._lanes} {self.lanes(value)}, ptr {at}, align {self._width}")

    def _compare(self, value: Value) -> None:
        put, lanes = self._lines.put, self._lanes
        total = self.lanes(value.sources[0][0])
        if value.code == COMPARE_TWO:
            total = self._call("sadd.sat", total, self.lanes(value.sources[1][0]))
        found = put(f"icmp sgt {lanes} {total}, zeroinitializer")
        self._masks[value, self._part] = found
        if value in self._schedule.gates:
            bits = put(f"bitcast <{self._width} x i1> {found} to i{self._width}")
            at = self._slot(value)
            self._lines.do(f"store i{self._width} {bits}, ptr {at}, align {self._width // 8}")

    def _mask(self, gate: Value) -> str:
        """Which PEs a digital value gates."""
        mask = self._masks.get((gate, self._part))
        if mask is None:
            put = self._lines.put
            if gate.constant is not None:
                return splat(1, gate.constant)
            if gate.in_memory:
                distance = gate.plane[1] * DIGITAL_BYTES + FIRST_ROW + self._part // 8
                at = put(f"getelementptr i8, ptr {self._bits}, i64 {distance}")
            else:
                at = self._slot(gate)
            word = put(f"load i{self._width}, ptr {at}, align {self._width // 8}")
            mask = self._masks[gate, self._part] = put(
                f"bitcast i{self._width} {word} to <{self._width} x i1>"
            )
        return mask

    def _slot(self, value: Value) -> str:
        """Where the bits of the PEs in hand lie."""
        at = self._lines.put(f"getelementptr i8, ptr {self._digital.slot(value)}, i64 {self._eighth}")
        return self._lines.put(f"getelementptr i8, ptr {at}, i64 {self._part // 8}")

    def lanes(self, value: Value, rows: int = 0, columns: int = 0) -> str:
        """A value of the PEs in hand, or of PEs beside them."""
        if value.constant is not None:
            return splat(8, value.constant)
        made = self._chunk.get((value, rows, columns, self._part))
        if made is None:
            if value.in_memory:
                distance = value.plane[1] * ANALOG_BYTES + rows * ROW_BYTES + columns + self._part
                at = self._lines.put(f"getelementptr i8, ptr {self._base}, i64 {distance}")
            else:
                at = self._place(self._buffer(value), columns)
            aligned = 1 if columns else self._width
            made = self._lines.put(f"load {self._lanes}, ptr {at}, align {aligned}")
            self._chunk[value, rows, columns, self._part] = made
        return made

    def _place(self, buffer: str, columns: int) -> str:
        at = self._lines.put(f"add i64 {self._column}, {MARGIN + columns + self._part}")
        return self._lines.put(f"getelementptr i8, ptr {buffer}, i64 {at}")

    def _buffer(self, value: Value) -> str:
        """Memory for a row of a value, with margins as its plane has them."""
        buffer = self._buffers.get(value)
        if buffer is None:
            entry = self._lines.entry
            buffer = self._buffers[value] = self._lines.put(f"alloca [{BUFFER} x i8], align 64", entry)
            beyond = self._facts.boundary if value.plane[1] in (NEWS, SUM_SCRATCH) else 0
            for at in (0, BUFFER - MARGIN):
                edge = self._lines.put(f"getelementptr i8, ptr {buffer}, i64 {at}", entry)
                entry.append(f"  store <64 x i8> {splat(8, beyond)}, ptr {edge}, align 64")
        return buffer

    def _call(self, name: str, *values: str) -> str:
        """One of LLVM's functions of lanes."""
        full = f"@llvm.{name}.v{self._width}i8"
        lanes = ", ".join([self._lanes] * len(values))
        self._functions.add(f"declare {self._lanes} {full}({lanes})")
        given = ", ".join(f"{self._lanes} {value}" for value in values)
        return self._lines.put(f"call {self._lanes} {full}({given})")

    def _negated(self, value: str) -> str:
        return self._call("ssub.sat", "zeroinitializer", value)

    def _negated_sum(self, value: Value, a: str, b: str) -> str:
        """-(a + b), saturated once; see ``analog_ops.negated_sum``."""
        put = self._lines.put
        for (source, *_), other in zip(value.sources, (b, a), strict=True):
            if source.constant is not None and source.constant >= LOWEST_NEGATIVE:
                return self._call("ssub.sat", splat(8, -source.constant), other)
        least = put(f"icmp eq {self._lanes} {a}, {splat(8, -128)}")
        missing = put(f"sext <{self._width} x i1> {least} to {self._lanes}")
        return self._call("ssub.sat", self._negated(a), self._call("sadd.sat", b, missing))

    def _ideal(self, value: Value) -> str:  # noqa: PLR0911 - one line a kind
        """What a pass computes before errors; see ``analog_ops.value_of``."""
        assert value.row is not None  # constants and memory have no pass
        if value.code == FILL:
            return splat(8, value.row[VALUE])
        given = [self.lanes(*source) for source in value.sources]
        low = splat(8, LOWEST_NEGATIVE)
        if value.code == NEGATE:
            return self._negated(given[0])
        if value.code == NEGATE_SUM:
            return self._negated_sum(value, *given)
        if value.code == MOVE:
            return self._call("smax", given[0], low)
        if value.code == ADD:
            return self._call("smax", self._call("sadd.sat", *given), low)
        if value.code == SUBTRACT:
            return self._call("ssub.sat", self._call("smax", given[0], low), given[1])
        if value.code == MAGNITUDE:
            return self._call("smax", given[0], self._negated(given[0]))
        assert value.code == COPY
        return given[0]

    def _computed(self, value: Value) -> str:
        ideal = self._ideal(value)
        assert value.row is not None
        if value.row[ERROR] == EXACT:
            return ideal
        return self._written(ideal, self._draws[value], value.row[ERROR] == DIVIDING)

    def _written(self, ideal: str, draw: int, dividing: bool) -> str:
        """A value with its error; see ``errors_ops.noisy_rows``."""
        put = self._lines.put
        here = put(f"getelementptr i8, ptr {self._draws_from(draw)}, i64 {self._part}")
        draws = put(f"load {self._lanes}, ptr {here}, align 1")
        fixed, pattern = self._scaled(ideal), self._pattern(_OFFSETS + dividing)
        if self._facts.saturates:
            error = self._call("sadd.sat", self._call("sadd.sat", fixed, pattern), draws)
            return self._call("sadd.sat", ideal, self._whole_counts(error))
        part = put(f"add {self._lanes} {pattern}, {draws}")
        biased = put(f"add {self._lanes} {fixed}, {part}")
        counts = put(f"sub {self._lanes} {self._upper_half(biased)}, %eights")
        return self._call("sadd.sat", ideal, counts)

    def _draws_from(self, draw: int) -> str:
        """Where the draws of a write begin, for the PEs in hand."""
        if draw not in self._places:
            put = self._lines.put
            at = put(f"getelementptr i32, ptr %places, i64 {draw}")
            place = put(f"load i32, ptr {at}, align 4")
            wide = put(f"zext i32 {place} to i64")
            column = put(f"add i64 {wide}, {self._column}")
            self._places[draw] = put(f"getelementptr i8, ptr %pool, i64 {column}")
        return self._places[draw]

    def _pattern(self, which: int) -> str:
        """Gains of even and odd columns (0, 1), offsets of plain and dividing writes (2, 3)."""
        made = self._patterns.get((which, self._part))
        if made is None:
            put = self._lines.put
            column = put(f"add i64 {self._column}, {self._part}")
            if which >= _OFFSETS:
                dense = put(f"add i64 %e, {column}")
                at = put(f"add i64 {dense}, {(which - _OFFSETS) * 256 * 256}")
                here = put(f"getelementptr i8, ptr %offsets, i64 {at}")
                made = put(f"load {self._lanes}, ptr {here}, align {self._width}")
            else:
                block = put(f"and i64 {column}, -64")
                dense = put(f"add i64 %e, {block}")
                twice = put(f"shl i64 {dense}, 1")
                within = put(f"and i64 {column}, 63")
                at = put(f"add i64 {twice}, {within}")
                here = put(f"getelementptr i8, ptr %gains, i64 {at}")
                there = put(f"getelementptr i8, ptr {here}, i64 {64 * which}")
                made = put(f"load {self._pairs}, ptr {there}, align {self._width}")
            self._patterns[which, self._part] = made
        return made

    @property
    def _pairs(self) -> str:
        return f"<{self._width // 2} x i16>"

    def _scaled(self, value: str) -> str:
        """(value * gain) >> 8; see ``lanes._scaled``."""
        put, pairs, wide = self._lines.put, self._pairs, f"<{self._width // 2} x i32>"
        operand = put(f"bitcast {self._lanes} {value} to {pairs}")
        left = put(f"shl {pairs} {operand}, {splat(16, 8)}")
        a = put(f"sext {pairs} {left} to {wide}")
        b = put(f"sext {pairs} {self._pattern(0)} to {wide}")
        product = put(f"mul {wide} {a}, {b}")
        upper = put(f"ashr {wide} {product}, {splat(32, 16)}")
        even = put(f"trunc {wide} {upper} to {pairs}")
        right = put(f"ashr {pairs} {operand}, {splat(16, 8)}")
        odd = put(f"mul {pairs} {right}, {self._pattern(1)}")
        return self._interleaved(even, odd)

    def _interleaved(self, even: str, odd: str) -> str:
        """Lower bytes of the even lanes, upper bytes of the odd ones."""
        put = self._lines.put
        lower = put(f"bitcast {self._pairs} {even} to {self._lanes}")
        upper = put(f"bitcast {self._pairs} {odd} to {self._lanes}")
        lanes = ", ".join(f"i32 {lane + self._width * (lane & 1)}" for lane in range(self._width))
        return put(
            f"shufflevector {self._lanes} {lower}, {self._lanes} {upper}, <{self._width} x i32> <{lanes}>"
        )

    def _upper_half(self, value: str) -> str:
        """Value >> 4, without its sign."""
        put = self._lines.put
        pairs = put(f"bitcast {self._lanes} {value} to {self._pairs}")
        shifted = put(f"lshr {self._pairs} {pairs}, {splat(16, 4)}")
        bytes_ = put(f"bitcast {self._pairs} {shifted} to {self._lanes}")
        return put(f"and {self._lanes} {bytes_}, {splat(8, 15)}")

    def _whole_counts(self, value: str) -> str:
        """Value >> 4; see ``lanes._whole_counts``."""
        flipped = self._lines.put(f"xor {self._lanes} {self._upper_half(value)}, %eights")
        return self._lines.put(f"sub {self._lanes} {flipped}, %eights")
