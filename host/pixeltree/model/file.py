"""Folded models as bytes: JSON that a person can read, signs packed eight to a byte.

Signs travel as base64, least significant bit first in array order, 1 for +1; weights of several
planes of signs plane by plane, the one that counts 1 first; ternary weights, of a layer that says that it has
them, five to a byte. Equal models give equal bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree.model.geometry import ConvolutionGeometry, HeatMapGeometry, Pooling, Weights
from pixeltree.model.layers import Convolution, FullyConnected, HeatMap, Layer
from pixeltree.model.model import FoldedModel, Head, InputSpec
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES
from pixeltree_protocol.objects.ternary import pack_ternary, unpack_ternary

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = "pixeltree folded model"
VERSION = 1

_TERNARY = "ternary"
"""True in the entry of a layer with ternary weights; others have no such field."""

_OR = "or"
"""The kind of pooling in the file; there is no other."""


def encode_model(model: FoldedModel, data: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a model.

    Args:
        model: the model.
        data: what to keep beside it of the images that it was made with; :func:`decode_model` passes it over.
    """
    description = {
        "format": FORMAT,
        "version": VERSION,
        "input": fields_of(model.input),
        "layers": [_layer(layer) for layer in model.layers],
        "head": _layer(model.head),
    }
    if data is not None:
        description["data"] = data
    return json.dumps(description, sort_keys=True, separators=(",", ":")).encode()


def decode_model(data: bytes) -> FoldedModel:
    """A model from its bytes.

    Raises:
        ModelError: the bytes are not a model, or not a possible one.
    """
    try:
        description = json.loads(data)
        if description["format"] != FORMAT or description["version"] != VERSION:
            raise ModelError(f"the file is not a {FORMAT} of version {VERSION}")
        layers = tuple(_read(entry) for entry in description["layers"])
        head = _read(description["head"])
        if not isinstance(head, FullyConnected | HeatMap):
            raise ModelError("the head is neither fully connected nor a heat map")
        if not all(isinstance(layer, Convolution | Pooling) for layer in layers):
            raise ModelError("a layer is neither a convolution nor a pooling")
        return FoldedModel(InputSpec(**description["input"]), layers, head)  # type: ignore[arg-type]
    except ModelError:
        raise
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        OverflowError,
        ObjectError,
        binascii.Error,
    ) as error:
        raise ModelError(f"the folded model is malformed: {error!r}") from error


def data_of(data: bytes) -> dict[str, Any] | None:
    """What a model's bytes keep of the images that it was made with; None if nothing.

    Raises:
        ModelError: the bytes are not JSON of a model.
    """
    try:
        found = json.loads(data).get("data")
    except (ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"the folded model is malformed: {error!r}") from error
    return found if isinstance(found, dict) else None


def fields_of(record: DataclassInstance) -> dict[str, Any]:
    """The fields of an input, ``excess`` only if it is not 0: older models and trees keep their bytes."""
    return {name: value for name, value in asdict(record).items() if name != "excess" or value}


def _layer(layer: Layer | Head) -> dict[str, Any]:
    if isinstance(layer, Pooling):
        return {"type": layer.kind, "kind": _OR, "side": layer.side}
    entry: dict[str, Any] = {"shape": list(layer.weights.shape), "bias": layer.bias.tolist()}
    if layer.geometry.weights is Weights.TERNARY:
        packed = base64.b64encode(pack_ternary(layer.weights.ravel())).decode()
        entry |= {_TERNARY: True, "weights": packed}
    else:
        entry["weights"] = _pack(layer.weights)
    if isinstance(layer, FullyConnected):
        return {"type": layer.kind, **entry, **_planes(layer)}
    before, after = layer.geometry.borders
    entry |= {"type": layer.kind, "stride": layer.geometry.stride, "before": before, "after": after}
    if isinstance(layer, HeatMap):
        return entry
    return {**entry, "falling": layer.falling.tolist(), "groups": layer.geometry.groups}


def _read(entry: dict[str, Any]) -> Layer | Head:
    kind = entry["type"]
    if kind == "pooling":
        if entry["kind"] != _OR:
            raise ModelError(f"pooling is {_OR}, not {entry['kind']!r}")
        return Pooling(_whole(entry["side"]))
    shape = tuple(_whole(side) for side in entry["shape"])
    is_ternary = bool(entry.get(_TERNARY))
    if is_ternary:
        count = int(np.prod(shape, dtype=np.int64))
        weights = unpack_ternary(base64.b64decode(entry["weights"], validate=True), count).reshape(shape)
    elif kind == "fully connected" and "planes" in entry:
        weights = _unpack_planes(entry["weights"], _whole(entry["planes"]), shape)
    else:
        weights = _unpack(entry["weights"], shape)
    bias = np.array([_whole(value) for value in entry["bias"]], np.int32)
    if kind == "fully connected":
        return FullyConnected(weights, bias)
    borders = {name: _whole(entry[name]) for name in ("stride", "before", "after")}
    channels, _, kernel, _ = shape
    of = Weights.TERNARY if is_ternary else Weights.BINARY
    if kind == HeatMapGeometry.kind:
        return HeatMap(HeatMapGeometry(kernel, weights=of, **borders), weights, bias)
    if kind != ConvolutionGeometry.kind:
        raise ModelError(f"there is no kind of layer {kind!r}")
    geometry = ConvolutionGeometry(channels, kernel, groups=_whole(entry["groups"]), weights=of, **borders)
    return Convolution(geometry, weights, bias, np.array(entry["falling"], np.bool_))


def _planes(layer: FullyConnected) -> dict[str, Any]:
    """Further fields of a layer's entry, if its weights have several planes: these planes, joined."""
    if layer.planes == 1:
        return {}
    return {"planes": layer.planes, "weights": _pack(layer.signs().astype(np.int8))}


def _unpack_planes(text: str, planes: int, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    if not 2 <= planes <= MOST_WEIGHT_PLANES:
        raise ModelError(
            f"{planes} planes of weights; a layer that says how many has 2 to {MOST_WEIGHT_PLANES}"
        )
    signs = _unpack(text, (planes, *shape)).astype(np.int16)
    return np.asarray(np.tensordot(1 << np.arange(planes), signs, axes=1), np.int8)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ModelError(f"a whole number was expected, not {value!r}")
    return value


def _pack(signs: npt.NDArray[np.int8]) -> str:
    return base64.b64encode(np.packbits(signs.ravel() > 0, bitorder="little").tobytes()).decode()


def _unpack(text: str, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    count = int(np.prod(shape, dtype=np.int64))
    data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(data) != (count + 7) // 8:
        raise ModelError(f"signs of shape {shape} came with {len(data)} bytes")
    bits = np.unpackbits(data, count=count, bitorder="little").astype(np.int8)
    return (bits * 2 - 1).reshape(shape)
