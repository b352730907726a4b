"""Options that several commands have in common, and what they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pixeltree.cli.report import check_picture, check_writable
from pixeltree.cli.terminal import Screen, busy
from pixeltree.datasets.named import NAMES, HeldOutPart, held_out_part
from pixeltree.tree import zoo
from pixeltree.tree.tree import Tree

LARGEST_SEED = 2**32 - 1
"""Every generator of random numbers that is used takes seeds up to this one."""

DEVICE = partial(typer.Option, rich_help_panel="Device")
IMAGES = partial(typer.Option, rich_help_panel="Images")
KERNEL = partial(typer.Option, rich_help_panel="Kernel")
MEASUREMENT = partial(typer.Option, rich_help_panel="Measurement")
OUTPUT = partial(typer.Option, rich_help_panel="Output")
"""Groups of options in ``--help``; those of one command are in its module."""


def finite(value: float | None) -> float | None:
    """The value of an option, unless it is no number: ``nan`` passes every comparison with a bound.

    Raises:
        typer.BadParameter: it is nan or infinite.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number; give one, as in 0.5")
    return value


def writable(path: Path | None) -> Path | None:
    """The value of an option: a file that can be written.

    Raises:
        DataError: it cannot.
    """
    if path is not None:
        check_writable(path)
    return path


def drawable(path: Path | None) -> Path | None:
    """The value of an option: a picture that can be drawn.

    Raises:
        DataError: it cannot.
    """
    if path is not None:
        check_picture(path)
    return path


def exposure_of(text: str) -> int | str:
    """What ``--exposure`` says: microseconds, ``auto`` or ``fixed``.

    Raises:
        DataError: it is none of them.
    """
    from pixeltree.device.exposure import wanted  # noqa: PLC0415 - most commands need no device

    exposure = int(text) if text.isascii() and text.isdigit() else text
    wanted(exposure)
    return exposure


TreeArgument = Annotated[
    str,
    typer.Argument(metavar="TREE", help=f"A tree file, or a tree of the package: {', '.join(zoo.names())}."),
]
KernelArgument = Annotated[
    Path, typer.Argument(help="Kernel text: calls of the kernel API, one a line or several.")
]
ParametersOption = Annotated[
    list[str] | None,
    KERNEL("--set", metavar="NAME=VALUE", help="A parameter of the kernel. Repeatable."),
]
DeviceOption = Annotated[
    str | None,
    DEVICE(
        metavar="URL",
        help="Use this device, and start no emulated one. 'pixeltree devices' lists what is here.",
    ),
]
JsonOption = Annotated[
    Path | None,
    OUTPUT(
        "--json",
        metavar="FILE",
        callback=writable,
        help="Write the figures to this file too; for '-', write them to standard output and nothing else.",
    ),
]

DataOption = Annotated[
    str | None,
    IMAGES(
        help=f"Images: {', '.join(NAMES)}, or a folder (IDX files, or one per class). "
        f"Default: those of the training, as the tree's file records them; a folder that was moved needs "
        f"its new place here."
    ),
]
ImagesOption = Annotated[int | None, IMAGES(min=1, help="Use at most this many of the test images.")]
FitOption = Annotated[
    bool | None,
    IMAGES("--fit/--no-fit", help="Crop and scale pictures to the tree's size. Default: as at training."),
]


@dataclass(frozen=True)
class ChosenImages:
    """Options that say which images a tree is tested on, and how they are read."""

    data: DataOption = None
    fit: FitOption = None
    transposed: Annotated[
        bool | None,
        IMAGES(
            "--transposed/--upright", help="Swap rows and columns of IDX images. Default: as at training."
        ),
    ] = None
    upsampling: Annotated[
        int | None,
        IMAGES(min=1, help="Enlarge IDX images or digits by this factor. Default: as at training."),
    ] = None
    data_seed: Annotated[
        int | None,
        IMAGES(help="Seed of a folder's split, or of generated images. Default: as at training."),
    ] = None
    allow_overlap: Annotated[
        bool, IMAGES("--allow-overlap", help="Measure even if test images are among the training images.")
    ] = False

    @property
    def reading(self) -> dict[str, bool | int]:
        """What of the reading is to be other than at the training."""
        changes = {
            "fit": self.fit,
            "transposed": self.transposed,
            "upsampling": self.upsampling,
            "seed": self.data_seed,
        }
        return {name: value for name, value in changes.items() if value is not None}

    def load(self, tree: Tree) -> HeldOutPart:
        """The images that the options name, by default those that the tree's file records.

        Raises:
            DataError: they cannot be loaded, or are among the images of the training.
        """
        with busy("reading the images"):
            part = held_out_part(tree.geometry.size, tree.data, self.data, self.reading)
        if not self.allow_overlap:
            part.require_apart()
        return part


def load_tree(text: str) -> Tree:
    """The tree that a :data:`TreeArgument` names.

    Raises:
        TreeError: there is none, or it cannot be read.
    """
    return Tree.load(zoo.tree_file(text))


def say(part: HeldOutPart, screen: Screen) -> None:
    """Tell how the images were read."""
    for sentence in part.sentences():
        screen.print(sentence, soft_wrap=True)
    if part.overlap:
        screen.print(
            f"warning: {part.overlap:,} of the {len(part.images):,} images are images of the training",
            style="bold red",
            soft_wrap=True,
        )
