"""``pixeltree eval``: how good a tree is, on the reference and on a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.progress import Progress

from pixeltree.arguments.presets import read_preset
from pixeltree.cli.chips import PRESETS_HELP, chip_set, run_chips
from pixeltree.cli.option_groups import with_groups
from pixeltree.cli.options import (
    DEVICE,
    OUTPUT,
    ChosenImages,
    ImagesOption,
    JsonOption,
    TreeArgument,
    drawable,
    load_tree,
    say,
)
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.cli.terminal import Screen, progress
from pixeltree.cli.workers import ClusterOption, WorkersOption, chosen_workers, refuse_workers
from pixeltree.datasets import Dataset, Task
from pixeltree.datasets.sources import as_table
from pixeltree.device.device import connect
from pixeltree.errors import DataError
from pixeltree.evaluate.evaluation import (
    METRICS,
    Evaluation,
    balanced,
    check_fits,
    confusion,
    evaluate_device,
    evaluate_reference,
)
from pixeltree.links.url import parse_url
from pixeltree.run import TreeRunner
from pixeltree.tree.tree import Tree

_PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "soft_wrap": True}
"""Names of classes, data and devices are shown as they are."""


@with_groups
def evaluate(
    model: TreeArgument,
    *,
    chosen_images: ChosenImages,
    images: ImagesOption = None,
    device: Annotated[
        str | None, DEVICE(metavar="URL", help="Measure on this device too, as in tcp://HOST:PORT.")
    ] = None,
    preset: Annotated[
        str | None, DEVICE(help=f"Also on emulated chips with this preset: {PRESETS_HELP}.")
    ] = None,
    chips: Annotated[int, DEVICE(min=1, help="Number of emulated chips.")] = 1,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    confusion_file: Annotated[
        Path | None,
        OUTPUT(
            "--confusion",
            metavar="FILE",
            callback=drawable,
            help="Draw the reference's confusion matrix to this picture.",
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure how good a tree is on test images: on the integer reference, and on devices if asked.

    Images are read as the tree's file records; the options change that. Exit status 1 if an ideal chip
    differs from the reference. Emulated chips run in several processes. If that is interrupted, the same
    command goes on from what is finished.
    """
    _check_devices(device, preset, chips)
    if preset is None:
        refuse_workers(workers, cluster, "run emulated chips; give --preset too")
    screen = screen_beside(json_file)
    tree = load_tree(model)
    part = chosen_images.load(tree)
    dataset = part.images
    check_fits(tree, dataset)
    if confusion_file is not None and dataset.task is not Task.CLASSIFICATION:
        raise DataError(
            f"--confusion draws which class is taken for which; {dataset.name} is for {dataset.task}"
        )
    say(part, screen)
    dataset = dataset.spread(images)
    # devices first: what is wrong with one is said before the reference has taken its time
    devices, speed = dict[str, Evaluation](), {}
    if device is not None:
        with progress() as bar:
            devices = {device: _on_device(device, tree, dataset, bar)}
    elif preset is not None:
        with chosen_workers(workers, cluster) as chosen:
            run = run_chips(tree, dataset, [chip_set(preset, chips)], chosen, preset)
        devices = {f"{preset}, chip {chip}": found for chip, found in enumerate(run.evaluations[0])}
        speed = {"seconds": round(run.seconds, 2), "frames_per_s": round(run.frames_per_s, 1)}
    runs = list(devices.values())
    with progress() as bar:
        reference = evaluate_reference(tree, dataset, _shown(bar, "reference", len(dataset)))
    report = _report(tree, dataset, reference, runs) | {
        "reading": as_table(part.source),
        "as_recorded": part.is_as_recorded,
        "overlap": part.overlap,
    }
    if runs:
        report |= _compared(list(devices), reference, runs) | speed
    _show(report, tree, screen, exact=preset == "ideal")
    if confusion_file is not None:
        from pixeltree.cli.pictures import draw_confusion  # noqa: PLC0415 - an extra, slow to import

        draw_confusion(confusion_file, np.array(report["confusion"]), tree.labels)
    write_json(json_file, report)
    if preset == "ideal" and any(report["device_differences"]):
        raise typer.Exit(1)


def _check_devices(device: str | None, preset: str | None, chips: int) -> None:
    """Refuse what cannot be before any work.

    Raises:
        DataError: options that contradict each other, or an unknown preset.
        LinkError: the URL of the device is none.
    """
    if device is not None and preset is not None:
        raise DataError("give --device or --preset, not both")
    if preset is not None:
        read_preset(preset)
    elif chips > 1:
        raise DataError(f"--chips {chips} says how many chips are emulated; it needs --preset")
    if device is not None:
        parse_url(device)


def _on_device(url: str, tree: Tree, dataset: Dataset, bar: Progress) -> Evaluation:
    shown = _shown(bar, url, len(dataset))
    with connect(url) as connected:
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
        report |= {"score_balanced": balanced(matrix), "labels": list(tree.labels)}
        report |= {"confusion": matrix.tolist()}
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
        screen.print(f"mean accuracy of the classes: {report['score_balanced']:.2%}")
        _show_mistakes(np.array(report["confusion"]), tree.labels, screen)
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
