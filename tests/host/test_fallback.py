"""Fallback exits: what a node does that is not sure, on the device and by the integer reference."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltree.compiler import CaptureGeometry, Ending, compile_model
from pixeltree.datasets import Dataset, Task
from pixeltree.demo.run import count_mismatches
from pixeltree.errors import CompileError, TreeError
from pixeltree.evaluation import accuracy_by_node, evaluate_reference, fallbacks
from pixeltree.folded import FoldedModel, FullyConnected, InputSpec, Window, decide, infer
from pixeltree.scheduler import TreeRunner
from pixeltree.scheduler.coarse import CoarseAnswers
from pixeltree.swapping import RootLogits
from pixeltree.swapping.describe import children_of, describe
from pixeltree.swapping.examples import uniform_tree
from pixeltree.tree import Tree
from pixeltree.tree_builder import Fallback, NodeSpec
from pixeltree_emu.array.device_array import PixelArray
from pixeltree_emu.runtime.clock import CostModel, DeviceClock
from pixeltree_emu.runtime.sequencer import Decision, Sequencer
from pixeltree_protocol.objects import Label, parse_object
from pixeltree_protocol.objects.program import Argmax, ArgmaxOr, Program
from pixeltree_protocol.treefile import TreeFile
from pixeltree_protocol.verify import ProgramImage
from tests.folded.strategies import convolution, fully_connected, heat_map, pooling
from tests.host.in_memory import InMemoryDevice, in_memory_device
from tests.host.on_array import run_node
from tests.host.random_models import random_input

GREATEST = 2**32 - 1
GEOMETRY = CaptureGeometry(60, 0, 0, margin=0, size=32, in_cells=True)
LOGITS = st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3)


@pytest.fixture(scope="module")
def sequencer():
    return Sequencer(PixelArray(), DeviceClock(CostModel()))


@pytest.mark.parametrize(
    ("logits", "margin", "outcome"),
    [
        ((5, 9, 2), 4, 1),
        ((5, 9, 2), 5, 3),
        ((9, 9, 2), 0, 0),
        ((9, 9, 2), 1, 3),
        ((9, 9, 2), None, 0),
        ((-7,), 0, 0),
        ((-7,), GREATEST, 0),
        ((2**31 - 1, -(2**31)), GREATEST, 0),
        ((2**31 - 2, -(2**31)), GREATEST, 2),
    ],
)
def test_a_node_falls_back_where_the_second_logit_is_less_than_the_margin_below(
    sequencer, logits, margin, outcome
):
    assert decide(logits, margin) == outcome
    assert decided(sequencer, logits, margin) == outcome


def decided(sequencer, logits, margin):
    last = Argmax() if margin is None else ArgmaxOr(margin)
    decision = Decision(logits=tuple(logits))
    list(sequencer.execute(ProgramImage(Program((last,)), (), ()), (), decision))
    return decision.outcome


@settings(max_examples=300)
@given(st.lists(LOGITS, min_size=1, max_size=6), st.integers(0, 6) | st.integers(0, GREATEST))
def test_the_controller_decides_as_the_reference(sequencer, logits, margin):
    """The definition once more: some other logit is less than the margin below the greatest."""
    outcome = decided(sequencer, logits, margin)
    assert outcome == decide(logits, margin) == decide(np.array(logits, np.int32), margin)
    first = logits.index(max(logits))
    is_close = any(max(logits) - each < margin for at, each in enumerate(logits) if at != first)
    assert outcome == (len(logits) if is_close else first)


# -- trees


def small_model(random, outcomes):
    """A model whose logits are few numbers, so that some are equal."""
    layers = (convolution(random, 1, 2, 3, after=2), pooling(random, 8))
    head = fully_connected(random, (2, 4, 4), outcomes)
    return FoldedModel(InputSpec(32, 0, 60), layers, FullyConnected(head.weights, head.bias // 16))


def random_tree(seed):
    """A root, two children and a general one, with fallbacks here and there."""
    random = np.random.default_rng(seed)

    def node(name, leads, *fallbacks):
        margin = int(random.choice([0, 1, 4, 9, 20, GREATEST]))
        lead = random.choice(np.array([None, *fallbacks], object))
        fallback = None if lead is None else Fallback(margin, lead)
        return NodeSpec(name, small_model(random, len(leads)), leads, fallback)

    specs = [
        node("root", ("a", "b", 0)[: int(random.integers(2, 4))], "general", 5),
        node("a", (0, 1, 2), "general", 6),
        node("b", (3, 4, "general"), 6),
        node("general", (0, 1, 2, 3, 4), 5),
    ]
    used = {lead for spec in specs for lead in (*spec.leads, spec.fallback and spec.fallback.lead)}
    return Tree.build("t", list("0123456"), GEOMETRY, [s for s in specs if s.name in {*used, "root"}])


def image(seed):
    model = FoldedModel(InputSpec(32), (pooling(np.random.default_rng(0), 2),), SOME_HEAD)
    return random_input(model, seed).astype(np.uint8) * np.uint8(200)


SOME_HEAD = fully_connected(np.random.default_rng(0), (1, 16, 16), 2)


def test_a_device_takes_random_trees_through_the_paths_of_the_reference():
    seen = set()
    for seed in range(12):
        tree = random_tree(seed)
        runner = InMemoryDevice(tree)
        for number in range(6):
            picture = image(100 * seed + number)
            result = runner.infer(picture)
            assert count_mismatches(result, *tree.reference(picture)) == 0, seed
            assert result.label == tree.reference(picture)[0]
            for visit in result.path:
                margin = tree.margins.get(visit.node)
                gap = np.diff(np.sort(visit.logits)[-2:])[0]
                seen.add(("falls", visit.outcome == len(visit.logits)))
                seen.add(("margin", margin))
                seen.add(("tie", bool(gap == 0), margin is not None))
                seen.add(("at the margin", bool(gap == margin)))
    assert {("falls", True), ("falls", False), ("tie", True, True), ("at the margin", True)} <= seen
    assert {("margin", margin) for margin in (None, 0, 1, 4, 9, 20, GREATEST)} <= seen


def test_a_fallback_takes_the_time_that_is_predicted():
    random = np.random.default_rng(5)
    model = small_model(random, 3)
    bits = random.random((32, 32)) < 0.4
    layout = GEOMETRY.layout(model, None)
    plain, falls = (compile_model(model, layout=layout, ending=Ending(margin)) for margin in (None, GREATEST))
    for compiled in (plain, falls):
        assert run_node(compiled, bits).ns == compiled.cost.nanoseconds
    assert falls.cost.nanoseconds - plain.cost.nanoseconds == 3 * 5
    assert run_node(falls, bits).outcome == 3
    assert run_node(plain, bits).outcome == infer(model, bits).outcome


def test_heat_maps_and_heads_on_the_array_fall_back_too():
    random = np.random.default_rng(6)
    bits = random.random((32, 32)) < 0.4
    heat = FoldedModel(InputSpec(32, 0, 60), (pooling(random, 8),), heat_map(random, 1, 1))
    near = FoldedModel(InputSpec(32, 0, 60), (pooling(random, 16),), fully_connected(random, (1, 2, 2), 2))
    for model in (heat, near):
        compiled = compile_model(model, ending=Ending(7))
        done = run_node(compiled, bits)
        assert done.logits == tuple(infer(model, bits).logits)
        assert done.outcome == decide(done.logits, 7)


def specs_of(margin=6, lead="general"):
    """Of 20 images, 7 fall back, 11 go on to the leaf, and 2 end at the root."""
    random = np.random.default_rng(5)
    return [
        NodeSpec("root", small_model(random, 2), ("leaf", 2), Fallback(margin, lead)),
        NodeSpec("leaf", small_model(random, 2), (0, 1)),
        NodeSpec("general", small_model(random, 3), (0, 1, 2)),
    ]


@pytest.fixture
def tree():
    return Tree.build("t", "abc", GEOMETRY, specs_of())


def test_without_a_fallback_a_tree_is_what_it_was(tmp_path):
    plain = [replace(spec, fallback=None) for spec in specs_of()[:2]]
    tree = Tree.build("t", "abc", GEOMETRY, plain)
    tree.save(tmp_path / "t.ptree")
    assert "margins" not in TreeFile.decode((tmp_path / "t.ptree").read_bytes()).description
    for node in tree.nodes.values():
        program = parse_object(tree.objects[node.program])
        assert not isinstance(program.steps[-1], ArgmaxOr)


def test_margins_survive_saving(tree, tmp_path):
    tree.save(tmp_path / "t.ptree")
    loaded = Tree.load(tmp_path / "t.ptree")
    assert loaded.margins == tree.margins == {"root": 6}
    pictures = [image(seed) for seed in range(20)]
    assert [loaded.reference(each) for each in pictures] == [tree.reference(each) for each in pictures]
    assert {loaded.reference(each)[1][-1].node for each in pictures} == {"root", "general", "leaf"}


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ({}, "'root' has 3 exits for 2 outcomes"),
        ({"root": 7}, r"ends in ArgmaxOr\(margin=6\); its margin is 7"),
        ({"root": 6, "leaf": 6}, "'leaf' has 2 exits for 2 outcomes"),
        ({"root": 6, "nobody": 6}, "a margin for nobody"),
        ({"root": "6"}, "its margin is 6"),
        ([1], "malformed"),
    ],
)
def test_margins_that_are_not_those_of_the_programs_are_refused(tree, tmp_path, margins, message):
    path = tmp_path / "t.ptree"
    tree.save(path)
    file = TreeFile.decode(path.read_bytes())
    description = json.dumps(json.loads(file.description) | {"margins": margins})
    path.write_bytes(replace(file, description=description).encode())
    with pytest.raises(TreeError, match=message):
        Tree.load(path)


@pytest.mark.parametrize(
    ("lead", "message"), [("root", "leads back to itself"), ("nobody", "does not exist"), (3, "label 3 of 3")]
)
def test_a_fallback_that_leads_nowhere_is_refused(lead, message):
    with pytest.raises(TreeError, match=message):
        Tree.build("t", "abc", GEOMETRY, specs_of(lead=lead))


@pytest.mark.parametrize("margin", [-1, GREATEST + 1])
def test_a_margin_out_of_range_is_refused(margin):
    with pytest.raises(CompileError, match=f"margin must be 0 to {GREATEST}, not {margin}"):
        Tree.build("t", "abc", GEOMETRY, specs_of(margin=margin))


def test_a_window_has_no_fallback():
    window = NodeSpec("w", Window(0, 0, 32), ("root",), Fallback(3, 0))
    with pytest.raises(TreeError, match="no fallback"):
        Tree.build("t", "abc", GEOMETRY, [window, *specs_of()])


def test_a_fallback_needs_an_exit_of_its_own():
    random = np.random.default_rng(0)
    model = small_model(random, 3)
    with pytest.raises(CompileError, match="3 outcomes and a fallback need 4 exits, not 3"):
        compile_model(model, [Label(0)] * 3, ending=Ending(4))
    large = FoldedModel(InputSpec(256), (pooling(random, 8),), heat_map(random, 1, 1))
    compile_model(large)
    with pytest.raises(CompileError, match="1025 exits; a node has at most 1024"):
        compile_model(large, ending=Ending(4))


# -- swapping, evaluation


def test_swapping_takes_a_fallback_for_one_more_exit(tree):
    swap_tree = describe(tree)
    names = [node.name for node in swap_tree.nodes]
    assert [node.outcomes for node in swap_tree.nodes] == [0, 2, 2, 3]
    assert children_of(tree, tree.root.root) == (names.index("leaf"), None, names.index("general"))
    assert {names[path[-1]] for path in swap_tree.paths} == {"root", "leaf", "general"}
    way = CoarseAnswers(tree, swap_tree).path(names.index("general"))
    assert [(visit.node, visit.outcome) for visit in way] == [("root", 2)]


def test_a_close_frame_makes_the_fallback_probable_in_the_next():
    predictor = RootLogits(uniform_tree(3), [2, 3, 4], temperature=10, margin=20)
    for logits, likely in (((50, 45), 2), ((90, 10), 0), ((10, 90), 1), ((50, 31), 2), ((7, 7), 2)):
        predictor.learn(0, {1: logits})
        forecast = predictor.forecast()
        assert forecast.sum() == pytest.approx(1)
        assert forecast.argmax() == likely


def test_a_runner_prefetches_and_serves_trees_with_fallbacks(tree):
    largest = max(tree.bytes_of(tree.needs(node)) for node in tree.nodes)
    runner = TreeRunner(in_memory_device(), tree, 2 * largest)
    for seed in range(20):
        result = runner.infer(image(seed))
        assert count_mismatches(result, *tree.reference(image(seed))) == 0


def test_an_evaluation_counts_how_many_images_fell_back(tree):
    images = np.stack([image(seed) for seed in range(20)])
    dataset = Dataset("d", Task.CLASSIFICATION, images, np.arange(20) % 3, ("a", "b", "c"))
    evaluation = evaluate_reference(tree, dataset)
    came = evaluation.visits()
    assert fallbacks(tree, evaluation) == {"root": came["general"]}
    assert 0 < came["general"] < 20
    assert 0 <= accuracy_by_node(tree, dataset, evaluation)["root"] <= 1
    never = Tree.build("t", "abc", GEOMETRY, specs_of(margin=0))
    assert fallbacks(never, evaluate_reference(never, dataset)) == {"root": 0}
