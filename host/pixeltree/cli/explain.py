"""``pixeltree explain``: an image's way through a tree, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixeltree.arguments.files import write_whole
from pixeltree.arguments.images import SENSOR, read_grey
from pixeltree.cli.options import IMAGES, OUTPUT, DeviceOption, JsonOption, TreeArgument, load_tree, writable
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.cli.terminal import busy
from pixeltree.device.device import connect
from pixeltree.errors import DataError
from pixeltree.tree import zoo
from pixeltree.tree.tree import GreyImage, Tree
from pixeltree_pictures import Size

_FORMATS = (".png", ".html")


def explain(
    tree: TreeArgument,
    image: Annotated[
        str,
        typer.Argument(
            help="A picture of the tree's input or of the whole sensor; or the number of a held-out image."
        ),
    ],
    out: Annotated[
        Path,
        OUTPUT(metavar="FILE", callback=writable, help="A .png, or a .html page with everything inside."),
    ],
    fit: Annotated[
        bool, IMAGES("--fit", help="Crop and scale a picture of another size to the tree's input.")
    ] = False,
    device: DeviceOption = None,
    json_file: JsonOption = None,
) -> None:
    """Draw the tree, the path that an image takes in it, and the planes of every step."""
    from pixeltree.explain.drawing import draw, png  # noqa: PLC0415 - an extra
    from pixeltree.explain.page import html  # noqa: PLC0415
    from pixeltree.explain.shots import explain as explain_on  # noqa: PLC0415

    if out.suffix.lower() not in _FORMATS:
        raise DataError(f"--out {out}: the suffix says the format; known: {', '.join(_FORMATS)}")
    screen = screen_beside(json_file)
    loaded = load_tree(tree)
    pixels = _image(loaded, tree, image, fit)
    with busy("running the tree step by step"), connect(device or "emu:") as connected:
        found = explain_on(connected, loaded, pixels)
    picture = png(draw(found))
    write_whole(out, html(found, picture).encode() if out.suffix.lower() == ".html" else picture)
    result = found.result
    path = [visit.node for visit in result.path]
    screen.print(f"{result.label_name} by {' > '.join(path)}, {result.device_us:,.1f} us of device time")
    screen.print(f"Picture: {out}", soft_wrap=True)
    figures = {"label": result.label_name, "path": path, "device_us": result.device_us, "picture": str(out)}
    write_json(json_file, figures)


def _image(tree: Tree, name: str, text: str, fit: bool) -> GreyImage:
    """The image that an argument names."""
    if text.isdecimal() and not Path(text).exists():
        images = zoo.held_out(name).images
        if int(text) >= len(images):
            raise DataError(f"{name} has {len(images)} held-out images, numbered from 0; there is no {text}")
        found: GreyImage = images[int(text)]
        return found
    size = tree.geometry.size
    wanted = Size(size, size, "the tree's input has", "--fit crops and scales")
    if fit:
        return read_grey(text, wanted, fit)
    try:
        return read_grey(text, SENSOR)
    except DataError:
        return read_grey(text, wanted)
