"""Many images through a tree at once go the ways that they go one by one."""

import numpy as np
import pytest
from tests.support.strategies import fully_connected

import pixeltree as pt
from pixeltree.compiler import CaptureGeometry
from pixeltree.evaluate.evaluation import evaluate_reference
from pixeltree.model import FoldedModel, InputSpec, Pooling, Window, infer
from pixeltree.model.ending import Ending
from pixeltree.tree import tree as of_tree
from pixeltree.tree import walk as of_walk
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Label


def tree():
    """A root that leads to two windows and a label; below the windows a network in two parts."""
    random = np.random.default_rng(3)
    root = FoldedModel(InputSpec(64, 4, 30), (Pooling(4),), fully_connected(random, (1, 16, 16), 3))
    first, second = (
        FoldedModel(InputSpec(32, 0, 30), (Pooling(4),), fully_connected(random, (1, 8, 8), 3))
        for _ in range(2)
    )
    specs = [
        NodeSpec("root", root, ("left", "right", 2)),
        NodeSpec("left", Window(-10, 3, 32), ("part",)),
        NodeSpec("right", Window(20, 40, 32), ("part",)),
        NodeSpec("part", first, ("last",), Ending(proceeds=True)),
        NodeSpec("last", second, (0, 1, 2), Ending(adds=True)),
    ]
    return Tree.build("t", "abc", CaptureGeometry(30), specs)


def by_hand(tree, image):
    """The way of one image by models alone."""
    bits = seen = tree.input_bits(image)
    node, sums, path = tree.root, np.zeros(3, np.int32), []
    while True:
        if node.model is None:
            seen, sums, outcome = node.window.cut(bits), np.zeros(1, np.int32), 0
        else:
            own = infer(node.model, seen).logits
            sums = own + sums if node.ending.adds else own
            outcome = 0 if node.ending.proceeds else int(sums.argmax())
        path.append((node.name, outcome, () if node.ending.proceeds else tuple(sums.tolist())))
        exit_ = node.manifest.exits[outcome]
        if isinstance(exit_, Label):
            return exit_.value, path
        node = tree.nodes[exit_.node]


@pytest.mark.parametrize(("at_once", "images"), [(1024, 16), (7, 3), (1, 1)])
def test_batches_of_any_size_give_the_ways_of_single_images(monkeypatch, at_once, images):
    monkeypatch.setattr(of_tree, "_AT_ONCE", at_once)
    monkeypatch.setattr(of_walk, "_BATCH_PIXELS", images * 64 * 64)
    made, random, done = tree(), np.random.default_rng(0), []
    pictures = random.integers(0, random.integers(45, 80, (40, 1, 1)), (40, 64, 64)).astype(np.uint8)
    ways = made.references(pictures, done.append)
    plain = [(label, [(visit.node, visit.outcome, visit.logits) for visit in path]) for label, path in ways]
    assert plain == [by_hand(made, picture) for picture in pictures]
    assert {len(path) for _, path in plain} == {1, 4}
    assert {path[0][1] for _, path in plain} == {0, 1, 2}
    assert done == sorted(done)
    assert done[-1] == len(pictures)


def test_no_images_have_no_ways():
    assert tree().references([]) == []


def test_an_evaluation_tells_how_far_it_is():
    digits, done = pt.zoo.held_out("mnist").subset(np.arange(70)), []
    evaluation = evaluate_reference(pt.zoo.load("mnist"), digits, done.append)
    assert len(evaluation.paths) == done[-1] == 70
    assert len(set(done)) > 2
