"""The controller's fully connected layer: XNOR and bit count, plane by plane, are a matrix product."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_emu.controller.sequencer import fully_connected
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES, FullyConnected
from pixeltree_protocol.objects.segment import TERNARY_PLANES
from pixeltree_protocol.objects.ternary import pack_ternary

SIGNS = np.array([-1, 1])


def packed(signs, random):
    """Signs of one row, bit i for sign i; what is left of the last byte is anything."""
    bits = np.concatenate([signs > 0, random.random(-len(signs) % 8) < 0.5])
    return np.packbits(bits, bitorder="little").tobytes()


@settings(max_examples=effort(200, 50), deadline=None)
@given(
    inputs=st.integers(1, 300),
    outputs=st.integers(1, 6),
    planes=st.integers(1, MOST_WEIGHT_PLANES),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_logits_are_a_matrix_product(inputs, outputs, planes, seed):
    """Python's integers, weight by weight, with biases up to the greatest that an object may have."""
    random = np.random.default_rng(seed)
    greatest = 2**31 - 1 - (2**planes - 1) * inputs
    biases = random.choice([-greatest, -1, 0, 7, greatest], outputs).tolist()
    activations = random.choice(SIGNS, inputs)
    signs = random.choice(SIGNS, (outputs, planes, inputs))
    rows = b"".join(packed(plane, random) for output in signs for plane in output)
    weights = sum(2**j * signs[:, j] for j in range(planes))
    logits = fully_connected(FullyConnected(inputs, tuple(biases), rows, planes), packed(activations, random))
    assert logits == tuple(
        sum(int(w) * int(x) for w, x in zip(row, activations, strict=True)) + bias
        for row, bias in zip(weights, biases, strict=True)
    )
    assert all(abs(logit) < 2**31 for logit in logits)


@settings(max_examples=effort(200, 50), deadline=None)
@given(
    taken=st.integers(1, 255) | st.just(8),
    rows=st.integers(1, 5),
    outputs=st.integers(1, 4),
    planes=st.integers(1, MOST_WEIGHT_PLANES),
    seed=st.integers(0, 2**32 - 1),
)
def test_bits_that_columns_leaves_out_are_no_inputs(taken, rows, outputs, planes, seed):
    """Python's integers again; the inputs picked from the rows read, one after the other."""
    random = np.random.default_rng(seed)
    columns = sorted(int(i) for i in random.choice(256, taken, replace=False))
    read = random.choice(SIGNS, (rows, 256))
    inputs = [int(row[i]) for row in read for i in columns]
    signs = random.choice(SIGNS, (outputs, planes, len(inputs)))
    biases = random.integers(-1000, 1000, outputs).tolist()
    weights = b"".join(packed(plane, random) for output in signs for plane in output)
    layer = FullyConnected(len(inputs), tuple(biases), weights, planes, sum(1 << i for i in columns))
    assert layer.bits_read == read.size
    assert fully_connected(layer, packed(read.ravel(), random)) == tuple(
        sum(2**j * int(signs[n, j, i]) * x for j in range(planes) for i, x in enumerate(inputs)) + biases[n]
        for n in range(outputs)
    )


@pytest.mark.parametrize("column", [0, 1, 7, 8, 254, 255])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_single_column_takes_one_bit_of_each_row(column, row):
    layer = FullyConnected(3, (0,), b"\x07", 1, 1 << column)
    read = 1 << 256 * row + column
    assert fully_connected(layer, read.to_bytes(96, "little")) == (-1,)
    nothing_taken = ~sum(1 << 256 * each + column for each in range(3)) % (1 << 768)
    assert fully_connected(layer, nothing_taken.to_bytes(96, "little")) == (-3,)


@pytest.mark.parametrize("planes", range(1, MOST_WEIGHT_PLANES + 1))
def test_as_many_inputs_as_there_can_be_with_the_greatest_weights_give_the_greatest_logits(planes):
    inputs = 0xFFFF
    most = (2**planes - 1) * inputs
    bias = 2**31 - 1 - most
    ones, zeros = bytes([0xFF]) * 8192, bytes(8192)
    layer = FullyConnected(inputs, (bias, -bias), ones * planes + zeros * planes, planes)
    assert fully_connected(layer, ones) == (2**31 - 1, 1 - 2**31)
    assert fully_connected(layer, zeros) == (bias - most, most - bias)


def test_the_first_plane_counts_one():
    """Weights of -3, -1, 1 and 3: an input that goes from -1 to 1 moves the logit by twice its weight."""
    layer = FullyConnected(4, (0,), bytes([0b1010, 0b1100]), 2)
    weights = [
        fully_connected(layer, bytes([1 << i]))[0] - fully_connected(layer, b"\0")[0] for i in range(4)
    ]
    assert weights == [-6, -2, 2, 6]


@settings(max_examples=effort(200, 50), deadline=None)
@given(inputs=st.integers(1, 300), outputs=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_the_logits_of_ternary_weights_are_a_matrix_product(inputs, outputs, seed):
    random = np.random.default_rng(seed)
    weights = random.integers(-1, 2, (outputs, inputs), np.int8)
    biases = random.choice([inputs + 1 - 2**31, -1, 0, 7, 2**31 - 1 - inputs], outputs).tolist()
    activations = random.choice(SIGNS, inputs)
    rows = b"".join(map(pack_ternary, weights))
    layer = FullyConnected(inputs, tuple(biases), rows, TERNARY_PLANES)
    wanted = weights.astype(np.int64) @ activations + biases
    assert fully_connected(layer, packed(activations, random)) == tuple(wanted.tolist())


def test_a_ternary_layer_leaves_out_bits_that_are_no_inputs():
    """Inputs are columns 3 and 9 of two rows: +1, 0, then -1, +1."""
    layer = FullyConnected(
        4, (10,), pack_ternary(np.array([1, 0, -1, 1], np.int8)), TERNARY_PLANES, 1 << 3 | 1 << 9
    )
    read = 1 << 3 | 1 << 256 + 3
    assert fully_connected(layer, read.to_bytes(64, "little")) == (10 + 1 - 1 - 1,)
    assert fully_connected(layer, (~read % (1 << 512)).to_bytes(64, "little")) == (10 - 1 + 1 + 1,)
