"""A recipe from start to end: data, training of a network or a tree, fold, file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixeltree.arguments.files import AnyPath, as_path, write_whole
from pixeltree.datasets import Splits, Task
from pixeltree.datasets.record import TrainingData
from pixeltree.datasets.steps import listening
from pixeltree.errors import CompileError, RecipeError, TreeError
from pixeltree.model import FoldedModel, Window, encode_model
from pixeltree.train.capacity import Capacity, choices
from pixeltree.train.centre import LOCALIZER, centred, join, windows_of
from pixeltree.train.checkpoint import CheckpointFile, check_folder
from pixeltree.train.export import compile_tree
from pixeltree.train.folding import Agreement, compare, fold
from pixeltree.train.grow import GrowSettings, grow_tree
from pixeltree.train.grown import accuracy
from pixeltree.train.network import BinaryNetwork, FloatNetwork
from pixeltree.train.objective import objective_for
from pixeltree.train.progress import Doing, Progress
from pixeltree.train.recipe import Recipe, identity_of
from pixeltree.train.tables import LocalizerTable, TreeTable
from pixeltree.train.training import build, logits_of, train_network
from pixeltree.tree.node import NodeSpec

COMPARED_IMAGES = 50
"""Validation images on which the fold of a single network is compared with the network."""

FLOAT_RATE = 0.002
"""Learning rate of float networks; latent weights want a greater one."""

FOLDED_SUFFIX = ".folded"


@dataclass(frozen=True)
class TrainedModel:
    """What a run gives.

    Attributes:
        recipe: what was run.
        classes: names of the classes.
        nodes: the folded networks, the root first.
        score: on the validation images, 0 to 1.
        near: channels within rounding of a threshold, of a single network.
        agreement: of a single network and its fold, on validation images; None for a tree.
        data: the images that it was made with, which its file keeps.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    nodes: Sequence[NodeSpec]
    score: float
    near: int = 0
    agreement: Agreement | None = None
    data: TrainingData | None = None

    def save(self, path: AnyPath) -> None:
        """Write a tree file, or with suffix ``.folded`` the folded model of a single network.

        Raises:
            CompileError: the compiler does not take the model.
            TreeError: the file cannot be written; an existing one is as it was.
        """
        path = as_path(path)
        if path.suffix != FOLDED_SUFFIX:
            tree = compile_tree(self.recipe.name, self.classes, self.nodes)
            replace(tree, data=self.data).save(path)
            return
        (node,) = self.nodes
        assert isinstance(node.model, FoldedModel)  # check_output refuses trees
        try:
            write_whole(path, encode_model(node.model, self.data.fields() if self.data else None))
        except OSError as error:
            raise TreeError(f"{path}: cannot be written: {error.strerror}") from error


def check_output(recipe: Recipe, path: AnyPath) -> None:
    """Refuse an output before an hour of training that could not be written after it.

    Raises:
        CompileError: the compiler does not take such a network.
        RecipeError: a tree has no folded form of one network.
    """
    path = as_path(path)
    if path.suffix == FOLDED_SUFFIX:
        if recipe.tree is not None or recipe.localizer is not None:
            raise RecipeError(f"{path}: a tree is written as .ptree")
        return
    for nodes in _untrained(recipe):
        try:
            compile_tree(recipe.name, [""], nodes)
        except CompileError as error:
            raise CompileError(f"{path} could not be made from this recipe: {error}") from error


def _untrained(recipe: Recipe) -> Iterator[Sequence[NodeSpec]]:
    """Trees like those of the recipe, for the compiler to look at; one window stands for all."""

    def alone(each: Recipe) -> Sequence[NodeSpec]:
        model, _ = fold(_binary(each))
        return (NodeSpec(each.name, model, (0,) * model.outcomes),)

    localizer = recipe.localizer_recipe()
    if recipe.localizer is None or localizer is None:
        yield alone(recipe)
    else:
        below = alone(recipe.classifier_recipe(recipe.network.input.threshold))
        root, _ = fold(_binary(localizer))
        yield join(root, [Window(0, 0, recipe.localizer.window)] * root.outcomes, below)


def train_recipe(recipe: Recipe, checkpoints: AnyPath | None, progress: Progress) -> TrainedModel:
    """Train what a recipe says.

    Args:
        recipe: what to train.
        checkpoints: folder to save to after every epoch, and to go on from.
        progress: told who learns and how it goes: every batch and epoch, and what takes a while besides.

    Raises:
        DataError: the data cannot be loaded or do not fit the network.
        CheckpointError: see :class:`CheckpointFile`.
        ModelError: the folded model cannot express the network.
        CompileError: no network fits a node of the tree.
    """
    checkpoints = None if checkpoints is None else as_path(checkpoints)
    if checkpoints is not None:
        check_folder(checkpoints)
    splits = _loaded(recipe, progress)
    trained = _run(recipe, splits, checkpoints, progress)
    return replace(trained, data=TrainingData.of(recipe.data, splits))


def _run(recipe: Recipe, splits: Splits, checkpoints: Path | None, progress: Progress) -> TrainedModel:
    if recipe.localizer is not None:
        return _run_centred(recipe, recipe.localizer, splits, checkpoints, progress)
    if recipe.tree is not None:
        return _run_tree(recipe, recipe.tree, splits, checkpoints, progress)
    _, trained = _run_network(recipe, splits, checkpoints, progress)
    return trained


def _apart(name: str, checkpoints: Path | None, progress: Progress) -> tuple[Path | None, Progress]:
    """A folder and a progress of its own for one of several trainings."""
    below = None if checkpoints is None else checkpoints / name
    return below, lambda who, report: progress(f"{name} {who}" if who else name, report)


def _loaded(recipe: Recipe, progress: Progress) -> Splits:
    progress("", Doing("reading the data"))
    with listening(lambda what, done, total: progress("", Doing(what, done, total))):
        return recipe.load_data()


def _run_centred(
    recipe: Recipe, table: LocalizerTable, splits: Splits, checkpoints: Path | None, progress: Progress
) -> TrainedModel:
    """The localizer first; what is below it learns from what the windows show that it chooses."""
    finding = recipe.localizer_recipe()
    assert finding is not None
    network, localizer = _run_network(
        finding, _loaded(finding, progress), *_apart(LOCALIZER, checkpoints, progress)
    )
    root = localizer.nodes[0].model
    assert isinstance(root, FoldedModel)
    windows = windows_of(root, table.window)
    progress("", Doing("cutting out the windows that the localizer chooses"))
    seen, telling = centred(splits, network, windows), recipe.classifier_recipe(root.input.threshold)
    if telling.tree is not None:
        told = _run_tree(telling, telling.tree, seen, checkpoints, progress)
    else:
        _, told = _run_network(telling, seen, checkpoints, progress)
    return replace(told, recipe=recipe, nodes=join(root, windows, told.nodes))


def _run_network(
    recipe: Recipe, splits: Splits, checkpoints: Path | None, progress: Progress
) -> tuple[BinaryNetwork, TrainedModel]:
    progress("network", Doing(f"preparing it for {len(splits.training):,} training images"))
    objective = objective_for(splits.training, recipe.network)
    network = _binary(recipe)
    fold(network)  # a network that cannot be folded is refused before it is trained
    teacher = _teacher(recipe, splits, checkpoints, progress)
    train_network(
        network,
        splits.training,
        splits.validation,
        objective,
        recipe.training,
        _file(checkpoints, "network", recipe.identity(splits)),
        teacher,
        lambda report: progress("network", report),
    )
    progress("network", Doing("folding it to integers, and comparing"))
    model, report = fold(network)
    score = objective.score(logits_of(network, splits.validation.images), splits.validation)
    compared = compare(network, model, splits.validation.images[:COMPARED_IMAGES])
    names = splits.training.classes
    if splits.training.task is not Task.CLASSIFICATION:
        names = tuple(f"cell {index}" for index in range(model.outcomes))
    nodes = (NodeSpec(recipe.name, model, tuple(range(model.outcomes))),)
    return network, TrainedModel(recipe, names, nodes, score, report.near, compared)


def _run_tree(
    recipe: Recipe, table: TreeTable, splits: Splits, checkpoints: Path | None, progress: Progress
) -> TrainedModel:
    objective_for(splits.training, recipe.network)  # refuses what does not fit the data
    candidates = choices(recipe.network, table.pool_sides, table.weight_planes)
    settings = GrowSettings(
        recipe.training,
        table.branching,
        table.target,
        table.overlap,
        recipe.chip_errors if recipe.noise_aware else None,
        table.child_epochs,
        table.router_outcomes,
        table.training_confusions,
    )
    capacity = Capacity(table.segment_bytes, table.outcomes, table.parts)
    root = grow_tree(
        splits,
        capacity,
        candidates,
        settings,
        table.groups_of(splits.training.classes),
        checkpoints,
        progress,
        _teacher(recipe, splits, checkpoints, progress),
    )
    progress("", Doing("folding the tree's networks to integers"))
    return TrainedModel(
        recipe, splits.training.classes, root.nodes(capacity), accuracy(root, splits.validation)
    )


def _binary(recipe: Recipe) -> BinaryNetwork:
    """The recipe's network with its initial weights."""
    errors = recipe.chip_errors if recipe.noise_aware else None
    network = build(lambda: BinaryNetwork(recipe.network, errors), recipe.training.seed)
    assert isinstance(network, BinaryNetwork)
    return network


def _teacher(
    recipe: Recipe, splits: Splits, checkpoints: Path | None, progress: Progress
) -> FloatNetwork | None:
    """The float network that a recipe distills; None if it does not."""
    return float_network(recipe, splits, checkpoints, progress) if recipe.training.distillation else None


def float_network(
    recipe: Recipe, splits: Splits, checkpoints: Path | None, progress: Progress
) -> FloatNetwork:
    """The float network of a recipe's shape, for all classes, trained on the same data.

    For a tree, the shape is the finest that its nodes choose from, whatever a node may cost.
    """
    network = recipe.network
    if recipe.tree is not None:
        network = choices(network, recipe.tree.pool_sides)[0]
    teacher = build(lambda: FloatNetwork(network), recipe.training.seed)
    assert isinstance(teacher, FloatNetwork)
    settings = replace(recipe.training, distillation=0.0, learning_rate=FLOAT_RATE)
    train_network(
        teacher,
        splits.training,
        splits.validation,
        objective_for(splits.training, network),
        settings,
        _file(checkpoints, "teacher", identity_of(network, settings, splits)),
        progress=lambda report: progress("teacher", report),
    )
    return teacher


def _file(folder: Path | None, name: str, identity: str) -> CheckpointFile | None:
    return None if folder is None else CheckpointFile(folder / name, f"{name} {identity}")
