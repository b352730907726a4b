"""``pixeltree train``: from a recipe to a model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pixeltree.cli.checks import LARGEST_SEED
from pixeltree.cli.report import check_writable
from pixeltree.errors import RecipeError

if TYPE_CHECKING:
    from pixeltree.train.fit import EpochReport
    from pixeltree.train.run import TrainedModel


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, TOML.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model: NAME.ptree, or NAME.folded for no compilation.")
    ],
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="In place of the recipe's training.seed.")
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder to save to after every epoch, and kept (default: OUTPUT.checkpoints, not kept)."
        ),
    ] = None,
) -> None:
    """Train a network or a tree from a recipe, fold it, and compile it.

    A run that was interrupted goes on where it was when the same command is given again.

    Example: pixeltree train recipes/digits.toml -o digits.ptree
    """
    try:
        from pixeltree.train import recipe as recipes  # noqa: PLC0415 - an extra, and slow to import
        from pixeltree.train import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RecipeError(f"training needs {error.name}: pip install 'pixeltree[train]'") from error
    screen = Console()
    check_writable(output)
    loaded = recipes.load_recipe(recipe)
    if seed is not None:
        loaded = loaded.with_seed(seed)
    run.check_output(loaded, output)
    kept = checkpoints or output.with_name(output.name + ".checkpoints")
    with _progress(screen) as bar:
        tasks: dict[str, TaskID] = {}

        def show(who: str, report: EpochReport) -> None:
            text = f"{who}: loss {report.loss:.3f}, validation {report.score:.1%} (best {report.best:.1%})"
            if who not in tasks:
                tasks[who] = bar.add_task(text, total=report.epochs)
            bar.update(tasks[who], completed=report.epoch, description=text)

        trained = run.run_recipe(loaded, kept, show)
    trained.save(output)
    if checkpoints is None:
        shutil.rmtree(kept, ignore_errors=True)
    _summarize(trained, output, screen)


def _progress(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
    )


def _summarize(trained: TrainedModel, output: Path, screen: Console) -> None:
    nodes, agreement = trained.nodes, trained.agreement
    screen.print(f"{escape(str(output))}: {len(nodes)} nodes, validation {trained.score:.1%}")
    table = trained.recipe.tree
    if table is not None and table.fallback_margin:
        margins = [
            f"{name} below margin {node.fallback.margin}" for name, node in nodes.items() if node.fallback
        ]
        kept = ", ".join(margins) or "none, since none is possible or the tree decides better without"
        screen.print(escape(f"fallbacks: {kept}"))
    if agreement is not None:
        screen.print(
            f"folded: {agreement.different_bits} of {agreement.bits:,} activations and "
            f"{agreement.different_logits} logits differ on {agreement.images} images; "
            f"{trained.near} channels within rounding of a threshold"
        )
