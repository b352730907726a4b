"""``pixeltree train``: from a recipe to a model."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixeltree.cli.option_groups import with_groups
from pixeltree.cli.options import LARGEST_SEED, OUTPUT, JsonOption, drawable, writable
from pixeltree.cli.report import check_replaceable, is_standard_output, write_file, write_json
from pixeltree.cli.terminal import Screen
from pixeltree.cli.train_progress import History, TrainingProgress
from pixeltree.cli.train_seeds import train_with_seeds
from pixeltree.cli.workers import ClusterOption, WorkersOption, chosen_workers, refuse_workers
from pixeltree.errors import DataError, RecipeError, from_extra
from pixeltree.train.progress import Doing, EpochReport, Report

if TYPE_CHECKING:
    from pixeltree.train.from_recipe import TrainedModel
    from pixeltree.train.recipe import Recipe

_RECIPE = partial(typer.Option, rich_help_panel="In place of the recipe")


@dataclass(frozen=True)
class Changes:
    """Options that take the place of a recipe's own settings."""

    seed: Annotated[
        int | None, _RECIPE(min=0, max=LARGEST_SEED, help="Seed, in place of the recipe's training.seed.")
    ] = None
    seeds: Annotated[
        int | None,
        _RECIPE(
            min=1, help="Train this many times, with the seed and those that follow it; keep the best model."
        ),
    ] = None
    limit: Annotated[
        int | None,
        _RECIPE(min=0, help="Most training images, in place of the recipe's data.limit; 0 for all."),
    ] = None
    data_folder: Annotated[
        Path | None,
        _RECIPE(
            metavar="FOLDER",
            help="Folder of IDX files or of pictures, in place of the recipe's data.folder.",
        ),
    ] = None
    device_torch: Annotated[
        str | None,
        _RECIPE(
            metavar="auto|cpu|cuda|mps",
            help="Where PyTorch computes, in place of the recipe's training.device.",
        ),
    ] = None

    def of(self, recipe: Recipe) -> Recipe:
        """The recipe with these settings."""
        if self.seed is not None:
            recipe = recipe.with_seed(self.seed)
        if self.limit is not None:
            recipe = recipe.with_limit(self.limit)
        if self.data_folder is not None:
            recipe = recipe.with_folder(self.data_folder)
        return recipe if self.device_torch is None else recipe.with_device(self.device_torch)


@with_groups
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
    *,
    changes: Changes,
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
    _check(output, changes.seeds, history, plot, json_file)
    if changes.seeds is None:
        refuse_workers(workers, cluster, "share out what --seeds trains; give it too")
    kept = checkpoints or _checkpoints_of(output, recipe)
    with TrainingProgress(Screen(stderr=True)) as shown:
        loaded = _checked(recipe, changes, output, shown)
        if changes.seeds is None:
            trained, epochs = _train_once(loaded, kept, history, output, shown)
        else:
            shown("", Doing(f"training with {changes.seeds} seeds"))
            with chosen_workers(workers, cluster) as chosen:
                folder = checkpoints if cluster is not None else kept  # other machines lack our folders
                train_with_seeds(loaded, changes.seeds, chosen, folder, output, json_file)
    if checkpoints is None:
        shutil.rmtree(kept, ignore_errors=True)
    if changes.seeds is not None:
        return
    _summarize(trained, output, Screen(stderr=any(map(is_standard_output, (output, json_file)))))
    write_json(json_file, _figures(trained))
    if plot is not None:
        from pixeltree.cli.pictures import draw_history  # noqa: PLC0415 - an extra, slow to import

        draw_history(plot, epochs)


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


def _checked(recipe: Path, changes: Changes, output: Path, shown: TrainingProgress) -> Recipe:
    """The recipe with the options' changes, once the compiler has taken a network like the one it describes.

    Raises:
        RecipeError: PyTorch is missing, or the recipe is wrong.
    """
    shown("", Doing("starting PyTorch"))
    try:
        from pixeltree.train.from_recipe import check_output  # noqa: PLC0415 - an extra, slow to import
        from pixeltree.train.recipe import load_recipe  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RecipeError(f"training needs {error.name}: {from_extra('train')}") from error
    changed = changes.of(load_recipe(recipe))
    shown("", Doing("checking that the compiler takes such a network"))
    check_output(changed, output)
    return changed


def _train_once(
    recipe: Recipe, kept: Path, history: Path | None, output: Path, shown: TrainingProgress
) -> tuple[TrainedModel, dict[str, list[EpochReport]]]:
    """Train, and write the model; returns it, and what is noted of its epochs."""
    from pixeltree.train.from_recipe import train_recipe  # noqa: PLC0415 - an extra, slow to import

    with History(history) as noted:

        def tell(who: str, report: Report) -> None:
            noted(who, report)
            shown(who, report)

        trained = train_recipe(recipe, kept, tell)
    shown("", Doing("compiling"))
    _save(trained, output)
    return trained, noted.epochs


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
