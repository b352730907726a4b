"""One recipe trained with several seeds; each seed is a piece of work that any worker can do.

Workers read the data themselves, so a folder that the recipe names has to be there for each of them.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltree.train.from_recipe import train_recipe
from pixeltree.train.recipe import Recipe
from pixeltree.workers.pieces import Piece, Shared, Workers


@dataclass(frozen=True)
class SeedResult:
    """What one seed gave.

    Attributes:
        seed: in place of the recipe's.
        score: on the validation images, 0 to 1.
        nodes: how many nodes the model has.
        file: the model's file.
    """

    seed: int
    score: float
    nodes: int
    file: bytes


def train_seeds(
    recipe: Recipe,
    seeds: Sequence[int],
    workers: Workers,
    suffix: str,
    checkpoints: Path | None = None,
    progress: Callable[[SeedResult], None] = lambda result: None,
) -> list[SeedResult]:
    """Train a recipe with every seed.

    Args:
        recipe: what to train.
        seeds: one or more.
        workers: who does it.
        suffix: of the models' files, ``.ptree`` or ``.folded``.
        checkpoints: folder with one folder for each seed, to go on from; None to keep nothing.
        progress: told each result when it is there.

    Returns:
        What each seed gave, in the order of the seeds.

    Raises:
        WorkerError: workers died again and again.
        PixeltreeError: what :func:`pixeltree.train.from_recipe.train_recipe` raises.
    """
    shared = Shared(recipe)
    folders = [
        None if checkpoints is None else str(checkpoints.absolute() / f"seed-{seed}") for seed in seeds
    ]
    pieces = [
        Piece(f"seed-{seed}", train_seed, (shared, seed, suffix, folder))
        for seed, folder in zip(seeds, folders, strict=True)
    ]
    found = {}
    for piece, result in workers.run(pieces):
        found[piece.name] = SeedResult(
            result["seed"], result["score"], result["nodes"], base64.b85decode(result["file"])
        )
        progress(found[piece.name])
    return [found[piece.name] for piece in pieces]


def train_seed(recipe: Recipe, seed: int, suffix: str, checkpoints: str | None) -> dict[str, Any]:
    """Train a recipe with one seed: a piece of the work."""
    trained = train_recipe(recipe.with_seed(seed), checkpoints, lambda who, report: None)
    with tempfile.TemporaryDirectory(prefix="pixeltree-") as folder:
        file = Path(folder) / f"model{suffix}"
        trained.save(file)
        data = file.read_bytes()
    return {
        "seed": seed,
        "score": float(trained.score),
        "nodes": len(trained.nodes),
        "file": base64.b85encode(data).decode(),
    }


def best(results: Sequence[SeedResult]) -> SeedResult:
    """The result with the best validation score; the first of equals."""
    return max(results, key=lambda result: result.score)
