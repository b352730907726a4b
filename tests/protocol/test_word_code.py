"""The code of instruction words: both ways, short, and the same on every machine."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree_protocol.chip.isa import ICW, ClockClass
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects.arithmetic import Decoder, Encoder
from pixeltree_protocol.objects.block import Block
from pixeltree_protocol.objects.word_code import PRIMER, decode_words, encode_words
from pixeltree_protocol.text.assembly import assemble

TAP = assemble(
    "OR(R0, R8, R9, R10, R11)\nNOR(R8, R0, R7)\nNOR(R9, R7, R8)\nNOR(R10, R0, R8)\nWHERE(R9, R10)\n"
    "bus(NEWS, A)\nbus(A, NEWS, IN)\n"
)
RENAMED = assemble(
    "OR(R1, R2, R3, R4, R0)\nNOR(R2, R1, R5)\nNOR(R3, R5, R2)\nNOR(R4, R1, R2)\nWHERE(R3, R4)\n"
    "bus(NEWS, B)\nbus(B, NEWS, IN)\n"
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), max_size=300))
def test_decisions_come_back(decisions):
    coder = Encoder({})
    for context, bit in decisions:
        coder.bit(context, bit)
    data = coder.finish()
    decoder = Decoder({}, data)
    assert [decoder.bit(context) for context, _ in decisions] == [bit for _, bit in decisions]
    assert not data.endswith(b"\0")


@given(st.integers(1, 2000))
@settings(deadline=None, max_examples=20)
def test_what_was_to_be_expected_is_short(count):
    coder = Encoder({})
    for _ in range(count):
        coder.bit("always", 1)
    assert len(coder.finish()) <= 2 + count / 400


@settings(deadline=None)
@given(st.lists(st.builds(ICW, st.integers(0, (1 << 80) - 1), st.sampled_from(ClockClass)), max_size=6))
def test_words_of_any_bits_come_back(words):
    assert decode_words(encode_words(words), len(words)) == tuple(words)


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(1, 30))
def test_bytes_of_any_kind_are_words_or_refused(data, count):
    try:
        words = decode_words(data, count)
    except ObjectError:
        return
    assert decode_words(encode_words(words), count) == words


def test_a_tap_takes_less_than_a_byte_a_word():
    assert len(encode_words(TAP.words)) < len(TAP.words)


def test_a_tap_in_other_registers_takes_little_more():
    assert len(encode_words(RENAMED.words)) <= len(encode_words(TAP.words)) + 2


def test_the_code_of_a_tap_is_this_on_every_machine():
    """Whoever writes a decoder can test it with these bytes; the primer cannot change without notice."""
    assert TAP.encode().hex(" ") == "01 01 07 06 95 10 49 8b 96 e2"
    assert Block.decode(TAP.encode()) == TAP


@pytest.mark.parametrize("line", PRIMER.splitlines())
def test_what_the_primer_has_takes_little(line):
    words = assemble(line.replace("; ", "\n")).words
    assert len(encode_words(words)) <= 2 + 3 * len(words) / 4
