"""The rules of fact sheet sections 3.1 to 3.5, one by one, on the reference engine."""

import numpy as np
import pytest

from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.chip.registers import DREGS, Analog, Digital, bits

A, B, C, NEWS = Analog.A, Analog.B, Analog.C, Analog.NEWS
FLAG = Digital.FLAG
R0, R1, R2, R3, R4, R5, R6, R7, R12 = (Digital(f"R{i}") for i in (0, 1, 2, 3, 4, 5, 6, 7, 12))


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.fixture
def engine(random):
    engine = ReferenceEngine(ArrayParameters())
    for register in engine.planes.analog:
        engine.set_analog(register, random.integers(-60, 61, (256, 256), dtype=np.int16))
    for register in DREGS:
        engine.set_digital(register, random.random((256, 256)) < 0.5)
    return engine


def run(engine, *instructions):
    words = [encode(i) if isinstance(i, Instruction) else i for i in instructions]
    engine.run(engine.load(words))


def word(mnemonic, destinations=(), sources=()):
    return Instruction(mnemonic, destinations, sources)


def digital(*names):
    return ICW(bits(*names), ClockClass.DIGITAL)


def test_bus_negates_the_sum(engine):
    b, c = engine.analog(B), engine.analog(C)
    run(engine, word("bus", (A,), (B, C)))
    assert np.array_equal(engine.analog(A), -(b + c))


def test_results_saturate_at_both_ends(engine):
    engine.set_analog(B, np.full((256, 256), 100, np.int16))
    engine.set_analog(C, np.full((256, 256), 100, np.int16))
    run(engine, word("bus", (A,), (B, C)))
    assert np.all(engine.analog(A) == -128)
    run(engine, word("bus", (B,), (A,)))
    assert np.all(engine.analog(B) == 127)


def test_bus2_halves_rounding_toward_zero(engine):
    engine.set_analog(C, np.full((256, 256), 5, np.int16))
    run(engine, word("bus2", (A, B), (C,)))
    assert np.all(engine.analog(A) == -2)
    assert np.all(engine.analog(B) == -2)


def test_flag_gates_analog_writes_and_not_digital_ones(engine, random):
    flag = random.random((256, 256)) < 0.5
    before, b = engine.analog(A), engine.analog(B)
    engine.set_digital(FLAG, flag)
    run(engine, word("bus", (A,), (B,)), word("SET", (R5,)))
    assert np.array_equal(engine.analog(A), np.where(flag, -b, before))
    assert engine.digital(R5).all()


def test_where_is_strictly_positive_and_compares_the_unsaturated_sum(engine):
    for value, expected in ((0, False), (1, True), (-1, False)):
        engine.set_analog(A, np.full((256, 256), value, np.int16))
        run(engine, word("where", (), (A,)))
        assert np.all(engine.digital(FLAG) == expected)
    engine.set_analog(A, np.full((256, 256), 127, np.int16))
    engine.set_analog(B, np.full((256, 256), 127, np.int16))
    engine.set_analog(C, np.full((256, 256), -128, np.int16))
    run(engine, word("where", (), (A, B, C)))
    assert engine.digital(FLAG).all()


def test_flag_stays_until_all(engine):
    run(engine, word("CLR", (R5,)), word("WHERE", (), (R5,)))
    run(engine, word("nop"))
    assert not engine.digital(FLAG).any()
    run(engine, word("all"))
    assert engine.digital(FLAG).all()


def test_r12_changes_only_where_r0_is_1(engine):
    r0, before, r5 = engine.digital(R0), engine.digital(R12), engine.digital(R5)
    run(engine, word("MOV", (R12,), (R5,)))
    assert np.array_equal(engine.digital(R12), np.where(r0, r5, before))
    run(engine, word("SET", (R12,)))
    assert np.array_equal(engine.digital(R12), np.where(r0, True, np.where(r0, r5, before)))


def test_a_word_that_loads_r0_and_r12_masks_with_the_old_r0(engine):
    r0, before = engine.digital(R0), engine.digital(R12)
    run(engine, word("CLR", (R0, R12)))
    assert np.array_equal(engine.digital(R12), before & ~r0)


@pytest.mark.parametrize(
    ("port", "rows", "columns"),
    [(Analog.XN, 1, 0), (Analog.XS, -1, 0), (Analog.XE, 0, 1), (Analog.XW, 0, -1)],
)
def test_reading_a_port_gives_the_neighbours_news(engine, port, rows, columns):
    """bus(N, B); bus(B, XW) moves content east, that is to a LOWER column number."""
    news = engine.analog(NEWS)
    run(engine, word("bus", (A,), (port,)))
    expected = -np.roll(news, (rows, columns), axis=(0, 1))
    inside = (slice(1, -1), slice(1, -1))
    assert np.array_equal(engine.analog(A)[inside], expected[inside])


def test_beyond_the_edge_ports_read_the_boundary_value():
    engine = ReferenceEngine(ArrayParameters(analog_boundary=7))
    run(engine, word("bus", (A,), (Analog.XN,)))
    assert np.all(engine.analog(A)[0] == -7)
    assert np.all(engine.analog(A)[1:] == 0)


def test_writing_a_port_pushes_into_the_neighbour(engine):
    """bus(XE, A): afterwards a PE's NEWS holds its west neighbour's result."""
    a = engine.analog(A)
    run(engine, word("bus", (Analog.XE,), (A,)))
    assert np.array_equal(engine.analog(NEWS)[:, :-1], -a[:, 1:])


@pytest.mark.parametrize("gate", ["sender", "owner"])
def test_whose_flag_gates_a_push_is_a_parameter(gate):
    engine = ReferenceEngine(ArrayParameters(push_gate=gate))
    engine.set_analog(A, np.full((256, 256), -9, np.int16))
    flag = np.zeros((256, 256), bool)
    flag[10, 10] = True
    engine.set_digital(FLAG, flag)
    run(engine, word("bus", (Analog.XE,), (A,)))
    column = 9 if gate == "sender" else 10  # the east neighbour has the lower column number
    assert engine.analog(NEWS)[10, column] == 9
    assert engine.analog(NEWS)[10, 19 - column] == 0


@pytest.mark.parametrize(
    ("direction", "row", "column"), [(R1, 9, 10), (R2, 10, 9), (R3, 11, 10), (R4, 10, 11)]
)
def test_dnews_reads_the_neighbour_its_direction_register_names(engine, direction, row, column):
    """R1 reads south (content moves up), R2 west (moves right), R3 north (down), R4 east (left)."""
    point = np.zeros((256, 256), bool)
    point[10, 10] = True
    engine.set_digital(R5, point)
    run(engine, word("CLR", (R1, R2, R3, R4)), word("SET", (direction,)), word("DNEWS0", (R6,), (R5,)))
    assert np.argwhere(engine.digital(R6)).tolist() == [[row, column]]


def test_dnews_edge_is_0_or_1(engine):
    run(
        engine,
        word(
            "CLR",
            (
                R1,
                R2,
                R3,
                R4,
            ),
        ),
        word("SET", (R3,)),
        word("CLR", (R5,)),
    )
    run(engine, word("DNEWS1", (R6,), (R5,)))
    assert engine.digital(R6)[0].all()
    assert not engine.digital(R6)[1:].any()
    run(engine, word("DNEWS0", (R6,), (R5,)))
    assert not engine.digital(R6).any()


def test_dnews_directions_may_differ_per_pixel(engine):
    r5 = engine.digital(R5)
    choose = np.zeros((256, 256), bool)
    choose[:, ::2] = True
    for register, plane in ((R1, choose), (R2, ~choose), (R3, choose & False), (R4, choose & False)):
        engine.set_digital(register, plane)
    run(engine, word("DNEWS0", (R6,), (R5,)))
    south, west = np.roll(r5, -1, axis=0), np.roll(r5, -1, axis=1)
    inside = (slice(1, -1), slice(1, -1))
    assert np.array_equal(engine.digital(R6)[inside], np.where(choose, south, west)[inside])


def test_propagation_fills_the_mask_from_the_seed_and_nothing_else(engine):
    mask = np.zeros((256, 256), bool)
    mask[20:40, 20:40] = True
    mask[60:70, 60:70] = True
    seed = np.zeros((256, 256), bool)
    seed[25, 25] = True
    engine.set_digital(R0, mask)
    engine.set_digital(R12, seed)
    run(engine, word("SET", (R1, R2, R3, R4)), word("PROP_R"), word("PROP_0"))
    expected = np.zeros((256, 256), bool)
    expected[20:40, 20:40] = True
    assert np.array_equal(engine.digital(R12), expected)


def test_in_place_not_and_or_go_through_the_read_bus(engine):
    r5, r6 = engine.digital(R5), engine.digital(R6)
    run(engine, digital("plrb", "nbit", "RR5"), digital("nbit", "LR5"))
    assert np.array_equal(engine.digital(R5), ~r5)
    run(engine, digital("plrb", "bit", "bitmode", "RR5", "RR6"), digital("bit", "bitmode", "LR5"))
    assert np.array_equal(engine.digital(R5), ~r5 | r6)


def test_refresh_keeps_the_value(engine):
    r5 = engine.digital(R5)
    run(engine, word("REFRESH_R", (), (R5,)), word("REFRESH_L", (R5,)))
    assert np.array_equal(engine.digital(R5), r5)


def test_and_macro_of_the_vendor(engine):
    r5, r6 = engine.digital(R5), engine.digital(R6)
    run(
        engine,
        word("SET", (R0,)),
        word("NOT", (R12,), (R5,)),
        word("NOT", (R0,), (R6,)),
        word("NOR", (R7,), (R0, R12)),
    )
    # R12 was written while R0 was 1 everywhere, R0 afterwards
    assert np.array_equal(engine.digital(R7), r5 & r6)


def test_get_image_gives_the_half_range_and_resets_pix(engine):
    reset = engine.parameters.pix_reset_level
    exposed = np.random.default_rng(1).integers(0, 128, (256, 256), dtype=np.int16)
    engine.set_analog(Analog.PIX, exposed + reset)
    engine.set_digital(FLAG, np.ones((256, 256), bool))
    run(
        engine,
        word("bus", (NEWS,), (Analog.PIX,)),
        word("rpix"),
        word("rpix"),
        word("nop"),
        word("bus", (A,), (NEWS, Analog.PIX)),
    )
    assert np.array_equal(engine.analog(A), exposed)
    assert np.all(engine.analog(Analog.PIX) == reset)


def test_in_is_a_global_source(engine):
    engine.in_level = -37
    run(engine, word("bus", (A,), (Analog.IN,)))
    assert np.all(engine.analog(A) == 37)


def test_blur_averages_over_enabled_links_only(engine):
    plane = np.zeros((256, 256), np.int16)
    plane[100, 100] = 90
    engine.set_analog(B, plane)
    engine.set_digital(R1, np.zeros((256, 256), bool))
    engine.set_digital(R2, np.ones((256, 256), bool))
    run(engine, word("blur", (A,), (B,)))
    assert engine.analog(A)[100, 99:102].tolist() == [-30, -30, -30]
    assert engine.analog(A)[99, 100] == 0


def test_a_block_with_a_meaningless_word_names_its_index_and_changes_nothing(engine):
    before = engine.analog(A)
    good = encode(word("bus", (A,), (B,)))
    with pytest.raises(MeaninglessWord) as caught:
        engine.load([good, good, ICW(bits("dig8"))])
    assert caught.value.index == 2
    assert np.array_equal(engine.analog(A), before)
