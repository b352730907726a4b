"""``pixeltree train``: from a recipe to a model."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixeltree.cli.options import LARGEST_SEED, OUTPUT, JsonOption, drawable, writable
from pixeltree.cli.report import check_replaceable, is_standard_output, write_file, write_json
from pixeltree.cli.terminal import Screen
from pixeltree.cli.train_progress import History, TrainingProgress
from pixeltree.cli.train_seeds import train_with_seeds
from pixeltree.cli.workers import ClusterOption, WorkersOption, chosen_workers, refuse_workers
from pixeltree.errors import DataError, RecipeError, from_extra
from pixeltree.train.progress import Doing, Report

if TYPE_CHECKING:
    from pixeltree.train.from_recipe import TrainedModel
    from pixeltree.train.recipe import Recipe

_RECIPE = partial(typer.Option, rich_help_panel="In place of the recipe")


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, TOML.")],
    output: Annotated[
        Path,
        OUTPUT(
            "--output",
            "-o",
            metavar="FILE",
            help="The model to write: NAME.ptree, NAME.folded to leave compilation out, or - for a tree "
            "on standard output.",
        ),
    ],
    seed: Annotated[
        int | None, _RECIPE(min=0, max=LARGEST_SEED, help="Seed, in place of the recipe's training.seed.")
    ] = None,
    seeds: Annotated[
        int | None,
        _RECIPE(
            min=1, help="Train this many times, with the seed and those that follow it; keep the best model."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        _RECIPE(min=0, help="Most training images, in place of the recipe's data.limit; 0 for all."),
    ] = None,
    data_folder: Annotated[
        Path | None,
        _RECIPE(
            metavar="FOLDER",
            help="Folder of IDX files or of pictures, in place of the recipe's data.folder.",
        ),
    ] = None,
    device_torch: Annotated[
        str | None,
        _RECIPE(
            metavar="auto|cpu|cuda|mps",
            help="Where PyTorch computes, in place of the recipe's training.device.",
        ),
    ] = None,
    checkpoints: Annotated[
        Path | None,
        OUTPUT(
            metavar="FOLDER",
            help="Save to this folder after every epoch, and keep it. Default: OUTPUT.checkpoints, not kept.",
        ),
    ] = None,
    history: Annotated[
        Path | None,
        OUTPUT(
            metavar="FILE",
            callback=writable,
            help="Write loss and validation score of every epoch to this CSV file.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        OUTPUT(
            metavar="FILE",
            callback=drawable,
            help="Draw loss and validation score of every epoch to this picture.",
        ),
    ] = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    json_file: JsonOption = None,
) -> None:
    """Train a network or a tree from a recipe, fold it, and compile it.

    A run that was interrupted goes on where it was when the same command is given again.
    """
    check_replaceable(output)
    _check(output, seeds, history, plot, json_file)
    if seeds is None:
        refuse_workers(workers, cluster, "share out what --seeds trains; give it too")
    with TrainingProgress(Screen(stderr=True)) as shown:
        shown("", Doing("starting PyTorch"))
        try:
            from pixeltree.train.from_recipe import check_output, train_recipe  # noqa: PLC0415 - an extra, slow
            from pixeltree.train.recipe import load_recipe  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise RecipeError(f"training needs {error.name}: {from_extra('train')}") from error
        loaded = _changed(load_recipe(recipe), seed, limit, data_folder, device_torch)
        shown("", Doing("checking that the compiler takes such a network"))
        check_output(loaded, output)
        kept = checkpoints or _checkpoints_of(output, recipe)
        trained = None
        if seeds is not None:
            shown("", Doing(f"training with {seeds} seeds"))
            with chosen_workers(workers, cluster) as chosen:
                folder = checkpoints if cluster is not None else kept  # other machines lack our folders
                train_with_seeds(loaded, seeds, chosen, folder, output, json_file)
        else:
            with History(history) as noted:

                def tell(who: str, report: Report) -> None:
                    noted(who, report)
                    shown(who, report)

                trained = train_recipe(loaded, kept, tell)
            shown("", Doing("compiling"))
            _save(trained, output)
    if checkpoints is None:
        shutil.rmtree(kept, ignore_errors=True)
    if trained is None:
        return
    _summarize(trained, output, Screen(stderr=any(map(is_standard_output, (output, json_file)))))
    write_json(json_file, _figures(trained))
    if plot is not None:
        from pixeltree.cli.pictures import draw_history  # noqa: PLC0415 - an extra, slow to import

        draw_history(plot, noted.epochs)


def _check(
    output: Path, seeds: int | None, history: Path | None, plot: Path | None, json_file: Path | None
) -> None:
    """Refuse options that contradict each other.

    Raises:
        DataError: they do.
    """
    if seeds is not None and (history is not None or plot is not None):
        raise DataError(
            "--history and --plot show one training, and --seeds makes several: leave out one of them"
        )
    if any(map(is_standard_output, (history, plot))):
        raise DataError("--history and --plot need the name of a file; - is for --output and --json only")
    if is_standard_output(output) and is_standard_output(json_file):
        raise DataError("--output and --json cannot both go to standard output: give one of them a file")


def _changed(
    recipe: Recipe, seed: int | None, limit: int | None, folder: Path | None, device: str | None
) -> Recipe:
    """A recipe with what options say in place of its own settings."""
    if seed is not None:
        recipe = recipe.with_seed(seed)
    if limit is not None:
        recipe = recipe.with_limit(limit)
    if folder is not None:
        recipe = recipe.with_folder(folder)
    return recipe if device is None else recipe.with_device(device)


def _figures(trained: TrainedModel) -> dict[str, Any]:
    """What the training came to, as JSON has it."""
    agreement = None if trained.agreement is None else asdict(trained.agreement)
    return {"nodes": [node.name for node in trained.nodes], "validation": trained.score, "folded": agreement}


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
        write_file(output, file.read_bytes())


def _summarize(trained: TrainedModel, output: Path, screen: Screen) -> None:
    nodes, agreement = trained.nodes, trained.agreement
    name = "standard output" if is_standard_output(output) else output
    screen.print(f"{name}: {len(nodes)} nodes, validation {trained.score:.1%}", soft_wrap=True)
    if agreement is not None:
        screen.print(
            f"folded: {agreement.different_bits} of {agreement.bits:,} activations and "
            f"{agreement.different_logits} logits differ on {agreement.images} images; "
            f"{trained.near} channels within rounding of a threshold",
            soft_wrap=True,
        )
