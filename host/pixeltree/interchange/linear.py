"""Convolutions and fully connected layers: weights become signs, and what multiplies them becomes a line.

Where the bits X stand for the values m + d X, a layer with weights a w, w being -1 or +1, gives

    sum of a w (m + d X)  =  a d s + a (sum of m w),   s = sum of w X

so any two values of an activation will do, and 0 and 1 among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree.interchange.attributes import one_of, real, whole, wholes
from pixeltree.interchange.exact import ONE, Exact
from pixeltree.interchange.file import Constant, Node
from pixeltree.interchange.signals import Form, Line, Signal, Signs, Sums
from pixeltree.model import ConvolutionGeometry

MOST_CHANNELS = 1024
"""Outputs of a layer that are looked at; an array holds no more at once than 256."""

_LARGEST_WEIGHT = 127
_MOST_MAGNITUDES = 64


def convolve(node: Node, signal: Signal, weights: Constant, bias: Constant | None) -> Sums:
    """A convolution.

    Raises:
        ModelError: it cannot be expressed.
    """
    signs = _signs_before(node, signal)
    signs.form.in_order(node)
    if weights.ndim != 4 or not weights.size or weights.shape[2] != weights.shape[3]:
        raise node.refuse(
            f"its weights have shape {weights.shape}; kernels must be square, of rows and columns"
        )
    outputs, inputs, side, _ = weights.shape
    groups = whole(node, "group", 1)
    if wholes(node, "dilations", (1, 1)) != (1, 1):
        raise node.refuse("its kernels are dilated: give it dilation 1")
    stride, across = wholes(node, "strides", (1, 1))
    if stride != across:
        raise node.refuse(f"its strides are {stride} and {across}; rows and columns must have the same")
    before, after = _borders(node, signs, side, stride)
    try:
        geometry = ConvolutionGeometry(outputs, side, stride, groups, before, after)
        shape = geometry.output_shape(signs.form.shape)
        if geometry.weight_shape(signs.form.shape) != weights.shape:
            raise node.refuse(
                f"its weights are for {inputs * groups} channels; it gets {signs.form.shape[0]}"
            )
    except ModelError as error:
        if str(error).startswith(node.label):
            raise
        raise node.refuse(str(error)) from error
    seen = np.arange(signs.form.shape[0]).reshape(groups, -1).repeat(outputs // groups, axis=0)
    sums = _layer(node, signs, weights, seen, replace(signs.form, shape=shape), geometry)
    return sums if bias is None else sums.shifted(node, sums.form.by_channel(node, bias.reshape(-1, 1, 1)))


def connect(node: Node, signal: Signal, weights: Constant, bias: Constant | None = None) -> Sums:
    """A fully connected layer.

    Args:
        node: whose layer it is.
        signal: what it sees.
        weights: (outputs, inputs).
        bias: what is added to its outputs; None for nothing.

    Raises:
        ModelError: it cannot be expressed.
    """
    signs = _signs_before(node, signal)
    form = signs.form
    if not form.flat:
        raise node.refuse("its input is a feature map: flatten it before")
    if signs.before or signs.after:
        raise node.refuse("its input has a border of padding: leave it out")
    if weights.ndim != 2 or weights.shape[1] != math.prod(form.shape) or not weights.size:
        raise node.refuse(
            f"its weights have shape {weights.shape}; it gets {math.prod(form.shape)} activations"
        )
    outputs = len(weights)
    order = [axis for axis in form.axes if axis]
    kernels = weights.reshape(outputs, *((0, *form.shape)[axis] for axis in order))
    kernels = kernels.transpose(0, *(1 + order.index(axis) for axis in (1, 2, 3)))
    seen = np.arange(form.shape[0])[None].repeat(outputs, axis=0)
    flat = Form((outputs, 1, 1), flat=True, batch=form.batch)
    sums = _layer(node, signs, kernels, seen, flat, None)
    return sums if bias is None else sums.shifted(node, flat.by_channel(node, bias))


def gemm(node: Node, signal: Signal, weights: Constant, bias: Constant | None) -> Sums:
    """ONNX's Gemm: alpha x W + beta b.

    Raises:
        ModelError: it cannot be expressed.
    """
    if whole(node, "transA", 0):
        raise node.refuse("it transposes the activations (transA): export it without")
    weights = weights if whole(node, "transB", 0) else weights.T
    sums = connect(node, signal, weights)
    channels = sums.form.shape[0]
    sums = sums.scaled(node, [Exact.of(real(node, "alpha", 1.0))] * channels)
    if bias is None:
        return sums
    beta = Exact.of(real(node, "beta", 1.0))
    return sums.shifted(node, [each * beta for each in sums.form.by_channel(node, bias)])


def _signs_before(node: Node, signal: Signal) -> Signs:
    """What a layer sees, which must be signs."""
    if isinstance(signal, Signs):
        return signal
    if isinstance(signal, Sums):
        raise node.refuse(
            "it sees sums, and the array computes with signs alone: put a binary activation before it"
        )
    if signal.past.threshold is None:
        raise node.refuse(
            "it sees grey levels, and the array computes with signs alone: put a binary activation before "
            "the first layer, or say at which level an image that it was trained with was made -1 and +1 "
            "(--threshold)"
        )
    return Signs(signal.form, signal.past, (-ONE,), (ONE,))


def _borders(node: Node, signs: Signs, side: int, stride: int) -> tuple[int, int]:
    """Rows of padding before and after, those of a Pad node before it included."""
    automatic = one_of(node, "auto_pad", "NOTSET")
    top, left, bottom, right = wholes(node, "pads", (0, 0, 0, 0))
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        needed = [max((-(-size // stride) - 1) * stride + side - size, 0) for size in signs.form.shape[1:]]
        less, more = [each // 2 for each in needed], [each - each // 2 for each in needed]
        (top, left), (bottom, right) = (less, more) if automatic == "SAME_UPPER" else (more, less)
    elif automatic not in ("NOTSET", "VALID"):
        raise node.refuse(f"its auto_pad is {automatic[:20]!r}, which ONNX does not know")
    if top != left or bottom != right:
        raise node.refuse(
            f"it pads by {top}, {left}, {bottom}, {right} (top, left, bottom, right); rows and columns must "
            "be padded alike"
        )
    if top or bottom:
        refuse_padding(node, signs, Exact.of(0.0))
    return signs.before + top, signs.after + bottom


def refuse_padding(node: Node, signs: Signs, value: Exact) -> None:
    """Refuse padding with another value than that of bit 0, which is what the array has beyond a map.

    Raises:
        ModelError: it has another.
    """
    other = [low for low in signs.low if (low - value).sign()]
    if other:
        raise node.refuse(
            f"it pads with {float(value):g}, and beyond a map the array has what bit 0 stands for, here "
            f"{float(other[0]):g}: give it padding 0, or pad with that before it (in PyTorch "
            f"nn.ConstantPad2d(1, {float(other[0]):g}))"
        )


def _layer(
    node: Node,
    signs: Signs,
    kernels: Constant,
    seen: npt.NDArray[np.int64],
    form: Form,
    geometry: ConvolutionGeometry | None,
) -> Sums:
    """Sums of a layer.

    Args:
        node: whose they are.
        signs: what it sees.
        kernels: (outputs, inputs, rows, columns).
        seen: (outputs, inputs), the channel that each kernel's part sees.
        form: of the sums.
        geometry: of a convolution.
    """
    if len(kernels) > MOST_CHANNELS:
        raise node.refuse(f"it has {len(kernels):,} outputs; {MOST_CHANNELS:,} are the most")
    weights, scales = _whole_weights(node, kernels)
    half = Exact.of(Fraction(1, 2))
    heights = [(high - low) * half for low, high in zip(signs.low, signs.high, strict=True)]
    height = heights[0] if heights[0].sign() > 0 else -heights[0]
    if any((each - height).sign() and (each + height).sign() for each in heights):
        raise node.refuse(
            "the channels of its input have different values for +1, so that its weights are not binary: "
            "leave out what scales single channels between the activation and this layer"
        )
    middles = [(high + low) * half for low, high in zip(signs.low, signs.high, strict=True)]
    offsets = _offsets(weights, seen, middles)
    turned = np.array([each.sign() for each in heights], np.int8)[seen]
    lines = tuple(
        Line(scale * height, scale * offset, abs(float(scale * offset)))
        for scale, offset in zip(scales, offsets, strict=True)
    )
    rounds = any(not _is_power_of_two(scale * height) for scale in scales)
    rounding = weights[0].size if rounds or any(middle.sign() for middle in middles) else 0
    weights = np.ascontiguousarray(weights * turned[:, :, None, None])
    return Sums(form, signs.past, geometry, weights, lines, rounding=rounding)


def _offsets(
    weights: npt.NDArray[np.int8], seen: npt.NDArray[np.int64], middles: Sequence[Exact]
) -> list[Exact]:
    """For each output the sum of m w."""
    zero = Exact.of(0.0)
    if all((middle - middles[0]).sign() == 0 for middle in middles):
        totals = weights.astype(np.int64).sum(axis=(1, 2, 3)).tolist()
        return [middles[0] * Exact.of(Fraction(total)) for total in totals]
    totals = weights.astype(np.int64).sum(axis=(2, 3)).tolist()
    return [
        sum((middles[c] * Exact.of(Fraction(n)) for c, n in zip(channels, row, strict=True)), zero)
        for channels, row in zip(seen.tolist(), totals, strict=True)
    ]


def _whole_weights(node: Node, kernels: Constant) -> tuple[npt.NDArray[np.int8], list[Exact]]:
    """Odd whole numbers, and for each output what they are multiplied by.

    Raises:
        ModelError: the weights are no multiples of odd numbers.
    """
    if kernels.dtype.kind not in "fi" or not np.all(np.isfinite(kernels)):
        raise node.refuse("its weights must be finite numbers")
    weights = np.empty(kernels.shape, np.int8)
    scales = []
    for output, kernel in enumerate(kernels.astype(np.float64)):
        magnitudes = np.unique(np.abs(kernel))
        if not magnitudes[0] or len(magnitudes) > _MOST_MAGNITUDES:
            raise node.refuse(_not_binary(output, magnitudes))
        unit = _common_part([Fraction(each) for each in magnitudes.tolist()])
        multiples = [Fraction(each) / unit for each in magnitudes.tolist()]
        if any(each % 2 == 0 or each > _LARGEST_WEIGHT for each in multiples):
            raise node.refuse(_not_binary(output, magnitudes))
        steps = np.array([int(each) for each in multiples], np.int16)[
            np.searchsorted(magnitudes, np.abs(kernel))
        ]
        weights[output] = np.where(kernel < 0, -steps, steps)
        scales.append(Exact.of(unit))
    return weights, scales


def _not_binary(output: int, magnitudes: npt.NDArray[np.float64]) -> str:
    some = ", ".join(f"{each:g}" for each in magnitudes[:4])
    more = ", ..." if len(magnitudes) > 4 else ""
    return (
        f"the weights of output {output} are not binary: their absolute values are {some}{more}. They must "
        "be -a or +a: quantize them to one bit (in Brevitas SignedBinaryWeightPerTensorConst)"
    )


def _common_part(values: Sequence[Fraction]) -> Fraction:
    """The greatest number of which all are whole multiples."""
    below = math.lcm(*(each.denominator for each in values))
    return Fraction(math.gcd(*(int(each * below) for each in values)), below)


def _is_power_of_two(value: Exact) -> bool:
    number = value.rational
    return not value.factor and all(
        each & (each - 1) == 0 for each in (abs(number.numerator), number.denominator)
    )
