"""Measure what the recipes give, three seeds each, on emulated sensors, and write it into docs/results.md.

    make results

Every model is trained and measured by the commands that a user has; figures that are there already, in
build/results, are not made again, so the command goes on where it was stopped. ``--only`` makes some, and the
tables then hold what there is. Models are trained, and images go through chips, on as many processes as there
are cores; ``--workers N`` takes so many, ``--cluster URL`` those of a Dask scheduler.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixeltree.arguments.files import write_whole
from pixeltree.cli.workers import chosen_workers
from pixeltree.train.from_recipe import float_network
from pixeltree.train.objective import objective_for
from pixeltree.train.recipe import Recipe, load_recipe
from pixeltree.train.seeds import train_seed
from pixeltree.train.training import logits_of
from pixeltree.workers.pieces import Piece, Shared, Workers

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "results"
PAGE = ROOT / "docs" / "results.md"
SEEDS = (0, 1, 2)
CHIPS = 8
KINDS = ("reference", "ideal", "typical")
"""Reports of a row: of the whole test part, and of some images on an ideal chip and on typical ones."""

Reports = dict[str, dict[str, Any]]
"""By kind; those of one seed."""

_SHARED = ("workers", "cluster")
"""Options that ``pixeltree eval`` takes too."""

_BEGIN, _END = "<!-- measured: make results -->", "<!-- end -->"
_HEADER = (
    "| model | metric | reference, mean (each seed) | images that differ on an ideal chip "
    "| typical chips, mean (each seed) | loss | bytes of objects |"
)


@dataclass(frozen=True)
class Entry:
    """One row.

    Attributes:
        name: of the row and its files.
        recipe: file in ``recipes``.
        chip_images: images that go through the ideal chip and each of the typical ones.
        noise_aware: whether training knows of a chip's errors.
        is_float: whether it is the float network of the recipe's shape, which runs on no array.
    """

    name: str
    recipe: str
    chip_images: int = 360
    noise_aware: bool = True
    is_float: bool = False


ENTRIES = (
    Entry("digits", "digits"),
    Entry("digits, without noise in training", "digits", noise_aware=False),
    Entry("digits, tree", "digits_tree"),
    Entry("glyphs, tree", "glyphs", 620),
    Entry("glyphs, tree, without noise in training", "glyphs", 620, noise_aware=False),
    Entry("glyphs, one node", "glyphs_one_node", 620),
    Entry("glyphs, tree, threshold by image", "glyphs_image_threshold", 620),
    Entry("glyphs, tree, training confusions", "glyphs_training_confusions", 620),
    Entry("glyphs, one node, threshold by image", "glyphs_image_threshold_one_node", 620),
    Entry("glyphs, one node in two time slots, threshold by image", "glyphs_image_threshold_time_slots", 620),
    Entry("glyphs, tree in parts", "glyphs_parts", 620),
    Entry("glyphs, one small node, threshold by image", "glyphs_parts_one_node", 620),
    Entry("glyphs, tree of small nodes", "glyphs_small_nodes", 620),
    Entry("glyphs, one small node", "glyphs_small_one_node", 620),
    Entry("glyphs, float network", "glyphs", is_float=True),
    Entry("glyphs, float network of the tree in parts", "glyphs_parts", is_float=True),
    Entry("localize", "localize", 120),
    Entry("localize, without noise in training", "localize", 120, noise_aware=False),
    Entry("segment", "segment", 120),
    Entry("segment, without noise in training", "segment", 120, noise_aware=False),
)


def main() -> None:
    """Train, measure, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", nargs="*", help="rows to make, by the beginning of their names")
    arguments.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    arguments.add_argument("--workers", type=int, help="processes of this machine; default: one per core")
    arguments.add_argument("--cluster", metavar="URL", help="use the workers of this Dask scheduler")
    chosen = arguments.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    rows = [
        (entry, seed)
        for seed in chosen.seeds
        for entry in ENTRIES
        if chosen.only is None or any(entry.name.startswith(name) for name in chosen.only)
    ]
    with chosen_workers(chosen.workers, chosen.cluster) as workers:
        _train(rows, workers, own_folders=chosen.cluster is None)
    shared = [f"--{name}={value}" for name, value in vars(chosen).items() if name in _SHARED and value]
    for entry, seed in rows:
        _measure(entry, seed, shared)
    text = PAGE.read_text()
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{tables()}\n\n{_END}{after}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def stem_of(entry: Entry, seed: int) -> Path:
    """The path of what one run makes, without a suffix."""
    return BUILD / f"{re.sub('[^a-z]+', '-', entry.name)}-{seed}"


def _recipe(entry: Entry) -> Recipe:
    return replace(load_recipe(ROOT / "recipes" / f"{entry.recipe}.toml"), noise_aware=entry.noise_aware)


def _train(rows: list[tuple[Entry, int]], workers: Workers, own_folders: bool) -> None:
    """Train the models that are not there; a model is a piece of the work.

    Args:
        rows: entries and seeds.
        workers: who does it.
        own_folders: whether workers see the folders of this machine, for their checkpoints.
    """
    work, models = [], {}
    for entry, seed in rows:
        stem = stem_of(entry, seed)
        model = stem.with_suffix(".ptree")
        if entry.is_float or model.exists():
            continue
        folder = str(stem.with_suffix(".checkpoints")) if own_folders else None
        models[stem.name] = model
        work.append(Piece(stem.name, train_seed, (Shared(_recipe(entry)), seed, ".ptree", folder)))
    for piece, result in workers.run(work):
        write_whole(models[piece.name], base64.b85decode(result["file"]))
        _say(f"{piece.name}: validation {result['score']:.4f}")


def _measure(entry: Entry, seed: int, shared: list[str]) -> None:
    """Write the reports of a row; ``shared`` are the options that say who takes images through chips."""
    stem = stem_of(entry, seed)
    if entry.is_float:
        recipe = _recipe(entry).with_seed(seed)
        _measure_float(entry, recipe, stem.with_suffix(".reference.json"), seed)
        return
    model = stem.with_suffix(".ptree")
    _evaluate(model, stem.with_suffix(".reference.json"))
    images = ("--images", str(entry.chip_images), *shared)
    if entry.noise_aware:  # one network of a recipe through an ideal chip tells as much as two
        _evaluate(model, stem.with_suffix(".ideal.json"), "--preset", "ideal", *images)
    _evaluate(model, stem.with_suffix(".typical.json"), "--preset", "typical", "--chips", str(CHIPS), *images)


def _evaluate(model: Path, report: Path, *options: str) -> None:
    if report.exists():
        return
    command = [sys.executable, "-c", "from pixeltree.cli import main; main()", "eval", str(model)]
    subprocess.run(
        [*command, "--json", str(report), *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    result = json.loads(report.read_text())
    _say(f"{report.name}: {result['score']:.4f}, devices {result.get('device_scores', 'none')}")


def _measure_float(entry: Entry, recipe: Recipe, report: Path, seed: int) -> None:
    if report.exists():
        return
    splits = recipe.load_data()
    tree = stem_of(next(each for each in ENTRIES if each.recipe == entry.recipe), seed)
    network = float_network(recipe, splits, tree.with_suffix(".checkpoints"), lambda who, epoch: None)
    logits = logits_of(network, splits.test.images)
    score = objective_for(splits.training, network.specification).score(logits, splits.test)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    report.write_text(json.dumps({"metric": "accuracy", "score": score, "bytes": 4 * parameters}))


def tables() -> str:
    """The table of the page, from the reports that there are."""
    lines = [_HEADER, "|---" * _HEADER.count("| ") + "|"]
    lines += [_row(entry, seeds) for entry in ENTRIES if (seeds := _reports(entry))]
    return "\n".join(lines)


def _reports(entry: Entry) -> list[Reports]:
    """The reports of every seed that is there."""
    seeds = []
    for seed in SEEDS:
        files = {kind: stem_of(entry, seed).with_suffix(f".{kind}.json") for kind in KINDS}
        seeds.append({kind: json.loads(file.read_text()) for kind, file in files.items() if file.exists()})
    return [reports for reports in seeds if "reference" in reports]


def _row(entry: Entry, seeds: list[Reports]) -> str:
    references, ideal, chips = ([seed[kind] for seed in seeds if kind in seed] for kind in KINDS)
    cells = [entry.name, references[0]["metric"], _mean([report["score"] for report in references])]
    differences = sum(sum(report["device_differences"]) for report in ideal)
    cells.append(f"{differences} of {sum(report['images'] for report in ideal):,}" if ideal else "")
    cells.append(_mean([report["device_score_mean"] for report in chips]) if chips else "")
    losses = [report["score"] - report["device_score_mean"] for report in chips]
    cells.append(f"{100 * np.mean(losses):.1f} points" if chips else "")
    cells.append(f"{max(report['bytes'] for report in references):,}")
    return f"| {' | '.join(cells)} |"


def _mean(scores: list[float]) -> str:
    each = ", ".join(f"{score:.1%}" for score in scores)
    return f"{np.mean(scores):.1%} ({each})"


if __name__ == "__main__":
    main()
