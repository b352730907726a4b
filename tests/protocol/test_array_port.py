"""Commands to an array: their bytes, and what happens to bytes that are none."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree_protocol.array_port.commands import (
    COMMANDS,
    PLANE_BYTES,
    ArrayPortError,
    Latch,
    Load,
    decode_batch,
    encode,
)

LONG = {
    "words": st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
    "plane": st.binary(min_size=PLANE_BYTES, max_size=PLANE_BYTES),
    "pixels": st.binary(max_size=40),
}


@st.composite
def commands(draw):
    form = draw(st.sampled_from(COMMANDS))
    values = []
    for field, (_, least, most) in zip(fields(form.command), form.operands, strict=True):
        values.append(draw(LONG[field.name] if field.name in LONG else st.integers(least, most)))
    return form.command(*values)


@given(st.lists(commands(), max_size=6))
def test_a_batch_comes_back_as_it_was(batch):
    assert decode_batch(b"".join(map(encode, batch))) == batch


@given(st.binary(max_size=60))
def test_bytes_that_are_no_batch_are_refused_by_name(data):
    try:
        batch = decode_batch(data)
    except ArrayPortError as error:
        assert str(error).startswith("command ")
    else:
        assert b"".join(map(encode, batch)) == data


def test_the_reference_example_has_the_bytes_of_the_page():
    assert encode(Latch(3, 5, 0, 0)).hex() == "0403050000"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_command_that_is_cut_off_is_told(cut):
    data = encode(Load(7, (1, 2)))
    with pytest.raises(ArrayPortError, match=r"command 0 \(Load\): its last bytes are missing"):
        decode_batch(data[:-cut])


def test_an_operand_out_of_range_is_told_with_its_name():
    with pytest.raises(ArrayPortError, match=r"command 1 \(DriveDac\): dac must be 0 to 4095, not 4096"):
        decode_batch(encode(Latch(0, 0, 0, 0)) + bytes([3, 0, 16]))
