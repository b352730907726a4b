"""``pixeltree compare``: two presets or devices on the same images, as a table and as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from pixeltree.cli.options import (
    IMAGES,
    MEASUREMENT,
    OUTPUT,
    ChosenImages,
    DataOption,
    FitOption,
    JsonOption,
    drawable,
    load_tree,
)
from pixeltree.cli.report import report
from pixeltree.cli.terminal import busy, progress
from pixeltree.device.device import connect
from pixeltree.errors import DataError
from pixeltree.links.emulator import PRESET_SUFFIX, PRESETS

_TITLES = {
    "accuracies": "right labels",
    "same_label": "same label on both",
    "same_path": "same path on both",
    "same_sums": "same sums of the last node on both",
    "margins": "mean distance of the two greatest sums",
    "device_us": "mean device time of a frame, us",
}


def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A device's URL, or a preset: ideal, typical, harsh, or a file (mychip.toml)."
        ),
    ],
    second: Annotated[
        str, typer.Argument(metavar="B", help="The second device or preset, named in the same way.")
    ],
    tree: Annotated[str, IMAGES(help="A tree file, or a tree of the package.")] = "digits",
    images: Annotated[int, MEASUREMENT(min=1, help="Number of images to show.")] = 100,
    chip: Annotated[
        int, MEASUREMENT(min=0, help="Number of the chip, for presets; it fixes the chip's own errors.")
    ] = 0,
    data: DataOption = None,
    fit: FitOption = None,
    out: Annotated[
        Path | None,
        OUTPUT(
            metavar="FILE",
            callback=drawable,
            help="Draw the planes of one image on both, and the difference.",
        ),
    ] = None,
    image: Annotated[int, OUTPUT(min=0, help="Number of the image to draw, from 0.")] = 0,
    json_file: JsonOption = None,
) -> None:
    """Take the same images through a tree on two devices, and compare labels, paths, sums and margins.

    Both must be emulated, since they are shown the images.
    """
    from pixeltree.explain.comparing import compare as compare_on  # noqa: PLC0415
    from pixeltree.explain.comparing import planes_of_both  # noqa: PLC0415
    from pixeltree.explain.shots import explain  # noqa: PLC0415

    loaded = load_tree(tree)
    part = ChosenImages(data, fit).load(loaded).images
    if image >= len(part):
        raise DataError(f"--image {image}: there are {len(part)} images, numbered from 0")
    names = first, second
    with busy("connecting"):
        one = connect(_url(first, chip))
    with one, connect(_url(second, chip)) as other:
        with progress() as bar:
            chosen = part.spread(images)
            task = bar.add_task("images", total=len(chosen))
            found = compare_on(
                (one, other), names, loaded, chosen, lambda done: bar.update(task, completed=done)
            )
        if out is not None:
            from pixeltree.explain.drawing import draw_comparison  # noqa: PLC0415 - an extra

            explained = [explain(device, loaded, part.images[image]) for device in (one, other)]
            draw_comparison(planes_of_both(*explained), names).savefig(out, dpi=110)
    report(json_file, found.to_json(), lambda: _table(found.to_json()))


def _url(text: str, chip: int) -> str:
    named = text in PRESETS or (":" not in text and text.endswith(PRESET_SUFFIX))
    return f"emu:?preset={quote(text)}&chip={chip}" if named else text


def _table(figures: dict[str, Any]) -> Table:
    names = figures.pop("names")
    assert isinstance(names, list)
    table = Table("figure", *names, title=f"{figures.pop('images')} images")
    for name, value in figures.items():
        cells = value if isinstance(value, list) else [value]
        table.add_row(_TITLES[name], *(_shown(name, each) for each in cells))
    return table


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if name in ("margins", "device_us") else f"{value:.1%}"
