"""``pixeltree export``: a tree as the source of firmware."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pixeltree
from pixeltree.cli.options import OUTPUT, TreeArgument, exposure_of, load_tree
from pixeltree.cli.report import screen_beside
from pixeltree.device.exposure import wanted
from pixeltree.tree.c_source import c_source, makefile
from pixeltree_protocol.chip.exposure import DEFAULT_US


class Format(StrEnum):
    """What a tree can be written as."""

    C = "c"


def export(
    model: TreeArgument,
    out: Annotated[
        Path, OUTPUT("-o", "--out", metavar="DIR", help="Folder to write to; it is made if it is missing.")
    ],
    form: Annotated[Format, OUTPUT("--format", help="What to write.")] = Format.C,
    every_ms: Annotated[
        int,
        OUTPUT(
            "--every-ms",
            min=0,
            help="Milliseconds from one frame's start to the next; 0 starts each frame as soon as possible.",
        ),
    ] = 100,
    exposure: Annotated[
        str,
        OUTPUT(
            metavar="auto|US",
            help="Exposure of frames: auto, by the brightness of the frame before, or microseconds.",
        ),
    ] = str(DEFAULT_US),
) -> None:
    """Write a tree as C: firmware then runs it without a host, its objects in flash.

    The folder gets tree_in_flash.c and a Makefile, which needs the sources of the firmware (the folder
    firmware of the repository). A host that connects as an observer is sent every result; one that
    drives takes over.
    """
    exposed = wanted(exposure_of(exposure))
    tree = load_tree(model)
    out.mkdir(parents=True, exist_ok=True)
    (out / "tree_in_flash.c").write_text(c_source(tree, every_ms, exposed))
    (out / "Makefile").write_text(makefile(_firmware(out)))
    screen_beside(None).print(
        f"{out}: {len(tree.objects)} objects, {tree.total_bytes:,} bytes of flash. "
        f"Build it with: make -C {out} device"
    )


def _firmware(out: Path) -> str:
    """The folder of the firmware's sources, where Pixeltree runs from its repository."""
    folder = Path(pixeltree.__file__).resolve().parents[2] / "firmware"
    return os.path.relpath(folder, out.resolve()) if folder.is_dir() else "firmware"
