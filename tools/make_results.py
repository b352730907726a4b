"""Measure what the recipes give, three seeds each, on emulated sensors, and write it into docs/results.md.

    make results

Every model is trained and measured by the commands that a user has; figures that are there already, in
build/results, are not made again, so the command goes on where it was stopped. ``--only`` makes some, and the
tables then hold what there is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixeltree.train.objective import objective_for
from pixeltree.train.recipe import Recipe, load_recipe
from pixeltree.train.run import float_network, run_recipe
from pixeltree.train.training import logits_of

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "results"
PAGE = ROOT / "docs" / "results.md"
SEEDS = (0, 1, 2)
CHIPS = 8
KINDS = ("reference", "ideal", "typical")
"""Reports of a row: of the whole test part, and of some images on an ideal chip and on typical ones."""

Reports = dict[str, dict[str, Any]]
"""By kind; those of one seed."""

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
    Entry("glyphs, tree, strays of training images", "glyphs_strays", 620),
    Entry("glyphs, one node, threshold by image", "glyphs_image_threshold_one_node", 620),
    Entry("glyphs, one node in turns, threshold by image", "glyphs_image_threshold_turns", 620),
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
    chosen = arguments.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    for seed in chosen.seeds:
        for entry in ENTRIES:
            if chosen.only is None or any(entry.name.startswith(name) for name in chosen.only):
                _make(entry, seed)
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


def _make(entry: Entry, seed: int) -> None:
    stem = stem_of(entry, seed)
    recipe = load_recipe(ROOT / "recipes" / f"{entry.recipe}.toml").with_seed(seed)
    recipe = replace(recipe, noise_aware=entry.noise_aware)
    if entry.is_float:
        _measure_float(entry, recipe, stem.with_suffix(".reference.json"), seed)
        return
    model = stem.with_suffix(".ptree")
    if not model.exists():
        begun = time.monotonic()
        trained = run_recipe(recipe, stem.with_suffix(".checkpoints"), lambda who, report: None)
        trained.save(model)
        minutes = (time.monotonic() - begun) / 60
        _say(f"{entry.name}, seed {seed}: validation {trained.score:.4f}, {minutes:.1f} minutes")
    _evaluate(model, stem.with_suffix(".reference.json"))
    images = ("--images", str(entry.chip_images))
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
