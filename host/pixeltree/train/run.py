"""A recipe from start to end: data, network, training, fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from pixeltree.datasets import Splits, Task
from pixeltree.errors import CompileError, TreeError
from pixeltree.files import write_whole
from pixeltree.folded import FoldedModel, encode_model
from pixeltree.train.checkpoint import CheckpointFile
from pixeltree.train.export import FoldedNode, compile_tree
from pixeltree.train.fit import EpochReport, build, fit, logits_of
from pixeltree.train.fold import Agreement, FoldReport, compare, fold
from pixeltree.train.network import BinaryNetwork, FloatNetwork
from pixeltree.train.objective import objective_for
from pixeltree.train.recipe import Recipe
from pixeltree_protocol.nonidealities import TYPICAL_ERRORS

COMPARED_IMAGES = 50
"""Validation images on which the fold is compared with the network."""

FOLDED_SUFFIX = ".folded"

Progress = Callable[[str, EpochReport], None]


@dataclass(frozen=True)
class TrainedModel:
    """What a run gives.

    Attributes:
        recipe: what was run.
        classes: names of the classes.
        model: the folded network.
        score: on the validation images, 0 to 1.
        fold: what happened in the fold.
        agreement: of the network and its fold, on validation images.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    model: FoldedModel
    score: float
    fold: FoldReport
    agreement: Agreement

    def save(self, path: Path) -> None:
        """Write a tree of one node, or with suffix ``.folded`` the folded model alone.

        Raises:
            CompileError: the compiler does not take the model.
            TreeError: the file cannot be written; an existing one is as it was.
        """
        if path.suffix == FOLDED_SUFFIX:
            try:
                write_whole(path, encode_model(self.model))
            except OSError as error:
                raise TreeError(f"{path}: cannot be written: {error.strerror}") from error
            return
        node = FoldedNode(self.model, tuple(range(self.model.outcomes)))
        compile_tree(self.recipe.name, self.classes, {self.recipe.name: node}).save(path)


def check_output(recipe: Recipe, path: Path) -> None:
    """Refuse an output before an hour of training that could not be written after it.

    Raises:
        CompileError: the compiler does not take such a network.
    """
    if path.suffix == FOLDED_SUFFIX:
        return
    model, _ = fold(build_binary(recipe))
    try:
        compile_tree(
            recipe.name, [""] * model.outcomes, {recipe.name: FoldedNode(model, (0,) * model.outcomes)}
        )
    except CompileError as error:
        raise CompileError(f"{path} could not be made from this recipe: {error}") from error


def build_binary(recipe: Recipe) -> BinaryNetwork:
    """The recipe's network with its initial weights."""
    errors = TYPICAL_ERRORS if recipe.noise_aware else None
    network = build(lambda: BinaryNetwork(recipe.network, errors), recipe.training.seed)
    assert isinstance(network, BinaryNetwork)
    return network


def run_recipe(recipe: Recipe, checkpoint: Path | None, progress: Progress) -> TrainedModel:
    """Train what a recipe says, in one thread: the order of float sums, and so the result, depends on it.

    Args:
        recipe: what to train.
        checkpoint: file to save to after every epoch, and to go on from; a teacher's has ``.teacher``
            appended.
        progress: called after every epoch with who learns, "teacher" or "network".

    Raises:
        DataError: the data cannot be loaded or do not fit the network.
        CheckpointError: see :class:`CheckpointFile`.
        ModelError: the folded model cannot express the network.
    """
    torch.set_num_threads(1)
    splits = recipe.load_data()
    objective = objective_for(splits.training, recipe.network)
    network = build_binary(recipe)
    fold(network)  # a network that cannot be folded is refused before it is trained
    teacher = _teacher(recipe, splits, checkpoint, progress)
    fit(
        network,
        splits.training,
        splits.validation,
        objective,
        recipe.training,
        _file(checkpoint, recipe.identity(splits)),
        teacher,
        lambda report: progress("network", report),
    )
    model, report = fold(network)
    score = objective.score(logits_of(network, splits.validation.images), splits.validation)
    compared = compare(network, model, splits.validation.images[:COMPARED_IMAGES])
    names = splits.training.classes
    if splits.training.task is not Task.CLASSIFICATION:
        names = tuple(f"cell {index}" for index in range(model.outcomes))
    return TrainedModel(recipe, names, model, score, report, compared)


def _teacher(
    recipe: Recipe, splits: Splits, checkpoint: Path | None, progress: Progress
) -> FloatNetwork | None:
    """The float network of the same shape, trained on the same data, if the recipe distills."""
    if not recipe.training.distillation:
        return None
    teacher = build(lambda: FloatNetwork(recipe.network), recipe.training.seed)
    assert isinstance(teacher, FloatNetwork)
    file = None if checkpoint is None else checkpoint.with_name(checkpoint.name + ".teacher")
    fit(
        teacher,
        splits.training,
        splits.validation,
        objective_for(splits.training, recipe.network),
        recipe.training,
        _file(file, f"teacher {recipe.identity(splits)}"),
        progress=lambda report: progress("teacher", report),
    )
    return teacher


def _file(path: Path | None, identity: str) -> CheckpointFile | None:
    return None if path is None else CheckpointFile(path, identity)
