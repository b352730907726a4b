"""``pixeltree eval``: how good a tree is, on the reference and on a device."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.progress import Progress

from pixeltree.cli.confusion import draw_confusion
from pixeltree.cli.data import (
    DataOption,
    DataSeedOption,
    FitOption,
    OverlapOption,
    TransposedOption,
    UpsamplingOption,
    chosen_images,
    say,
)
from pixeltree.cli.report import check_picture, check_writable, write_json
from pixeltree.cli.terminal import Screen, progress
from pixeltree.datasets import Dataset, Task
from pixeltree.datasets.sources import as_table
from pixeltree.device.device import connect
from pixeltree.errors import DataError
from pixeltree.evaluate.evaluation import (
    METRICS,
    Evaluation,
    check_fits,
    confusion,
    ended_early,
    evaluate_device,
    evaluate_reference,
)
from pixeltree.links.emulator import PRESETS, EmulatorProcess
from pixeltree.links.url import parse_url
from pixeltree.run import TreeRunner
from pixeltree.tree.tree import Tree

_PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "soft_wrap": True}
"""Names of classes, data and devices are shown as they are."""


@dataclass(frozen=True)
class _Device:
    """Something to evaluate on: its name, and how to have its address within a context."""

    name: str
    address: Callable[[], contextlib.AbstractContextManager[str]]


def evaluate(
    model: Annotated[Path, typer.Argument(help="A tree, NAME.ptree.")],
    data: DataOption = None,
    images: Annotated[int | None, typer.Option(min=1, help="At most so many of the test images.")] = None,
    fit: FitOption = None,
    transposed: TransposedOption = None,
    upsampling: UpsamplingOption = None,
    data_seed: DataSeedOption = None,
    allow_overlap: OverlapOption = False,
    device: Annotated[
        str | None, typer.Option(help="Also on this device (tcp://HOST:PORT, unix:///PATH).")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help=f"Also on emulated chips with this preset ({', '.join(PRESETS)}).")
    ] = None,
    chips: Annotated[int, typer.Option(min=1, help="How many emulated chips.")] = 1,
    confusion_file: Annotated[
        Path | None,
        typer.Option("--confusion", help="Draw the reference's confusion matrix to this picture."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file ('-' for the terminal).")
    ] = None,
) -> None:
    """Measure how good a tree is on test images: on the integer reference, and on devices if asked.

    Images are read as the tree's file records; the options change that. Exit status 1 if an ideal chip
    differs from the reference.

    Example: pixeltree eval digits.ptree --preset typical --chips 8
    """
    _check_options(device, preset, chips, confusion_file, json_file)
    screen = Screen(stderr=str(json_file) == "-")
    tree = Tree.load(model)
    part = chosen_images(tree, data, fit, transposed, upsampling, data_seed, allow_overlap)
    dataset = part.images
    check_fits(tree, dataset)
    if confusion_file is not None and dataset.task is not Task.CLASSIFICATION:
        raise DataError(f"--confusion draws what is taken for what; {dataset.name} is for {dataset.task}")
    say(part, screen)
    if images is not None and images < len(dataset):
        spread = np.linspace(0, len(dataset) - 1, images).astype(np.intp)
        dataset = dataset.subset(spread)
    devices = _devices(device, preset, chips)
    with progress(screen) as bar:
        # devices first: what is wrong with one is said before the reference has taken its time
        runs = [_on_device(each, tree, dataset, bar) for each in devices]
        reference = evaluate_reference(tree, dataset, _shown(bar, "reference", len(dataset)))
    report = _report(tree, dataset, reference, runs) | {
        "reading": as_table(part.source),
        "as_recorded": part.is_as_recorded,
        "overlap": part.overlap,
    }
    if runs:
        names = [each.name for each in devices]
        report |= _compared(names, reference, runs)
    _show(report, tree, screen, exact=preset == "ideal")
    if confusion_file is not None:
        draw_confusion(confusion_file, np.array(report["confusion"]), tree.labels)
    if json_file is not None:
        write_json(json_file, json.dumps(report, indent=2))
    if preset == "ideal" and any(report["device_differences"]):
        raise typer.Exit(1)


def _check_options(
    device: str | None, preset: str | None, chips: int, confusion_file: Path | None, json_file: Path | None
) -> None:
    """Refuse what cannot be, or means nothing, before any work."""
    if confusion_file is not None:
        check_picture(confusion_file)
    if json_file is not None:
        check_writable(json_file)
    if device is not None and preset is not None:
        raise DataError("give --device or --preset, not both")
    if preset is not None and preset not in PRESETS:
        raise DataError(f"no preset is named {preset!r}; known: {', '.join(PRESETS)}")
    if chips > 1 and preset is None:
        raise DataError(f"--chips {chips} says how many chips are emulated; it needs --preset")
    if device is not None:
        parse_url(device)


def _devices(device: str | None, preset: str | None, chips: int) -> list[_Device]:
    if device is not None:
        return [_Device(device, lambda: contextlib.nullcontext(device))]
    if preset is None:
        return []
    return [_Device(f"{preset}, chip {chip}", partial(_emulated, preset, chip)) for chip in range(chips)]


@contextlib.contextmanager
def _emulated(preset: str, chip: int) -> Iterator[str]:
    with EmulatorProcess("--preset", preset, "--chip", str(chip)) as process:
        yield process.url


def _on_device(device: _Device, tree: Tree, dataset: Dataset, bar: Progress) -> Evaluation:
    shown = _shown(bar, device.name, len(dataset))
    with device.address() as url, connect(url) as connected:
        return evaluate_device(TreeRunner.open(connected, tree), tree, dataset, shown)


def _shown(bar: Progress, name: str, total: int) -> Callable[[int], None]:
    task = bar.add_task(name, total=total)
    return lambda done: bar.update(task, completed=done)


def _report(tree: Tree, dataset: Dataset, reference: Evaluation, runs: list[Evaluation]) -> dict[str, Any]:
    report: dict[str, Any] = {
        "tree": tree.name,
        "data": dataset.name,
        "images": len(dataset),
        "bytes": tree.total_bytes,
        "metric": METRICS[dataset.task],
        "score": reference.score,
        "visits": reference.visits(),
    }
    if dataset.task is Task.CLASSIFICATION:
        matrix = confusion(tree, dataset, reference)
        report |= {"labels": list(tree.labels), "confusion": matrix.tolist()}
    if dataset.task is Task.LOCALIZATION:
        report["early"] = ended_early(tree, dataset, reference)
    return report


def _compared(names: Sequence[str], reference: Evaluation, runs: Sequence[Evaluation]) -> dict[str, Any]:
    """What the devices gave, each and together."""
    scores = [run.score for run in runs]
    agreement = [float((run.decided == reference.decided).mean()) for run in runs]
    differences = [reference.differences(run) for run in runs]
    return {
        "devices": [
            {"name": name, "score": score, "label_agreement": agreed, "differences": different}
            for name, score, agreed, different in zip(names, scores, agreement, differences, strict=True)
        ],
        "device_scores": scores,
        "device_score_mean": float(np.mean(scores)),
        "device_score_spread": float(np.ptp(scores)),
        "device_label_agreement": agreement,
        "device_differences": differences,
    }


def _show(report: dict[str, Any], tree: Tree, screen: Screen, exact: bool) -> None:
    screen.print(
        f"{tree.name} on {report['images']:,} images of {report['data']}: {report['metric']} "
        f"{report['score']:.2%} by the reference; {report['bytes']:,} bytes of objects"
    )
    if "confusion" in report:
        _show_mistakes(np.array(report["confusion"]), tree.labels, screen)
    if "early" in report and any(report["early"].values()):
        early = report["early"]
        screen.print(
            f"ended early: {early['ended']} of {early['empty']} images without an object, "
            f"{early['lost']} with one"
        )
    for each in report.get("devices", ()):
        screen.print(_device_line(each, report["images"], exact), **_PLAIN)
    if len(report.get("devices", ())) > 1:
        screen.print(
            f"mean of {len(report['devices'])} chips: {report['device_score_mean']:.2%}, "
            f"from {min(report['device_scores']):.2%} to {max(report['device_scores']):.2%}",
            **_PLAIN,
        )


def _device_line(each: dict[str, Any], images: int, exact: bool) -> str:
    """The figures of one device. Where sums err, every image's do: single differences say nothing there."""
    line = f"{each['name']}: {each['score']:.2%}"
    if not each["differences"]:
        return f"{line}, every logit as by the reference"
    if exact:
        return f"{line}, WRONG: {each['differences']:,} of {images:,} images differ from the reference"
    return f"{line}, the same label as by the reference for {each['label_agreement']:.2%} of the images"


def _show_mistakes(wrong: npt.NDArray[np.int64], labels: Sequence[str], screen: Screen) -> None:
    """The five most frequent ones."""
    np.fill_diagonal(wrong, 0)
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:5]:
        row, column = divmod(int(flat), len(labels))
        if wrong[row, column]:
            screen.print(f"  {labels[row]} taken for {labels[column]}: {wrong[row, column]} times")
