"""Options with which commands choose the images to evaluate a tree on."""

from __future__ import annotations

from typing import Annotated

import typer

from pixeltree.cli.terminal import Screen
from pixeltree.datasets.named import NAMES, HeldOutPart, held_out_part
from pixeltree.tree.tree import Tree

DataOption = Annotated[
    str | None,
    typer.Option(
        help=f"Images: {', '.join(NAMES)}, or a folder (IDX files, or one per class). "
        f"Default: those of the training, as the tree's file records them; a folder that was moved needs "
        f"its new place here."
    ),
]
FitOption = Annotated[
    bool | None,
    typer.Option(
        "--fit/--no-fit", help="Crop and scale pictures to the tree's size. Default: as at training."
    ),
]
TransposedOption = Annotated[
    bool | None,
    typer.Option(
        "--transposed/--upright", help="Swap rows and columns of IDX images. Default: as at training."
    ),
]
UpsamplingOption = Annotated[
    int | None,
    typer.Option(min=1, help="Enlarge IDX images or digits so many times. Default: as at training."),
]
DataSeedOption = Annotated[
    int | None,
    typer.Option(help="Seed of a folder's split, or of generated images. Default: as at training."),
]
OverlapOption = Annotated[
    bool,
    typer.Option("--allow-overlap", help="Go on where test images are among the images of the training."),
]


def chosen_images(
    tree: Tree,
    data: str | None,
    fit: bool | None,
    transposed: bool | None,
    upsampling: int | None,
    data_seed: int | None,
    allow_overlap: bool,
) -> HeldOutPart:
    """The images that the options name, by default those that the tree's file records.

    Raises:
        DataError: they cannot be loaded, or are among the images of the training.
    """
    options = {"fit": fit, "transposed": transposed, "upsampling": upsampling, "seed": data_seed}
    changes = {name: value for name, value in options.items() if value is not None}
    part = held_out_part(tree.geometry.size, tree.data, data, changes)
    if not allow_overlap:
        part.require_apart()
    return part


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
