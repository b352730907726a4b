"""Tree files survive what disks and cables do to them, or say what happened."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.random_models import some_network
from tests.support.strategies import fully_connected, signs

from pixeltree.compiler import CaptureGeometry
from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.errors import CompileError, DataError, TreeError
from pixeltree.model import FoldedModel, FullyConnected, InputSpec, Pooling, Window, infer
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import MAX_DEPTH, Child
from pixeltree_protocol.objects.treefile import TreeFile


@pytest.fixture(scope="module")
def tree():
    specs = [
        NodeSpec("root", some_network(0), ("left", "right")),
        NodeSpec("left", some_network(1), (0, 1)),
        NodeSpec("right", some_network(2), (1, 2)),
    ]
    return Tree.build("tiny", ["a", "b", "c"], CaptureGeometry(30), specs)


@pytest.fixture
def saved(tree, tmp_path):
    path = tmp_path / "tiny.ptree"
    tree.save(path)
    return path


def test_the_shipped_tree_compiles_to_the_same_bytes_on_this_machine():
    shipped = demo_tree()
    specs = [
        NodeSpec(
            node.name,
            node.model,
            tuple(
                shipped.nodes[exit_.node].name if isinstance(exit_, Child) else exit_.value
                for exit_ in node.manifest.exits
            ),
        )
        for node in shipped.depth_first
    ]
    assert Tree.build(shipped.name, shipped.labels, shipped.geometry, specs).objects == shipped.objects


@pytest.mark.parametrize("more", [{}, {"excess": 2}], ids=str)
def test_a_threshold_that_follows_the_image_is_in_the_file_where_there_is_one(tmp_path, more):
    geometry = CaptureGeometry(5, **more)
    tree = Tree.build("one", ["a", "b"], geometry, [NodeSpec("root", some_network(0, geometry), (0, 1))])
    tree.save(tmp_path / "one.ptree")
    assert (b'"excess"' in (tmp_path / "one.ptree").read_bytes()) == bool(more)
    assert Tree.load(tmp_path / "one.ptree").geometry == geometry


def test_a_tree_survives_saving(tree, saved):
    loaded = Tree.load(saved)
    assert loaded.digest == tree.digest
    assert loaded.objects == tree.objects
    assert [node.name for node in loaded.nodes.values()] == [node.name for node in tree.nodes.values()]
    assert loaded.geometry == tree.geometry
    image = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    assert loaded.reference(image) == tree.reference(image)


def test_saving_is_deterministic(tree, saved, tmp_path):
    tree.save(tmp_path / "again.ptree")
    assert (tmp_path / "again.ptree").read_bytes() == saved.read_bytes()


def test_every_cut_is_noticed(saved):
    data = saved.read_bytes()
    for length in (0, 5, 12, 40, len(data) // 2, len(data) - 1):
        saved.write_bytes(data[:length])
        with pytest.raises(TreeError) as caught:
            Tree.load(saved)
        assert str(saved) in str(caught.value)
        if length >= 14:
            assert f"truncated: {length} of {len(data)} bytes" in str(caught.value)


def test_every_flipped_byte_is_noticed(saved):
    data = saved.read_bytes()
    for position in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[position] ^= 0x40
        saved.write_bytes(damaged)
        with pytest.raises(TreeError):
            Tree.load(saved)


@pytest.mark.parametrize(
    "description",
    [
        {"nodes": []},
        {"labels": []},
        {"geometry": {"threshold": "x"}},
        {"geometry": {"threshold": 30, "margin": 0}},
        {"nodes": {"zz": "root"}},
        {"nodes": {"00" * 16: "root"}},
    ],
)
def test_a_description_that_makes_no_sense_is_refused(tree, saved, description):
    file = TreeFile.decode(saved.read_bytes())
    spoiled = json.dumps(json.loads(file.description) | description)
    saved.write_bytes(replace(file, description=spoiled).encode())
    with pytest.raises(TreeError, match=r"tiny\.ptree"):
        Tree.load(saved)


def test_a_node_with_another_number_of_exits_than_outcomes_is_refused(tree, saved):
    root = tree.root
    head = fully_connected(np.random.default_rng(0), root.model.head.weights.shape[1:], 3)
    other = replace(root, model=replace(root.model, head=head))
    replace(tree, nodes=tree.nodes | {root.digest: other}).save(saved)
    with pytest.raises(TreeError, match="'root' has 2 exits for 3 outcomes"):
        Tree.load(saved)


def test_a_tree_deeper_than_a_device_goes_is_refused():
    depth = MAX_DEPTH + 1
    specs = [NodeSpec(str(i), some_network(), (str(i + 1), 0)) for i in range(depth)]
    specs.append(NodeSpec(str(depth), some_network(), (0, 0)))
    with pytest.raises(TreeError, match="deeper than"):
        Tree.build("deep", ["a"], CaptureGeometry(30), specs)


@pytest.mark.parametrize(("data", "message"), [(b"", "not a tree file"), (b"PK\x03\x04", "not a tree file")])
def test_other_files_are_called_what_they_are(tmp_path, data, message):
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(TreeError, match=message):
        Tree.load(path)


def test_a_missing_file_is_an_error_with_its_name(tmp_path):
    with pytest.raises(TreeError, match=r"nowhere\.ptree"):
        Tree.load(tmp_path / "nowhere.ptree")


def test_a_full_disk_leaves_the_old_file(tree, saved, mocker):
    before = saved.read_bytes()
    mocker.patch("os.fsync", side_effect=OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(TreeError, match="No space left"):
        tree.save(saved)
    assert saved.read_bytes() == before
    assert list(Path(saved).parent.iterdir()) == [saved]


@pytest.mark.parametrize(
    ("leads", "message"),
    [
        (("root", 1), "leads back to itself"),
        (("nobody", 1), "does not exist"),
        ((0, 5), "label 5, but the tree has labels 0 to 2"),
    ],
)
def test_a_tree_that_leads_nowhere_is_refused(leads, message):
    with pytest.raises(TreeError, match=message):
        Tree.build("bad", ["a", "b", "c"], CaptureGeometry(30), [NodeSpec("root", some_network(), leads)])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.float32),
        np.zeros((63, 64), np.uint8),
        np.zeros((64, 64, 3), np.uint8),
        [[0] * 64] * 64,
    ],
)
def test_an_image_of_the_wrong_kind_is_refused(tree, image):
    with pytest.raises(DataError, match="an image must"):
        tree.reference(image)


def test_the_window_of_a_whole_picture_is_what_the_window_alone_is(tree):
    image = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    whole = np.full((256, 256), 200, np.uint8)
    top, left = tree.geometry.top, tree.geometry.left
    whole[top : top + 64, left : left + 64] = image
    assert tree.reference(image) == tree.reference(whole)


def test_the_shipped_tree_recognises_held_out_digits():
    tree = demo_tree()
    digits = demo_digits()
    decided = np.array([tree.reference(image)[0] for image in digits.images])
    assert (decided == digits.targets).mean() >= 0.96


def windowed(random):
    """A root that leads to one leaf through two windows, and to a label."""
    places = Window(-10, 3, 32), Window(20, 40, 32)
    even = FullyConnected(signs(random, 2, 1, 16, 16), np.zeros(2, np.int32))
    root = FoldedModel(InputSpec(64, 4, 30), (Pooling(4),), even)
    leaf = FoldedModel(InputSpec(32, 0, 30), (Pooling(4),), fully_connected(random, (1, 8, 8), 2))
    specs = [
        NodeSpec("root", root, ("window 0", "window 1")),
        *(NodeSpec(f"window {index}", place, ("leaf",)) for index, place in enumerate(places)),
        NodeSpec("leaf", leaf, (0, 1)),
    ]
    return places, leaf, specs


def test_a_child_below_windows_is_compiled_once_and_sees_what_its_window_shows(tmp_path):
    random = np.random.default_rng(1)
    places, leaf, specs = windowed(random)
    Tree.build("moved", "ab", CaptureGeometry(30), specs).save(tmp_path / "moved.ptree")
    tree = Tree.load(tmp_path / "moved.ptree")
    assert [node.name for node in tree.depth_first] == ["root", "window 0", "leaf", "window 1"]
    taken = set()
    for brightest in random.integers(62, 80, 20):
        image = random.integers(0, brightest, (64, 64)).astype(np.uint8)
        label, (first, moved, last) = tree.reference(image)
        assert (moved.node, moved.outcome, moved.logits) == (f"window {first.outcome}", 0, (0,))
        expected = infer(leaf, places[first.outcome].cut(tree.input_bits(image)))
        assert (last.logits, last.outcome, label) == (
            tuple(expected.logits),
            expected.outcome,
            expected.outcome,
        )
        taken.add(first.outcome)
    assert taken == {0, 1}


def test_windows_that_make_no_sense_are_refused(tmp_path):
    _, leaf, specs = windowed(np.random.default_rng(1))
    path = tmp_path / "moved.ptree"
    Tree.build("moved", "ab", CaptureGeometry(30), specs).save(path)
    file = TreeFile.decode(path.read_bytes())
    windows = json.loads(file.description)["windows"]
    for changed in ({}, windows | {"window 1": windows["window 1"] | {"size": 31}}, {"window 0": 3}):
        spoiled = json.dumps(json.loads(file.description) | {"windows": changed})
        path.write_bytes(replace(file, description=spoiled).encode())
        with pytest.raises(TreeError, match=r"moved\.ptree"):
            Tree.load(path)
    both = [specs[0], replace(specs[1], leads=("leaf", "leaf")), *specs[2:]]
    with pytest.raises(TreeError, match="a window leads to one"):
        Tree.build("moved", "ab", CaptureGeometry(30), both)
    wide = FoldedModel(InputSpec(40, 0, 30), (Pooling(5),), leaf.head)
    with pytest.raises(CompileError, match="the window above it shows"):
        Tree.build("moved", "ab", CaptureGeometry(30), [*specs[:3], NodeSpec("leaf", wide, (0, 1))])
