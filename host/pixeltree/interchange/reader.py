"""From a graph to a folded model: node by node, from the image to the logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pixeltree.arguments.files import AnyPath
from pixeltree.arguments.numbers import check_count, check_number
from pixeltree.errors import DataError, ModelError, NotExactError
from pixeltree.interchange.attributes import whole
from pixeltree.interchange.constants import fold
from pixeltree.interchange.exact import Exact
from pixeltree.interchange.file import Graph, Node, load_graph
from pixeltree.interchange.head import make_head
from pixeltree.interchange.operators import Value, apply
from pixeltree.interchange.signals import Form, Grey, Line, Past, Signal, Signs, Sums
from pixeltree.model import Convolution, FoldedModel, InputSpec
from pixeltree.model.model import INPUT_SIZES

_AFTER_LOGITS = ("Softmax", "LogSoftmax", "ArgMax")
"""Operators at the end that leave the order of the classes as it is."""


@dataclass(frozen=True)
class Imported:
    """A network that was read, and what is to be known about it.

    Attributes:
        model: what a device computes.
        layers: for each layer and the head the node of the file that ended it.
        ties: channels of all layers in which the value before the sign can be exactly 0.
        near: channels in which rounding to 32 bits may turn the sign at some sum, those with ties included.
    """

    model: FoldedModel
    layers: tuple[str, ...]
    ties: int
    near: int


def read_onnx(
    path: AnyPath,
    black: float | None = None,
    white: float | None = None,
    threshold: int | None = None,
    margin: int = 0,
) -> Imported:
    """A binary network from an ONNX file, with QONNX's quantizers or without.

    The model gives the same activations and the same decision as exact arithmetic with the file's numbers.

    Args:
        path: the file; tensors that it keeps in other files must lie in its folder.
        black: what the network's input is for brightness 0; if left out 0.
        white: the same for 255; if left out 1, as torchvision's ToTensor makes it, or 255 for an input of
            whole numbers.
        threshold: a pixel is +1 where half of its brightness is greater, 0 to 127, in place of the network's
            own threshold, and where the network takes an image of -1 and +1.
        margin: rows and columns at each edge that are black in every image, so that the model makes them -1.
            Kernels may reach over the edge of the input only as far as the margin.

    Raises:
        DataError: the file cannot be read, or an argument is out of range.
        ModelError: a node cannot be expressed: the first one, and what to change.
    """
    graph = load_graph(path)
    black = 0.0 if black is None else black
    white = white if white is not None else 255.0 if graph.whole_numbers else 1.0
    check_number("black", black)
    check_number("white", white)
    if threshold is not None:
        check_count("threshold", threshold, 0, 127)
    check_count("margin", margin, 0, 127)
    if black == white:
        raise DataError(f"black and white are both {black:g}; they must differ")
    start = _image(graph, black, white, threshold)
    last, value = _evaluate(graph, start)
    return _model(last, value, start.form.shape[1], margin)


def _image(graph: Graph, black: float, white: float, threshold: int | None) -> Grey:
    form = _form_of_input(graph)
    slope = (Fraction(white) - Fraction(black)) / 255
    return Grey(form, Past(threshold), Line(Exact.of(slope), Exact.of(black)))


def _form_of_input(graph: Graph) -> Form:
    shape = graph.shape
    if len(shape) == 4:
        batch = 1 if not shape[0] or shape[0] < 1 else shape[0]
        if shape[1] == 1 and shape[2] == shape[3] and shape[2]:
            return Form((1, shape[2], shape[2]), batch=batch)
        if shape[3] == 1 and shape[1] == shape[2] and shape[1]:
            return Form((1, shape[1], shape[1]), axes=(0, 2, 3, 1), batch=batch)
    raise ModelError(
        f"the input {graph.source!r} has shape {list(shape)}; it must be batch, 1, rows, columns, of one "
        "grey channel and as many rows as columns, and the file must say how many"
    )


def _evaluate(graph: Graph, start: Grey) -> tuple[Node, Value]:
    """The node that makes the result, and its value; nodes that the result does not need are passed over."""
    if start.form.shape[1] not in INPUT_SIZES:
        raise ModelError(
            f"the input has {start.form.shape[1]} x {start.form.shape[1]} pixels; 16 to 256 are possible"
        )
    needed = _needed(graph)
    values: dict[str, Value] = dict(graph.constants)
    values[graph.source] = start
    last = None
    for node in graph.nodes:
        if not needed.intersection(node.outputs):
            continue
        for name in node.inputs:
            if name and name not in values:
                raise node.refuse(f"nothing before it makes its input {name!r}")
        if last is not None and node.operator in _AFTER_LOGITS and graph.result in node.outputs:
            found = values.get(node.inputs[0]) if node.inputs else None
            if isinstance(found, Sums):
                _check_end(node, found)
                return last, found
        values[node.outputs[0]] = _apply(node, [values[name] if name else None for name in node.inputs])
        last = node
    if last is None or graph.result not in values:
        raise ModelError(f"no node makes the output {graph.result!r}")
    return last, values[graph.result]


def _check_end(node: Node, logits: Sums) -> None:
    axis = whole(node, "axis", 0 if node.operator == "ArgMax" else -1)
    if axis not in (1, -1) and not (axis == -3 and not logits.form.flat):
        raise node.refuse(f"it works along dimension {axis}; the classes lie along 1")
    if whole(node, "select_last_index", 0):
        raise node.refuse(
            "of equal values it takes the last, and a device the first: set select_last_index to 0"
        )


def _needed(graph: Graph) -> set[str]:
    """Names of all values on which the result depends."""
    needed = {graph.result}
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(name for name in node.inputs if name)
    return needed


def _apply(node: Node, inputs: Sequence[Value | None]) -> Value:
    """What a node makes of its inputs.

    Raises:
        ModelError: it cannot be expressed.
    """
    places = [index for index, each in enumerate(inputs) if isinstance(each, Signal)]
    constants = tuple(each for each in inputs if not isinstance(each, Signal))
    try:
        if not places:
            return fold(node, constants)
        if len(places) > 1:
            raise node.refuse(
                "it joins two values that depend on the image; a network for a node is a chain, without "
                "branches"
            )
        signal = inputs[places[0]]
        assert isinstance(signal, Signal)
        return apply(node, signal, constants, places[0])
    except NotExactError as error:
        raise node.refuse(str(error)) from error


def _model(last: Node, value: Value, size: int, margin: int) -> Imported:
    if isinstance(value, Signs):
        raise last.refuse(
            "the network ends with an activation; it must end with the values of a last layer, one for each "
            "class"
        )
    if not isinstance(value, Sums):
        raise last.refuse("the network ends before its first layer")
    past = value.past
    if not past.layers or not isinstance(past.layers[0], Convolution):
        raise last.refuse(
            "a node begins with a convolution: put one, with an activation after it, before this"
        )
    assert past.threshold is not None
    try:
        head = make_head(last, value)
        model = FoldedModel(InputSpec(size, margin, past.threshold), past.layers, head)
        _ = model.shapes
    except NotExactError as error:
        raise last.refuse(str(error)) from error
    return Imported(model, (*past.labels, last.label), past.ties, past.near)
