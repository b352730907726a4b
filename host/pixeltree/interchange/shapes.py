"""What moves values and does not change them: pooling, padding, transposing, flattening."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pixeltree.errors import ModelError
from pixeltree.interchange.attributes import (
    axes_of,
    few,
    one_of,
    permutation,
    scalar,
    target_sizes,
    whole,
    wholes,
)
from pixeltree.interchange.exact import Exact
from pixeltree.interchange.file import Constant, Node
from pixeltree.interchange.linear import refuse_padding
from pixeltree.interchange.signals import Form, Grey, Signal, Signs, Sums
from pixeltree.model import Pooling


def max_pool(node: Node, signal: Signal, everything: bool = False) -> Signs | Sums:
    """The greatest value of each cell.

    Args:
        node: whose pooling it is.
        signal: what it sees.
        everything: whether the whole map is one cell, whatever the attributes say.

    Raises:
        ModelError: cells overlap, are padded, or are not square; the least bit decides and not the greatest.
    """
    if isinstance(signal, Grey):
        raise node.refuse("it pools grey levels: put a binary activation and a convolution before it")
    signal.form.in_order(node)
    if isinstance(signal, Signs) and (signal.before or signal.after):
        raise node.refuse("its input has a border of padding: put the padding after the pooling")
    pooling = _cell(node, signal.form.shape[1:]) if everything else _cells(node, signal.form)
    try:
        shape = pooling.output_shape(signal.form.shape)
    except ModelError as error:
        raise node.refuse(str(error)) from error
    form = replace(signal.form, shape=shape)
    if isinstance(signal, Sums):
        return replace(signal, form=form, pools=(*signal.pools, pooling.side))
    turned = [
        number for number, (low, high) in enumerate(zip(signal.low, signal.high, strict=True))
        if (high - low).sign() < 0
    ]  # fmt: skip
    if turned:
        raise node.refuse(
            f"in channel {turned[0]} the bit 0 has the greater value here, and the array pools ones: put the "
            "MaxPool directly after the activation"
        )
    return replace(signal, form=form, past=signal.past.with_layers(node, pooling))


def _cells(node: Node, form: Form) -> Pooling:
    """The cells that the attributes describe."""
    side, across = wholes(node, "kernel_shape", (0, 0))
    if wholes(node, "dilations", (1, 1)) != (1, 1) or any(wholes(node, "pads", (0, 0, 0, 0))):
        raise node.refuse("its cells are dilated or padded: give it padding 0 and dilation 1")
    if one_of(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.refuse("it pads by itself (auto_pad): give it padding 0")
    if wholes(node, "strides", (1, 1)) != (side, across):
        raise node.refuse(
            f"its stride {wholes(node, 'strides', (1, 1))} is not the side of its cells {(side, across)}: "
            "cells must not overlap"
        )
    if whole(node, "ceil_mode", 0) and any(side and size % side for size in form.shape[1:]):
        raise node.refuse("it keeps incomplete cells at the edge (ceil_mode): set it to 0")
    return _cell(node, (side, across))


def _cell(node: Node, sides: tuple[int, ...]) -> Pooling:
    if sides[0] != sides[1]:
        raise node.refuse(f"its cells have {sides[0]} x {sides[1]} pixels; they must be square")
    try:
        return Pooling(sides[0])
    except ModelError as error:
        raise node.refuse(str(error)) from error


def pad(node: Node, signal: Signal, sizes: Constant | None, value: Constant | None) -> Signs:
    """A border of a constant.

    Raises:
        ModelError: it is not the value that the array has beyond a map.
    """
    if one_of(node, "mode", "constant") != "constant":
        raise node.refuse("it pads with what is inside the map: pad with a constant")
    if not isinstance(signal, Signs):
        raise node.refuse("it pads what are not signs: put it after a binary activation")
    signal.form.in_order(node)
    pads = few(node, sizes) if sizes is not None else wholes(node, "pads", (0,) * 8)
    if len(pads) != 8 or any(pads[index] for index in (0, 1, 4, 5)) or min(pads) < 0:
        raise node.refuse(f"it pads by {pads}; only rows and columns can be padded, and not cut")
    (top, left), (bottom, right) = pads[2:4], pads[6:8]
    if top != left or bottom != right:
        raise node.refuse(
            f"it pads by {top}, {left}, {bottom}, {right}; rows and columns must be padded alike"
        )
    given = scalar(node, value, "value") if value is not None else 0.0
    refuse_padding(node, signal, Exact.of(given))
    return replace(signal, before=signal.before + top, after=signal.after + bottom)


def transpose(node: Node, signal: Signal) -> Signal:
    """Another order of the dimensions, which is remembered until it matters."""
    form = signal.form
    order = permutation(node, len(form.sizes))
    if form.flat:
        if order != (0, 1):
            raise node.refuse("it exchanges the batch and the activations: leave it out")
        return signal
    return replace(signal, form=replace(form, axes=tuple(form.axes[axis] for axis in order)))


def flatten(node: Node, signal: Signal) -> Signal:
    """All but the batch in one dimension."""
    form = signal.form
    axis = whole(node, "axis", 1)
    if axis not in (1, 1 - len(form.sizes)):
        raise node.refuse(f"it flattens from dimension {axis} on, and it must be 1")
    return _flat(node, signal)


def _flat(node: Node, signal: Signal) -> Signal:
    form = signal.form
    if form.flat:
        return signal
    if form.axes[0]:
        raise node.refuse("it mixes the batch with the image")
    return replace(signal, form=replace(form, flat=True))


def reshape(node: Node, signal: Signal, target: Constant | None) -> Signal:
    """Flattening, or nothing.

    Raises:
        ModelError: it is another change of shape.
    """
    if target is None:
        raise node.refuse("the shape that it makes depends on the image: fold constants in the export")
    sizes = signal.form.sizes
    wanted = target_sizes(node, sizes, target)
    if wanted == sizes:
        return signal
    if wanted == (sizes[0], math.prod(sizes[1:])):
        return _flat(node, signal)
    raise node.refuse(
        f"it makes {wanted} of {sizes}; only flattening to {(sizes[0], math.prod(sizes[1:]))} is known"
    )


def squeeze(node: Node, signal: Signal, axes: Constant | None) -> Signal:
    """Rows and columns of which there is one each, left out."""
    form = signal.form
    if form.flat or form.shape[1:] != (1, 1):
        raise node.refuse("it leaves out dimensions, and the map has more than one pixel: flatten it")
    left = {axis % 4 for axis in axes_of(node, axes)}
    if left != {index for index, axis in enumerate(form.axes) if axis in (2, 3)}:
        raise node.refuse("it must leave out rows and columns, and say so by their numbers")
    return _flat(node, signal)


def sizes_of(signal: Signal) -> Constant:
    """ONNX's Shape."""
    return np.array(signal.form.sizes, np.int64)
