"""Bytes from outside: whatever they are, they become a network or one clear error, in little memory."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.support.effort import effort
from tests.support.onnx_networks import QONNX, Builder, network, saved

from pixeltree.errors import DataError, ModelError
from pixeltree.interchange import read_onnx
from pixeltree.interchange.file import graph_of

SEEDS = st.integers(0, 30)
NUMBERS = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 7, 255, 2**31, 2**62])
FLOATS = st.sampled_from([0.0, -1.0, 1e-45, 3e38, np.inf, np.nan])


def read(data, folder):
    """Read bytes; only the two errors that users are told of may come out."""
    path = folder / "mutant.onnx"
    path.write_bytes(data)
    try:
        return read_onnx(path)
    except (ModelError, DataError) as error:
        assert str(error)
        return None


@settings(max_examples=effort(2000, 25))
@given(SEEDS, st.data())
def test_bytes_that_were_changed_give_a_network_or_an_error(folder, seed, data):
    raw = bytearray(network(seed, dyadic=True).model().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        match data.draw(st.integers(0, 3)):
            case 0:
                raw[place : place + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case 1:
                del raw[place : place + data.draw(st.integers(1, 40))]
            case 2:
                raw[place:place] = data.draw(st.binary(min_size=1, max_size=9))
            case _:
                del raw[max(place, 1) :]
    read(bytes(raw), folder)


@settings(max_examples=effort(2000, 40))
@given(SEEDS, st.data())
def test_models_of_which_parts_were_changed_give_a_network_or_an_error(folder, seed, data):
    model = network(seed, dyadic=True).model()
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(model, data.draw)
    read(model.SerializeToString(), folder)


def mutate(model, draw):
    """Change one thing of a model that protobuf allows."""
    nodes, tensors = model.graph.node, model.graph.initializer
    if not nodes or not tensors:
        return
    node = nodes[draw(st.integers(0, len(nodes) - 1))]
    tensor = tensors[draw(st.integers(0, len(tensors) - 1))]
    names = (
        [each.name for each in tensors] + [each.output[0] for each in nodes if each.output] + ["", "image"]
    )
    operators = st.sampled_from(
        sorted({each.op_type for each in nodes} | {"Squeeze", "Concat", "Gather", "Shape"})
    )
    match draw(st.integers(0, 9)):
        case 0:
            node.op_type = draw(operators)
        case 1 if node.input:
            node.input[draw(st.integers(0, len(node.input) - 1))] = draw(st.sampled_from(names))
        case 2 if node.input:
            del node.input[draw(st.integers(0, len(node.input) - 1)) :]
        case 3 if node.attribute:
            change_attribute(node.attribute[draw(st.integers(0, len(node.attribute) - 1))], draw)
        case 4 if tensor.dims:
            tensor.dims[draw(st.integers(0, len(tensor.dims) - 1))] = draw(NUMBERS)
        case 5:
            tensor.data_type = draw(st.integers(0, 23))
        case 6:
            tensor.raw_data = np.full(len(tensor.raw_data) // 4, draw(FLOATS), np.float32).tobytes()
        case 7:
            nodes.remove(node)
        case 8 if node.output:
            node.output[0] = draw(st.sampled_from(names))
        case _:
            sizes = model.graph.input[0].type.tensor_type.shape.dim
            sizes[draw(st.integers(0, 3))].dim_value = draw(NUMBERS)


def change_attribute(attribute, draw):
    match draw(st.integers(0, 4)):
        case 0:
            attribute.type = draw(st.integers(0, 14))
        case 1 if attribute.ints:
            attribute.ints[draw(st.integers(0, len(attribute.ints) - 1))] = draw(NUMBERS)
        case 2 if attribute.ints:
            attribute.ints.append(draw(NUMBERS))
        case 3:
            attribute.i, attribute.f = draw(NUMBERS), draw(FLOATS)
        case _:
            attribute.name = draw(
                st.sampled_from(["axis", "group", "pads", "strides", "perm", "to", "epsilon"])
            )


@pytest.mark.parametrize("data", [b"", b"\x08", b"not a model", b"\x00" * 100, b"\xff" * 100])
def test_what_is_no_model_is_said_to_be_none(data, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not an ONNX model"):
        read_onnx(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_onnx(tmp_path / "none.onnx")


def test_sizes_that_a_file_claims_take_no_memory():
    tensor = TensorProto(name="c0", data_type=TensorProto.FLOAT, dims=[2**20, 2**20])
    build = Builder().add("Add", "c0")
    build.constants.append(tensor)
    with pytest.raises(ModelError, match="impossible shape"):
        graph_of(build.model().SerializeToString())


def test_constants_do_not_grow_beyond_bounds(tmp_path):
    build = Builder()
    build.constants += [
        numpy_helper.from_array(np.ones((1, 20000), np.float32), "row"),
        numpy_helper.from_array(np.ones((20000, 1), np.float32), "column"),
    ]
    build.nodes.append(helper.make_node("Mul", ["row", "column"], ["huge"]))
    with pytest.raises(ModelError, match="400,000,000 numbers"):
        read_onnx(saved(build.add("Add", "huge").model(), tmp_path))


def with_tensor_beside(location):
    """A model whose kernels lie in another file."""
    kernels = np.random.default_rng(0).choice([-1.0, 1.0], (2, 1, 3, 3)).astype(np.float32)
    build = Builder().add("Sub", 0.5).add("BipolarQuant", 1.0, domain=QONNX).add("Conv", "kernels")
    build.add("BipolarQuant", 1.0, domain=QONNX).add("Flatten").add("MatMul", np.ones((392, 2)))
    tensor = TensorProto(name="kernels", data_type=TensorProto.FLOAT, dims=kernels.shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value="4")
    build.constants.append(tensor)
    return build.model(), b"skip" + kernels.tobytes(), kernels


def test_tensors_may_lie_beside_the_file_and_nowhere_else(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    model, data, kernels = with_tensor_beside("kernels.bin")
    (home / "kernels.bin").write_bytes(data)
    found = read_onnx(saved(model, home))
    assert np.array_equal(found.model.layers[0].weights, kernels)
    (tmp_path / "outside.bin").write_bytes(data)
    (home / "link.bin").symlink_to(tmp_path / "outside.bin")
    os.mkfifo(home / "pipe.bin")
    for location in (
        "../outside.bin",
        str(tmp_path / "outside.bin"),
        "link.bin",
        "pipe.bin",
        ".",
        "",
        "none.bin",
        "a\0b",
    ):
        with pytest.raises(ModelError, match="may not be read"):
            read_onnx(saved(with_tensor_beside(location)[0], home))
    (home / "kernels.bin").write_bytes(data[:-1])
    with pytest.raises(ModelError, match="71 bytes"):
        read_onnx(saved(model, home))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutants")
