"""LLVM's language for a segment: a loop over the rows of the array."""

from __future__ import annotations

from pixeltree_emu.array.fast.errors_ops import BIASED_OFFSET, EIGHT, GAIN, KEY, POOL, POOL_BYTES, WORDS
from pixeltree_emu.array.fast.errors_ops import OFFSET as ERROR_OFFSET
from pixeltree_emu.array.fast.fused.analog_code import AnalogCode
from pixeltree_emu.array.fast.fused.digital_code import DigitalCode
from pixeltree_emu.array.fast.fused.graph import Value
from pixeltree_emu.array.fast.fused.lines import ROW, Facts, Lines
from pixeltree_emu.array.fast.fused.plan import Segment
from pixeltree_emu.array.fast.fused.schedule import Schedule, scheduled
from pixeltree_emu.array.fast.layout import FIRST_PE, ROW_BYTES
from pixeltree_emu.array.fast.passes import DIVIDING, DRAW, ERROR, EXACT

ARGUMENTS = (
    "ptr noalias %analog, ptr noalias %digital, ptr noalias readonly %memory, ptr noalias readonly %errors"
)
_GROUP = 8


def segment_code(segment: Segment, name: str, facts: Facts) -> tuple[str, set[str]]:
    """The text of a function, and declarations of what it calls."""
    graph = segment.graph
    assert graph is not None  # asked for native segments only
    made = scheduled(graph, segment.leaves)
    lines = Lines()
    stored = {plane for digital, plane in made.stores if digital}
    carried = {plane for digital, plane in graph.initial if digital and plane in stored}
    digital = DigitalCode(lines, carried, graph.downward)
    noisy = [v for v in made.order if not v.digital and v.row is not None and v.row[ERROR] != EXACT]
    draws = {value: number for number, value in enumerate(noisy)}
    analog = AnalogCode(lines, digital, made, facts, draws)
    if noisy:
        _draws(lines, noisy, facts)
    for turn in range(made.last_turn + 1):
        if turn % 2:
            analog.turn(turn)
        else:
            _digital_turn(lines, digital, made, turn)
    for (is_digital, plane), value in made.stores.items():
        if is_digital:
            row = digital.row(value)
            at = lines.put(f"getelementptr i8, ptr %digital, i64 {digital.address(plane)}")
            lines.do(f"store {ROW} {row}, ptr {at}, align 32")
    return _function(name, lines, digital, carried, graph.downward), analog.functions | _calls(bool(noisy))


def _digital_turn(lines: Lines, digital: DigitalCode, made: Schedule, turn: int) -> None:
    for value in made.order:
        if made.turns[value] == turn and value.digital and not value.compares:
            row = digital.row(value)
            if value in made.gates:
                lines.do(f"store {ROW} {row}, ptr {digital.slot(value)}, align 32")


def _function(name: str, lines: Lines, digital: DigitalCode, carried: set[int], downward: bool) -> str:
    first, last, step = (0, 255, 1) if downward else (255, 0, -1)
    phis = [f"  %r = phi i64 [ {first}, %entry ], [ %next, %{lines.block} ]"]
    for plane in sorted(carried):
        now = digital.loaded(plane)
        phis.append(f"  %carried{plane} = phi {ROW} [ zeroinitializer, %entry ], [ {now}, %{lines.block} ]")
    end = [
        f"  %next = add i64 %r, {step}",
        f"  %done = icmp eq i64 %r, {last}",
        "  br i1 %done, label %end, label %row",
        "end:",
        "  ret void",
        "}",
    ]
    begin = [
        f"define internal void @{name}({ARGUMENTS}) {{",
        "entry:",
        *lines.entry,
        "  br label %row",
        "row:",
        *phis,
        f"  %a0 = mul i64 %r, {ROW_BYTES}",
        f"  %a = add i64 %a0, {FIRST_PE}",
        "  %d = shl i64 %r, 5",
        "  %e = shl i64 %r, 8",
        *lines.top,
    ]
    return "\n".join([*begin, *lines.body, *end])


def _draws(lines: Lines, noisy: list[Value], facts: Facts) -> None:
    """Where the draws of each write lie: looked up once for the segment, moved on with each row."""
    put, entry, top, width = lines.put, lines.entry, lines.top, facts.width
    offsets = ERROR_OFFSET if facts.saturates else BIASED_OFFSET

    def field(where: int) -> str:
        at = put(f"getelementptr i64, ptr %errors, i64 {where}", entry)
        return put(f"load i64, ptr {at}, align 8", entry)

    for name, where in (("pool", POOL), ("gains", GAIN), ("offsets", offsets)):
        at = put(f"getelementptr i64, ptr %errors, i64 {where}", entry)
        entry.append(f"  %{name} = load ptr, ptr {at}, align 8")
    eight = put(f"trunc i64 {field(EIGHT)} to i8", entry)
    one = put(f"insertelement <{width} x i8> poison, i8 {eight}, i32 0", entry)
    lanes8 = f"<{width} x i8>"
    entry.append(
        f"  %eights = shufflevector {lanes8} {one}, {lanes8} poison, <{width} x i32> zeroinitializer"
    )
    groups = -(-len(noisy) // _GROUP)
    for name in ("places", "first", "stride", "base"):
        entry.append(f"  %{name} = alloca [{groups * _GROUP} x i32], align 32")
    words, key = field(WORDS), field(KEY)
    sixteen = put(f"shl i64 {words}, 4", entry)
    from_ = put(f"add i64 {sixteen}, {key}", entry)
    size = field(POOL_BYTES)
    for number, value in enumerate(noisy):
        assert value.row is not None
        draw = put(f"add i64 {from_}, {value.row[DRAW]}", entry)
        start = size if value.row[ERROR] == DIVIDING else "0"
        entry.append(
            f"  call void @draw(i64 {draw}, i64 {start}, i64 {number}, ptr %first, ptr %stride, ptr %base)"
        )
    row = put("trunc i64 %r to i32", top)
    one = put(f"insertelement <{_GROUP} x i32> poison, i32 {row}, i32 0", top)
    rows = put(
        f"shufflevector <{_GROUP} x i32> {one}, <{_GROUP} x i32> poison, <{_GROUP} x i32> zeroinitializer",
        top,
    )
    lanes = f"<{_GROUP} x i32>"
    for group in range(groups):
        given = {}
        for name in ("first", "stride", "base", "places"):
            given[name] = put(f"getelementptr i32, ptr %{name}, i64 {group * _GROUP}", top)
        first, stride, base = (
            put(f"load {lanes}, ptr {given[name]}, align 32", top) for name in ("first", "stride", "base")
        )
        moved = put(f"mul {lanes} {rows}, {stride}", top)
        pool_row = put(f"add {lanes} {moved}, {first}", top)
        within = put(f"and {lanes} {pool_row}, splat (i32 511)", top)
        bytes_ = put(f"shl {lanes} {within}, splat (i32 8)", top)
        place = put(f"add {lanes} {bytes_}, {base}", top)
        top.append(f"  store {lanes} {place}, ptr {given['places']}, align 32")


def _calls(noisy: bool) -> set[str]:
    return {_DRAW} if noisy else set()


_DRAW = """\
define internal void @draw(i64 %n, i64 %start, i64 %at, ptr %first, ptr %stride, ptr %base) noinline {
  %a = add i64 %n, -7046029254386353131
  %b = lshr i64 %a, 30
  %c = xor i64 %a, %b
  %d = mul i64 %c, -4658895280553007687
  %e = lshr i64 %d, 27
  %f = xor i64 %d, %e
  %g = mul i64 %f, -7723592293110705685
  %h = lshr i64 %g, 31
  %i = xor i64 %g, %h
  %j = and i64 %i, 511
  %k = trunc i64 %j to i32
  %l = getelementptr i32, ptr %first, i64 %at
  store i32 %k, ptr %l, align 4
  %m = lshr i64 %i, 9
  %o = and i64 %m, 511
  %p = or i64 %o, 1
  %q = trunc i64 %p to i32
  %r = getelementptr i32, ptr %stride, i64 %at
  store i32 %q, ptr %r, align 4
  %s = lshr i64 %i, 12
  %t = and i64 %s, 192
  %u = add i64 %t, %start
  %v = trunc i64 %u to i32
  %w = getelementptr i32, ptr %base, i64 %at
  store i32 %v, ptr %w, align 4
  ret void
}"""
"""Draws of a write: the splitmix64 finalizer of its number, as in ``errors_ops.mixed`` and ``draws_of``."""
