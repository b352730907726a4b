"""Ternary weights as bytes: five in each, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects.segment import TERNARY_PLANES, FullyConnected, TernaryWeights
from pixeltree_protocol.objects.ternary import pack_ternary, ternary_bytes, unpack_ternary

weights = st.lists(st.integers(-1, 1), min_size=1, max_size=60)


@given(weights)
def test_unpacking_is_the_inverse_of_packing(row):
    packed = pack_ternary(np.array(row, np.int8))
    assert len(packed) == ternary_bytes(len(row)) <= 1.6 * len(row) / 8 + 0.8
    assert unpack_ternary(packed, len(row)).tolist() == row


@given(st.binary(min_size=1, max_size=12), st.integers(1, 60))
def test_bytes_are_weights_or_refused_and_weights_have_no_other_bytes(data, count):
    """So that equal weights have equal digests."""
    try:
        row = unpack_ternary(data, count)
    except ObjectError:
        assert len(data) != ternary_bytes(count) or max(data) > 242 or data[-1] >= 3 ** (count % 5 or 5)
        return
    assert pack_ternary(row) == data


def test_the_first_weight_counts_one():
    """Digits to the base of 3: -1 is 0, 0 is 1, +1 is 2."""
    assert pack_ternary(np.array([1, 0, -1, -1, -1, 0], np.int8)) == bytes([2 + 3 * 1, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TernaryWeights(5, b"\xf3"), "byte 0 of row 0 .* is 243; it may be 0 to 242"),
        (lambda: TernaryWeights(6, b"\0\3"), "byte 1 of row 0 .* is 3; it may be 0 to 2"),
        (lambda: TernaryWeights(6, b"\0"), "2 bytes, not 1"),
        (lambda: unpack_ternary(b"", 0), "1 ternary weight or more, not 0"),
        (lambda: TernaryWeights(0, b""), "1 to 32,768 weights, not 0"),
        (lambda: TernaryWeights(32_769, bytes(6554)), "1 to 32,768 weights, not 32769"),
        (lambda: FullyConnected(6, (0, 0), b"\0\0\0\3", TERNARY_PLANES), "byte 1 of row 1"),
        (lambda: FullyConnected(6, (0, 2**31 - 6), bytes(4), TERNARY_PLANES), "a logit would not fit"),
    ],
)
def test_other_bytes_are_refused(make, message):
    with pytest.raises(ObjectError, match=message):
        make()
