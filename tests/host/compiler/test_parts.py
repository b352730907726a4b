"""A network too large for one node is several, each with some of its channels, and decides as the whole."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.in_memory import in_memory_device, in_memory_runner
from tests.support.on_array import run_node
from tests.support.random_models import model_with, random_input
from tests.support.strategies import convolution, fully_connected, heat_map

from pixeltree.bench.random_tree import album
from pixeltree.cli.tree import tree as draw
from pixeltree.compiler import CaptureGeometry, Ending, compile_model
from pixeltree.demo.run import count_mismatches
from pixeltree.errors import CompileError, TreeError
from pixeltree.model import FoldedModel, InputSpec, ModelError, Pooling, Window, add_logits, infer
from pixeltree.model.splitting import parts
from pixeltree.run import TreeRunner
from pixeltree.swapping import RootLogits
from pixeltree.swapping.describe import children_of, describe
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.objects import Label, parse_object
from pixeltree_protocol.objects.program import AddLogits, Argmax, Proceed, Program
from pixeltree_protocol.objects.verify import VerifiedNode

GEOMETRY = CaptureGeometry(60, 1, 1, margin=3, size=32)
LOGITS = st.integers(-(2**31), 2**31 - 1)


@pytest.fixture(scope="module")
def sequencer():
    return Sequencer(PixelArray(), DeviceClock(CostModel()))


# -- parts of a model


@settings(max_examples=effort(40, 12), deadline=None)
@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(1, 3))
def test_logits_of_parts_add_up_to_those_of_the_whole(seed, channels, count, depthwise, planes):
    model = model_with(3, channels, planes=planes, depthwise=depthwise)
    found = parts(model, min(count, channels))
    sizes = [part.shapes[-1][0] for part in found]
    assert len(found) <= count
    assert sum(sizes) == channels
    assert max(sizes) == -(-channels // min(count, channels))
    bits = random_input(model, seed)
    sums = np.zeros(model.outcomes, np.int32)
    for part in found:
        sums = add_logits(infer(part, bits).logits, sums)
    assert (sums == infer(model, bits).logits).all()


def test_channels_that_mix_have_no_parts():
    random = np.random.default_rng(0)
    first = convolution(random, 1, 8, 3)
    mixing = convolution(random, 8, 8, 2)
    dense = FoldedModel(InputSpec(16), (first, mixing), fully_connected(random, (8, 13, 13), 3))
    mapped = FoldedModel(InputSpec(16), (first,), heat_map(random, 8, 2))
    for model in (dense, mapped):
        assert parts(model, 1) == [model]
        with pytest.raises(ModelError, match="can be divided into parts"):
            parts(model, 2)


# -- nodes that add and proceed


@given(st.lists(st.tuples(LOGITS, LOGITS), min_size=1, max_size=5))
def test_the_controller_adds_as_the_reference(sequencer, pairs):
    own, earlier = zip(*pairs, strict=True)
    decision = Decision(earlier=earlier, logits=own)
    list(sequencer.execute(node_image(AddLogits(), Proceed()), (), decision))
    assert decision.outcome == 0
    assert decision.logits == tuple(add_logits(own, earlier).tolist())
    found = zip(pairs, decision.logits, strict=True)
    assert all((mine + theirs - total) % 2**32 == 0 for (mine, theirs), total in found)


def node_image(*steps):
    """Steps of a node whose other checks are done."""
    return VerifiedNode(None, Program(steps), (), ())


@pytest.mark.parametrize("earlier", [(), (1, 2), (1, 2, 3, 4)])
def test_other_numbers_of_logits_do_not_add_up(sequencer, earlier):
    decision = Decision(earlier=earlier, logits=(1, 2, 3))
    with pytest.raises(RequestError, match=f"adds 3 logits, but the node before it gave {len(earlier)}"):
        list(sequencer.execute(node_image(AddLogits(), Argmax()), (), decision))
    with pytest.raises(ModelError, match=f"adds 3 logits, but the node before it gave {len(earlier)}"):
        add_logits((1, 2, 3), earlier)


def test_adding_and_proceeding_take_the_time_that_is_predicted():
    """5 ns a logit; proceeding takes none, where Argmax takes 5 ns a logit."""
    model = model_with(3, 4)
    plain, proceeds = (compile_model(model, ending=Ending(proceeds=on)) for on in (False, True))
    bits = random_input(model, 1)
    done = run_node(proceeds, bits)
    assert done.ns == proceeds.cost.nanoseconds == plain.cost.nanoseconds - 5 * model.outcomes
    assert done.outcome == 0
    assert done.logits == run_node(plain, bits).logits
    adds = compile_model(model, ending=Ending(adds=True))
    assert adds.cost.nanoseconds - plain.cost.nanoseconds == 5 * model.outcomes


def test_a_node_that_proceeds_has_one_exit():
    model = model_with(3, 4)
    with pytest.raises(CompileError, match="5 outcomes of a node that proceeds need 1 exits, not 2"):
        compile_model(model, [Label(0), Label(1)], ending=Ending(proceeds=True))


# -- trees of parts


def small_model(seed, channels, outcomes):
    """A model all of whose outcomes come up."""
    random = np.random.default_rng(seed)
    layers = (convolution(random, 1, channels, 3, stride=2, after=1), Pooling(4))
    head = fully_connected(random, (channels, 4, 4), outcomes)
    model = FoldedModel(InputSpec(32, 3, 60), layers, head)
    seen = [infer(model, model.input.binarize(picture)).logits for picture in pictures(20)]
    even = head.bias - np.mean(seen, axis=0).astype(np.int32)
    return replace(model, head=replace(head, bias=even))


def chain(name, model, count, leads):
    """A model as so many nodes, the last of which leads as the whole would."""
    found = parts(model, count)
    names = [name, *(f"{name} part {number}" for number in range(2, len(found) + 1))]
    specs = [
        NodeSpec(each, part, (names[index + 1],), Ending(adds=index > 0, proceeds=True))
        for index, (each, part) in enumerate(zip(names[:-1], found, strict=False))
    ]
    return [*specs, NodeSpec(names[-1], found[-1], leads, Ending(adds=len(found) > 1))]


def leaf(name, labels):
    return NodeSpec(name, small_model(7, 2, labels), tuple(range(labels)))


def specs_of(counts):
    """A root and two children below it, in so many parts each."""
    models = [small_model(seed, 6, outcomes) for seed, outcomes in ((0, 2), (1, 3), (2, 2))]
    return [
        *chain("root", models[0], counts[0], ("a", "b")),
        *chain("a", models[1], counts[1], (0, 1, 2)),
        *chain("b", models[2], counts[2], (2, 3)),
    ]


def pictures(count):
    source = FoldedModel(InputSpec(32, 3), (Pooling(2),), SOME_HEAD)
    return [random_input(source, seed).astype(np.uint8) * np.uint8(200) for seed in range(count)]


SOME_HEAD = fully_connected(np.random.default_rng(0), (1, 16, 16), 2)


@pytest.mark.parametrize("counts", [(1, 1, 2), (2, 3, 1), (6, 2, 6)], ids=str)
def test_a_tree_of_parts_decides_as_the_whole_on_a_device_too(counts, tmp_path):
    whole = Tree.build("t", "abcd", GEOMETRY, specs_of((1, 1, 1)))
    Tree.build("t", "abcd", GEOMETRY, specs_of(counts)).save(tmp_path / "t.ptree")
    tree = Tree.load(tmp_path / "t.ptree")
    runner = in_memory_runner(tree)
    labels = set()
    for picture in pictures(12):
        label, path = tree.reference(picture)
        expected, plain = whole.reference(picture)
        assert label == expected
        last = {visit.node.split(" part")[0]: visit for visit in path}
        assert [visit.logits for visit in last.values()] == [visit.logits for visit in plain]
        result = runner.infer(picture)
        assert result.label == label
        assert count_mismatches(result, label, path) == 0
        labels.add(label)
    assert len(labels) > 1


@pytest.mark.parametrize("times", [1, 1.6, 2.3, 3.7])
def test_a_node_too_large_for_the_memory_runs_in_parts(times):
    """The least memory holds the largest part, not the whole; with more, parts are sent ahead."""
    whole, tree = (Tree.build("t", "abcd", GEOMETRY, specs_of(counts)) for counts in ((1, 1, 1), (3, 3, 3)))
    limit = int(times * max(tree.bytes_of(node.needs) for node in tree.nodes.values()))
    if times == 1:
        with pytest.raises(TreeError):
            TreeRunner.open(in_memory_device(), whole, limit)
    runner = TreeRunner.open(in_memory_device(), tree, limit)
    for picture in pictures(6):
        result = runner.infer(picture)
        assert count_mismatches(result, *tree.reference(picture)) == 0
    assert runner.finish().consistent


def test_a_root_that_adds_is_refused():
    with pytest.raises(TreeError, match="the root cannot add"):
        Tree.build("t", "ab", GEOMETRY, [replace(leaf("x", 2), ending=Ending(adds=True))])


def test_a_node_that_adds_to_another_number_of_logits_is_refused():
    first = NodeSpec("first", small_model(0, 2, 3), ("x",), Ending(proceeds=True))
    with pytest.raises(TreeError, match="node 'x' adds 2 logits, but 'first' before it gives 3"):
        Tree.build("t", "ab", GEOMETRY, [first, replace(leaf("x", 2), ending=Ending(adds=True))])


@pytest.mark.parametrize("more", [{"adds": True}, {"proceeds": True}])
def test_a_window_neither_adds_nor_proceeds(more):
    geometry = CaptureGeometry(60, 0, 0, margin=3, size=32, in_cells=True)
    model = FoldedModel(InputSpec(32, 0, 60), (Pooling(2),), SOME_HEAD)
    window = NodeSpec("w", Window(0, 0, 32), ("x",), Ending(**more))
    with pytest.raises(TreeError, match="window 'w'"):
        Tree.build("t", "ab", geometry, [window, NodeSpec("x", model, (0, 1))])


# -- swapping, evaluation


def test_swapping_foresees_the_first_node_that_leads_more_than_one_way():
    tree = Tree.build("t", "abcd", GEOMETRY, specs_of((3, 2, 1)))
    swap_tree = describe(tree)
    names = [node.name for node in swap_tree.nodes]
    assert [names[node] for node in swap_tree.trunk] == ["root", "root part 2", "root part 3"]
    assert [node.outcomes for node in swap_tree.nodes[:4]] == [0, 0, 0, 2], "what results tell"
    decides = swap_tree.trunk[-1]
    children = children_of(tree, tree.by_level[decides])
    assert [names[child] for child in children] == ["a", "b"]
    predictor = RootLogits(swap_tree, children, temperature=10)
    for logits, likely in (((90, 10), "a part 2"), ((10, 90), "b")):
        predictor.learn(0, {1: logits[::-1], decides: logits})
        assert names[swap_tree.ends[predictor.forecast().argmax()]] == likely


def test_an_album_has_a_picture_for_every_end_of_a_tree_of_parts():
    tree = Tree.build("t", "abcd", GEOMETRY, specs_of((2, 2, 2)))
    swap_tree = describe(tree)
    shown = album(tree, len(swap_tree.ends))
    for end, number in zip(swap_tree.ends, shown.of_end, strict=True):
        assert tree.reference(shown.pictures[number])[1][-1].node == tree.by_level[end].name


def test_parts_are_drawn_in_one_line(tmp_path, capsys):
    path = tmp_path / "t.ptree"
    Tree.build("t", "abcd", GEOMETRY, specs_of((2, 3, 1))).save(path)
    draw(model=path)
    lines = capsys.readouterr().out.splitlines()
    found = [line.strip(" │├└─").split(",")[0] for line in lines if "words" in line]
    assert found == ["root in 2 nodes: 2 outcomes", "a in 3 nodes: 3 outcomes", "b: 2 outcomes"]


def test_without_parts_a_tree_is_what_it_was():
    """Programs have neither step, so that older devices take them, and the file says nothing new."""
    tree = Tree.build("t", "abcd", GEOMETRY, specs_of((1, 1, 1)))
    for node in tree.nodes.values():
        steps = parse_object(tree.objects[node.manifest.program]).steps
        assert not any(isinstance(step, AddLogits | Proceed) for step in steps)
    assert {node.ending for node in tree.nodes.values()} == {Ending()}
