"""``pixeltree train``: from a recipe to a model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixeltree.cli.checks import LARGEST_SEED
from pixeltree.cli.report import (
    check_replaceable,
    check_writable,
    is_standard_output,
    write_standard_output,
)
from pixeltree.cli.terminal import Screen
from pixeltree.cli.train_history import History, check_plot, plot_history
from pixeltree.cli.train_progress import TrainingProgress
from pixeltree.errors import DataError, RecipeError, from_extra
from pixeltree.train.progress import Doing, Report

if TYPE_CHECKING:
    from pixeltree.train.run import TrainedModel


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, TOML.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The model: NAME.ptree, NAME.folded for no compilation, or - for a tree to standard output.",
        ),
    ],
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="In place of the recipe's training.seed.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0, help="In place of the recipe's data.limit: at most so many training images, 0 for all."
        ),
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder to save to after every epoch, and kept (default: OUTPUT.checkpoints, not kept)."
        ),
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="Write loss and validation score of every epoch to this CSV file.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw them as curves to this PNG file.")] = None,
) -> None:
    """Train a network or a tree from a recipe, fold it, and compile it.

    A run that was interrupted goes on where it was when the same command is given again.

    Example: pixeltree train recipes/digits.toml -o digits.ptree
    """
    _check_outputs(output, history, plot)
    with TrainingProgress(Screen(stderr=True)) as shown:
        shown("", Doing("starting PyTorch"))
        try:
            from pixeltree.train import recipe as recipes  # noqa: PLC0415 - an extra, and slow to import
            from pixeltree.train import run  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise RecipeError(f"training needs {error.name}: {from_extra('train')}") from error
        loaded = recipes.load_recipe(recipe)
        if seed is not None:
            loaded = loaded.with_seed(seed)
        if limit is not None:
            loaded = loaded.with_limit(limit)
        shown("", Doing("checking that the compiler takes such a network"))
        run.check_output(loaded, output)
        kept = checkpoints or _checkpoints_of(output, recipe)
        with History(history) as noted:

            def tell(who: str, report: Report) -> None:
                noted(who, report)
                shown(who, report)

            trained = run.run_recipe(loaded, kept, tell)
        shown("", Doing("compiling"))
        _save(trained, output)
    if checkpoints is None:
        shutil.rmtree(kept, ignore_errors=True)
    _summarize(trained, output, Screen(stderr=is_standard_output(output)))
    if plot is not None:
        plot_history(noted.epochs, plot)


def _check_outputs(output: Path, history: Path | None, plot: Path | None) -> None:
    """Refuse now what could not be written after an hour.

    Raises:
        DataError: saying which.
    """
    check_replaceable(output)
    for path in (history, plot):
        if path is not None:
            if is_standard_output(path):
                raise DataError("--history and --plot need the name of a file; only the model goes to -")
            check_writable(path)
    if plot is not None:
        check_plot(plot)


def _checkpoints_of(output: Path, recipe: Path) -> Path:
    """Where a run saves to that was not told: beside its output, or here, named after its recipe."""
    if is_standard_output(output):
        return Path(f"{recipe.stem}.checkpoints")
    return output.with_name(output.name + ".checkpoints")


def _save(trained: TrainedModel, output: Path) -> None:
    if not is_standard_output(output):
        trained.save(output)
        return
    with tempfile.TemporaryDirectory(prefix="pixeltree-") as folder:
        file = Path(folder) / "model.ptree"
        trained.save(file)
        write_standard_output(file.read_bytes())


def _summarize(trained: TrainedModel, output: Path, screen: Screen) -> None:
    nodes, agreement = trained.nodes, trained.agreement
    name = "standard output" if is_standard_output(output) else output
    _say(screen, f"{name}: {len(nodes)} nodes, validation {trained.score:.1%}")
    if agreement is not None:
        _say(
            screen,
            f"folded: {agreement.different_bits} of {agreement.bits:,} activations and "
            f"{agreement.different_logits} logits differ on {agreement.images} images; "
            f"{trained.near} channels within rounding of a threshold",
        )


def _say(screen: Screen, text: str) -> None:
    """Print what may hold a user's words: no markup, no emoji, and no breaks where there are none."""
    screen.print(text, soft_wrap=True)
