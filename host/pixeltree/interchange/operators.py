"""The operators that are known, on one value that depends on the image and on constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pixeltree.interchange import pointwise, shapes
from pixeltree.interchange.activations import COMPARISONS, bipolar, compare, quant, sign
from pixeltree.interchange.attributes import whole
from pixeltree.interchange.constants import QUANTIZERS
from pixeltree.interchange.exact import ONE
from pixeltree.interchange.file import STANDARD, Constant, Constants, Node
from pixeltree.interchange.linear import connect, convolve, gemm
from pixeltree.interchange.signals import Signal, Signs

Value: TypeAlias = Signal | Constant
Operator = Callable[[Node, Signal, Constants], Value]

_FLOATS = (1, 11)
"""ONNX's numbers of the types that hold every value exactly enough: float and double."""

_ADVICE = {
    "Relu": "a ReLU has more than two values: use a binary activation, such as BipolarQuant or Sign",
    "AveragePool": "an average has more than two values: use MaxPool",
    "GlobalAveragePool": "an average has more than two values: use MaxPool",
    "MultiThreshold": "it has several thresholds: export before FINN's streamlining",
    "Trunc": "it rounds to several bits: use a binary activation",
    "FloatQuant": "it has more than two values: use a binary quantizer",
}
"""What to do instead of operators that are met often and cannot be expressed."""


def apply(node: Node, signal: Signal, constants: Constants, place: int) -> Value:
    """What a node makes of a value that depends on the image.

    Args:
        node: which.
        signal: the value.
        constants: its other inputs, in order.
        place: where the value stands among the inputs.

    Raises:
        ModelError: this cannot be expressed.
    """
    name = node.operator
    if node.domain in QUANTIZERS and name in _QUANTIZERS and not place:
        return _QUANTIZERS[name](node, signal, constants)
    if node.domain in STANDARD:
        if name in pointwise.ARITHMETIC:
            return pointwise.ARITHMETIC[name](node, signal, _given(node, constants, 0), not place)
        if name in COMPARISONS:
            return compare(node, signal, _given(node, constants, 0), not place)
        if name in _STANDARD and not place:
            return _STANDARD[name](node, signal, constants)
        if name in _STANDARD:
            raise node.refuse("what depends on the image must be its first input: exchange them")
    whose = "" if node.domain in STANDARD else f" of {node.domain[:40]!r}"
    known = ", ".join(sorted({*_STANDARD, *_QUANTIZERS, *pointwise.ARITHMETIC, *COMPARISONS}))
    raise node.refuse(
        _ADVICE.get(
            name, f"there is nothing like this operator{whose} in a binary network; known are {known}"
        )
    )


def _given(node: Node, constants: Constants, index: int) -> Constant:
    """One of a node's other inputs.

    Raises:
        ModelError: it is left out.
    """
    found = constants[index] if index < len(constants) else None
    if found is None:
        raise node.refuse(f"it lacks an input; it has {len(constants) + 1}")
    return found


def _optional(constants: Constants, index: int) -> Constant | None:
    return constants[index] if index < len(constants) else None


def _cast(node: Node, signal: Signal, constants: Constants) -> Value:
    if whole(node, "to", 0) not in _FLOATS:
        raise node.refuse("it casts to a type that rounds: cast to float")
    return signal


def _not(node: Node, signal: Signal, constants: Constants) -> Value:
    if not isinstance(signal, Signs):
        raise node.refuse("it turns round what is no comparison")
    return pointwise.negate(node, signal).shifted(node, [ONE] * signal.form.shape[0])


_STANDARD: dict[str, Operator] = {
    "BatchNormalization": pointwise.normalize,
    "Cast": _cast,
    "Clip": pointwise.clip,
    "Conv": lambda node, signal, others: convolve(
        node, signal, _given(node, others, 0), _optional(others, 1)
    ),
    "Dropout": lambda node, signal, others: signal,
    "Flatten": lambda node, signal, others: shapes.flatten(node, signal),
    "Gemm": lambda node, signal, others: gemm(node, signal, _given(node, others, 0), _optional(others, 1)),
    "GlobalMaxPool": lambda node, signal, others: shapes.max_pool(node, signal, everything=True),
    "Identity": lambda node, signal, others: signal,
    "MatMul": lambda node, signal, others: connect(node, signal, _given(node, others, 0).T),
    "MaxPool": lambda node, signal, others: shapes.max_pool(node, signal),
    "Neg": lambda node, signal, others: pointwise.negate(node, signal),
    "Not": _not,
    "Pad": lambda node, signal, others: shapes.pad(node, signal, _optional(others, 0), _optional(others, 1)),
    "Reshape": lambda node, signal, others: shapes.reshape(node, signal, _optional(others, 0)),
    "Shape": lambda node, signal, others: shapes.sizes_of(signal),
    "Sign": sign,
    "Squeeze": lambda node, signal, others: shapes.squeeze(node, signal, _optional(others, 0)),
    "Tanh": lambda node, signal, others: pointwise.bend(node, signal),
    "Transpose": lambda node, signal, others: shapes.transpose(node, signal),
    "Where": lambda node, signal, others: pointwise.where(
        node, signal, _given(node, others, 0), _given(node, others, 1)
    ),
}

_QUANTIZERS: dict[str, Operator] = {"BipolarQuant": bipolar, "IntQuant": quant, "Quant": quant}
