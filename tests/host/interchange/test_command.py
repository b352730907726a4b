"""`pixeltree import`, as a user calls it."""

import json

import numpy as np
from tests.support.invoked import invoke
from tests.support.onnx_networks import Builder, images, network, saved

from pixeltree.errors import PixeltreeError
from pixeltree.model import decode_model, infer
from pixeltree.tree.tree import Tree


def run(*arguments):
    result = invoke("import", *arguments, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def refused(*arguments):
    """What the error says."""
    result = invoke("import", *arguments)
    assert isinstance(result.exception, PixeltreeError), result.output
    return str(result.exception)


def test_a_tree_and_a_folded_model_hold_the_same_network(tmp_path):
    build = network(0, dyadic=True)
    path = saved(build.model(), tmp_path)
    said = run(path, "-o", tmp_path / "mine.ptree", "--json", tmp_path / "mine.json")
    assert "layer 0: convolution, from node" in said
    run(path, "-o", tmp_path / "mine.folded")
    tree, folded = Tree.load(tmp_path / "mine.ptree"), decode_model((tmp_path / "mine.folded").read_bytes())
    (node,) = tree.depth_first
    image = images(0, build.size)[0]
    bits = folded.input.binarize(image)
    assert np.array_equal(infer(node.model, bits).logits, infer(folded, bits).logits)
    figures = json.loads((tmp_path / "mine.json").read_text())
    assert [each["kind"] for each in figures["layers"]] == [
        each.kind for each in (*folded.layers, folded.head)
    ]
    assert figures["first_grey"] == 2 * folded.input.threshold + 2 == 128
    assert figures["classes"] == folded.outcomes == len(tree.labels)


def test_classes_are_named_and_counted(tmp_path):
    path = saved(network(0, dyadic=True).model(), tmp_path)
    run(path, "-o", tmp_path / "a.folded", "--json", tmp_path / "a.json")
    count = json.loads((tmp_path / "a.json").read_text())["classes"]
    names = [f"class {number}" for number in range(count)]
    run(path, "-o", tmp_path / "b.ptree", "--classes", ",".join(names))
    assert list(Tree.load(tmp_path / "b.ptree").labels) == names
    said = refused(path, "-o", tmp_path / "b.ptree", "--classes", "one")
    assert f"names 1 classes; the network tells {count} apart" in said


def test_what_cannot_be_expressed_is_one_error_with_the_name_of_the_node(tmp_path):
    path = saved(Builder().add("Relu").model(), tmp_path)
    said = refused(path, "-o", tmp_path / "a.ptree")
    assert said.startswith("node 0 (Relu): a ReLU has more than two values")
    assert not (tmp_path / "a.ptree").exists()
    assert "known: .ptree, .folded" in refused(path, "-o", tmp_path / "a.bin")
