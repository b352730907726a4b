"""The committed trees: small, of all three tasks, and the same on an emulated sensor as by the reference."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from tests.support.in_memory import in_memory_runner

from pixeltree.cli.zoo import zoo as list_zoo
from pixeltree.datasets.mnist import held_out_mnist
from pixeltree.demo.run import demo_budget, demo_digits, demo_tree
from pixeltree.errors import TreeError
from pixeltree.model import FullyConnected, HeatMap
from pixeltree.tree import zoo
from pixeltree.tree.tree import Tree

ZOO = sorted(
    path.name for path in (resources.files("pixeltree") / "data").iterdir() if path.name.endswith(".ptree")
)
MOST_BYTES = 512 * 1024


def load(name):
    with resources.as_file(resources.files("pixeltree") / "data" / name) as path:
        return Tree.load(path)


def test_the_zoo_is_small():
    sizes = [len((resources.files("pixeltree") / "data" / name).read_bytes()) for name in ZOO]
    assert sum(sizes) < MOST_BYTES


def test_the_zoo_has_every_task():
    assert {"digits.ptree", "glyphs.ptree", "localize.ptree", "segment.ptree"} <= set(ZOO)
    heads = {name: [type(node.model.head) for node in load(name).depth_first] for name in ZOO}
    assert heads["localize.ptree"] == heads["segment.ptree"] == [HeatMap]
    assert set(heads["glyphs.ptree"]) == {FullyConnected}
    assert len(heads["glyphs.ptree"]) > 10


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("digits.ptree", "f583d647802c97ace51a0696dc163f88"),
        ("glyphs.ptree", "f2d10925715c81f26f104cfed098a095"),
        ("localize.ptree", "d03dc5bc4fac86b39445a63fa6e6e7cc"),
        ("segment.ptree", "2c219978c10bd227d1e79a6f2e8eb053"),
    ],
)
def test_what_a_trees_file_says_about_its_images_is_no_part_of_the_tree(name, digest):
    """Digests from before the files kept a record; ``make zoo`` makes other trees, with others."""
    tree = load(name)
    assert tree.digest.hex() == digest
    assert tree.data is not None


@pytest.mark.parametrize(("name", "images"), [("digits", 1437), ("mnist", 60_000), ("mnist-node", 60_000)])
def test_what_is_shown_of_a_tree_is_nothing_that_it_was_made_with(name, images):
    shown, recorded = zoo.held_out(name), zoo.load(name).data
    assert recorded.overlap(shown) == recorded.repeated == 0
    assert recorded.images == images


def test_the_demonstrations_tree_is_larger_than_the_memory_it_gets():
    tree = demo_tree()
    assert len(tree.depth_first) > 2
    assert demo_budget(tree) < 0.75 * tree.total_bytes
    assert len(demo_digits()) == 400


def test_mnists_licence_lies_beside_its_images():
    text = (resources.files("pixeltree") / "data" / "mnist_held_out.LICENSE.txt").read_text()
    assert "CC BY-SA 3.0" in text
    assert held_out_mnist().counts().tolist() == [40] * 10


def test_no_file_of_the_zoo_says_where_it_was_made():
    for name in zoo.names():
        assert getattr(zoo.load(name).data.source, "folder", "") == ""
        assert b"/work" not in zoo.path(name).read_bytes()


@pytest.mark.parametrize("name", zoo.names())
def test_every_tree_has_a_card_whose_device_time_is_that_of_its_frames(name):
    card = zoo.card(name)
    assert 0.5 < card.typical <= 1
    assert card.ideal <= 1
    assert name in card.measure
    frame = in_memory_runner(zoo.load(name)).infer(zoo.held_out(name).images[0])
    assert frame.device_us == pytest.approx(card.device_us, rel=0.05)


def test_the_command_lists_every_tree_with_its_card(capsys):
    list_zoo(None, Path("-"))
    told = json.loads(capsys.readouterr().out)
    assert set(told) == set(zoo.names())
    assert told["digits"]["bytes"] == zoo.load("digits").total_bytes
    assert told["digits"]["ideal"] == zoo.card("digits").ideal
    with pytest.raises(TreeError, match="no tree of the package is named 'mnits'; did you mean 'mnist'"):
        list_zoo("mnits")


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_runs_as_the_reference(name):
    tree = load(name)
    size = tree.geometry.size
    runner = in_memory_runner(tree)
    for seed in range(2):
        random = np.random.default_rng(seed)
        image = np.kron(random.integers(0, 256, (size // 4, size // 4)), np.ones((4, 4))).astype(np.uint8)
        result = runner.infer(image)
        label, path = tree.reference(image)
        assert result.label == label
        assert [(v.node, v.logits) for v in result.path] == [(v.node, v.logits) for v in path]
