"""What a graph computes without the image: weights after their quantizer, shapes, sums of constants.

Values are computed in their own type, as ONNX says, because that is what the network was trained with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pixeltree.errors import ModelError
from pixeltree.interchange.attributes import axes_of, few, one_of, permutation, target_sizes, whole
from pixeltree.interchange.file import MOST_BYTES, STANDARD, Constant, Constants, Node

QUANTIZERS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas", "finn")
"""Domains of QONNX's quantizers, those that older versions wrote among them."""

MOST_FILLED = 4096
"""Numbers that ConstantOfShape makes: sizes of paddings, for example."""

Fold = Callable[[Node, Sequence[Constant]], Constant]


def fold(node: Node, inputs: Constants) -> Constant:
    """The value of a node of which no input depends on the image.

    Args:
        node: which.
        inputs: its inputs; None for one that is left out.

    Raises:
        ModelError: it cannot be computed, or is too large.
    """
    table = _STANDARD if node.domain in STANDARD else _QUANTIZERS if node.domain in QUANTIZERS else {}
    if node.operator not in table:
        raise node.refuse(
            "this operator on constants is not known: export the network with its constants folded "
            "(torch.onnx.export does so by itself)"
        )
    function, least = table[node.operator]
    values = [each for each in inputs if each is not None]
    if len(values) < max(least, len(inputs)):
        raise node.refuse(f"it has {len(values)} inputs; it needs at least {least}")
    try:
        size = math.prod(np.broadcast_shapes(*(each.shape for each in values))) if least == 2 else 0
        if size * 8 > MOST_BYTES:
            raise node.refuse(f"its result has {size:,} numbers, which is too many")
        with np.errstate(all="ignore"):
            return np.asarray(function(node, values))
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        if isinstance(error, ModelError):
            raise
        raise node.refuse(f"it does not fit its inputs: {error}") from error


def _arithmetic(operation: Callable[[Constant, Constant], Constant]) -> Fold:
    def apply(node: Node, inputs: Sequence[Constant]) -> Constant:
        first, second = inputs[:2]
        return operation(first, second).astype(first.dtype)

    return apply


def _divide(node: Node, inputs: Sequence[Constant]) -> Constant:
    first, second = inputs[:2]
    if first.dtype.kind != "f":
        raise node.refuse("it divides whole numbers: export the network with its constants folded")
    return np.asarray((first / second).astype(first.dtype))


def _constant(node: Node, inputs: Sequence[Constant]) -> Constant:
    for name, kind in (("value", None), ("value_float", np.float32), ("value_int", np.int64)):
        if name in node.attributes:
            return np.asarray(node.attributes[name], kind)
    for name, kind in (("value_floats", np.float32), ("value_ints", np.int64)):
        if name in node.attributes:
            return np.asarray(node.attributes[name], kind)
    raise node.refuse("it has no value of numbers")


_CASTS = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
"""ONNX's numbers of types."""


def _cast(node: Node, inputs: Sequence[Constant]) -> Constant:
    kind = whole(node, "to", 0)
    if kind not in _CASTS:
        raise node.refuse(f"it casts to type {kind} of ONNX; floats, whole numbers and bool are known")
    return inputs[0].astype(_CASTS[kind])


def _transpose(node: Node, inputs: Sequence[Constant]) -> Constant:
    return inputs[0].transpose(permutation(node, inputs[0].ndim))


def _reshape(node: Node, inputs: Sequence[Constant]) -> Constant:
    return inputs[0].reshape(target_sizes(node, inputs[0].shape, inputs[1]))


def _squeeze(node: Node, inputs: Sequence[Constant]) -> Constant:
    axes = axes_of(node, inputs[1] if len(inputs) > 1 else None)
    return inputs[0].squeeze(axes or None)


def _unsqueeze(node: Node, inputs: Sequence[Constant]) -> Constant:
    return np.expand_dims(inputs[0], axes_of(node, inputs[1] if len(inputs) > 1 else None))


def _flatten(node: Node, inputs: Sequence[Constant]) -> Constant:
    axis = whole(node, "axis", 1)
    return np.reshape(inputs[0], (math.prod(inputs[0].shape[:axis]), -1))


def _gather(node: Node, inputs: Sequence[Constant]) -> Constant:
    if inputs[0].ndim != 1 or inputs[1].ndim > 1 or inputs[1].size > 8:
        raise node.refuse("only numbers of a shape are gathered here")
    return np.asarray(inputs[0][inputs[1]])


def _concat(node: Node, inputs: Sequence[Constant]) -> Constant:
    if any(each.ndim != 1 or each.size > 8 for each in inputs) or len(inputs) > 8:
        raise node.refuse("only shapes are joined here")
    return np.concatenate(inputs)


def _filled(node: Node, inputs: Sequence[Constant]) -> Constant:
    """ONNX's ConstantOfShape."""
    sizes = few(node, inputs[0])
    if math.prod(sizes) > MOST_FILLED:
        raise node.refuse(f"it makes {math.prod(sizes):,} equal numbers, which is too many")
    return np.full(sizes, np.ravel(node.attributes.get("value", np.zeros(1, np.float32)))[0])


def _slice(node: Node, inputs: Sequence[Constant]) -> Constant:
    starts, ends, axes, steps = (
        few(node, each) if each is not None else None for each in (*inputs[1:], *(None,) * 4)[:4]
    )
    if starts is None or ends is None or axes != (0,) or len(starts) != 1 or len(ends) != 1:
        raise node.refuse("only the first dimension of constants is cut here")
    return inputs[0][slice(starts[0], ends[0], steps[0] if steps else 1)]


def _bipolar(node: Node, inputs: Sequence[Constant]) -> Constant:
    values, scale = inputs[:2]
    return np.asarray(np.where(values >= 0, scale, -scale), values.dtype)


def _quantized(node: Node, inputs: Sequence[Constant]) -> Constant:
    """QONNX's Quant: rounded, limited, and scaled back; with one signed bit it is bipolar."""
    if len(inputs) < 4 or any(each.size != 1 for each in inputs[2:4]):
        raise node.refuse("it needs one zero point and one number of bits")
    values, scale, (zero,), (bits,) = inputs[0], inputs[1], inputs[2].ravel(), inputs[3].ravel()
    signed, narrow = whole(node, "signed", 1), whole(node, "narrow", 0)
    if bits not in range(1, 33):
        raise node.refuse(f"it has {bits} bits; 1 to 32 are known")
    if bits == 1 and signed:
        upper, lower = (1 - zero) * scale, (-1 - zero) * scale
        return np.asarray(np.where(values / scale + zero >= 0, upper, lower), values.dtype)
    if one_of(node, "rounding_mode", "ROUND").upper() not in ("ROUND", "HALF_EVEN"):
        raise node.refuse("its rounding mode is not ROUND")
    least = -(2.0 ** (bits - 1)) + narrow if signed else 0.0
    most = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1 - narrow
    steps = np.round(np.clip(values / scale + zero, least, most))
    return np.asarray(((steps - zero) * scale).astype(values.dtype))


_STANDARD: dict[str, tuple[Fold, int]] = {
    "Constant": (_constant, 0),
    "Identity": (lambda node, inputs: inputs[0], 1),
    "Cast": (_cast, 1),
    "Neg": (lambda node, inputs: -inputs[0], 1),
    "Sqrt": (lambda node, inputs: np.sqrt(inputs[0]), 1),
    "Sign": (lambda node, inputs: np.sign(inputs[0]), 1),
    "Add": (_arithmetic(np.add), 2),
    "Sub": (_arithmetic(np.subtract), 2),
    "Mul": (_arithmetic(np.multiply), 2),
    "Div": (_divide, 2),
    "Transpose": (_transpose, 1),
    "Reshape": (_reshape, 1),
    "Flatten": (_flatten, 1),
    "Squeeze": (_squeeze, 1),
    "Unsqueeze": (_unsqueeze, 1),
    "ConstantOfShape": (_filled, 1),
    "Slice": (_slice, 1),
    "Gather": (_gather, 1),
    "Concat": (_concat, 1),
}
"""Operators, and how many inputs each needs; those with two are arithmetic, with broadcasting."""

_QUANTIZERS: dict[str, tuple[Fold, int]] = {
    "BipolarQuant": (_bipolar, 2),
    "Quant": (_quantized, 2),
    "IntQuant": (_quantized, 2),
}
