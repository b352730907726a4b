"""Every macro against fact sheet sections 3.4 and 3.5, whose word sequences are written down here again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree.kernels import Kernel
from pixeltree.kernels.names import (
    IN,
    NEWS,
    PIX,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R12,
    A,
    B,
    C,
    D,
    E,
    F,
    alldir,
    east,
    north,
    south,
    west,
)  # fmt: skip
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_protocol.chip.isa import encode
from pixeltree_protocol.chip.kernel_api import expand, parse_line
from pixeltree_protocol.chip.macros import MACROS
from pixeltree_protocol.chip.registers import AREGS, DREGS, Digital
from pixeltree_protocol.errors import InstructionError

# name, operands, word sequence of the fact sheet with these operands put in
SEQUENCES = [
    ("res", (A,), "bus(NEWS); bus(A,NEWS)"),
    ("res", (A, B), "bus(NEWS); bus(A,NEWS); bus(B,NEWS)"),
    ("mov", (A, B), "bus(NEWS,B); bus(A,NEWS)"),
    ("mov", (A, B, west), "bus(XE,B); bus(A,NEWS)"),
    ("movx", (A, B, west), "bus(XE,B); bus(A,NEWS)"),
    ("movx", (A, B, east), "bus(XW,B); bus(A,NEWS)"),
    ("movx", (A, B, north), "bus(XS,B); bus(A,NEWS)"),
    ("movx", (A, B, south), "bus(XN,B); bus(A,NEWS)"),
    ("mov2x", (A, B, east, north), "bus(XW,B); bus(A,XN)"),
    ("add", (A, B, C), "bus(NEWS,B,C); bus(A,NEWS)"),
    ("add", (A, B, C, D), "bus(NEWS,B,C,D); bus(A,NEWS)"),
    ("addx", (A, B, C, south), "bus(XN,B,C); bus(A,NEWS)"),
    ("add2x", (A, B, C, west, west), "bus(XE,B,C); bus(A,XW)"),
    ("sub", (A, B, C), "bus(NEWS,B); bus(A,NEWS,C)"),
    ("sub", (A, B, east, C), "bus(NEWS,B); bus(A,XE,C)"),
    ("subx", (A, B, east, C), "bus(XW,B); bus(A,NEWS,C)"),
    ("sub2x", (A, B, north, east, C), "bus(XS,B); bus(A,XE,C)"),
    ("neg", (A, B), "bus(NEWS); bus(A,NEWS,B)"),
    ("abs", (A, B), "bus(NEWS); bus(A,NEWS,B); bus(NEWS,B); where(B); bus(A,NEWS); all"),
    ("divq", (A, B), "bus2(A,NEWS,B); bus(A,NEWS)"),
    ("div", (A, B, C), "bus2(A,B,C); bus(NEWS,C,B); bus(C,NEWS,A); bus2(A,B,C); bus(A,B)"),
    ("div", (A, B, C, D), "bus2(A,B,D); bus(NEWS,D,B); bus(C,NEWS,A); bus2(A,B,C); bus(A,B)"),
    ("diva", (A, B, C), "bus2(B,C,A); bus(NEWS,B,A); bus(A,NEWS,C); bus2(B,C,A); bus(A,B)"),
    ("get_image", (A,), "bus(NEWS,PIX); rpix; rpix; nop; bus(A,NEWS,PIX)"),
    ("get_image", (A, B), "bus(NEWS,PIX); bus(B,PIX); rpix; rpix; nop; bus(A,B,NEWS,PIX)"),
    ("respix", (), "rpix; rpix; nop"),
    ("respix", (A,), "rpix; rpix; nop; bus(NEWS,PIX); bus(A,NEWS)"),
    ("getpix", (A, B), "bus(NEWS,PIX); bus(A,NEWS,B)"),
    ("getpix", (A, B, C), "bus(B,PIX); bus(NEWS,PIX); bus(A,B,NEWS,C)"),
    ("gauss", (A, B, 0), "blurset"),
    ("gauss", (A, B, 1), "blurset; blur(NEWS,B); blur(A,NEWS)"),
    ("gauss", (A, B, 2), "blurset; blur(NEWS,B); blur(A,NEWS); blur(NEWS,A); blur(A,NEWS)"),
    ("gauss", (A, B), "blurset; blur(NEWS,B); blur(A,NEWS)" + "; blur(NEWS,A); blur(A,NEWS)" * 2),
    ("gaussh", (A, B, 2), "blurset; blurh(NEWS,B); blurh(A,NEWS); blurh(NEWS,A); blurh(A,NEWS)"),
    ("gaussv", (A, B, 2), "blurset; blurv(NEWS,B); blurv(A,NEWS); blurv(NEWS,A); blurv(A,NEWS)"),
    ("newsblur", (A, B), "bus(NEWS,B); bus(A,XE,XW,XN,XS)"),
    ("newsblur", (A, B, 2), "bus(NEWS,B); bus(A,XE,XW,XN,XS); bus(NEWS,A); bus(A,XE,XW,XN,XS)"),
    ("newsblurh", (A, B), "bus(NEWS,B); bus(A,XE,XW)"),
    ("newsblurv", (A, B), "bus(NEWS,B); bus(A,XN,XS)"),
    ("NOT", (R5,), "icw(DIGITAL,{plrb,nbit,RR5}); icw(DIGITAL,{nbit,LR5})"),
    ("NOT", (R0,), "icw(DIGITAL,{plrb,nbit,rfl}); icw(DIGITAL,{nbit,lfl})"),
    ("OR", (R5, R6), "icw(DIGITAL,{plrb,bit,bitmode,RR5,RR6}); icw(DIGITAL,{bit,bitmode,LR5})"),
    ("NOR", (R5, R6), "icw(DIGITAL,{plrb,nbit,RR5,RR6}); icw(DIGITAL,{nbit,LR5})"),
    ("DNEWS", (R5, R6, east), "CLR(R1,R2,R3,R4); SET(R4); DNEWS0(R5,R6)"),
    ("DNEWS", (R5, R6, south, 0), "CLR(R1,R2,R3,R4); SET(R1); DNEWS0(R5,R6)"),
    ("DNEWS", (R5, R6, frozenset({west, north}), 1), "CLR(R1,R2,R3,R4); SET(R2,R3); DNEWS1(R5,R6)"),
    ("DNEWS", (R5, R6, alldir), "CLR(R1,R2,R3,R4); SET(R1,R2,R3,R4); DNEWS0(R5,R6)"),
    ("PROP0", (), "PROP_R; PROP_0"),
    ("PROP1", (), "PROP_R; PROP_1"),
    ("AND", (R5, R6, R7), "SET(R0); NOT(R12,R6); NOT(R0,R7); NOR(R5,R0,R12)"),
    ("NAND", (R5, R6, R7), "SET(R0); NOT(R12,R6); NOT(R0,R7); OR(R5,R0,R12)"),
    ("ANDX", (R5, R6, R7), "NOT(R0,R6); NOT(R6,R7); NOR(R5,R0,R6)"),
    ("NANDX", (R5, R6, R7), "NOT(R0,R6); NOT(R6,R7); OR(R5,R0,R6)"),
    ("IMP", (R5, R6, R7), "NOT(R0,R7); OR(R5,R6,R0)"),
    ("NIMP", (R5, R6, R7), "NOT(R0,R7); NOR(R5,R6,R0)"),
    (
        "XORX",
        (R5, R6, R7),
        "NOT(R0,R7); NOR(R5,R6,R0); NOT(R0,R6); NOR(R6,R7,R0); "
        "icw(DIGITAL,{plrb,bit,bitmode,RR5,RR6}); icw(DIGITAL,{bit,bitmode,LR5})",
    ),
    ("MUX", (R5, R6, R7, R8), "SET(R0); MOV(R12,R8); MOV(R0,R6); MOV(R12,R7); MOV(R5,R12)"),
    ("CLR_IF", (R5, R6), "NOT(R0,R5); NOR(R5,R0,R6)"),
    ("REFRESH", (R5,), "REFRESH_R(R5); REFRESH_L(R5)"),
]

# Word counts of the fact sheet's tables.
COUNTS = {
    "res": {2, 3}, "mov": {2}, "add": {2}, "sub": {2}, "neg": {2}, "abs": {6}, "divq": {2}, "div": {5},
    "diva": {5}, "movx": {2}, "mov2x": {2}, "addx": {2}, "add2x": {2}, "subx": {2}, "sub2x": {2},
    "get_image": {5, 6}, "respix": {3, 5}, "getpix": {2, 3}, "gauss": {1, 3, 5, 7}, "gaussh": {5},
    "gaussv": {5}, "newsblur": {2, 4}, "newsblurh": {2}, "newsblurv": {2}, "NOT": {2}, "OR": {2},
    "NOR": {2}, "DNEWS": {3}, "PROP0": {2}, "PROP1": {2}, "AND": {4}, "NAND": {4}, "ANDX": {3},
    "NANDX": {3}, "IMP": {2}, "NIMP": {2}, "XORX": {6}, "MUX": {5}, "CLR_IF": {2}, "REFRESH": {2},
}  # fmt: skip


def macro_id(case):
    return f"{case[0]}({','.join(map(operand_id, case[1]))})"


def operand_id(operand):
    """Sets in an order that every process finds."""
    return "+".join(sorted(map(str, operand))) if isinstance(operand, frozenset) else str(operand)


@pytest.mark.parametrize("case", SEQUENCES, ids=macro_id)
def test_a_macro_expands_to_the_words_of_the_fact_sheet_in_their_order(case):
    name, operands, sequence = case
    kernel = Kernel()
    getattr(kernel, name)(*operands)
    wanted = [word for text in sequence.split(";") for word in parse_line(text)]
    assert [encode(word) for word in kernel.instructions] == [encode(word) for word in wanted]
    assert len(kernel) in COUNTS[name]


def test_every_macro_of_the_table_is_checked_here():
    assert {macro.name for macro in MACROS} == set(COUNTS) == {name for name, _, _ in SEQUENCES}


def test_the_count_column_is_the_number_of_words():
    for macro in MACROS:
        for iterations in (0, 1, 2, 5) if macro.again else (1,):
            words = len(macro.templates(iterations))
            assert words == eval(macro.count.replace("2 it", "2 * it"), {"it": iterations})


# -- results and clobbers on the reference engine -----------------------------------------------------

# ruff: noqa: E501 - tables of cases
SHAPE = (256, 256)


def random_engine(seed, reach=31):
    random = np.random.default_rng(seed)
    engine = ReferenceEngine(ArrayParameters())
    for register in AREGS:
        engine.set_analog(register, random.integers(-reach, reach + 1, SHAPE).astype(np.int16))
    engine.set_analog(PIX, random.integers(-20, 21, SHAPE).astype(np.int16))
    for register in DREGS:
        engine.set_digital(register, random.random(SHAPE) < 0.5)
    engine.in_level = int(random.integers(-20, 21))
    return engine


def state(engine):
    planes = {reg: engine.analog(reg) for reg in (*AREGS, PIX)}
    planes |= {reg: engine.digital(reg) for reg in (*DREGS, Digital.FLAG)}
    return planes


def at(plane, *directions):
    """The plane as every PE sees it in the neighbour at a direction, 0 beyond the edge."""
    for direction in directions:
        seen = np.zeros_like(plane)
        match direction:
            case "north":
                seen[1:, :] = plane[:-1, :]
            case "south":
                seen[:-1, :] = plane[1:, :]
            case "east":
                seen[:, 1:] = plane[:, :-1]
            case "west":
                seen[:, :-1] = plane[:, 1:]
        plane = seen
    return plane


def half(plane):
    return np.sign(plane) * (np.abs(plane) // 2)


def clip(plane):
    return np.clip(plane, -128, 127)


def around(plane):
    return [at(plane, direction) for direction in ("north", "south", "east", "west")]


RESET = ArrayParameters().pix_reset_level

# name, operands, {register: expected value from the state before}, other registers it may change
RESULTS = [
    ("res", (A, B), {A: lambda s: 0 * s[A], B: lambda s: 0 * s[B]}, {NEWS}),
    ("mov", (A, B), {A: lambda s: s[B]}, {NEWS}),
    ("mov", (A, PIX), {A: lambda s: s[PIX]}, {NEWS}),
    ("movx", (A, B, west), {A: lambda s: at(s[B], west)}, {NEWS}),
    ("movx", (A, B, north), {A: lambda s: at(s[B], north)}, {NEWS}),
    ("mov", (A, B, east), {A: lambda s: at(s[B], east)}, {NEWS}),
    ("mov2x", (A, B, south, west), {A: lambda s: at(s[B], south, west)}, {NEWS}),
    ("add", (A, A, B), {A: lambda s: s[A] + s[B]}, {NEWS}),
    ("add", (A, B, C, D), {A: lambda s: s[B] + s[C] + s[D]}, {NEWS}),
    ("addx", (A, A, B, east), {A: lambda s: at(s[A] + s[B], east)}, {NEWS}),
    ("add2x", (A, B, C, north, north), {A: lambda s: at(s[B] + s[C], north, north)}, {NEWS}),
    ("sub", (A, A, B), {A: lambda s: s[A] - s[B]}, {NEWS}),
    ("sub", (A, B, south, C), {A: lambda s: at(s[B], south) - s[C]}, {NEWS}),
    ("subx", (A, B, south, C), {A: lambda s: at(s[B], south) - s[C]}, {NEWS}),
    ("sub2x", (A, B, west, south, C), {A: lambda s: at(s[B], west, south) - s[C]}, {NEWS}),
    ("neg", (A, B), {A: lambda s: -s[B]}, {NEWS}),
    ("abs", (A, B), {A: lambda s: np.abs(s[B])}, {NEWS}),
    ("divq", (A, B), {A: lambda s: half(s[B])}, {NEWS}),
    ("get_image", (A,), {A: lambda s: clip(s[PIX] - RESET), PIX: lambda s: RESET + 0 * s[PIX]}, {NEWS}),
    (
        "get_image",
        (A, B),
        {A: lambda s: clip(2 * s[PIX] - RESET), B: lambda s: -s[PIX], PIX: lambda s: RESET + 0 * s[PIX]},
        {NEWS},
    ),
    ("respix", (), {PIX: lambda s: RESET + 0 * s[PIX]}, set()),
    ("respix", (A,), {PIX: lambda s: RESET + 0 * s[PIX], A: lambda s: RESET + 0 * s[A]}, {NEWS}),
    ("getpix", (A, B), {A: lambda s: s[PIX] - s[B]}, {NEWS}),
    ("getpix", (A, B, C), {A: lambda s: 2 * s[PIX] - s[C], B: lambda s: -s[PIX]}, {NEWS}),
    ("newsblur", (A, B), {A: lambda s: clip(sum(around(s[B])))}, {NEWS}),
    ("newsblurh", (A, B), {A: lambda s: at(s[B], east) + at(s[B], west)}, {NEWS}),
    ("newsblurv", (A, A), {A: lambda s: at(s[A], north) + at(s[A], south)}, {NEWS}),
    ("NOT", (R5,), {R5: lambda s: ~s[R5]}, set()),
    ("OR", (R5, R6), {R5: lambda s: s[R5] | s[R6]}, set()),
    ("NOR", (R5, R6), {R5: lambda s: ~(s[R5] | s[R6])}, set()),
    ("DNEWS", (R5, R6, west), {R5: lambda s: at(s[R6], west)}, {R1, R2, R3, R4}),
    ("DNEWS", (R5, R6, alldir), {R5: lambda s: np.any(around(s[R6]), axis=0)}, {R1, R2, R3, R4}),
    ("AND", (R5, R6, R7), {R5: lambda s: s[R6] & s[R7], R0: lambda s: ~s[R7], R12: lambda s: ~s[R6]}, set()),
    ("NAND", (R5, R6, R7), {R5: lambda s: ~(s[R6] & s[R7]), R0: lambda s: ~s[R7], R12: lambda s: ~s[R6]}, set()),
    ("ANDX", (R5, R6, R7), {R5: lambda s: s[R6] & s[R7], R0: lambda s: ~s[R6], R6: lambda s: ~s[R7]}, set()),
    ("NANDX", (R5, R6, R7), {R5: lambda s: ~(s[R6] & s[R7]), R0: lambda s: ~s[R6], R6: lambda s: ~s[R7]}, set()),
    ("IMP", (R5, R6, R7), {R5: lambda s: s[R6] | ~s[R7], R0: lambda s: ~s[R7]}, set()),
    ("NIMP", (R5, R6, R7), {R5: lambda s: ~s[R6] & s[R7], R0: lambda s: ~s[R7]}, set()),
    ("XORX", (R5, R6, R7), {R5: lambda s: s[R6] ^ s[R7]}, {R0, R6}),
    (
        "MUX",
        (R5, R6, R7, R8),
        {
            R5: lambda s: np.where(s[R6], s[R7], s[R8]),
            R12: lambda s: np.where(s[R6], s[R7], s[R8]),
            R0: lambda s: s[R6],
        },
        set(),
    ),
    ("CLR_IF", (R5, R6), {R5: lambda s: s[R5] & ~s[R6], R0: lambda s: ~s[R5]}, set()),
    ("REFRESH", (R5,), {}, set()),
]  # fmt: skip


@pytest.mark.parametrize("case", RESULTS, ids=macro_id)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=3, deadline=None)
def test_a_macro_has_its_documented_result_and_changes_nothing_else(case, seed):
    name, operands, expected, clobbers = case
    engine = random_engine(seed)
    before = state(engine)
    engine.run(engine.load([encode(word) for word in expand(name, operands)]))
    after = state(engine)
    for register, value in expected.items():
        assert np.array_equal(after[register], value(before)), register
    for register in set(before) - set(expected) - clobbers:
        assert np.array_equal(after[register], before[register]), f"{register} must not change"


@pytest.mark.parametrize(
    ("name", "operands", "source"), [("div", (A, B, C), C), ("div", (A, B, C, D), D), ("diva", (A, B, C), A)]
)
def test_divisions_halve_within_one_count_and_change_only_what_they_say(name, operands, source):
    engine = random_engine(3, reach=100)
    before = state(engine)
    engine.run(engine.load([encode(word) for word in expand(name, operands)]))
    after = state(engine)
    assert np.max(np.abs(2 * after[operands[0]] - before[source])) <= 2
    assert np.max(np.abs(2 * after[operands[1]] + before[source])) <= 2
    for register in set(before) - {*operands[:3], NEWS}:
        assert np.array_equal(after[register], before[register])


@pytest.mark.parametrize("name", ["gauss", "gaussh", "gaussv"])
def test_resistive_blur_smooths_where_links_are_enabled_and_changes_nothing_else(name):
    engine = random_engine(4)
    engine.set_digital(R1, np.ones(SHAPE, bool))
    engine.set_digital(R2, np.ones(SHAPE, bool))
    before = state(engine)
    engine.run(engine.load([encode(word) for word in expand(name, (A, B))]))
    after = state(engine)
    assert after[A].std() < before[B].std() / 1.5
    for register in set(before) - {A, NEWS}:
        assert np.array_equal(after[register], before[register])


@pytest.mark.parametrize("edge", [False, True])
def test_prop_floods_inside_the_mask(edge):
    engine = random_engine(5)
    for register in (R1, R2, R3, R4):
        engine.set_digital(register, np.ones(SHAPE, bool))
    mask = np.zeros(SHAPE, bool)
    mask[10:20, 10:20] = mask[0:5, 100:110] = True
    seed = np.zeros(SHAPE, bool)
    seed[12, 12] = True
    engine.set_digital(R0, mask)
    engine.set_digital(R12, seed)
    engine.run(engine.load([encode(word) for word in expand("PROP1" if edge else "PROP0", ())]))
    flooded = np.zeros(SHAPE, bool)
    flooded[10:20, 10:20] = True
    flooded[0:5, 100:110] = edge
    assert np.array_equal(engine.digital(R12), flooded)


def test_where_flag_is_zero_analog_macros_write_nothing():
    engine = random_engine(6)
    engine.set_digital(Digital.FLAG, np.zeros(SHAPE, bool))
    before = state(engine)
    engine.run(engine.load([encode(word) for word in expand("add", (A, B, C))]))
    assert all(np.array_equal(plane, before[register]) for register, plane in state(engine).items())


LOCAL = {"res", "mov", "add", "sub", "neg", "divq"}


@pytest.mark.parametrize(
    "case",
    [c for c in RESULTS if c[0] in LOCAL and PIX not in c[1] and not {east, south} & set(c[1])],
    ids=macro_id,
)
def test_a_local_analog_macro_works_where_flag_is_1_and_leaves_the_rest(case):
    name, operands, expected, _ = case
    engine = random_engine(7)
    flag = np.random.default_rng(7).random(SHAPE) < 0.5
    engine.set_digital(Digital.FLAG, flag)
    before = state(engine)
    engine.run(engine.load([encode(word) for word in expand(name, operands)]))
    for register, value in expected.items():
        assert np.array_equal(engine.analog(register), np.where(flag, value(before), before[register]))


@pytest.mark.parametrize("direction", [north, south, east, west])
def test_dnews_with_boundary_1_reads_1_beyond_the_edge(direction):
    engine = random_engine(8)
    source = engine.digital(R6)
    engine.run(engine.load([encode(word) for word in expand("DNEWS", (R5, R6, direction, 1))]))
    assert np.array_equal(engine.digital(R5), ~at(~source, direction))


# -- bad input ----------------------------------------------------------------------------------------

REFUSED = [
    ("add", (A, NEWS, B), ["add(A, NEWS, B), word 0: bus(NEWS, B, NEWS)", "NEWS is both"]),
    ("add", (A, B, B), ["word 0: bus(NEWS, B, B)", "named twice"]),
    ("sub", (A, B, A), ["word 1: bus(A, A, NEWS)", "A is both destination and source"]),
    ("abs", (R5, A), ["operand 1 (y) must be an analog register, not R5"]),
    ("mov", (A,), ["1 operands", "mov(y, x) or mov(y, x, dir)"]),
    ("movx", (A, B, R5), ["operand 3 (dir) must be a direction, not R5"]),
    ("gauss", (A, B, 256), ["operand 3 (it)", "0 to 255, not 256"]),
    ("DNEWS", (R5, R6, frozenset()), ["operand 3 (dirs)"]),
    ("DNEWS", (R5, R6, east, 2), ["operand 4 (boundary) must be 0 or 1, not 2"]),
    ("DNEWS", (R5, R5, east), ["word 2: DNEWS0(R5, R5)"]),
    ("DNEWS", (R5, R1, east), ["R1 (Rx) is overwritten by word 0 before word 2 reads it"]),
    ("AND", (R5, R0, R6), ["R0 (Rx) is overwritten by word 0 before word 1 reads it"]),
    ("XORX", (R5, R6, R5), ["R5 (Ry) is overwritten by word 1 before word 3 reads it"]),
    ("NOT", (Digital.FLAG,), ["operand 1 (Rl) must be one of R0 to R12, not FLAG"]),
    ("get_image", (IN,), ["word 4: bus(IN", "IN cannot be"]),
    ("SET", (R1, R2, R3, R4, R5), ["1 to 4 destination operands, not 5"]),
    ("MOV", (R5, A), ["A cannot be a digital source"]),
    ("bus", ((A, B), C), ["takes {destinations}, {sources}"]),
]


@pytest.mark.parametrize(
    ("name", "operands", "parts"), REFUSED, ids=lambda value: value if isinstance(value, str) else None
)
def test_operands_that_cannot_work_are_refused_naming_word_and_operand_and_nothing_is_recorded(
    name, operands, parts
):
    kernel = Kernel()
    kernel.nop()
    with pytest.raises(InstructionError) as caught:
        kernel.record(name, *operands)
    for part in parts:
        assert part in str(caught.value)
    assert len(kernel) == 1


def test_the_escape_records_any_word_and_names_an_unknown_bit_or_clock_class():
    kernel = Kernel()
    kernel.icw("DIGITAL", "plrb", "nbit", "RR5")
    assert kernel.block().words[0].bit_names == ("RR5", "nbit", "plrb")
    with pytest.raises(InstructionError, match="no bit is named 'RR13'"):
        kernel.icw("DIGITAL", "RR13")
    with pytest.raises(InstructionError, match="no clock class 'SLOW'"):
        kernel.icw("SLOW")


def test_the_list_form_of_bus_takes_any_destinations_and_sources():
    kernel = Kernel()
    kernel.bus((A, B), (C, D, E))
    kernel.bus((A, B, C, D), ())
    kernel.bus(F)
    assert kernel.listing() == "  0  bus({A, B}, {C, D, E})\n  1  bus({A, B, C, D}, {})\n  2  bus(F)"
