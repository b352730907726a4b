"""Growing a tree: a root that tells groups of classes apart, children that tell the classes of a group apart.

A network that would not fit a node for all classes fits for a few; so the tree can be better than any one
network of a node's capacity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.datasets import Dataset, Splits
from pixeltree.errors import CompileError
from pixeltree.train.capacity import Capacity, best_fit, most_outcomes, require_fit
from pixeltree.train.checkpoint import CheckpointFile
from pixeltree.train.grouping import Groups, confusion, grouped, overlapping
from pixeltree.train.grown import GrownNode, accuracy
from pixeltree.train.network import BinaryNetwork, inherit
from pixeltree.train.objective import Classification
from pixeltree.train.progress import Doing, Progress, silent
from pixeltree.train.specification import NetworkSpecification
from pixeltree.train.training import TrainingSettings, build, logits_of, noisy_logits_of, train_network
from pixeltree_protocol.chip.nonidealities import AnalogErrors

SCOUTING = 4
"""Part of a node's epochs that a network gets which only shows what is confused, as it fits no node."""

NOISY_VIEWS = 4
"""When classes are shared: times that a router chooses with a chip's errors, beside once without."""

TRAINING_VIEWS = 1
"""The same where training images are looked at, which are many."""

Classes = tuple[int, ...]

ROOT = "root"
"""Name of the root; children are named after it and their number."""


@dataclass(frozen=True)
class GrowSettings:
    """Choices of a tree.

    Attributes:
        training: the training of every node.
        errors: of the chip, for noise-aware training; None for none.

    The other fields are those of :class:`pixeltree.train.tables.TreeTable`.
    """

    training: TrainingSettings = field(default_factory=TrainingSettings)
    branching: int = 6
    target: float = 0.9
    overlap: float = 0.05
    errors: AnalogErrors | None = None
    child_epochs: int | None = None
    router_outcomes: int = 0
    training_confusions: bool = False

    def __post_init__(self) -> None:
        if self.branching < 2 or not 0 <= self.target <= 1 or self.overlap <= 0:
            raise CompileError(
                f"a tree needs at least 2 children, a target of 0 to 1, and an overlap above 0: {self}"
            )


class GroupTeacher(nn.Module):
    """What a teacher for all classes thinks of a node's outcomes: logsumexp of its logits of their classes.

    A class in several groups counts in each.
    """

    def __init__(self, teacher: nn.Module, groups: Groups) -> None:
        super().__init__()
        self.teacher = teacher.eval()
        self.groups = [list(group) for group in groups]

    def forward(self, brightness: Tensor) -> Tensor:
        """Logits: float (batch, outcomes).

        Args:
            brightness: (batch, rows, columns), 0 to 255.
        """
        logits: Tensor = self.teacher(brightness)
        return torch.stack([logits[:, group].logsumexp(dim=1) for group in self.groups], dim=1)


class _Grower:
    def __init__(
        self,
        splits: Splits,
        capacity: Capacity,
        candidates: Sequence[NetworkSpecification],
        settings: GrowSettings,
        checkpoints: Path | None,
        progress: Progress,
        teacher: nn.Module | None,
    ) -> None:
        self.teacher = teacher
        self.splits, self.capacity, self.settings = splits, capacity, settings
        self.candidates = list(candidates)
        self.checkpoints, self.progress = checkpoints, progress
        self.data = "".join(part.digest() for part in splits)
        self.most = max((most_outcomes(each, capacity) for each in candidates), default=0)
        self.trained: dict[tuple[NetworkSpecification, Groups, TrainingSettings], GrownNode] = {}

    def doing(self, what: str) -> None:
        """Say what is done for the root between trainings."""
        self.progress(ROOT, Doing(what))

    def train(
        self,
        name: str,
        network: NetworkSpecification,
        groups: Groups,
        parent: BinaryNetwork | None = None,
        is_scout: bool = False,
    ) -> GrownNode:
        """Train one node, whose outcomes all end there, on images of its classes; once per choice.

        It begins with the kernels and thresholds of its parent: as good as twice the epochs.
        """
        classes = sorted({index for group in groups for index in group})
        settings = self.settings.training
        if self.settings.child_epochs is not None and parent is not None:
            settings = settings.with_epochs(self.settings.child_epochs)
        if is_scout:
            settings = settings.with_epochs(max(1, settings.epochs // SCOUTING))
        choice = network, groups, settings
        if choice in self.trained:
            return self.trained[choice]
        training, validation = (
            _among(part, classes) for part in (self.splits.training, self.splits.validation)
        )
        made = build(lambda: BinaryNetwork(network, self.settings.errors), settings.seed)
        assert isinstance(made, BinaryNetwork)
        inherited = "" if parent is None else inherit(made, parent)
        objective = Classification(groups)
        file = None
        if self.checkpoints is not None:
            text = repr((network, groups, settings, self.settings.errors, self.data, inherited))
            identity = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            file = CheckpointFile(self.checkpoints / f"{name}-{identity[:12]}", identity)
        train_network(
            made,
            training,
            validation,
            objective,
            settings,
            file,
            GroupTeacher(self.teacher, groups) if self.teacher is not None else None,
            lambda report: self.progress(name, report),
        )
        score = objective.score(logits_of(made, validation.images), validation)
        own = (None,) * len(groups), tuple(range(len(groups)))
        self.trained[choice] = GrownNode(made, groups, *own, score)
        return self.trained[choice]

    def grow(self) -> GrownNode:
        """The root: a network for all classes if one fits and is good enough, else a router with children."""
        classes = tuple(range(len(self.splits.training.classes)))
        fitting = best_fit(self.candidates, len(classes), self.capacity)
        if fitting is None:
            self.require_room(len(classes))
        network = fitting or self.candidates[-1].with_outcomes(len(classes))
        name = ROOT if fitting else f"{ROOT} (scout)"
        alone = self.train(name, network, _singles(classes), is_scout=fitting is None)
        few = len(classes) <= self.settings.branching
        if fitting is not None and (few or alone.score >= self.settings.target):
            return alone
        self.doing(f"grouping {len(classes)} classes by what it confuses")
        if fitting is None:
            return self.split(self.merged(alone, self.settings.branching), alone.network)
        split = self.below(self.router(alone))
        self.doing("comparing it alone with it and its children")
        own = self.splits.validation
        return alone if accuracy(alone, own) >= accuracy(split, own) else split

    def require_room(self, classes: int) -> None:
        """Refuse a tree whose children could not hold so many classes, before anything is trained.

        Raises:
            CompileError: they could not.
        """
        branching = self.settings.branching
        require_fit(self.candidates, branching, self.capacity)
        if classes > branching * self.most:
            raise CompileError(
                f"{classes} classes do not fit into {branching} children: a node of "
                f"{self.capacity.segment_bytes:,} bytes holds at most {self.most} outcomes; "
                f"[tree] needs a branching of {-(-classes // self.most)} or more, or more segment_bytes"
            )

    @property
    def confused(self) -> Dataset:
        """The images that show what a network confuses."""
        return self.splits.training if self.settings.training_confusions else self.splits.validation

    def merged(self, node: GrownNode, count: int) -> Groups:
        """Classes of a node in so many groups, by what it confuses; those of one outcome stay together."""
        if count >= len(node.groups):
            return node.groups
        own = self.confused
        opinions = confusion(logits_of(node.network, own.images), own, len(node.groups))
        matrix = np.stack([opinions[list(group)].mean(axis=0) for group in node.groups])
        sizes = [len(group) for group in node.groups]
        local = grouped(matrix, count, self.settings.training.seed, sizes, self.most)
        return tuple(tuple(sorted(c for i in group for c in node.groups[i])) for group in local)

    def router(self, leaf: GrownNode) -> GrownNode:
        """A network with an outcome per class as a router, or a better one with fewer outcomes.

        A child will tell apart what is confused most. A router with one outcome for such classes can spend
        its weights on the others, with finer pooling or more planes.
        """
        count, source = self.settings.router_outcomes, leaf
        if count and self.settings.branching <= count < len(leaf.groups):
            outcomes = self.merged(leaf, count)
            network = require_fit(self.candidates, len(outcomes), self.capacity)
            source = self.train(f"{ROOT} (router)", network, outcomes, leaf.network)
        return source.routing(self.merged(source, self.settings.branching))

    def split(self, groups: Groups, parent: BinaryNetwork | None = None) -> GrownNode:
        """A router with an outcome per group, and its children."""
        network = require_fit(self.candidates, len(groups), self.capacity)
        return self.below(self.train(f"{ROOT} (router)", network, groups, parent))

    def below(self, router: GrownNode) -> GrownNode:
        """A router and its children; classes are in several children where that raises accuracy.

        Children with the classes that are misrouted to them are trained first, and stay if they decide
        better with those classes than without.
        """
        self.share_input(router.network)
        groups, own = router.groups, self.splits.validation
        self.doing("looking for classes that are misrouted to other children")
        wider = self.widened(router, self.confused)
        if wider != groups:
            shared = self.with_children(replace(router, groups=wider))
            self.doing("comparing children with and without misrouted classes")
            apart = float((shared.decide_apart(own.images, groups) == own.targets).mean())
            if accuracy(shared, own) > apart:
                return shared
        return self.with_children(router)

    def widened(self, router: GrownNode, own: Dataset) -> Groups:
        """A router's groups with the classes that it often sends there, on a chip too where it knows one."""
        views = [logits_of(router.network, own.images)]
        if self.settings.errors is not None:
            count = TRAINING_VIEWS if self.settings.training_confusions else NOISY_VIEWS
            views += [noisy_logits_of(router.network, own.images, seed) for seed in range(count)]
        taken = np.stack([router.taken(view) for view in views])
        shares = np.zeros((len(own.classes), len(router.groups)))
        for target in np.unique(own.targets):
            chosen = taken[:, own.targets == target].ravel()
            shares[target] = np.bincount(chosen, minlength=len(router.groups)) / len(chosen)
        most = max(most_outcomes(self.candidates[0], self.capacity), self.settings.branching)
        return overlapping(router.groups, shares, self.settings.overlap, min(most, self.most))

    def with_children(self, router: GrownNode) -> GrownNode:
        """A router with a child for each group of more than one class."""
        children = tuple(
            None if len(group) == 1 else self.child(f"{ROOT}.{branch}", group, router.network)
            for branch, group in enumerate(router.groups)
        )
        return replace(router, children=children)

    def child(self, name: str, classes: Classes, parent: BinaryNetwork) -> GrownNode:
        """A network with an outcome for each of some classes."""
        network = require_fit(self.candidates, len(classes), self.capacity)
        return self.train(name, network, _singles(classes), parent)

    def share_input(self, router: BinaryNetwork) -> None:
        """All nodes see one input plane: what the root learned about its threshold is fixed from then on."""
        source = router.specification.input
        if source.learned:
            fixed = replace(source, threshold=router.input.folded_threshold(), learned=False)
            self.candidates = [replace(candidate, input=fixed) for candidate in self.candidates]


def grow_tree(
    splits: Splits,
    capacity: Capacity,
    candidates: Sequence[NetworkSpecification],
    settings: GrowSettings | None = None,
    groups: Groups | None = None,
    checkpoints: AnyPath | None = None,
    progress: Progress = silent,
    teacher: nn.Module | None = None,
) -> GrownNode:
    """Grow a tree for a classification.

    A network for all classes is trained, whether it fits a node or not; classes are grouped by how it
    confuses validation images, or with ``training_confusions`` training images. If it fits, it is the router,
    and the outcomes of a group's classes lead to one child: it routes better than a router with one outcome
    per group, which is trained only if it does not fit. Better still is a router with an outcome for every
    few classes, ``router_outcomes``. A child per group is trained.

    Args:
        splits: images; the test part is not looked at.
        capacity: what one node may cost.
        candidates: networks to choose from for each node, the best first; heads are changed as needed.
        settings: choices; None is the default.
        groups: the classes of each child, by hand; None finds them.
        checkpoints: a folder where every node's training is saved, and goes on from; None saves nothing.
        progress: told the node's name and how it goes: every batch and epoch, and what is done between them.
        teacher: a trained network for all classes, needed if the settings distill.

    Returns:
        The root.

    Raises:
        CompileError: no candidate fits a node.
        CheckpointError: a checkpoint cannot be read or written.
    """
    chosen = settings or GrowSettings()
    folder = None if checkpoints is None else as_path(checkpoints)
    grower = _Grower(splits, capacity, candidates, chosen, folder, progress, teacher)
    if groups is None:
        return grower.grow()
    for count in (len(groups), *map(len, groups)):  # before anything is trained
        require_fit(candidates, max(2, count), capacity)
    return grower.split(groups)


def _singles(classes: Classes) -> Groups:
    return tuple((index,) for index in classes)


def _among(dataset: Dataset, classes: Sequence[int]) -> Dataset:
    return dataset.subset(np.isin(dataset.targets, classes))
