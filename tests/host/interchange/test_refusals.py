"""What cannot be expressed is refused: the message names the first such node and says what to change."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.support.onnx_networks import QONNX, Builder, saved

from pixeltree.errors import DataError, ModelError
from pixeltree.interchange import read_onnx

RANDOM = np.random.default_rng(0)
KERNELS = RANDOM.choice([-1.0, 1.0], (4, 1, 3, 3))
NORM = np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)
POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}


def bipolar(build, scale=1.0):
    return build.add("BipolarQuant", scale, domain=QONNX)


def seen():
    """An image of -1 and +1."""
    return bipolar(Builder().add("Sub", 0.5))


def begun():
    """A network as far as its first sums: 4 channels of 14 x 14."""
    return seen().add("Conv", KERNELS)


def ended(build, features=4 * 14 * 14, **more):
    weights = RANDOM.choice([-1.0, 1.0], (3, features))
    return build.add("Flatten").add("Gemm", weights, transB=1, **more)


CASES = {
    "padding": (lambda: seen().add("Conv", KERNELS, pads=[1] * 4), "node 2", "pads with 0"),
    "one side": (
        lambda: seen().add("Conv", KERNELS, pads=[1, 0, 0, 0]),
        "node 2", "padded alike",
    ),
    "stride": (lambda: seen().add("Conv", KERNELS, strides=[1, 2]), "node 2", "strides"),
    "great stride": (lambda: seen().add("Conv", KERNELS, strides=[9, 9]), "node 2", "stride"),
    "dilation": (lambda: seen().add("Conv", KERNELS, dilations=[2, 2]), "node 2", "dilat"),
    "group": (
        lambda: bipolar(begun()).add("Conv", np.ones((3, 2, 3, 3)), group=2), "node 4", "do not divide",
    ),
    "kernel": (
        lambda: seen().add("Conv", np.ones((2, 1, 9, 9))), "node 2", "1 x 1 to 7 x 7",
    ),
    "not square": (
        lambda: seen().add("Conv", np.ones((2, 1, 3, 5))), "node 2", "square",
    ),
    "weights": (
        lambda: seen().add("Conv", KERNELS * RANDOM.normal(size=KERNELS.shape)),
        "node 2", "not binary",
    ),
    "ternary weights": (
        lambda: seen().add("Conv", np.where(KERNELS > 0, 1.0, 0.0)), "node 2", "not binary",
    ),
    "grey levels": (lambda: Builder().add("Conv", KERNELS), "node 0", "--threshold"),
    "sums": (lambda: begun().add("Conv", np.ones((2, 4, 3, 3))), "node 3", "binary activation"),
    "relu": (lambda: begun().add("Relu"), "node 3", "BipolarQuant"),
    "mean": (lambda: begun().add("AveragePool", **POOL), "node 3", "MaxPool"),
    "unknown": (lambda: begun().add("Einsum"), "node 3", "known are"),
    "foreign": (lambda: begun().add("Fancy", domain="my.own"), "node 3", "my.own"),
    "two bits": (lambda: begun().add("Quant", 1.0, 0.0, 2.0, domain=QONNX, signed=1), "node 3", "2 bits"),
    "sign of 0": (lambda: begun().add("Sub", 1.0).add("Sign"), "node 4", "exactly 0"),
    "overlap": (
        lambda: begun().add("MaxPool", kernel_shape=[3, 3], strides=[2, 2]), "node 3", "overlap",
    ),
    "padded cells": (lambda: begun().add("MaxPool", pads=[1] * 4, **POOL), "node 3", "padding 0"),
    "least of a cell": (
        lambda: bipolar(begun().add("MaxPool", **POOL).add("Mul", -1.0)), "node 5", "MaxPool after",
    ),
    "bits turned and pooled": (
        lambda: bipolar(begun()).add("Neg").add("MaxPool", **POOL), "node 5", "MaxPool",
    ),
    "negative scale": (lambda: bipolar(begun(), -1.0), "node 3", "greater than 0"),
    "constant": (lambda: bipolar(begun()).add("Mul", 0.0), "node 4", "constant"),
    "pixel by pixel": (lambda: begun().add("Add", np.ones((4, 14, 14))), "node 3", "alike"),
    "training": (
        lambda: begun().add("BatchNormalization", *NORM, training_mode=1), "node 3", "eval()",
    ),
    "variance": (
        lambda: begun().add("BatchNormalization", *NORM[:3], -np.ones(4)), "node 3", "variance",
    ),
    "branches": (lambda: begun().add("Add", "t2"), "node 3", "chain"),
    "clip": (lambda: begun().add("Clip", 0.0, 6.0), "node 3", "clips to 0"),
    "added after tanh": (lambda: begun().add("Tanh").add("Add", 1.0), "node 4", "only the signs"),
    "nothing makes it": (lambda: begun().add("Add", "nothing"), "node 3", "'nothing'"),
    "nan": (lambda: begun().add("Add", np.nan), "node 3", "finite"),
    "no head": (lambda: bipolar(begun()), "node 3", "last layer"),
    "map at the end": (lambda: bipolar(begun()).add("Conv", np.ones((2, 4, 3, 3))), "node 4", "12 x 12"),
    "no convolution": (
        lambda: ended(seen(), 256), "node 3", "begins with a convolution",
    ),
    "great hidden layer": (
        lambda: bipolar(ended(bipolar(begun()))), "node 6", "pool before it",
    ),
    "shape of head": (lambda: ended(bipolar(begun()), 5), "node 5", "784"),
    "not flat": (lambda: bipolar(begun()).add("MatMul", np.ones((14, 3))), "node 4", "flatten"),
    "steps of classes": (
        lambda: ended(bipolar(begun())).add("Mul", [1.0, 2.0, 3.0]), "node 6", "steep",
    ),
    "bright and dark": (lambda: bipolar(Builder().add("Sub", 0.5).add("Neg")), "node 2", "invert"),
    "every pixel": (lambda: bipolar(Builder()), "node 0", "--black"),
    "odd brightness": (lambda: bipolar(Builder().add("Sub", 100.5 / 255)), "node 1", "--threshold 49"),
    "axis": (lambda: ended(bipolar(begun())).add("ArgMax", axis=0), "node 6", "dimension 0"),
    "last of equals": (
        lambda: ended(bipolar(begun())).add("ArgMax", axis=1, select_last_index=1),
        "node 6", "select_last_index",
    ),
    "two roots": (
        lambda: bipolar(
            begun().add("BatchNormalization", *NORM[:3], np.full(4, 2.0), epsilon=0.0)
            .add("Sub", 0.3).add("BatchNormalization", *NORM[:3], np.full(4, 3.0), epsilon=0.0)
            .add("Sub", 0.3)
        ),
        "node 5", "roots",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_first_node_that_cannot_be_expressed_is_named_with_what_to_change(case, tmp_path):
    build, node, words = CASES[case]
    with pytest.raises(ModelError) as refused:
        read_onnx(saved(build().model(), tmp_path))
    assert str(refused.value).startswith(f"{node} (") and words in str(refused.value), refused.value


@pytest.mark.parametrize(
    "shape", [[1, 3, 28, 28], [1, 1, 28, 24], [1, 784], [], [1, 1, None, None], [1, 1, 8, 8]]
)
def test_an_input_that_no_sensor_has_is_refused(shape, tmp_path):
    with pytest.raises(ModelError, match="input"):
        read_onnx(saved(ended(bipolar(begun())).model(shape=shape), tmp_path))


def test_several_inputs_or_outputs_are_refused(tmp_path):
    build = ended(bipolar(begun()))
    with pytest.raises(ModelError, match="1 inputs and 2 outputs"):
        read_onnx(saved(build.model(["t2"]), tmp_path))


def test_what_the_result_does_not_need_is_passed_over(tmp_path):
    build = ended(bipolar(begun()))
    build.nodes.append(helper.make_node("Einsum", ["t2"], ["aside"]))
    assert read_onnx(saved(build.model(), tmp_path)).model.outcomes == 3


def test_a_threshold_replaces_that_of_the_network_and_makes_signs_of_images(tmp_path):
    own = ended(bipolar(bipolar(Builder().add("Sub", 100.5 / 255)).add("Conv", KERNELS)))
    none = ended(bipolar(Builder().add("Conv", KERNELS)))
    for build in (own, none):
        found = read_onnx(saved(build.model(), tmp_path), threshold=49)
        assert found.model.input.threshold == 49


def test_black_and_white_say_what_grey_levels_are_to_the_network(tmp_path):
    build = ended(bipolar(bipolar(Builder()).add("Conv", KERNELS)))
    path = saved(build.model(), tmp_path)
    assert read_onnx(path, black=-1).model.input.threshold == 63
    assert read_onnx(path, black=-0.4242, white=2.8215).model.input.threshold == 16
    with pytest.raises(DataError, match="must differ"):
        read_onnx(path, black=1, white=1)


def test_an_input_of_bytes_is_0_to_255(tmp_path):
    build = ended(
        bipolar(bipolar(Builder().add("Cast", to=TensorProto.FLOAT).add("Sub", 99.5)).add("Conv", KERNELS))
    )
    model = build.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    assert read_onnx(saved(model, tmp_path)).model.input.threshold == 49
