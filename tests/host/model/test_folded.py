"""The folded model: what it computes, what it refuses, and that it survives its file form."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.random_models import ternary
from tests.support.strategies import convolution, fully_connected, heat_map, signs
from tests.support.tap_by_tap import activations_and_logits

from pixeltree.model import (
    Convolution,
    ConvolutionGeometry,
    FoldedModel,
    FullyConnected,
    HeatMap,
    HeatMapGeometry,
    InputSpec,
    ModelError,
    Pooling,
    decode_model,
    encode_model,
    infer,
    infer_many,
)
from pixeltree.model.layers import MOST_CELLS
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES


def deep_model(seed=0, planes=1):
    random = np.random.default_rng(seed)
    layers = (
        convolution(random, 1, 8, 4, before=1, after=2),
        Pooling(2),
        convolution(random, 8, 8, 3, groups=4, stride=2),
        convolution(random, 8, 4, 2),
        Pooling(3),
    )
    return FoldedModel(InputSpec(32), layers, fully_connected(random, (4, 2, 2), 3, planes))


def picture(size, seed=0):
    return np.random.default_rng(seed).random((size, size)) < 0.4


@st.composite
def models(draw):
    """Up to three layers of any geometry, and either head."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([16, 20, 33]))
    shape, layers = (1, size, size), []
    for _ in range(draw(st.integers(0, 3))):
        if shape[1] >= 4 and draw(st.booleans()):
            layers.append(Pooling(draw(st.integers(2, min(4, shape[1])))))
        else:
            groups = draw(st.sampled_from([1, shape[0]]))
            outputs = shape[0] * draw(st.integers(1, 3))
            side = draw(st.integers(1, min(4, shape[1])))
            borders = {name: draw(st.integers(0, side - 1)) for name in ("before", "after")}
            stride = draw(st.integers(1, 3))
            layers.append(convolution(random, shape[0], outputs, side, groups, stride=stride, **borders))
        shape = layers[-1].output_shape(shape)
    head = fully_connected(random, shape, draw(st.integers(2, 5)), draw(st.integers(1, 7)))
    if 2 <= shape[1] * shape[2] <= MOST_CELLS and draw(st.booleans()):
        head = heat_map(random, shape[0], 1)
    return FoldedModel(InputSpec(size), tuple(layers), head)


@settings(max_examples=40, deadline=None)
@given(models(), st.integers(0, 100), st.integers(1, 3))
def test_the_reference_computes_what_the_definition_says_tap_by_tap(model, seed, count):
    """One image, and several at once."""
    planes = np.random.default_rng(seed).random((count, model.input.size, model.input.size)) < 0.5
    many = infer_many(model, planes)
    for index, bits in enumerate(planes):
        expected, logits = activations_and_logits(model, bits)
        one = infer(model, bits)
        for layer, activation in enumerate(expected):
            assert np.array_equal(one.activations[layer], activation)
            assert np.array_equal(many.activations[layer][index], activation)
        assert one.logits.dtype == np.int32
        assert one.logits.tolist() == many.logits[index].tolist() == logits.tolist()


def test_the_greatest_sums_of_a_fully_connected_head_are_exact():
    """65,536 activations, all weights of one sign and 7 planes: 8.3 million, and one less by two."""
    weights = np.full((2, 1, 256, 256), 127, np.int8)
    weights[1, 0, 0, 0] = 125
    model = FoldedModel(InputSpec(256), (), FullyConnected(weights, np.array([1, -1], np.int32)))
    logits = infer(model, np.ones((256, 256), bool)).logits
    assert logits.tolist() == [65_536 * 127 + 1, 65_536 * 127 - 2 - 1]


def test_one_window_by_hand():
    weights = np.array([[[[1, -1], [-1, 1]]]], np.int8)
    geometry = ConvolutionGeometry(*weights.shape[1:3], before=0, after=0)
    layer = Convolution(geometry, weights, np.array([-3], np.int32), np.array([False]))
    falling = Convolution(geometry, weights, np.array([-3], np.int32), np.array([True]))
    bits = np.zeros((16, 16), bool)
    bits[0, 0] = bits[1, 1] = True  # agrees with the kernel in all four places
    head = fully_connected(np.random.default_rng(0), (1, 15, 15), 2)
    fires = infer(FoldedModel(InputSpec(16), (layer,), head), bits).activations[1]
    assert np.argwhere(fires).tolist() == [[0, 0, 0]]  # 4 - 3 > 0; elsewhere at most 2 - 3
    falls = infer(FoldedModel(InputSpec(16), (falling,), head), bits).activations[1]
    assert np.array_equal(falls, ~fires)


def test_outside_is_minus_one():
    """A kernel of -1 agrees with everything outside and with a dark picture."""
    geometry = ConvolutionGeometry(1, 3, before=1, after=1)
    layer = Convolution(geometry, -np.ones((1, 1, 3, 3), np.int8), np.array([-8]), np.array([False]))
    head = fully_connected(np.random.default_rng(0), (1, 16, 16), 2)
    assert infer(FoldedModel(InputSpec(16), (layer,), head), np.zeros((16, 16), bool)).activations[1].all()


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("stride", "before", "after"), [(1, 0, 0), (2, 1, 2), (3, 2, 0)])
def test_a_convolution_is_the_sum_over_its_groups_windows(groups, stride, before, after):
    """Against a formulation with gathered windows instead of shifted planes."""
    random = np.random.default_rng(groups)
    layer = convolution(random, 4, 8, 3, groups, stride=stride, before=before, after=after)
    first = convolution(random, 1, 4, 2)
    shape = layer.output_shape((4, 19, 19))
    model = FoldedModel(InputSpec(20), (first, layer), fully_connected(random, shape, 2))
    result = infer(model, picture(20))
    padded = np.pad(result.activations[1] * 2 - 1, ((0, 0), *[(before, after)] * 2), constant_values=-1)
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    each = view.reshape(groups, 4 // groups, *view.shape[1:])
    weights = layer.weights.reshape(groups, 8 // groups, 4 // groups, 3, 3)
    sums = np.einsum("gcyxij,gocij->goyx", each, weights).reshape(shape) + layer.bias[:, None, None]
    expected = np.where(layer.falling[:, None, None], sums < 0, sums > 0)
    assert np.array_equal(result.activations[2], expected)


def test_pooling():
    bits = np.zeros((16, 16), bool)
    bits[0, 0] = bits[0, 2] = bits[1, 3] = True
    head = fully_connected(np.random.default_rng(0), (1, 8, 8), 2)
    pooled = infer(FoldedModel(InputSpec(16), (Pooling(2),), head), bits).activations[1]
    assert np.argwhere(pooled[0]).tolist() == [[0, 0], [0, 1]]


def test_a_heat_map_gives_one_logit_a_cell():
    random = np.random.default_rng(1)
    model = FoldedModel(InputSpec(16), (convolution(random, 1, 2, 3),), heat_map(random, 2, 2, stride=2))
    result = infer(model, picture(16))
    signed = result.activations[1].astype(int) * 2 - 1
    by_hand = (model.head.weights[0] * signed[:, 2:4, 4:6]).sum() + model.head.bias[0]
    assert len(result.logits) == model.outcomes == 49
    assert result.logits[1 * 7 + 2] == by_hand


@given(st.integers(1, MOST_WEIGHT_PLANES), st.integers(0, 1000))
def test_weights_are_the_sum_of_their_signs(planes, seed):
    head = fully_connected(np.random.default_rng(seed), (2, 3, 3), 2, planes)
    planes_of_signs = head.signs()
    assert planes_of_signs.shape == (head.planes, *head.weights.shape)
    assert head.planes <= planes
    shape = head.weights.shape[1:]
    assert head.geometry.weight_bits(shape) == head.planes * head.weights.size
    each = planes_of_signs.astype(int) * 2 - 1
    assert np.array_equal(sum(each[j] << j for j in range(head.planes)), head.weights)


@pytest.mark.parametrize(("greatest", "planes"), [(1, 1), (3, 2), (5, 3), (7, 3), (9, 4), (63, 6), (127, 7)])
def test_there_are_as_many_planes_as_the_greatest_weight_needs(greatest, planes):
    for sign in (-1, 1):
        weights = np.ones((2, 1, 2, 2), np.int8)
        weights[1, 0, 1, 1] = sign * greatest
        assert FullyConnected(weights, np.zeros(2, np.int32)).planes == planes


@pytest.mark.parametrize("planes", [1, 2, 7])
def test_a_logit_is_the_sum_of_weights_times_activations(planes):
    model = FoldedModel(
        InputSpec(64), (), fully_connected(np.random.default_rng(planes), (1, 64, 64), 3, planes)
    )
    bits = picture(64)
    by_hand = [
        sum(int(w) if bit else -int(w) for w, bit in zip(row.flat, bits.flat, strict=True)) + int(bias)
        for row, bias in zip(model.head.weights, model.head.bias, strict=True)
    ]
    assert infer(model, bits).logits.tolist() == by_hand


def test_input_binarization():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    bits = InputSpec(16, margin=2, threshold=100).binarize(image)
    assert np.array_equal(bits[2:-2, 2:-2], image[2:-2, 2:-2] // 2 > 100)
    assert not bits[:2].any() and not bits[:, -2:].any()


def test_the_local_mean_follows_the_light():
    dark = np.full((16, 16), 40, np.uint8)
    dark[5:7, 5:7] = 80
    spec = InputSpec(16, threshold=3, local_mean=3)
    bright = dark + 100
    assert spec.binarize(dark)[5:7, 5:7].all()
    inside = np.s_[:8, :8]
    assert np.array_equal(spec.binarize(dark)[inside], spec.binarize(bright)[inside])


def test_a_threshold_follows_light_and_contrast():
    """Levels 20 and 60 (a sixteenth): the mean reads 23, the mean excess 2."""
    image = np.full((16, 16), 40, np.uint8)
    image[4:8, 4:8] = 120
    for spec, least in (
        (InputSpec(16, excess=1, threshold=3), 28),
        (InputSpec(16, excess=8, threshold=-1), 38),
    ):
        probe = image.copy()
        probe[0, 0], probe[0, 1] = 2 * least + 2, 2 * least + 1
        bits = spec.binarize(probe)
        assert bits[4:8, 4:8].all()
        assert (bits[0, 0], bits[0, 1], bits.sum()) == (True, False, 17)


def test_brighter_images_of_more_contrast_give_the_same_bits():
    spec, image = InputSpec(32, 3, 0, excess=2), np.random.default_rng(4).integers(0, 100, (32, 32))
    seen = [spec.binarize(each.astype(np.uint8)) for each in (image, image + 100)]
    assert np.array_equal(*seen)
    assert 0.05 < seen[0].mean() < 0.5


def test_what_lies_in_the_margin_does_not_move_the_threshold():
    spec, image = InputSpec(16, 2, 0, excess=2), np.random.default_rng(4).integers(0, 256, (16, 16))
    before = spec.binarize(image.astype(np.uint8))
    image[:2], image[-2:], image[:, :2], image[:, -2:] = 255, 0, 255, 255
    assert np.array_equal(spec.binarize(image.astype(np.uint8)), before)


@pytest.mark.parametrize(("values", "message"), [
    ({"excess": 17}, "17 excesses"), ({"excess": -1}, "-1 excesses"), ({"excess": 2.0}, "whole numbers"),
    ({"excess": 1, "local_mean": 1}, "0 with a local mean"), ({"threshold": -1}, "outside 0 to 127"),
    ({"excess": 1, "threshold": -128}, "outside -127 to 127"),
])  # fmt: skip
def test_thresholds_that_cannot_be(values, message):
    with pytest.raises(ModelError, match=message):
        InputSpec(**values)


def test_only_a_threshold_that_follows_the_image_is_written_down():
    """Older models keep their bytes, and the digests of what is made of them."""
    model = deep_model()
    assert b"excess" not in encode_model(model)
    follows = replace(model, input=replace(model.input, threshold=-9, excess=3))
    assert decode_model(encode_model(follows)).input == follows.input
    assert decode_model(encode_model(model)).input == model.input


@pytest.mark.parametrize("head", ["map", *range(1, MOST_WEIGHT_PLANES + 1)])
def test_a_model_survives_its_file(head):
    """A heat map, or classes with so many planes of weights."""
    model = deep_model() if head == "map" else deep_model(planes=head)
    if head == "map":
        model = FoldedModel(model.input, model.layers, heat_map(np.random.default_rng(2), 4, 1))
    again = decode_model(encode_model(model))
    assert np.array_equal(again.head.weights, model.head.weights)
    assert again.head.weights.dtype == np.int8
    bits = picture(32)
    first, second = infer(model, bits), infer(again, bits)
    assert np.array_equal(first.logits, second.logits)
    assert all(np.array_equal(a, b) for a, b in zip(first.activations, second.activations, strict=True))
    assert encode_model(again) == encode_model(model)


@pytest.mark.parametrize("seed", range(4))
def test_a_ternary_model_survives_its_file_and_is_what_its_taps_say(seed):
    model = ternary(deep_model(), seed)
    again = decode_model(encode_model(model))
    for one, other in zip((*model.layers, model.head), (*again.layers, again.head), strict=True):
        assert isinstance(one, Pooling) or one.geometry == other.geometry
        assert isinstance(one, Pooling) or np.array_equal(one.weights, other.weights)
    assert encode_model(again) == encode_model(model)
    bits = picture(32)
    activations, logits = activations_and_logits(again, bits)
    found = infer(model, bits)
    assert np.array_equal(found.logits, logits)
    assert all(np.array_equal(a, b) for a, b in zip(found.activations, activations, strict=True))


def test_ternary_weights_that_are_none_are_refused():
    entry = json.loads(encode_model(ternary(deep_model(), 0)))
    layer = next(each for each in entry["layers"] if each.get("ternary"))
    layer["weights"] = base64.b64encode(b"\xff" + base64.b64decode(layer["weights"])[1:]).decode()
    with pytest.raises(ModelError, match="byte 0 of row 0 of the ternary weights is 255"):
        decode_model(json.dumps(entry).encode())


def test_signs_travel_as_bits():
    random = np.random.default_rng(0)
    head = FullyConnected(signs(random, 10, 1, 64, 64), np.zeros(10, np.int32))
    assert len(encode_model(FoldedModel(InputSpec(64), (), head))) < 10 * 64 * 64 / 8 * 1.4 + 300


def test_weights_travel_as_planes_of_bits():
    """One plane is written as it was before there were several; each more is as many bits again."""
    sizes = []
    for planes in (1, 2, 3):
        head = fully_connected(np.random.default_rng(0), (1, 64, 64), 10, planes)
        entry = json.loads(encode_model(FoldedModel(InputSpec(64), (), head)))["head"]
        assert entry.get("planes", 1) == planes
        sizes.append(len(base64.b64decode(entry["weights"])))
        if planes == 1:
            assert set(entry) == {"type", "shape", "weights", "bias"}
    assert sizes == [5120, 2 * 5120, 3 * 5120]


@pytest.mark.parametrize(("damage", "message"), [
    ({"planes": 0}, "0 planes of weights.* 2 to 7"),
    ({"planes": 1}, "1 planes of weights"),
    ({"planes": MOST_WEIGHT_PLANES + 1}, "8 planes of weights"),
    ({"planes": -2}, "-2 planes of weights"),
    ({"planes": 3}, "came with 12 bytes"),
    ({"planes": "2"}, "whole number was expected, not '2'"),
    ({"planes": 2.0}, "whole number"),
    ({"planes": True}, "whole number"),
    ({"planes": None}, "whole number"),
    ({"weights": "AA=="}, "came with 1 bytes"),
    ({"shape": [3, 4, 2, 4]}, "came with 12 bytes"),
    ({"bias": [0, 0]}, "bias has shape"),
])  # fmt: skip
def test_damaged_planes_are_refused(damage, message):
    entry = json.loads(encode_model(deep_model(planes=2)))
    entry["head"].update(damage)
    with pytest.raises(ModelError, match=message):
        decode_model(json.dumps(entry).encode())


@pytest.mark.parametrize("damage", [
    lambda entry: entry.pop("head"),
    lambda entry: entry["layers"][0].update(type="attention"),
    lambda entry: entry["layers"][1].update(kind="mean"),
    lambda entry: entry["layers"][0].update(weights="!!"),
    lambda entry: entry["layers"][0].update(shape=[8, 1, 4, 400]),
    lambda entry: entry["layers"][0].update(bias=[0.5] * 8),
    lambda entry: entry["input"].update(size="64"),
    lambda entry: entry.update(version=7),
    lambda entry: entry.update(head=entry["layers"][0]),
])  # fmt: skip
def test_a_damaged_file_is_refused(damage):
    entry = json.loads(encode_model(deep_model()))
    damage(entry)
    with pytest.raises(ModelError):
        decode_model(json.dumps(entry).encode())


RANDOM = np.random.default_rng(0)


def head_of(weight, kind=np.int8):
    """A head whose weights are 1 but for one."""
    weights = np.ones((2, 1, 2, 2), kind)
    weights[0, 0, 1, 0] = weight
    return FullyConnected(weights, np.zeros(2, np.int32))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: InputSpec(12), "16 to 256"),
    (lambda: InputSpec(32, margin=16), "leaves nothing"),
    (lambda: InputSpec(32, threshold=-1), "threshold -1"),
    (lambda: convolution(RANDOM, 1, 4, 8), "7 x 7"),
    (lambda: convolution(RANDOM, 4, 6, 3, groups=4), "groups"),
    (lambda: convolution(RANDOM, 1, 4, 3, before=3), "before is 3"),
    (lambda: Convolution(
        ConvolutionGeometry(1, 2), np.zeros((1, 1, 2, 2), np.int8), np.zeros(1), np.zeros(1)
    ), r"-1 and \+1"),
    (lambda: Pooling(1), "2 to 16"),
    (lambda: HeatMap(HeatMapGeometry(2), signs(RANDOM, 2, 1, 2, 2), np.zeros(1)), r"expected \(1, 1, 2, 2\)"),
    (lambda: HeatMap(HeatMapGeometry(2), np.full((1, 1, 2, 2), 3, np.int8), np.zeros(1)), r"-1 and \+1"),
    (lambda: FullyConnected(np.array([[[[0, 3]]]], np.int8), np.zeros(1)), r"only -1, 0 and \+1"),
    (lambda: head_of(2), "must be odd numbers"),
    (lambda: head_of(-128), "must be odd numbers"),
    (lambda: head_of(129, np.int16), "-127 to 127"),
    (lambda: head_of(1.5, np.float64), "must be odd numbers"),
    (lambda: FoldedModel(InputSpec(32), (convolution(RANDOM, 2, 4, 3),), heat_map(RANDOM, 4, 2)),
     r"layer 0 \(convolution\).*2 input channels.*makes 1"),
    (lambda: FoldedModel(InputSpec(16), (), fully_connected(RANDOM, (1, 8, 8), 2)), "layer 0.*activations"),
    (lambda: FoldedModel(InputSpec(34), (), heat_map(RANDOM, 1, 2)), "1,089 cells.*2 to 1,024"),
])  # fmt: skip
def test_an_impossible_model_is_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()
