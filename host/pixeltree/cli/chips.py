"""``pixeltree yield``, and what it shares with ``pixeltree eval``: many emulated chips, on many workers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from pixeltree.arguments.presets import read_preset
from pixeltree.cli.option_groups import with_groups
from pixeltree.cli.options import (
    OUTPUT,
    ChosenImages,
    ImagesOption,
    JsonOption,
    TreeArgument,
    drawable,
    finite,
    load_tree,
    say,
)
from pixeltree.cli.report import report, screen_beside
from pixeltree.cli.terminal import Screen, busy, progress
from pixeltree.cli.workers import ClusterOption, WorkersOption, chosen_workers
from pixeltree.datasets import Dataset
from pixeltree.datasets.cache import cache_folder
from pixeltree.device.device import connect
from pixeltree.errors import DataError
from pixeltree.evaluate.chips import ChipSet, evaluate_sets, settings_of
from pixeltree.evaluate.evaluation import Evaluation, check_fits
from pixeltree.evaluate.spread import Spread, Yield, chip_yield, spread
from pixeltree.links.emulator import PRESETS
from pixeltree.tree.tree import Tree
from pixeltree.workers.keeping import Keeping
from pixeltree.workers.pieces import Workers
from pixeltree_protocol.chip.nonidealities import AnalogErrors

CHIPS = partial(typer.Option, rich_help_panel="Chips")

PRESETS_HELP = f"{', '.join(PRESETS)}, or a file that 'pixeltree calibrate' wrote"
"""What can be named as a preset."""

SENSITIVITY = tuple(AnalogErrors.__dataclass_fields__)
"""Numbers of a preset that ``--sensitivity`` sets to 0 one by one."""

_SENSITIVITY_CHIPS = 8
"""Chips for each of them, unless fewer are tried at all."""


@dataclass(frozen=True)
class Evaluated:
    """Chips that images were taken through, and what that took.

    Attributes:
        evaluations: one per chip of each set.
        frames: of all chips together.
        seconds: wall time, start of the workers included.
    """

    evaluations: list[list[Evaluation]]
    frames: int
    seconds: float

    @property
    def scores(self) -> list[list[float]]:
        """The scores of the chips of each set."""
        return [[evaluation.score for evaluation in chips] for chips in self.evaluations]

    @property
    def frames_per_s(self) -> float:
        """Frames per second, start of the workers included."""
        return self.frames / self.seconds


def chip_set(preset: str, count: int, settings: Sequence[str] = ()) -> ChipSet:
    """Chips of a preset, the first so many.

    The numbers of a preset's file go with them as settings, so that workers elsewhere need no file.

    Raises:
        DataError: there is no such preset, or its file cannot be read or is none.
    """
    numbers = read_preset(preset)
    return ChipSet(numbers.base, tuple(range(count)), (*numbers.settings, *settings))


def run_chips(
    tree: Tree, dataset: Dataset, sets: Sequence[ChipSet], workers: Workers, name: str
) -> Evaluated:
    """Take images through the chips of some sets, with a bar; an interrupted run goes on where it was.

    Args:
        tree: what the chips run.
        dataset: the images.
        sets: the chips.
        workers: who does it.
        name: of the preset, for the bar.

    Raises:
        WorkerError: workers died again and again.
    """
    keeping = Keeping(cache_folder() / "evaluations", settings_of(tree, dataset, *sets))
    with busy("starting the emulator"):  # what is wrong with a setting is said before any work
        for chips in sets:
            connect(chips.url(chips.chips[0], 0, tree.total_bytes)).close()
    count = sum(len(chips.chips) for chips in sets)
    frames, began = len(dataset) * count, time.perf_counter()
    try:
        with progress() as bar:
            what = f"{name}, {count} chips" if count > 1 else name
            task = bar.add_task(what, total=frames)
            found = evaluate_sets(
                tree, dataset, sets, workers, keeping, lambda done: bar.update(task, completed=done)
            )
    except KeyboardInterrupt:
        Screen(stderr=True).print("interrupted; the same command goes on from what is finished")
        raise
    return Evaluated(found, frames, time.perf_counter() - began)


@with_groups
def yield_(
    model: TreeArgument,
    *,
    require: Annotated[
        float, CHIPS(min=0, max=1, callback=finite, help="The score that a good chip reaches, 0 to 1.")
    ] = 0.95,
    preset: Annotated[str, CHIPS(help=f"Errors of the chips: {PRESETS_HELP}.")] = "typical",
    chips: Annotated[int, CHIPS(min=1, help="Number of chips to try.")] = 100,
    settings: Annotated[
        list[str] | None,
        CHIPS("--set", metavar="NAME=VALUE", help="Change a number of the preset. Repeatable."),
    ] = None,
    sensitivity: Annotated[
        bool,
        CHIPS(
            "--sensitivity", help="Also leave out each kind of error, one at a time, and say what it costs."
        ),
    ] = False,
    sweep: Annotated[
        str | None,
        CHIPS(
            metavar="NAME=V1,V2,...",
            help="Also try chips with these values of a number of the preset, as in noise=0.1,0.2,0.4.",
        ),
    ] = None,
    chosen_images: ChosenImages,
    images: ImagesOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    plot: Annotated[
        Path | None, OUTPUT(metavar="FILE", callback=drawable, help="Draw the chips' scores to this picture.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Say how many chips of a kind will be good enough, from many emulated ones with their own errors.

    The share of good chips and the mean come with intervals of 95% confidence.
    """
    tree = load_tree(model)
    part = chosen_images.load(tree)
    dataset = part.images.spread(images)
    check_fits(tree, dataset)
    say(part, screen_beside(json_file))
    tried = chip_set(preset, chips, settings or ())
    left_out = [tried.few(_SENSITIVITY_CHIPS).but(f"{name}=0") for name in SENSITIVITY if sensitivity]
    swept = _swept(tried, sweep)
    with chosen_workers(workers, cluster) as chosen:
        run = run_chips(tree, dataset, [tried, *left_out, *swept.values()], chosen, preset)
    scores, *others = run.scores
    without = _gains(scores, others[: len(left_out)])
    found, good = spread(scores), chip_yield(scores, require)
    by_value = {
        value: asdict(spread(each)) | {"yield": asdict(chip_yield(each, require))}
        for value, each in zip(swept, others[len(left_out) :], strict=True)
    }
    if plot is not None:
        from pixeltree.cli.pictures import draw_spread  # noqa: PLC0415 - an extra, slow to import

        draw_spread(plot, scores, require, f"{tree.name}, {preset}, {chips} chips")
    figures = {
        "tree": tree.name,
        "data": dataset.name,
        "images": len(dataset),
        "preset": preset,
        "settings": list(tried.settings),
        "spread": asdict(found),
        "yield": asdict(good),
        "sensitivity": without,
        "sweep": by_value,
        "frames_per_s": round(run.frames_per_s, 1),
    }
    report(json_file, figures, lambda: _shown(found, good, without, by_value, run))


def _swept(tried: ChipSet, sweep: str | None) -> dict[str, ChipSet]:
    """The chips with each value of a sweep, by ``NAME=VALUE``.

    Raises:
        DataError: the sweep names no values.
    """
    if sweep is None:
        return {}
    name, _, values = sweep.partition("=")
    given = [f"{name.strip()}={value.strip()}" for value in values.split(",") if value.strip()]
    if not given or not name.strip():
        raise DataError(f"--sweep {sweep}: give a number of the preset and values, as in noise=0.1,0.2,0.4")
    return {setting: tried.but(setting) for setting in given}


def _gains(scores: list[float], without: list[list[float]]) -> dict[str, float]:
    """How much the mean score of some of the chips rises where one kind of error is left out."""
    return {
        name: sum(each) / len(each) - sum(scores[: len(each)]) / len(each)
        for name, each in zip(SENSITIVITY, without, strict=False)
    }


def _shown(
    found: Spread, good: Yield, without: dict[str, float], by_value: dict[str, dict[str, Any]], run: Evaluated
) -> Group:
    rows = Table(Column("figure"), Column("value", justify="right"), Column("95% interval"), box=None)
    rows.add_row(
        f"chips with {good.required:.1%} or better",
        f"{good.share:.1%} ({good.good} of {len(found.scores)})",
        f"{good.low:.1%} to {good.high:.1%}",
    )
    rows.add_row("mean of the chips", f"{found.mean:.2%}", f"{found.mean_low:.2%} to {found.mean_high:.2%}")
    five, half, most = found.quantiles
    rows.add_row("5%, 50%, 95% of the chips lie below", f"{five:.2%}, {half:.2%}, {most:.2%}", "")
    rows.add_row("worst and best chip", f"{found.worst:.2%}, {found.best:.2%}", "")
    parts: list[Any] = [rows]
    if without:
        gains = Table(Column("without this error"), Column("mean", justify="right"), box=None)
        for name, gain in sorted(without.items(), key=lambda item: -item[1]):
            gains.add_row(name.replace("_", " "), f"{100 * gain:+.2f} points")
        parts.append(gains)
    if by_value:
        swept = Table(
            "with", *(Column(name, justify="right") for name in ("mean", "worst", "good")), box=None
        )
        for setting, each in by_value.items():
            share = each["yield"]["share"]
            swept.add_row(setting, f"{each['mean']:.2%}", f"{each['worst']:.2%}", f"{share:.1%}")
        parts.append(swept)
    parts.append(Text(f"{run.frames:,} frames in {run.seconds:.1f} s, {run.frames_per_s:,.0f} a second"))
    return Group(*parts)
