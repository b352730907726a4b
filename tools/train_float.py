"""Train the float networks of a recipe's shapes, and measure them: binary networks are compared with these.

    python tools/train_float.py recipes/emnist_tree.toml --data-folder FOLDER --checkpoints FOLDER
    python tools/train_float.py recipes/find_and_read.toml --data-folder FOLDER

Of a tree this is one network for all classes with the finest pooling of its nodes. Of a recipe with a
localizer it is a pipeline of the same steps: a float heat map, the window about its highest cell, and a float
network that learns from these windows. Float networks see grey levels, and their activations are ReLU. The
epoch is chosen on the validation images; the test images are asked once, at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixeltree.datasets import Splits
from pixeltree.evaluate.evaluation import balanced
from pixeltree.model import FoldedModel
from pixeltree.train.centre import cut_images, windows_of
from pixeltree.train.folding import fold
from pixeltree.train.from_recipe import float_network
from pixeltree.train.network import BinaryNetwork, FloatNetwork
from pixeltree.train.objective import objective_for
from pixeltree.train.progress import EpochReport, Report
from pixeltree.train.recipe import Recipe, load_recipe
from pixeltree.train.training import logits_of


def main() -> None:
    """Train, measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data-folder", type=Path)
    parser.add_argument("--epochs", type=int, help="in place of the recipe's")
    parser.add_argument("--checkpoints", type=Path)
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    if arguments.data_folder:
        recipe = recipe.with_folder(arguments.data_folder)
    if arguments.epochs:
        recipe = replace(recipe, training=recipe.training.with_epochs(arguments.epochs))
    splits = recipe.load_data()
    figures: dict[str, object] = {}
    finding = recipe.localizer_recipe()
    if finding is not None:
        recipe, splits = _centred(recipe, finding, splits, arguments.checkpoints, figures)
    network = float_network(recipe, splits, _below(arguments.checkpoints, "read"), _progress)
    figures |= _measured(recipe, network, splits)
    print(json.dumps(figures, indent=1))  # noqa: T201 - this is a tool


def _centred(
    recipe: Recipe, finding: Recipe, splits: Splits, folder: Path | None, figures: dict[str, object]
) -> tuple[Recipe, Splits]:
    """The windows that a float localizer chooses, and the recipe of what reads them."""
    scenes = finding.load_data()
    localizer = float_network(finding, scenes, _below(folder, "find"), _progress)
    score = objective_for(scenes.training, finding.network).score
    figures["localizer"] = [
        score(logits_of(localizer, part.images), part) for part in (scenes.validation, scenes.test)
    ]
    cells, _ = fold(BinaryNetwork(finding.network))  # the windows depend on the shape alone
    assert isinstance(cells, FoldedModel)
    assert recipe.localizer is not None
    windows, margin = windows_of(cells, recipe.localizer.window), finding.network.input.margin
    seen = [
        replace(
            part, images=cut_images(part.images, logits_of(localizer, part.images).argmax(1), windows, margin)
        )
        for part in splits
    ]
    return recipe.classifier_recipe(recipe.network.input.threshold), Splits(*seen)


def _measured(recipe: Recipe, network: FloatNetwork, splits: Splits) -> dict[str, object]:
    score = objective_for(splits.training, network.specification).score
    logits = logits_of(network, splits.test.images)
    classes = len(splits.test.classes)
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (splits.test.targets, logits.argmax(axis=1)), 1)
    return {
        "recipe": recipe.name,
        "validation": score(logits_of(network, splits.validation.images), splits.validation),
        "test": score(logits, splits.test),
        "test_balanced": balanced(matrix),
        "images": len(splits.test),
        "parameters": sum(each.numel() for each in network.parameters()),
    }


def _below(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name


def _progress(who: str, report: Report) -> None:
    if isinstance(report, EpochReport):
        print(f"{who} {report}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
