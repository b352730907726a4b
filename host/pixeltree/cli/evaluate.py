"""``pixeltree eval``: how good a tree is, on the reference and on a device."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pixeltree.cli.confusion import draw_confusion
from pixeltree.cli.report import check_writable, write_json
from pixeltree.datasets.named import test_images
from pixeltree.device import connect
from pixeltree.emulator import EmulatorProcess
from pixeltree.errors import DataError
from pixeltree.evaluation import Evaluation, evaluate_device, evaluate_reference
from pixeltree.network import INPUT_SIZE
from pixeltree.scheduler import TreeRunner
from pixeltree.tree import Tree


def evaluate(
    model: Annotated[Path, typer.Argument(help="A tree, NAME.ptree.")],
    data: Annotated[
        str, typer.Option(help="Images: digits, glyphs, or a folder (IDX files, or one per class).")
    ],
    images: Annotated[int | None, typer.Option(min=1, help="At most so many of the test images.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Also on this device (tcp://HOST:PORT, unix:///PATH).")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Also on emulated chips with this preset (ideal, typical, harsh).")
    ] = None,
    chips: Annotated[int, typer.Option(min=1, help="How many emulated chips.")] = 1,
    confusion: Annotated[
        Path | None, typer.Option(help="Draw the reference's confusion matrix to this picture.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file ('-' for the terminal).")
    ] = None,
) -> None:
    """Measure a tree's accuracy on test images: on the integer reference, and on devices if asked.

    Example: pixeltree eval digits.ptree --data digits --preset typical --chips 8
    """
    for path in (confusion, json_file):
        if path is not None:
            check_writable(path)
    if device is not None and preset is not None:
        raise DataError("give --device or --preset, not both")
    screen = Console(stderr=str(json_file) == "-")
    tree = Tree.load(model)
    dataset = test_images(data, INPUT_SIZE)
    if images is not None and images < len(dataset):
        spread = np.linspace(0, len(dataset) - 1, images).astype(np.intp)
        dataset = dataset.subset(spread)
    runs: list[Evaluation] = []
    with _bar(screen) as bar:
        reference = evaluate_reference(tree, dataset, _shown(bar, "reference", len(dataset)))
        for name, address in _devices(device, preset, chips):
            with address as url, connect(url) as connected:
                shown = _shown(bar, name, len(dataset))
                runs.append(evaluate_device(TreeRunner(connected, tree), tree, dataset, shown))
    report = _report(tree, dataset.name, reference, runs)
    _show(report, reference, tree, screen)
    if confusion is not None:
        draw_confusion(confusion, reference.confusion, tree.labels)
    if json_file is not None:
        write_json(json_file, json.dumps(report, indent=2))


def _devices(
    device: str | None, preset: str | None, chips: int
) -> Iterator[tuple[str, contextlib.AbstractContextManager[str]]]:
    """Name and address of every device, which is there within the context."""
    if device is not None:
        yield device, contextlib.nullcontext(device)
    elif preset is not None:
        for chip in range(chips):
            yield f"{preset}, chip {chip}", _emulated("--preset", preset, "--chip", str(chip))


@contextlib.contextmanager
def _emulated(*options: str) -> Iterator[str]:
    with EmulatorProcess(*options) as process:
        yield process.url


def _bar(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
    )


def _shown(bar: Progress, name: str, total: int) -> Callable[[int], None]:
    task = bar.add_task(name, total=total)
    return lambda done: bar.update(task, completed=done)


def _report(tree: Tree, data: str, reference: Evaluation, runs: list[Evaluation]) -> dict[str, Any]:
    total = len(reference.decided)
    report: dict[str, Any] = {
        "tree": tree.name,
        "data": data,
        "images": total,
        "bytes": tree.total_bytes,
        "accuracy": reference.accuracy,
        "labels": list(tree.labels),
        "confusion": reference.confusion.tolist(),
        "visits": reference.visits(),
    }
    if runs:
        accuracies = [run.accuracy for run in runs]
        report |= {
            "device_accuracies": accuracies,
            "device_accuracy_mean": float(np.mean(accuracies)),
            "device_accuracy_spread": float(np.ptp(accuracies)),
            "device_label_agreement": [float((run.decided == reference.decided).mean()) for run in runs],
            "device_differences": [reference.differences(run) for run in runs],
        }
    return report


def _show(report: dict[str, Any], reference: Evaluation, tree: Tree, screen: Console) -> None:
    screen.print(
        f"{escape(tree.name)} on {report['images']:,} images of {escape(report['data'])}: "
        f"[bold]{report['accuracy']:.2%}[/] by the reference; {report['bytes']:,} bytes of objects"
    )
    wrong = reference.confusion.copy()
    np.fill_diagonal(wrong, 0)
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:5]:
        row, column = divmod(int(flat), len(tree.labels))
        if wrong[row, column]:
            screen.print(
                escape(f"  {tree.labels[row]} taken for {tree.labels[column]}: {wrong[row, column]} times")
            )
    if "device_accuracies" in report:
        screen.print(
            f"on {len(report['device_accuracies'])} devices: mean {report['device_accuracy_mean']:.2%}, "
            f"spread {report['device_accuracy_spread']:.2%}; images with any difference from the reference: "
            f"{', '.join(map(str, report['device_differences']))}"
        )
