"""An ONNX file as a checked graph. Nothing in the file is trusted: neither sizes nor names nor paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError, ModelError, from_extra

if TYPE_CHECKING:
    import onnx

MOST_BYTES = 1 << 28
"""Of a file, and of what one tensor has beside it. A network for one node has less than 10 MB as floats."""

MOST_NODES = 1000
"""Nodes of a graph; a network of ten layers has about a hundred."""

STANDARD = ("", "ai.onnx")
"""Domains of ONNX's own operators."""

Constant = npt.NDArray[Any]
"""Values that depend on no image: of a type of :data:`_TYPES`."""

Constants = tuple[Constant | None, ...]
"""Inputs of a node; None for one that is left out."""

_TYPES = {
    number: np.dtype(name)
    for number, name in (
        (1, "<f4"), (2, "u1"), (3, "i1"), (6, "<i4"), (7, "<i8"), (9, "?"), (10, "<f2"), (11, "<f8"),
    )
}  # fmt: skip
"""Types of tensors by their numbers, ``TensorProto.DataType`` of onnx.proto."""

_EXTERNAL = 1
"""``TensorProto.DataLocation``: the values lie in another file."""


@dataclass(frozen=True)
class Node:
    """One operator of a graph.

    Attributes:
        label: number, name and operator, for messages.
        operator: what it does.
        domain: whose operator it is; "" for ONNX's own.
        inputs, outputs: names; "" for an input that is left out.
        attributes: whole numbers, floats, text, tuples of them, and arrays.
    """

    label: str
    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def refuse(self, why: str) -> ModelError:
        """The error that names this node and says what is wrong and what to change."""
        return ModelError(f"{self.label}: {why}")


@dataclass(frozen=True)
class Graph:
    """A checked graph: one input, one output, nodes in an order in which they can be computed.

    Attributes:
        source: name of its input.
        shape: of the input; None where the file does not say.
        whole_numbers: whether the input has whole numbers, as images of 8 bits have.
        result: name of its output.
        nodes: in order.
        constants: initializers, by name.
        opset: version of ONNX's own operators.
    """

    source: str
    shape: tuple[int | None, ...]
    whole_numbers: bool
    result: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant]
    opset: int


def load_graph(path: AnyPath) -> Graph:
    """Read a file.

    Raises:
        DataError: it cannot be read.
        ModelError: it is no ONNX model, or one that cannot be a network of one input and one output.
    """
    file = as_path(path)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ModelError(f"the file has more than {MOST_BYTES:,} bytes; no network of a node is so large")
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    return graph_of(data, file.parent)


def graph_of(data: bytes, folder: Path | None = None) -> Graph:
    """A graph from the bytes of a file.

    Args:
        data: of the file.
        folder: the only one in which tensors outside the file may lie; None if none may.

    Raises:
        ModelError: see :func:`load_graph`.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - onnx brings it
    except ModuleNotFoundError as error:
        raise DataError(f"reading ONNX files needs {error.name}: {from_extra('import')}") from error
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError("the file is not an ONNX model") from error
    graph = model.graph
    if not graph.node:
        raise ModelError("the file is not an ONNX model, or its graph has no nodes")
    if len(graph.node) > MOST_NODES:
        raise ModelError(f"the graph has {len(graph.node):,} nodes; {MOST_NODES:,} are the most")
    if graph.sparse_initializer or model.functions:
        raise ModelError("the file has sparse tensors or functions of its own: export it without them")
    constants = {each.name: _tensor(each, folder) for each in graph.initializer}
    sources = [each for each in graph.input if each.name not in constants]
    if len(sources) != 1 or len(graph.output) != 1:
        raise ModelError(
            f"the graph has {len(sources)} inputs and {len(graph.output)} outputs; a node has one image and "
            "one row of logits: export the network alone"
        )
    shape, whole = _input_type(sources[0])
    opset = max((each.version for each in model.opset_import if each.domain in STANDARD), default=0)
    nodes = tuple(_node(number, each, folder) for number, each in enumerate(graph.node))
    return Graph(sources[0].name, shape, whole, graph.output[0].name, nodes, constants, opset)


def _input_type(source: onnx.ValueInfoProto) -> tuple[tuple[int | None, ...], bool]:
    kind = source.type.tensor_type
    if not source.type.HasField("tensor_type") or kind.elem_type not in _TYPES:
        raise ModelError(f"the input {source.name!r} is no tensor of numbers")
    shape = tuple(each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim)
    return shape, _TYPES[kind.elem_type].kind in "iu"


def _node(number: int, node: onnx.NodeProto, folder: Path | None) -> Node:
    name = f" {node.name!r}" if node.name else ""
    label = f"node {number}{name} ({node.op_type})"
    attributes = {each.name: _attribute(label, each, folder) for each in node.attribute}
    return Node(label, node.op_type, node.domain, tuple(node.input), tuple(node.output), attributes)


_TENSOR = 4
_SINGLE = {1: "f", 2: "i", 3: "s"}
_SEVERAL = {6: "floats", 7: "ints"}
"""Fields of attributes by their kinds, ``AttributeProto.AttributeType`` of onnx.proto."""


def _attribute(label: str, attribute: onnx.AttributeProto, folder: Path | None) -> object:
    if attribute.type == _TENSOR:
        return _tensor(attribute.t, folder)
    if attribute.type in _SINGLE:
        value: object = getattr(attribute, _SINGLE[attribute.type])
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if attribute.type in _SEVERAL:
        return tuple(getattr(attribute, _SEVERAL[attribute.type]))
    raise ModelError(f"{label}: its attribute {attribute.name!r} is neither numbers nor text")


def _tensor(tensor: onnx.TensorProto, folder: Path | None) -> Constant:
    """The values of a tensor, from the file or from the folder beside it."""
    try:
        kind = _TYPES[tensor.data_type]
    except KeyError:
        raise ModelError(
            f"tensor {tensor.name!r} has type {tensor.data_type} of ONNX; floats, whole numbers of 8, 32 or "
            "64 bits and bool are known"
        ) from None
    shape = tuple(tensor.dims)
    count = math.prod(shape)
    if min(shape, default=0) < 0 or len(shape) > 8 or count * kind.itemsize > MOST_BYTES:
        raise ModelError(f"tensor {tensor.name!r} has an impossible shape: {list(shape)[:8]}")
    if tensor.data_location == _EXTERNAL:
        data = _from_folder(tensor, folder, count * kind.itemsize)
        return np.frombuffer(data, kind).reshape(shape)
    from onnx import numpy_helper  # noqa: PLC0415 - an extra

    try:
        values = np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"tensor {tensor.name!r} does not have the values of its shape {shape}") from error
    if values.shape != shape:
        raise ModelError(f"tensor {tensor.name!r} does not have the values of its shape {shape}")
    return values


def _from_folder(tensor: onnx.TensorProto, folder: Path | None, count: int) -> bytes:
    """The bytes of a tensor in a file of its own, which must lie in the model's folder or below it."""
    said = {each.key: each.value for each in tensor.external_data}
    location = said.get("location", "")
    problem = ModelError(
        f"tensor {tensor.name!r} lies outside the file, in {location!r}, where it may not be read"
    )
    if folder is None or not location or "\0" in location:
        raise problem
    try:
        home = folder.resolve()
        file = (home / location).resolve()
        if not file.is_relative_to(home) or not file.is_file():
            raise problem
        with file.open("rb") as opened:
            opened.seek(int(said.get("offset", "0")))
            data: bytes = opened.read(count)
    except (OSError, ValueError, OverflowError, RuntimeError) as error:
        raise problem from error
    if len(data) != count:
        raise ModelError(
            f"tensor {tensor.name!r} has {len(data):,} bytes in {location!r}; {count:,} were expected"
        )
    return data
