"""``pixeltree train --seeds``: one recipe with several seeds, of which the best model is kept."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from pixeltree.cli.report import is_standard_output, write_file, write_json
from pixeltree.cli.terminal import Screen

if TYPE_CHECKING:
    from pixeltree.train.recipe import Recipe
    from pixeltree.train.seeds import SeedResult
    from pixeltree.workers.pieces import Workers


def train_with_seeds(
    recipe: Recipe,
    count: int,
    workers: Workers,
    checkpoints: Path | None,
    output: Path,
    json_file: Path | None,
) -> None:
    """Train with the recipe's seed and those after it, say how each went, and write the best model.

    Raises:
        DataError: the model cannot be written.
        WorkerError: workers died again and again.
    """
    from pixeltree.train.seeds import best, train_seeds  # noqa: PLC0415 - an extra, and slow to import

    screen = Screen(stderr=True)

    def tell(result: SeedResult) -> None:
        screen.print(f"seed {result.seed}: {result.nodes} nodes, validation {result.score:.1%}")

    first = recipe.training.seed
    suffix = ".ptree" if is_standard_output(output) else output.suffix
    results = train_seeds(recipe, range(first, first + count), workers, suffix, checkpoints, tell)
    chosen = best(results)
    write_file(output, chosen.file)
    scores = [result.score for result in results]
    where = "standard output" if is_standard_output(output) else output
    spread = f"mean of {count} seeds {mean(scores):.1%}, from {min(scores):.1%} to {max(scores):.1%}"
    screen.print(f"{where}: seed {chosen.seed}, validation {chosen.score:.1%}; {spread}", soft_wrap=True)
    seeds = [{"seed": each.seed, "nodes": each.nodes, "validation": each.score} for each in results]
    write_json(json_file, {"seed": chosen.seed, "validation": chosen.score, "seeds": seeds})
