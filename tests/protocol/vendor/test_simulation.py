"""The simulation protocol against bytes composed by hand from fact sheet section 6, and against damage."""

import construct as c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor import registers
from pixeltree_protocol.vendor.simulation import (
    HEADER,
    INSTRUCTION,
    LARGEST_PACKET,
    QUICK,
    VERSION_PACKET,
    Instruction,
    Kind,
    Opcode,
    PacketReader,
    answer,
    decode_instructions,
    frame_packet,
    instruction,
    kernel,
    packet,
    text_of,
    with_unsigned,
)


def test_the_version_word_is_the_second_u32_argument():
    expected = "1c000000 01000000 2c00 0000 00000000 60040000 00000000 00000000"
    assert bytes.fromhex(expected) == VERSION_PACKET


def test_a_frame_number_is_the_first_u32_argument():
    expected = "1c000000 01000000 3000 0000 04030201 00000000 00000000 00000000"
    assert frame_packet(0x01020304) == bytes.fromhex(expected)


def test_a_kernel_is_instructions_of_20_bytes():
    # bus(NEWS, A); bus(B, NEWS): opcode 3, registers 9, 10 and 11, 9
    rows = (Instruction(3, (9, 10)), Instruction(3, (11, 9)))
    first = "0300 0000 0900 0a00 0000 0000 0000 0000 0000 0000"
    second = "0300 0000 0b00 0900 0000 0000 0000 0000 0000 0000"
    assert kernel(rows) == bytes.fromhex(f"30000000 03000000 {first} {second}")
    assert [each.arguments[:2] for each in decode_instructions(bytes.fromhex(first + second))] == [
        (9, 10),
        (11, 9),
    ]


def test_a_call_and_its_answer():
    expected = "1c000000 01000000 3900 0000 0a00 0000 0700 fe00 0000 0000 0000 0000"
    assert instruction(Opcode.READ_AREG, 10, 0, 7, 254) == bytes.fromhex(expected)
    assert answer(b"\x85") == bytes.fromhex("09000000 06000000 85")


def test_registers_have_the_indices_of_the_fact_sheet():
    analog = {0: ".Z", 1: "PIX", 2: "IN", 3: ".RES", 4: "XN", 7: "XW", 9: "NEWS", 15: "F", 47: ".Q[31]"}
    digital = {0: ".RB", 1: "FLAG", 2: "SELECT", 3: "R0", 15: "R12", 143: ".S[127]", 144: "RECT"}
    assert {at: registers.ANALOG[at] for at in analog} == analog
    assert {at: registers.DIGITAL[at] for at in digital} == digital


def test_every_register_of_the_chip_has_an_index():
    assert set(Analog) <= set(registers.ANALOG)
    assert set(Digital) <= set(registers.DIGITAL)


def test_opcodes_have_the_numbers_of_the_fact_sheet():
    known = {"NOP": 0, "BUS_LIST": 11, "ALL": 19, "MOV": 31, "PROP_1": 43, "DAC_IN": 50, "SCAN_AABB": 63}
    known |= {"GLOBAL_OR": 70, "FLOOD": 77, "RESET_VIDEO": 83, "GLOBAL_COUNT": 84, "USE_SUBPIX": 89}
    assert {name: Opcode[name].value for name in known} == known
    assert len(Opcode) == 90


@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=8, max_size=8), st.integers(-(2**15), 2**15 - 1))
def test_both_ways_to_read_an_instruction_agree(arguments, opcode):
    data = Instruction(opcode, tuple(arguments)).encode()
    declared = INSTRUCTION.parse(data)
    assert QUICK.unpack(data) == (declared.opcode, declared.flag, *declared.arguments)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4))
def test_unsigned_arguments_come_back(values):
    made = with_unsigned(Opcode.LOOP_COUNTER_UPDATE, *values)
    (read,) = decode_instructions(made.encode())
    assert [read.unsigned(index) for index in range(4)] == values


_packets = st.one_of(
    st.tuples(st.just(Kind.TUNNEL), st.binary(max_size=60)),
    st.tuples(st.just(Kind.TEXT), st.binary(max_size=60)),
    st.tuples(st.just(Kind.KERNEL), st.integers(0, 3).map(lambda n: bytes(20 * n))),
    st.tuples(st.just(Kind.INSTRUCTION), st.binary(min_size=20, max_size=20)),
    st.tuples(st.just(Kind.INSTRUCTION_WITH_TEXT), st.binary(min_size=20, max_size=100)),
)


@given(st.lists(_packets, max_size=6), st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_packets_come_out_whole_however_the_stream_is_cut(several, cuts):
    stream = b"".join(packet(kind, payload) for kind, payload in several)
    reader, found, at = PacketReader(), [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == several


@given(st.lists(_packets, max_size=6))
def test_the_reader_finds_what_the_declared_layout_finds(several):
    stream = b"".join(packet(kind, payload) for kind, payload in several)
    declared = c.GreedyRange(
        c.Struct("head" / HEADER, "payload" / c.Bytes(c.this.head.size - HEADER.sizeof()))
    )
    found = [(each.head.kind, each.payload) for each in declared.parse(stream)]
    assert list(PacketReader().feed(stream)) == found == several


@pytest.mark.parametrize(
    "head",
    [
        "07000000 01000000",  # smaller than its header
        "1b000000 01000000",  # an instruction that is too short
        "ffffffff 03000000",  # more than anybody has
        "2d010000 02000000",  # 301 bytes with a text
        "10000000 07000000",  # a kind that is none
        "10000000 01010000",
    ],
)
def test_sizes_and_kinds_are_not_believed(head):
    with pytest.raises(MessageError, match="cannot be followed"):
        list(PacketReader().feed(bytes.fromhex(head)))


@given(st.binary(max_size=400))
def test_no_bytes_make_a_reader_wait_for_more_than_the_largest_packet(noise):
    reader = PacketReader()
    try:
        for kind, payload in reader.feed(noise):
            assert kind in set(Kind)
            assert len(payload) < LARGEST_PACKET
    except MessageError:
        return


def test_a_text_ends_at_nul_and_shows_odd_bytes():
    assert text_of(b"# movx(\0rest") == "# movx("
    assert text_of(b"\xff") == "\\xff"
