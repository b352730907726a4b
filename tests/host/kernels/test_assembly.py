"""Assembler and disassembler: round trips and messages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_protocol.chip.isa import FORMS, ICW, ClockClass, Instruction, decode, encode
from pixeltree_protocol.chip.kernel_api import expand, parse_line
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.errors import AssemblyError, InstructionError
from pixeltree_protocol.objects import Block
from pixeltree_protocol.text.assembly import assemble, disassemble

any_word = st.builds(ICW, st.integers(0, 2**80 - 1), st.sampled_from(ClockClass))
registers = st.lists(st.sampled_from([*Analog, *Digital]), max_size=5, unique=True)


def encodes(instruction):
    try:
        encode(instruction)
    except InstructionError:
        return False
    return True


@st.composite
def instructions(draw):
    """Any instruction that encodes, of any form."""
    form = draw(st.sampled_from(FORMS))
    chosen = []
    for kind, (least, most) in ((form.destination, form.destinations), (form.source, form.sources)):
        table = list(kind.table) if kind else []
        size = st.lists(st.sampled_from(table), min_size=least, max_size=min(most, 5), unique=True)
        chosen.append(tuple(draw(size)) if table else ())
    return Instruction(form.mnemonic, *chosen)


@given(instructions().filter(encodes))
@settings(max_examples=effort(400, 100), deadline=None)
def test_every_instruction_survives_the_way_through_text(instruction):
    assert parse_line(str(instruction)) == (instruction,)
    assert parse_line(str(decode(encode(instruction)))) == (decode(encode(instruction)),)


@given(st.lists(st.one_of(any_word, instructions().filter(encodes).map(encode)), min_size=1, max_size=40))
@settings(max_examples=effort(100, 30), deadline=None)
def test_a_block_survives_the_way_through_text_byte_for_byte(words):
    block = Block(tuple(words))
    assert assemble(disassemble(block)).encode() == block.encode()


KERNEL = """\
# Threshold, then the outline of what is bright.
get_image(F)        # half range
sub(F, F, IN)
where(F)

MOV(R5, FLAG);
all
DNEWS(R6, R5, east|west, 1)
bus({A, B}, {C, D, E})
AND(S0, R6, RW)
icw(DIGITAL, {plrb, nbit, RR5})
"""


def test_a_kernel_file_assembles_to_the_words_of_its_calls():
    block = assemble(KERNEL)
    assert len(block.words) == 5 + 2 + 1 + 1 + 1 + 3 + 1 + 4 + 1
    assert block.words[-1].bit_names == ("RR5", "nbit", "plrb")
    assert [decode(word) for word in block.words[-5:-1]] == list(
        expand("AND", (Digital.R5, Digital.R6, Digital.R2))
    )
    assert assemble(disassemble(block)) == block


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("frob(A)", ["unknown instruction or macro 'frob'"]),
        ("add(A, B, Q)", ["add: operand 3", "'Q'"]),
        ("add(A, , B)", ["operand 2"]),
        ("add(A, B", ["add(A, B", "not of the form"]),
        ("add(A, A, A)", ["word 0", "A, A", "named twice"]),
        ("MOV(R5, R5)", ["R5 is both destination and source"]),
        ("movx(A, B, up)", ["operand 3", "'up'"]),
        ("DNEWS(R5, R6, east|A)", ["operand 3", "directions"]),
        ("icw(DIGITAL, {RR5, RR13})", ["operand 2", "RR13"]),
        ("icw(SLOW, {RR5})", ["operand 1", "SLOW"]),
        ("icw(DIGITAL)", ["icw takes a clock class"]),
        ("bus({A, R5}, {B})", ["operand 1", "analog"]),
    ],
)
def test_a_wrong_line_is_reported_with_file_line_and_operand(line, parts):
    with pytest.raises(AssemblyError) as caught:
        assemble(f"all\n\n{line}\n", "edge.kernel")
    for part in ("edge.kernel:3: ", *parts):
        assert part in str(caught.value)


def test_a_kernel_has_at_least_one_and_at_most_1024_words():
    assert len(assemble("nop\n" * 1024).words) == 1024
    with pytest.raises(AssemblyError, match=r"big:1025: word 1025 does not fit.*1024"):
        assemble("nop\n" * 1025, "big")
    with pytest.raises(AssemblyError, match="no instruction"):
        assemble("# nothing\n", "empty")
