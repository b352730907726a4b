"""Instruction words against the fact sheet (section 2.4) and against themselves."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_protocol.chip.isa import (
    FORMS,
    ICW,
    MNEMONICS,
    ClockClass,
    Form,
    Instruction,
    decode,
    encode,
)
from pixeltree_protocol.chip.registers import BIT_NAMES, Analog, Digital, bits
from pixeltree_protocol.errors import InstructionError

# Fact sheet section 2.4: instruction, destinations, sources, the 24 significant bits of each port word.
VECTORS = [
    ("nop", "", "", "000000 010000 020000 030000 040000"),
    ("rpix", "", "", "000006 010000 020000 030000 040000"),
    ("bus", "A", "", "002000 010020 020000 030000 040000"),
    ("bus", "NEWS", "A", "000400 010121 020000 030000 040000"),
    ("bus", "A", "NEWS", "002400 010120 020000 030000 040000"),
    ("bus", "NEWS", "A B", "000400 010161 020000 030000 040000"),
    ("bus", "A", "NEWS PIX", "002402 010120 020000 030000 040000"),
    ("bus", "XW", "A", "000000 012121 020000 030000 040000"),
    ("bus", "A", "XE B", "002200 010160 020000 030000 040000"),
    ("bus2", "B C", "A", "00C000 0100E0 020000 030000 040000"),
    ("blur", "NEWS", "A", "000418 010121 020000 030000 040000"),
    ("blurset", "", "", "080000 010000 020003 030000 040000"),
    ("where", "", "A", "000000 010030 020000 030000 040000"),
    ("WHERE", "", "R5", "080800 010010 020010 032000 040000"),
    ("all", "", "", "000800 011000 020000 032000 040000"),
    ("SET", "R5", "", "080020 010000 020000 031001 040000"),
    ("CLR", "R1 R2 R3 R4", "", "080020 010000 02F000 03E000 040000"),
    ("MOV", "R5", "FLAG", "080060 010000 020000 03E001 040000"),
    ("MOV", "R5", "RECT", "080020 010000 020000 03E001 041101"),
    ("NOT", "R5", "R6", "080020 010000 020020 03B401 040000"),
    ("OR", "R5", "R6 R7", "080020 010000 020060 03E001 040000"),
    ("NOR", "R5", "R0 R12", "080020 010000 020800 03B601 040000"),
    ("DNEWS0", "R5", "R6", "100820 018000 020020 036801 040000"),
    ("DNEWS1", "R5", "R6", "100820 01C000 020020 036801 040000"),
    ("PROP_R", "", "", "000020 010000 020800 03E000 040000"),
    ("PROP_0", "", "", "180820 018000 020800 030880 040000"),
    ("PROP_1", "", "", "180820 01C000 020800 030880 040000"),
    ("REFRESH_R", "", "R5", "080020 010000 020010 03E000 040000"),
    ("REFRESH_L", "R5", "", "080020 010000 020000 03C001 040000"),
]

# Every mnemonic of the fact sheet's encoding table.
SHEET_MNEMONICS = set(
    """
    nop rpix aout bus bus2 bus3 blurset blur blurh blurv sq where WHERE all SET CLR MOV OR NOT NOR
    REFRESH_R REFRESH_L DNEWS0 DNEWS1 PROP_R PROP_0 PROP_1
    """.split()
)

STROBE = {Analog.NEWS, Analog.XN, Analog.XE, Analog.XS, Analog.XW}


def registers(names):
    return tuple(Analog(name) if name in Analog.__members__ else Digital(name) for name in names.split())


def instruction(mnemonic, destinations="", sources=""):
    return Instruction(mnemonic, registers(destinations), registers(sources))


vector_cases = pytest.mark.parametrize(
    ("expected", "words"),
    [
        pytest.param(instruction(name, dst, src), words, id=f"{name}({dst};{src})")
        for name, dst, src, words in VECTORS
    ],
)


@vector_cases
def test_a_worked_vector_encodes_to_the_words_of_the_fact_sheet(expected, words):
    assert " ".join(f"{word:06X}" for word in encode(expected).words) == words


@vector_cases
def test_the_words_of_a_worked_vector_decode_to_its_instruction(expected, words):
    assert decode(ICW.from_words([int(word, 16) for word in words.split()])) == expected


@pytest.mark.parametrize(
    ("described", "clock", "names"),
    [
        (instruction("aout", "", "D"), 0, "SEL5 ana"),
        (instruction("bus3", "A E F", "B"), 0, "W1 SEL1 W6 SEL6 W7 SEL7 SEL2"),
        (instruction("bus", "C D", "IN"), 0, "W3 SEL3 W5 SEL5 s_in"),
        (instruction("bus", "XN"), 0, "W4 SEL4 sels"),
        (instruction("bus", "XS"), 0, "W4 SEL4 seln"),
        (instruction("bus", "XE"), 0, "W4 SEL4 sele"),
        (instruction("bus", "XW"), 0, "W4 SEL4 selw"),
        (instruction("blurh", "A", "B"), 0, "W1 SEL1 SEL2 seldiffe"),
        (instruction("blurv", "A", "B"), 0, "W1 SEL1 SEL2 seldiffs"),
        (instruction("sq", "", "A F"), 0, "W4 SEL4 selx SEL1 SEL7 selsq"),
        (instruction("where", "", "A PIX XE"), 0, "wrf SEL1 selpix SEL4 sele"),
        (instruction("WHERE", "", "R0 SELECT"), 1, "wrf plrb rid rfl wr"),
        (instruction("SET", "R0 R12"), 1, "s_in plwb lfl LR12"),
        (instruction("MOV", "R0", "SELECT"), 1, "s_in plrb bit bitmode lfl wr"),
    ],
    ids=lambda value: str(value) if isinstance(value, Instruction) else None,
)
def test_forms_without_a_worked_vector_set_the_bits_that_the_fact_sheet_lists(described, clock, names):
    word = encode(described)
    assert set(word.bit_names) == set(names.split())
    assert word.clock == clock
    assert decode(word) == described


@st.composite
def valid_instructions(draw, form: Form):
    """Any instruction that ``form`` can express, made without calling the package's own checks."""
    destinations = _draw_operands(draw, form.destination, form.destinations, lambda chosen, reg: True)
    has_strobe = bool(STROBE & set(destinations)) or form.mnemonic == "sq"
    sources = _draw_operands(
        draw,
        form.source,
        form.sources,
        lambda chosen, reg: (
            reg not in destinations
            and not (has_strobe and reg in STROBE)
            and not {Digital.SELECT, Digital.RECT} <= {*chosen, reg}
        ),
    )
    return Instruction(form.mnemonic, destinations, sources)


def _draw_operands(draw, kind, count, allowed):
    if kind is None:
        return ()
    least, most = count
    wanted = draw(st.integers(least, min(most, len(kind.table))))
    chosen = []
    for register in draw(st.permutations(list(kind.table))):
        second_strobe = kind.value == "analog destination" and register in STROBE and STROBE & set(chosen)
        if len(chosen) < wanted and not second_strobe and allowed(chosen, register):
            chosen.append(register)
    assume(len(chosen) >= least)
    return tuple(chosen)


def form_id(form):
    return f"{form.mnemonic}{form.destinations}{form.sources}"


@pytest.mark.parametrize("form", FORMS, ids=form_id)
def test_every_valid_instruction_of_a_form_decodes_to_itself(form):
    seen = set()

    @settings(max_examples=effort(60, 20))
    @given(valid_instructions(form))
    def check(valid):
        word = encode(valid)
        assert decode(word) == valid
        assert str(decode(word)) == str(valid)
        assert ICW.from_words(word.words) == word
        assert word.clock is form.clock
        seen.add(valid.mnemonic)

    check()
    assert form.mnemonic in seen, "the strategy never made an instruction of this form"


def test_the_form_table_has_every_mnemonic_of_the_fact_sheet_and_no_other():
    assert set(MNEMONICS) == {form.mnemonic for form in FORMS} == SHEET_MNEMONICS


all_valid = st.sampled_from(FORMS).flatmap(valid_instructions)
clocks = st.sampled_from(ClockClass)
some_bits = st.sets(st.integers(0, 79), max_size=6).map(lambda numbers: sum(1 << n for n in numbers))
arbitrary_words = st.builds(ICW, st.integers(0, (1 << 80) - 1), clocks)
sparse_words = st.builds(ICW, some_bits, clocks)
near_misses = st.builds(lambda x, flips: ICW(encode(x).bits ^ flips, encode(x).clock), all_valid, some_bits)
wrong_clocks = st.builds(lambda x, clock: ICW(encode(x).bits, clock), all_valid, clocks)
unions = st.builds(lambda x, y: ICW(encode(x).bits | encode(y).bits, encode(x).clock), all_valid, all_valid)


@settings(max_examples=effort(500, 125))
@given(st.one_of(arbitrary_words, sparse_words, near_misses, wrong_clocks, unions))
def test_any_word_decodes_to_something_that_encodes_to_the_same_word(word):
    read = decode(word)
    again = encode(read)
    assert (again.bits, again.clock) == (word.bits, word.clock)
    assert str(read)


@settings(max_examples=effort(300, 75))
@given(near_misses)
def test_a_word_with_bits_too_many_or_too_few_never_loses_them_behind_a_mnemonic(word):
    read = decode(word)
    if read.raw is None:
        assert encode(Instruction(read.mnemonic, read.destinations, read.sources)) == word


@given(arbitrary_words)
def test_any_word_survives_its_five_port_words(word):
    words = word.words
    assert [port >> 16 & 7 for port in words] == [0, 1, 2, 3, 4]
    assert ICW.from_words(words) == word


@given(arbitrary_words, st.lists(st.integers(0, 1023), min_size=5, max_size=5))
def test_bits_that_the_chip_ignores_are_ignored(word, junk):
    assert ICW.from_words([port | extra << 22 for port, extra in zip(word.words, junk, strict=True)]) == word


def test_a_word_that_no_mnemonic_describes_is_shown_with_clock_and_bit_names():
    word = ICW(bits("wrf", "dig8"), ClockClass.DOUT)
    assert decode(word) == Instruction("icw", raw=word)
    assert str(decode(word)) == "icw(DOUT, {wrf, dig8})"
    assert word.bit_names == ("wrf", "dig8")


def test_the_bit_table_names_80_different_bits():
    assert len(BIT_NAMES) == len(set(BIT_NAMES)) == 80


def test_operand_order_within_a_word_means_nothing():
    assert instruction("bus", "A", "B XE") == instruction("bus", "A", "XE B")
    assert encode(instruction("CLR", "R4 R1")) == encode(instruction("CLR", "R1 R4"))


@pytest.mark.parametrize(
    ("destinations", "sources", "mnemonic"),
    [
        ("A", "B", "bus"),
        ("A B", "", "bus2"),
        ("A B", "C D", "bus2"),
        ("A B", "C D E", "bus"),
        ("A B C", "", "bus"),
        ("A B C", "D", "bus3"),
        ("A B C", "D E", "bus"),
        ("A B C D", "E", "bus"),
    ],
)
def test_a_bus_list_takes_the_name_of_the_special_form_that_it_is(destinations, sources, mnemonic):
    listed = instruction("bus", destinations, sources)
    assert listed.mnemonic == mnemonic
    assert decode(encode(listed)) == listed


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (instruction("bus", "A", "B XE"), "bus(A, B, XE)"),
        (instruction("bus", "A B C", "D E"), "bus({A, B, C}, {D, E})"),
        (instruction("nop"), "nop"),
        (instruction("OR", "R5", "R7 R6"), "OR(R5, R6, R7)"),
    ],
)
def test_instructions_print_as_the_vendor_writes_them(written, text):
    assert str(written) == text


REFUSED = [
    # the same register as source and destination
    ("bus", "A", "A", ["A is both destination and source"]),
    ("bus", "A", "A B", ["A is both destination and source"]),
    ("bus2", "A B", "B", ["B is both destination and source"]),
    ("bus3", "A B C", "C", ["C is both destination and source"]),
    ("bus", "NEWS", "NEWS", ["NEWS is both destination and source"]),
    ("blur", "A", "A", ["A is both destination and source"]),
    ("MOV", "R5", "R5", ["R5 is both destination and source"]),
    ("OR", "R5", "R6 R5", ["R5 is both destination and source"]),
    ("NOT", "R5", "R5", ["R5 is both destination and source"]),
    ("NOR", "R0", "R0 R1", ["R0 is both destination and source"]),
    ("DNEWS0", "R6", "R6", ["R6 is both destination and source"]),
    # one register twice
    ("bus", "A", "B B", ["B, B", "twice"]),
    ("SET", "R5 R5", "", ["R5, R5", "twice"]),
    ("WHERE", "", "FLAG FLAG", ["FLAG, FLAG", "twice"]),
    # two users of the NEWS strobe
    ("bus", "NEWS", "XE", ["bus(NEWS, XE)", "strobe"]),
    ("bus", "XN", "NEWS", ["bus(XN, NEWS)", "strobe"]),
    ("bus", "XN", "XS", ["bus(XN, XS)", "strobe"]),
    ("bus2", "NEWS XW", "A", ["bus2(NEWS, XW, A)", "strobe"]),
    ("bus2", "XE XW", "", ["bus2(XE, XW)", "strobe"]),
    ("blur", "NEWS", "XE", ["blur(NEWS, XE)", "strobe"]),
    ("sq", "", "NEWS", ["sq(NEWS)", "strobe"]),
    ("sq", "", "A XE", ["sq(A, XE)", "strobe"]),
    # RECT contains SELECT
    ("OR", "R5", "SELECT RECT", ["SELECT", "RECT already contains"]),
    ("NOR", "R5", "R1 RECT SELECT", ["SELECT", "RECT already contains"]),
    ("WHERE", "", "SELECT RECT", ["SELECT", "RECT already contains"]),
    # too many and too few operands
    ("SET", "R1 R2 R3 R4 R5", "", ["SET(R1, R2, R3, R4, R5)", "1 to 4 destination operands, not 5"]),
    ("CLR", "", "", ["CLR", "1 to 4 destination operands, not 0"]),
    ("OR", "R0", "R1 R2 R3 R4 R5", ["R5", "2 to 4 source operands, not 5"]),
    ("OR", "R0", "R1", ["R1", "2 to 4 source operands, not 1"]),
    ("MOV", "R0", "R1 R2", ["R2", "takes 1 source operands, not 2"]),
    ("MOV", "R0 R1", "R2", ["R1", "takes 1 destination operands, not 2"]),
    ("where", "", "A B C D", ["where(A, B, C, D)", "1 to 3 source operands, not 4"]),
    ("WHERE", "", "R1 R2 R3 R4", ["WHERE(R1, R2, R3, R4)", "1 to 3 source operands, not 4"]),
    ("WHERE", "", "", ["WHERE", "1 to 3 source operands, not 0"]),
    ("sq", "", "A B C", ["sq(A, B, C)", "1 to 2 source operands, not 3"]),
    ("bus2", "A B", "C D E", ["bus2(A, B, C, D, E)", "0 to 2 source operands, not 3"]),
    ("bus2", "A", "", ["bus2(A)", "takes 2 destination operands, not 1"]),
    ("bus3", "A B C", "", ["bus3(A, B, C)", "takes 1 source operands, not 0"]),
    ("nop", "A", "", ["nop(A)", "takes 0 destination operands, not 1"]),
    ("all", "", "R1", ["all(R1)", "takes 0 source operands, not 1"]),
    ("PROP_0", "R12", "", ["PROP_0(R12)", "takes 0 destination operands, not 1"]),
    ("REFRESH_R", "R1", "R1", ["R1"]),
    # the wrong kind of register
    ("MOV", "R5", "A", ["A cannot be a digital source"]),
    ("MOV", "A", "R5", ["A cannot be a digital destination"]),
    ("MOV", "FLAG", "R5", ["FLAG cannot be a digital destination"]),
    ("SET", "RECT", "", ["RECT cannot be a digital destination"]),
    ("SET", "R1 SELECT", "", ["SELECT cannot be a digital destination"]),
    ("DNEWS0", "R5", "PIX", ["PIX cannot be a digital source"]),
    ("bus", "PIX", "A", ["PIX cannot be a analog destination"]),
    ("bus", "A", "R5", ["R5 cannot be a analog source"]),
    ("bus", "IN", "A", ["IN cannot be a analog destination"]),
    ("bus2", "A B", "FLAG", ["FLAG cannot be a analog source"]),
    ("bus", "A B C D", "R5", ["R5 cannot be a analog source"]),
    ("where", "", "FLAG", ["FLAG cannot be a analog source"]),
    ("WHERE", "", "A", ["A cannot be a digital source"]),
    # no such instruction
    ("mov", "R5", "R6", ["unknown mnemonic 'mov'", "MOV"]),
    ("", "", "", ["unknown mnemonic ''"]),
    ("icw", "", "", ["unknown mnemonic 'icw'"]),
]


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        pytest.param(instruction(name, dst, src), texts, id=f"{name}({dst};{src})")
        for name, dst, src, texts in REFUSED
    ],
)
def test_a_combination_that_no_word_expresses_is_refused_by_name(refused, expected):
    with pytest.raises(InstructionError) as caught:
        encode(refused)
    message = str(caught.value).replace("be an ", "be a ")
    for text in expected:
        assert text in message


@settings(max_examples=effort(300, 75))
@given(
    st.sampled_from(MNEMONICS),
    st.lists(st.sampled_from([*Analog, *Digital]), max_size=5),
    st.lists(st.sampled_from([*Analog, *Digital]), max_size=5),
)
def test_any_operands_either_encode_reversibly_or_are_refused(mnemonic, destinations, sources):
    tried = Instruction(mnemonic, tuple(destinations), tuple(sources))
    try:
        word = encode(tried)
    except InstructionError as error:
        assert str(tried) in str(error)
    else:
        assert decode(word) == tried


@pytest.mark.parametrize("value", [-1, 1 << 80])
def test_a_word_of_more_than_80_bits_is_refused(value):
    with pytest.raises(InstructionError, match="80 bits"):
        ICW(value)


NOP_WORDS = [0x00000, 0x10000, 0x20000, 0x30000, 0x40000]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "5 port words, not 0"),
        (NOP_WORDS[:4], "5 port words, not 4"),
        ([*NOP_WORDS, 0x50000], "5 port words, not 6"),
        ([0x10000, *NOP_WORDS[1:]], "port word 0 .* carries index 1"),
        ([*NOP_WORDS[:3], 0x20000, 0x40000], "port word 3 .* carries index 2"),
        ([*NOP_WORDS[:4], 0x70000], "port word 4 .* carries index 7"),
        ([7 << 19, *NOP_WORDS[1:]], "clock class 7"),
    ],
)
def test_port_words_that_are_no_instruction_word_are_refused(words, message):
    with pytest.raises(InstructionError, match=message):
        ICW.from_words(words)
