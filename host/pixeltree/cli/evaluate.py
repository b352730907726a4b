"""``pixeltree eval``: how good a tree is, on the reference and on a device."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pixeltree.cli.confusion import draw_confusion
from pixeltree.cli.report import check_writable, write_json
from pixeltree.datasets import Dataset, Task
from pixeltree.datasets.named import NAMES, test_images
from pixeltree.device import connect
from pixeltree.emulator import EmulatorProcess
from pixeltree.errors import DataError
from pixeltree.evaluation import (
    METRICS,
    Evaluation,
    confusion,
    ended_early,
    evaluate_device,
    evaluate_reference,
    fallbacks,
)
from pixeltree.scheduler import TreeRunner
from pixeltree.tree import Tree

DATA_HELP = f"Images: {', '.join(NAMES)}, or a folder (IDX files, or one per class)."


def evaluate(
    model: Annotated[Path, typer.Argument(help="A tree, NAME.ptree.")],
    data: Annotated[
        str,
        typer.Option(help=DATA_HELP),
    ],
    images: Annotated[int | None, typer.Option(min=1, help="At most so many of the test images.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Also on this device (tcp://HOST:PORT, unix:///PATH).")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Also on emulated chips with this preset (ideal, typical, harsh).")
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

    Example: pixeltree eval digits.ptree --data digits --preset typical --chips 8
    """
    for path in (confusion_file, json_file):
        if path is not None:
            check_writable(path)
    if device is not None and preset is not None:
        raise DataError("give --device or --preset, not both")
    screen = Console(stderr=str(json_file) == "-")
    tree = Tree.load(model)
    dataset = test_images(data, tree.geometry.size)
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
    report = _report(tree, dataset, reference, runs)
    _show(report, tree, screen)
    if confusion_file is not None:
        draw_confusion(confusion_file, np.array(report["confusion"]), tree.labels)
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
    if tree.margins:
        report["fallbacks"] = fallbacks(tree, reference)
    if runs:
        scores = [run.score for run in runs]
        report |= {
            "device_scores": scores,
            "device_score_mean": float(np.mean(scores)),
            "device_score_spread": float(np.ptp(scores)),
            "device_label_agreement": [float((run.decided == reference.decided).mean()) for run in runs],
            "device_differences": [reference.differences(run) for run in runs],
        }
    return report


def _show(report: dict[str, Any], tree: Tree, screen: Console) -> None:
    screen.print(
        f"{escape(tree.name)} on {report['images']:,} images of {escape(report['data'])}: {report['metric']} "
        f"[bold]{report['score']:.2%}[/] by the reference; {report['bytes']:,} bytes of objects"
    )
    if "confusion" in report:
        _show_mistakes(np.array(report["confusion"]), tree.labels, screen)
    if "early" in report and any(report["early"].values()):
        early = report["early"]
        screen.print(
            f"ended early: {early['ended']} of {early['empty']} images without an object, "
            f"{early['lost']} with one"
        )
    for node, count in report.get("fallbacks", {}).items():
        came = report["visits"].get(node, 0)
        screen.print(
            escape(f"{node} fell back for {count:,} of {came:,} images (margin {tree.margins[node]})")
        )
    if "device_scores" in report:
        screen.print(
            f"on {len(report['device_scores'])} devices: mean {report['device_score_mean']:.2%}, "
            f"spread {report['device_score_spread']:.2%}; images with any difference from the reference: "
            f"{', '.join(map(str, report['device_differences']))}"
        )


def _show_mistakes(wrong: npt.NDArray[np.int64], labels: Sequence[str], screen: Console) -> None:
    """The five most frequent ones."""
    np.fill_diagonal(wrong, 0)
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:5]:
        row, column = divmod(int(flat), len(labels))
        if wrong[row, column]:
            screen.print(escape(f"  {labels[row]} taken for {labels[column]}: {wrong[row, column]} times"))
