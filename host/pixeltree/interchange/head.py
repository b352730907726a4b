"""The last layer: its values become whole logits that decide alike for every input.

A class's value is ``a s + b``, with s of K's parity. Only the order of the classes counts, so all may be
divided by a, and each b becomes ``c = b / a``. Two classes compare ``s_i - s_j``, an even number, with
``c_j - c_i``. With ``c = 2 q + f`` and f in [0, 2), the numbers q say what happens unless the even numbers
are equal; then the order of the f decides, and after that the lower index. So whole numbers ``2 q M + r``
decide alike, in which r ranks the f, if all weights are multiplied by an odd M with ``2 M > r``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cmp_to_key

import numpy as np

from pixeltree.errors import ModelError
from pixeltree.interchange.exact import Exact
from pixeltree.interchange.file import Node
from pixeltree.interchange.signals import Sums
from pixeltree.model import FullyConnected
from pixeltree.model.layers import GREATEST_BIAS
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES

_TWO, _HALF = Exact.of(2.0), Exact.of(0.5)


def make_head(node: Node, sums: Sums) -> FullyConnected:
    """The fully connected head that decides as these values do.

    Args:
        node: the one that gave them, for messages.
        sums: of a fully connected layer, or of a convolution whose kernels see the whole map.

    Raises:
        ModelError: there is none.
    """
    if sums.only_signs or sums.pools:
        raise node.refuse("the last layer's values are bent or pooled: leave this out after the last layer")
    if sums.geometry is not None and (
        sums.form.shape[1:] != (1, 1) or sums.geometry.groups != 1 or any(sums.geometry.borders)
    ):
        raise node.refuse(
            f"the network ends with a map of {sums.form.shape[1]} x {sums.form.shape[2]} pixels; a node "
            "ends with one value for each class: end with a fully connected layer"
        )
    slopes = [line.slope for line in sums.lines]
    if not all(slope.sign() for slope in slopes):
        raise node.refuse("a class's value does not depend on the image: leave the class out")
    sizes = [slope if slope.sign() > 0 else -slope for slope in slopes]
    unit = min(sizes, key=float)
    multiples = [_ratio(node, size, unit) for size in sizes]
    signs = np.array([slope.sign() for slope in slopes], np.int16)
    weights = sums.weights.astype(np.int16) * (signs * np.array(multiples, np.int16))[:, None, None, None]
    shares = [line.offset * unit.inverse() for line in sums.lines]
    most = int(np.abs(weights).max())
    factor, biases = whole_biases(shares)
    if most * factor >= 1 << MOST_WEIGHT_PLANES or max(map(abs, biases)) > GREATEST_BIAS:
        raise node.refuse(
            f"its biases need weights of more than {MOST_WEIGHT_PLANES} planes to decide exactly: round "
            "them to whole multiples of the weights' scale, or leave them out"
        )
    try:
        return FullyConnected((weights * factor).astype(np.int8), np.array(biases, np.int32))
    except ModelError as error:
        raise node.refuse(str(error)) from error


def _ratio(node: Node, size: Exact, unit: Exact) -> int:
    ratio = size * unit.inverse()
    number = ratio.rational
    if ratio.factor or number.denominator != 1 or number % 2 == 0 or number >= 1 << MOST_WEIGHT_PLANES:
        raise node.refuse(
            f"it makes the values of classes {float(ratio):g} times as steep as those of others, and the "
            "array has one step for all: leave out batch normalization after the last layer, or scale all "
            "classes alike"
        )
    return int(number)


def whole_biases(shares: Sequence[Exact]) -> tuple[int, list[int]]:
    """Whole biases that decide as real ones.

    Args:
        shares: for each class its bias, in units of what a sum's step of 1 is worth.

    Returns:
        The odd factor by which the weights must be multiplied, which is 2^p - 1, and the biases.
    """
    if not any(share.factor or share.rational.denominator != 1 for share in shares):
        return 1, [int(share.rational) for share in shares]
    halves = [(share * _HALF).floor() for share in shares]
    rests = [share - _TWO * Exact.of(Fraction(half)) for share, half in zip(shares, halves, strict=True)]
    ranks = _ranks(rests)
    factor = 1
    while 2 * factor <= max(ranks):
        factor = 2 * factor + 1
    return factor, [2 * half * factor + rank for half, rank in zip(halves, ranks, strict=True)]


def _ranks(values: Sequence[Exact]) -> list[int]:
    """Small whole numbers in the same order. Of equal ranks the lower index wins, so some need not differ."""

    def compare(first: int, second: int) -> int:
        return (values[first] - values[second]).sign() or second - first

    order = sorted(range(len(values)), key=cmp_to_key(compare))
    ranks = [0] * len(values)
    for place, index in enumerate(order):
        ranks[index] = max((ranks[less] + (index > less) for less in order[:place]), default=0)
    return ranks
