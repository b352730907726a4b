"""The taps of a convolution on the array: which offsets, which weights at each, and in which order.

With K taps of an output channel that are not 0, D of which disagree with the input, s = K - 2 D, and

    s + bias > 0    <=>    D < b,    b = ceil((K + bias) / 2), clipped to 0 ... K + 1.

A falling channel is a rising one with negated weights and bias. The array counts up where a *plus* tap agrees
(its weight is stored inverted, so that it, too, acts on differences) and down where a *minus* tap differs:
the sum is P - D, P being the channel's number of plus taps, and stays within -K/2 ... K/2. So the channel
fires where ``(P - D) + (b - P) > 0``, and b - P is its bias on the array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixeltree.compiler.layout import FeatureMap
from pixeltree.model import Convolution, HeatMap

Offset = tuple[int, int]


@dataclass(frozen=True)
class Tap:
    """What happens at one offset.

    Attributes:
        offset: rows down and columns right from the output's PE to the input's.
        weights: grid position of every output channel with a weight here -> the weight, -1, 0 or +1.
        adds: whether this is a plus tap.
    """

    offset: Offset
    weights: dict[int, int]
    adds: bool

    def stored(self, position: int) -> int:
        """The weight as the segment holds it."""
        return -self.weights[position] if self.adds else self.weights[position]


def taps(layer: Convolution | HeatMap, source: FeatureMap, target: FeatureMap) -> list[Tap]:
    """All taps, in the order in which they are visited."""
    by_offset: dict[Offset, dict[int, int]] = {}
    outputs, inputs = layer.weights.shape[:2]
    side, before, _ = layer.geometry.window
    falling = layer.falling if isinstance(layer, Convolution) else np.zeros(1, np.bool_)
    for output in range(outputs):
        first = output * layer.geometry.groups // outputs * inputs
        row, column = target.place(output)
        weights = layer.weights[output] * (-1 if falling[output] else 1)
        for channel in range(inputs):
            above, left = source.place(first + channel) if source.positions else (row, column)
            for i, j in np.ndindex(side, side):
                offset = (
                    (i - before) * source.pitch + above - row,
                    (j - before) * source.pitch + left - column,
                )
                by_offset.setdefault(offset, {})[target.positions[output]] = int(weights[channel, i, j])
    order = sorted(by_offset, key=_visit)
    return [Tap(offset, by_offset[offset], index % 2 == 1) for index, offset in enumerate(order)]


def _visit(offset: Offset) -> tuple[bool, int, bool, int]:
    """Downward rows first, then upward ones; within a row to the right, then to the left: never back.

    Content that has left the array does not come back, so a plane only ever moves away from where it lay.
    """
    down, right = offset
    return down < 0, abs(down), right < 0, abs(right)


def thresholds(layer: Convolution) -> list[int]:
    """B of every output channel: it fires where fewer than b taps disagree; 0 to K + 1."""
    signed = np.where(layer.falling, -layer.bias.astype(np.int64), layer.bias.astype(np.int64))
    taps_of = np.count_nonzero(layer.weights, axis=(1, 2, 3))
    return [int(value) for value in np.clip((taps_of + signed + 1) // 2, 0, taps_of + 1)]


def plus_taps(order: list[Tap], position: int) -> int:
    """Plus taps that the output channel at a position has, those included whose weight is 0."""
    return sum(tap.adds and position in tap.weights for tap in order)


def plus_weights(order: list[Tap], position: int) -> int:
    """P of the output channel at a position."""
    return sum(tap.adds and tap.weights.get(position, 0) != 0 for tap in order)


def bias_planes(layer: Convolution, order: list[Tap], target: FeatureMap) -> list[dict[int, bool]]:
    """The bias on the array of every output position as planes of digits, the greatest first.

    A bias of v counts lies half a count below, so that what just fires and what just does not are as far from
    the comparison: v - 1 / 2 = sum of +-2^i / 2. A digit is 1 for plus, and the digits are those of
    ``v + 2^(w-1) - 1`` in binary. There are as many, w, as any bias of a layer of this shape needs, whichever
    weights are 0, so that equal shapes give equal programs.
    """
    plus = {position: plus_taps(order, position) for position in target.positions}
    least, most = -max(plus.values()), layer.taps + 1 - min(plus.values())
    width = max((-least).bit_length(), (most - 1).bit_length()) + 1
    counts = thresholds(layer)
    middle = (1 << width - 1) - 1
    values = {p: counts[o] - plus_weights(order, p) + middle for o, p in enumerate(target.positions)}
    return [{p: bool(value >> bit & 1) for p, value in values.items()} for bit in reversed(range(width))]


def digit_levels(level: int, index: int) -> tuple[int, int]:
    """What digit ``index`` of a bias, the smallest is 0, adds if it is 1, and takes away if it is 0.

    A count is ``level``; where half of it is no whole number, the smallest digit puts the bias that much
    higher.
    """
    if index:
        return level << index - 1, level << index - 1
    return (level + 1) // 2, level // 2
