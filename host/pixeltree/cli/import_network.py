"""``pixeltree import``: a binary network from an ONNX file as a tree of one node."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from pixeltree.arguments.files import write_whole
from pixeltree.cli.options import OUTPUT, JsonOption, finite
from pixeltree.cli.report import check_replaceable, is_standard_output, screen_beside, write_json
from pixeltree.cli.terminal import busy
from pixeltree.errors import DataError
from pixeltree.interchange import Imported, read_onnx
from pixeltree.model import Convolution, FullyConnected, encode_model
from pixeltree.train.export import one_node

_SUFFIXES = (".ptree", ".folded")
_INPUT = partial(typer.Option, rich_help_panel="Input of the network")


def import_network(
    model: Annotated[
        Path, typer.Argument(help="A binary network, ONNX, with QONNX's quantizers or without.")
    ],
    output: Annotated[
        Path,
        OUTPUT(
            "--output",
            "-o",
            metavar="FILE",
            help="The model to write: NAME.ptree, or NAME.folded to leave compilation out.",
        ),
    ],
    black: Annotated[
        float | None,
        _INPUT(
            callback=finite, help="What the network gets for a black pixel. Default: 0.", show_default=False
        ),
    ] = None,
    white: Annotated[
        float | None,
        _INPUT(
            callback=finite,
            help="What it gets for a white pixel. Default: 1, or 255 for an input of whole numbers.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        int | None,
        _INPUT(
            min=0,
            max=127,
            help="A pixel is +1 where half of its brightness is greater than this, in place of the network's "
            "own threshold, and where the network takes images of -1 and +1.",
        ),
    ] = None,
    margin: Annotated[
        int,
        _INPUT(min=0, max=127, help="Rows and columns at each edge that are black in every image."),
    ] = 0,
    classes: Annotated[
        str | None,
        OUTPUT(metavar="A,B,...", help="Names of the classes, in order. Default: their numbers, from 0 on."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Read a binary network from an ONNX file, exactly, and compile it.

    Weights must be -a or +a, and activations have two values. Batch normalization and sign become whole
    thresholds, by exact arithmetic. A network that cannot be expressed is refused: the message names the
    first node and says what to change.
    """
    if output.suffix not in _SUFFIXES:
        raise DataError(f"-o {output}: the suffix says what to make; known: {', '.join(_SUFFIXES)}")
    if is_standard_output(model):
        raise DataError("the network must be in a file: tensors may lie in files beside it")
    check_replaceable(output)
    screen = screen_beside(json_file)
    with busy("reading the network"):
        found = read_onnx(model, black, white, threshold, margin)
    figures = _figures(found)
    for number, each in enumerate(figures["layers"]):
        screen.print(f"layer {number}: {each['kind']}, from {each['node']}", soft_wrap=True)
    labels = _labels(classes, found)
    if output.suffix == ".folded":
        write_whole(output, encode_model(found.model))
    else:
        with busy("compiling"):
            one_node(output.stem, labels, found.model).save(output)
    screen.print(
        f"{output}: {found.model.outcomes} classes, input of {found.model.input.size} x "
        f"{found.model.input.size} pixels, a pixel is +1 from brightness {figures['first_grey']} on",
        soft_wrap=True,
    )
    screen.print(
        f"{figures['channels']} channels: {found.ties} with a sum at which the value is exactly 0, "
        f"{found.near} in all where a float of 32 bits may round to the other side of 0",
        soft_wrap=True,
    )
    write_json(json_file, figures)


def _figures(found: Imported) -> dict[str, Any]:
    """What was read, as JSON has it."""
    model = found.model
    layers = (*model.layers, model.head)
    head = model.head
    assert isinstance(head, FullyConnected)
    return {
        "layers": [
            {"kind": layer.kind, "node": node, "shape": list(shape)}
            for layer, node, shape in zip(
                layers, found.layers, (*model.shapes[1:], (head.outcomes, 1, 1)), strict=True
            )
        ],
        "classes": model.outcomes,
        "size": model.input.size,
        "first_grey": 2 * model.input.threshold + 2,
        "head_planes": head.planes,
        "channels": sum(len(layer.bias) for layer in model.layers if isinstance(layer, Convolution)),
        "ties": found.ties,
        "near": found.near,
    }


def _labels(classes: str | None, found: Imported) -> list[str]:
    """Names of the classes.

    Raises:
        DataError: there are more or fewer than the network tells apart.
    """
    count = found.model.outcomes
    if classes is None:
        return [str(number) for number in range(count)]
    labels = [each.strip() for each in classes.split(",")]
    if len(labels) != count or not all(labels):
        raise DataError(f"--classes names {len(labels)} classes; the network tells {count} apart")
    return labels
