"""A grown tree keeps to its settings, and decides folded as it does in training."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.support.in_memory import in_memory_runner  # noqa: E402

from pixeltree.datasets import Dataset, Splits, Task  # noqa: E402
from pixeltree.errors import CompileError  # noqa: E402
from pixeltree.model import infer  # noqa: E402
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, Pooling  # noqa: E402
from pixeltree.train import grow as growing  # noqa: E402
from pixeltree.train.capacity import Capacity, choices  # noqa: E402
from pixeltree.train.export import compile_tree  # noqa: E402
from pixeltree.train.grow import GroupTeacher, GrowSettings, grow_tree  # noqa: E402
from pixeltree.train.grown import accuracy  # noqa: E402
from pixeltree.train.network import BinaryNetwork, inherit  # noqa: E402
from pixeltree.train.progress import EpochReport  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402
from pixeltree.train.training import TrainingSettings, build  # noqa: E402
from pixeltree.tree.tree import Tree  # noqa: E402

NETWORK = NetworkSpecification(
    Input(64, margin=4, threshold=50, learned=True),
    (ConvolutionGeometry(16, 4, before=0, after=3), Pooling(16)),
    FullyConnectedGeometry(2),
)
RUN = TrainingSettings(epochs=2, batch_size=16, learning_rate=0.01)
HARDLY = replace(RUN, learning_rate=1e-6)
"""So that one network for all classes does not tell them apart already."""
CLASSES = ("top", "bottom", "left", "right")


def bars(count, seed, name):
    """A bright bar near one of the four edges."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, 64, 64)).astype(np.uint8)
    targets = np.arange(count) % 4
    for image, target in zip(images, targets, strict=True):
        turned = (image, image[::-1], image.T, image.T[::-1])[target]
        place = random.integers(8, 20)
        turned[place : place + 6, 8:56] = 220
    return Dataset(name, Task.CLASSIFICATION, images, targets, CLASSES)


@pytest.fixture(scope="module")
def splits():
    return Splits(bars(48, 0, "training"), bars(24, 1, "validation"), bars(24, 2, "test"))


def test_a_teachers_opinion_of_a_group_is_that_of_its_classes_together():
    class Fixed(torch.nn.Module):
        def forward(self, brightness):
            return torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log().expand(len(brightness), 4)

    opinion = GroupTeacher(Fixed(), ((0, 1), (2, 3), (3,)))(torch.zeros(2, 16, 16))
    np.testing.assert_allclose(opinion.exp(), [[0.3, 0.7, 0.4]] * 2, rtol=1e-6)


def walk(nodes, image):
    """The class that folded nodes decide for."""
    by_name = {node.name: node for node in nodes}
    lead = "root"
    while isinstance(lead, str):
        node = by_name[lead]
        lead = node.leads[infer(node.model, node.model.input.binarize(image)).outcome]
    return lead


def of_new_epochs(tell):
    """Tells of the epochs that are trained now, and of nothing else."""

    def progress(name, report):
        if isinstance(report, EpochReport) and not report.restored:
            tell(name, report)

    return progress


def test_a_grown_tree_fits_its_capacity_and_folds_exactly(splits):
    capacity = Capacity(32 + 2 * (32 + 4), outcomes=2)
    names = []
    settings = GrowSettings(RUN, branching=2, target=1.0, overlap=2)
    root = grow_tree(
        splits, capacity, [NETWORK], settings, progress=of_new_epochs(lambda name, report: names.append(name))
    )
    nodes = root.nodes(capacity)
    assert 2 <= len(nodes) <= 3
    assert {"root (scout)", "root (router)"} <= set(names)
    for node in nodes:
        assert node.model.outcomes == 2
        assert node.model.input == nodes[0].model.input
    tree = compile_tree("t", CLASSES, nodes)
    decided = root.decide(splits.test.images)
    assert decided.tolist() == [walk(nodes, image) for image in splits.test.images]
    assert decided.tolist() == [tree.reference(image)[0] for image in splits.test.images]
    assert accuracy(root, splits.test) == (decided == splits.test.targets).mean()
    assert accuracy(root, splits.test) > 0.4


def test_a_tree_with_planes_of_weights_folds_and_compiles_exactly(splits, tmp_path):
    """Two planes fit the children, of two outcomes; the router, which tells three groups, has one."""
    candidates = choices(NETWORK, (16,), (2, 1))
    capacity = Capacity(32 + 2 * (2 * 32 + 4), outcomes=3)
    assert not capacity.fits(replace(NETWORK, head=FullyConnectedGeometry(3, 2)))
    groups = ((0, 2), (1, 3), (0, 3))
    root = grow_tree(splits, capacity, candidates, GrowSettings(RUN, overlap=2), groups)
    nodes = root.nodes(capacity)
    planes = {node.name: node.model.head.planes for node in nodes}
    assert planes == {"root": 1, "root.0": 2, "root.1": 2, "root.2": 2}
    compile_tree("t", CLASSES, nodes).save(tmp_path / "t.ptree")
    tree = Tree.load(tmp_path / "t.ptree")
    decided = root.decide(splits.test.images)
    assert decided.tolist() == [walk(nodes, image) for image in splits.test.images]
    assert decided.tolist() == [tree.reference(image)[0] for image in splits.test.images]
    device = in_memory_runner(tree)
    for image, label in zip(splits.test.images[:4], decided, strict=False):
        result = device.infer(image)
        assert result.label == label
        assert [visit.logits for visit in result.path] == [v.logits for v in tree.reference(image)[1]]


def test_nodes_in_parts_decide_as_the_networks_that_were_trained(splits, tmp_path):
    """Half of what a network needs, and two parts: the same tree, of twice as many nodes."""
    whole, halves = Capacity(32 + 2 * (32 + 4), outcomes=2), Capacity(16 + 2 * (16 + 4), outcomes=2, parts=2)
    settings = GrowSettings(RUN, branching=2, target=1.0, overlap=2)
    expected, root = (grow_tree(splits, each, [NETWORK], settings) for each in (whole, halves))
    nodes = root.nodes(halves)
    assert len(nodes) == 2 * len(expected.nodes(whole))
    assert all(node.model.shapes[-1][0] == 8 for node in nodes)
    assert [node.name for node in nodes if node.name.startswith("root.0")] == ["root.0", "root.0 part 2"]
    compile_tree("t", CLASSES, nodes).save(tmp_path / "t.ptree")
    tree = Tree.load(tmp_path / "t.ptree")
    decided = expected.decide(splits.test.images)
    assert root.decide(splits.test.images).tolist() == decided.tolist()
    assert [tree.reference(image)[0] for image in splits.test.images] == decided.tolist()


def test_outcomes_of_one_group_lead_to_one_child(splits):
    """A network for all classes that fits is the router, with an outcome for each class."""
    leaf = grow_tree(splits, Capacity(1000), [NETWORK], GrowSettings(RUN, target=0.0))
    groups = ((0, 2), (1, 3))
    by_hand = grow_tree(splits, Capacity(1000), [NETWORK], GrowSettings(RUN, overlap=2), groups)
    root = replace(leaf.routing(groups), children=by_hand.children)
    assert root.branches == (0, 1, 0, 1)
    nodes = root.nodes(Capacity(1000))
    leads = nodes[0].leads
    assert leads == ("root.0", "root.1", "root.0", "root.1")
    decided = root.decide(splits.test.images)
    assert decided.tolist() == [walk(nodes, image) for image in splits.test.images]
    tree = compile_tree("t", CLASSES, nodes)
    assert decided.tolist() == [tree.reference(image)[0] for image in splits.test.images]


def test_a_router_need_not_tell_apart_what_a_child_will(splits, monkeypatch):
    """Four classes, three outcomes, two children: classes of one outcome are in one child."""
    monkeypatch.setattr("pixeltree.train.grow.accuracy", lambda node, own: float(any(node.children)))
    epochs = {}
    settings = GrowSettings(HARDLY, branching=2, target=1.0, overlap=2, child_epochs=3, router_outcomes=3)
    root = grow_tree(
        splits,
        Capacity(1000),
        [NETWORK],
        settings,
        progress=of_new_epochs(lambda name, report: epochs.update({name: report.epochs})),
    )
    assert epochs["root"] == 2
    assert epochs["root (router)"] == 3  # it begins with the kernels of the network for all classes
    assert root.network.specification.head.outcomes == len(root.branches) == 3
    assert sorted(index for group in root.groups for index in group) == [0, 1, 2, 3]
    nodes = root.nodes(Capacity(1000))
    assert nodes[0].leads == tuple(
        f"root.{branch}" if root.children[branch] else root.groups[branch][0] for branch in root.branches
    )
    decided = root.decide(splits.test.images)
    assert decided.tolist() == [walk(nodes, image) for image in splits.test.images]


@pytest.mark.parametrize("outcomes", [0, 4])
def test_a_router_has_as_many_outcomes_as_children_or_more_and_fewer_than_classes(
    splits, monkeypatch, outcomes
):
    monkeypatch.setattr("pixeltree.train.grow.accuracy", lambda node, own: float(any(node.children)))
    settings = GrowSettings(HARDLY, branching=2, target=1.0, overlap=2, router_outcomes=outcomes)
    root = grow_tree(splits, Capacity(1000), [NETWORK], settings)
    assert root.children != (None,) * 4
    assert len(root.branches) == 4


def test_what_no_tree_can_hold_is_refused_before_anything_is_trained(splits, mocker):
    train = mocker.patch("pixeltree.train.grow.train_network")
    two = Capacity(32 + 2 * (32 + 4), outcomes=2)
    one_group_of_three = (0, 1, 2), (3,)
    with pytest.raises(CompileError, match="no network for 3 outcomes fits"):
        grow_tree(splits, two, [NETWORK], GrowSettings(RUN), one_group_of_three)
    with pytest.raises(CompileError, match="no network for 6 outcomes fits"):
        grow_tree(splits, two, [NETWORK], GrowSettings(RUN, branching=6))
    more = Splits(
        *(replace(part, targets=np.arange(len(part)) % 5, classes=(*CLASSES, "fifth")) for part in splits)
    )
    with pytest.raises(CompileError, match=r"5 classes do not fit into 2 children.*a branching of 3"):
        grow_tree(more, two, [NETWORK], GrowSettings(RUN, branching=2))
    train.assert_not_called()


def test_a_class_does_not_stray_into_a_child_that_is_full(splits, mocker):
    """Of nodes that hold two outcomes, none gets three classes, however many children there may be."""
    full = mocker.spy(growing, "overlapping")
    grow_tree(
        splits, Capacity(32 + 2 * 36, outcomes=2), [NETWORK], GrowSettings(HARDLY, branching=2, overlap=1e-9)
    )
    assert all(max(map(len, groups)) <= 2 for groups in [full.spy_return])


def test_less_than_two_children_are_refused():
    with pytest.raises(CompileError, match="at least 2"):
        GrowSettings(RUN, branching=1)


@pytest.mark.parametrize(("by_training", "looked_at"), [(False, 24), (True, 48)])
def test_classes_are_grouped_and_shared_by_the_part_that_is_asked_for(splits, mocker, by_training, looked_at):
    """24 validation images, 48 training images; the tree is judged on the former either way."""
    judged = mocker.patch("pixeltree.train.grow.accuracy", side_effect=lambda node, own: float(len(own)))
    grouped_by = mocker.spy(growing, "confusion")
    shared_by = mocker.spy(growing._Grower, "widened")  # noqa: SLF001 - no other way tells what it saw
    settings = GrowSettings(HARDLY, branching=2, target=1.0, overlap=2, training_confusions=by_training)
    grow_tree(splits, Capacity(1000), [NETWORK], settings)
    assert {len(call.args[1]) for call in grouped_by.call_args_list} == {looked_at}
    assert {len(call.args[2]) for call in shared_by.call_args_list} == {looked_at}
    assert {len(call.args[1]) for call in judged.call_args_list} == {24}


def test_a_router_may_have_as_many_outcomes_as_children(splits, monkeypatch):
    """Each of its outcomes, a few classes that are confused, then leads to a child of its own."""
    monkeypatch.setattr("pixeltree.train.grow.accuracy", lambda node, own: float(any(node.children)))
    settings = GrowSettings(HARDLY, branching=2, target=1.0, overlap=2, router_outcomes=2)
    root = grow_tree(splits, Capacity(1000), [NETWORK], settings)
    assert root.branches == (0, 1)
    assert root.network.specification.head.outcomes == len(root.groups) == 2


def test_groups_by_hand_are_the_roots(splits):
    settings = GrowSettings(RUN, overlap=2)
    root = grow_tree(splits, Capacity(1000), [NETWORK], settings, groups=((0, 1, 2), (3,)))
    assert root.groups == ((0, 1, 2), (3,))
    assert root.children[1] is None
    assert root.nodes(Capacity(1000))[0].leads == ("root.0", 3)


def test_one_network_is_enough_where_it_reaches_the_target(splits):
    root = grow_tree(splits, Capacity(1000), [NETWORK], GrowSettings(RUN, branching=2, target=0.0))
    assert root.children == (None,) * 4


def test_a_class_is_in_several_children_only_where_that_is_better(splits):
    """With any share tried, classes are shared only if the children decide better with them than without."""
    settings = GrowSettings(RUN, branching=2, overlap=1e-9)
    groups = ((0, 2), (1, 3))
    tried = grow_tree(splits, Capacity(1000), [NETWORK], settings, groups)
    own = splits.validation
    apart = (tried.decide_apart(own.images, groups) == own.targets).mean()
    if tried.groups != groups:
        assert accuracy(tried, own) > apart
    else:
        assert accuracy(tried, own) == apart


def test_a_child_decides_between_the_classes_it_is_allowed(splits):
    settings = GrowSettings(RUN, branching=2, overlap=2)
    root = grow_tree(splits, Capacity(1000), [NETWORK], settings, ((0, 2), (1, 3)))
    images = splits.test.images
    assert set(root.decide(images, frozenset({1, 2}))) <= {1, 2}
    apart = root.decide_apart(images, ((0,), (3,)))
    assert set(apart) <= {0, 3}
    assert (root.decide_apart(images, root.groups) == root.decide(images)).all()


def test_children_train_for_epochs_of_their_own(splits):
    epochs = {}
    settings = GrowSettings(RUN, branching=2, overlap=2, child_epochs=3)
    grow_tree(
        splits,
        Capacity(1000),
        [NETWORK],
        settings,
        ((0, 2), (1, 3)),
        progress=of_new_epochs(lambda name, report: epochs.update({name: report.epochs})),
    )
    assert epochs == {"root (router)": 2, "root.0": 3, "root.1": 3}


def test_a_child_begins_with_its_parents_layers_up_to_the_first_that_differs():
    def made(network, seed):
        return build(lambda: BinaryNetwork(network), seed)

    first, second = ConvolutionGeometry(16, 4, before=0, after=3), ConvolutionGeometry(4, 3, groups=4)
    parent = made(replace(NETWORK, layers=(first, Pooling(4), second)), 0)
    coarser = Pooling(8), replace(second, channels=8)
    child = made(replace(NETWORK, layers=(first, *coarser), head=FullyConnectedGeometry(3)), 1)
    head, last = child.head.latent.clone(), child.layers[3].latent.clone()
    digest = inherit(child, parent)
    assert torch.equal(child.layers[0].latent, parent.layers[0].latent)
    assert torch.equal(child.layers[1].threshold, parent.layers[1].threshold)
    assert torch.equal(child.layers[3].latent, last)
    assert torch.equal(child.head.latent, head)
    assert inherit(child, parent) == digest
    parent.layers[0].latent.data[0, 0, 0, 0] += 0.5
    assert inherit(child, parent) != digest
    other = made(replace(NETWORK, layers=(replace(first, channels=8), NETWORK.layers[1])), 1)
    assert inherit(other, parent) == hashlib.blake2b(digest_size=16).hexdigest()


def test_children_begin_where_the_root_ended(splits, mocker):
    inherited = mocker.patch("pixeltree.train.grow.inherit", wraps=inherit)
    root = grow_tree(
        splits, Capacity(1000), [NETWORK], GrowSettings(RUN, branching=2, overlap=2), ((0, 2), (1, 3))
    )
    given = [(call.args[0], call.args[1]) for call in inherited.call_args_list]
    assert given == [(child.network, root.network) for child in root.children]


def test_a_killed_growth_goes_on(splits, tmp_path):
    reports = []

    class Killed(Exception):
        pass

    def stop(name, report):
        if "router" in name:
            raise Killed

    arguments = (
        splits,
        Capacity(32 + 2 * 36, outcomes=2),
        [NETWORK],
        GrowSettings(RUN, branching=2, overlap=2),
    )
    with pytest.raises(Killed):
        grow_tree(*arguments, checkpoints=tmp_path, progress=of_new_epochs(stop))
    grow = grow_tree(
        *arguments, checkpoints=tmp_path, progress=of_new_epochs(lambda name, report: reports.append(name))
    )
    assert "root (scout)" not in reports
    assert reports.count("root (router)") == 1
    whole = grow_tree(*arguments)
    assert (grow.decide(splits.test.images) == whole.decide(splits.test.images)).all()


def test_a_capacity_that_no_network_fits_says_what_is_needed(splits):
    with pytest.raises(
        CompileError, match=r"no network for 2 outcomes fits a node of 50 bytes .* needs 104 bytes"
    ):
        grow_tree(splits, Capacity(50), [NETWORK], GrowSettings(RUN, branching=2))
