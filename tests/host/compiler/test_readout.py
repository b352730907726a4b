"""Reading activations out: each is read once, and as little else as can be."""

import numpy as np
import pytest
from tests.support.on_array import run_node
from tests.support.random_models import model_with, random_input

from pixeltree.compiler.pipeline import compile_model
from pixeltree.compiler.readout import merged, packings, rows_to_scan, stackings
from pixeltree.model import infer
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.objects import ALL_COLUMNS
from pixeltree_protocol.objects import FullyConnected as Segment
from pixeltree_protocol.objects.segment import decode_segment


@pytest.fixture(scope="module")
def array():
    return PixelArray()


def segment_of(compiled):
    segments = [decode_segment(compiled.node.objects[digest]) for digest in compiled.node.manifest.segments]
    (head,) = [segment for segment in segments if isinstance(segment, Segment)]
    return head


@pytest.mark.parametrize(("side", "channels"), [(3, 64), (3, 50), (5, 64), (3, 7), (6, 16), (7, 64)])
def test_pixels_that_are_no_power_of_two_apart_are_read_without_gaps(side, channels, array):
    model = model_with(side, channels)
    compiled = compile_model(model)
    head = segment_of(compiled)
    activations = model.head.weights[0].size
    assert activations <= head.inputs <= activations * 1.3  # channels may leave a part of a row
    if channels == 64:
        assert head.inputs == activations
    bits = random_input(model, 1)
    result = run_node(compiled, bits, array)
    assert result.logits == tuple(infer(model, bits).logits)
    assert (result.ns, result.words) == (compiled.cost.nanoseconds, compiled.cost.words)


def test_five_rows_of_a_channel_become_one():
    """Pooled by 3, 16 x 16 cells of pitch 2 are 5 x 5 of pitch 6; a channel has 32 x 32 PEs."""
    features = np.full((256, 256), -1, np.int64)
    for channel in range(64):
        above, left = 32 * (channel // 8), 32 * (channel % 8)
        numbers = 25 * channel + np.arange(25).reshape(5, 5)
        features[above : above + 30 : 6, left : left + 30 : 6] = numbers

    class Source:
        pitch = 6
        shape = (64, 5, 5)

    moves = stackings(Source(), features)
    assert [(move.up, move.right) for move in moves] == [(6, 1), (12, 2), (24, 4)]
    after = merged(features, moves)
    assert rows_to_scan(features, after) == list(range(0, 256, 32))
    assert after[0, :32].tolist() == [
        *(0, 5, 10, 15, 20, -1, 1, 6, 11, 16, 21, -1, 2, 7, 12, 17, 22, -1),
        *(3, 8, 13, 18, 23, -1, 4, 9, 14, 19, 24, -1, -1, -1),
    ]


def test_moves_that_bring_activations_together_are_not_made():
    features = np.full((256, 256), -1, np.int64)
    features[0:18:6, 0:3] = np.arange(9).reshape(3, 3)  # columns side by side: no gaps

    class Source:
        pitch = 6
        shape = (1, 3, 3)

    assert stackings(Source(), features) == []


def test_a_power_of_two_is_packed_as_before(array):
    compiled = compile_model(model_with(4, 64, planes=1))
    head = segment_of(compiled)
    assert (head.planes, head.columns) == (1, ALL_COLUMNS)
    assert head.inputs == 1024
    assert packings(0b11000, 0b11000)[0].up == 8
