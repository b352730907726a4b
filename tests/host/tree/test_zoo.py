"""The committed trees: small, of all three tasks, and the same on an emulated sensor as by the reference."""

from importlib import resources

import numpy as np
import pytest
from tests.support.in_memory import in_memory_runner

from pixeltree.demo.run import demo_digits
from pixeltree.model import FullyConnected, HeatMap
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


def test_the_demonstration_shows_no_digit_that_its_tree_was_made_with():
    shown, recorded = demo_digits(), load("digits.ptree").data
    assert recorded.overlap(shown) == 0
    assert recorded.test == shown.digest()
    assert len(recorded.seen) == 1797 - len(shown)


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
