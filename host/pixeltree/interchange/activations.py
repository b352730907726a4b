"""Signs and comparisons: where a value becomes one of two, and batch normalization becomes a threshold.

A channel's value is a line over whole numbers, so its sign changes once. The sums of a channel with K weights
are -K, -K + 2, ..., K; the first of them that fires gives the folded bias. Where the value is exactly 0, each
operator says itself what comes out:

| operator | at 0 |
|---|---|
| BipolarQuant, Quant with one signed bit | +1 |
| GreaterOrEqual, LessOrEqual | true |
| Greater, Less | false |
| Sign | 0, which is neither -1 nor +1: refused if a sum can be there |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from pixeltree.errors import ModelError
from pixeltree.interchange.attributes import scalar, whole
from pixeltree.interchange.exact import ONE, Exact
from pixeltree.interchange.file import Constant, Constants, Node
from pixeltree.interchange.signals import Grey, Line, Signal, Signs, Sums
from pixeltree.model import Convolution, ConvolutionGeometry, Pooling

GREYS = range(256)
"""Values of the brightness of a pixel."""

_UNIT = 2.0**-24
"""Half a unit in the last place of a float of 32 bits, relative."""

_OPERATIONS = 8
"""Float operations between a sum and its sign that may round: those of a batch normalization, and more."""


@dataclass(frozen=True)
class Rule:
    """When a value fires.

    Attributes:
        at_zero: whether 0 does; None if 0 must not occur.
    """

    at_zero: bool | None

    def fires(self, value: Exact) -> bool:
        """Whether a value does."""
        sign = value.sign()
        return sign > 0 or (sign == 0 and bool(self.at_zero))


def activate(node: Node, signal: Signal, rule: Rule, high: Exact = ONE) -> Signs:
    """The signs of a signal: ``high`` where it fires, ``-high`` elsewhere.

    Raises:
        ModelError: this cannot be expressed.
    """
    low = -high
    if isinstance(signal, Grey):
        return _of_image(node, signal, rule, low, high)
    if isinstance(signal, Signs):
        return _of_signs(node, signal, rule, low, high)
    return _of_sums(node, signal, rule, low, high)


def _of_image(node: Node, signal: Grey, rule: Rule, low: Exact, high: Exact) -> Signs:
    values = (low,), (high,)
    if signal.past.threshold is not None:
        return Signs(signal.form, signal.past, *values)
    line = signal.line
    if line.slope.sign() <= 0:
        raise node.refuse(
            "dark pixels become +1 here, and the array makes bright ones +1: invert the images, and train "
            "with inverted ones"
        )
    _refuse_zero(node, rule, (line.at(grey) for grey in GREYS), "a grey value")
    first = next((grey for grey in GREYS if rule.fires(line.at(grey))), 256)
    if first in (0, 256):
        raise node.refuse(
            f"{'every' if first == 0 else 'no'} pixel becomes +1, whatever its brightness: say what the "
            "network gets for black and for white (--black, --white)"
        )
    if first % 2:
        raise node.refuse(
            f"its threshold lies between brightness {first - 1} and {first}, which the array cannot tell "
            f"apart: it sees 128 levels, brightness // 2. Choose --threshold {first // 2 - 1} (from "
            f"{first - 1} on) or --threshold {first // 2} (from {first + 1} on)"
        )
    past = replace(signal.past, threshold=first // 2 - 1)
    return Signs(signal.form, past, *values)


def _of_signs(node: Node, signal: Signs, rule: Rule, low: Exact, high: Exact) -> Signs:
    _refuse_zero(node, rule, (*signal.low, *signal.high), "an activation")
    results = []
    for values in (signal.low, signal.high):
        results.append(tuple(high if rule.fires(value) else low for value in values))
    return signal.with_values(node, *results)


def _of_sums(node: Node, signal: Sums, rule: Rule, low: Exact, high: Exact) -> Signs:
    geometry = _as_convolution(node, signal)
    taps = signal.weights[0].size
    found = [_threshold(node, rule, line, taps, signal.rounding, n) for n, line in enumerate(signal.lines)]
    constant = [not -taps < each.first <= taps for each in found]
    turned = [n for n, sign in enumerate(signal.since) if sign < 0 and not constant[n]]
    if turned:
        raise node.refuse(
            f"channel {turned[0]} was multiplied by a negative number after a MaxPool, so that the least "
            "sum of a cell decides, and the array has the greatest: put the MaxPool after the activation"
        )
    layer = Convolution(
        geometry,
        signal.weights,
        np.array([each.bias for each in found], np.int32),
        np.array([each.falling for each in found], np.bool_),
    )
    past = signal.past.with_layers(node, layer, *map(Pooling, signal.pools))
    past = replace(
        past,
        ties=past.ties + sum(each.tie for each in found),
        near=past.near + sum(each.near for each in found),
    )
    channels = len(found)
    return Signs(signal.form, past, (low,) * channels, (high,) * channels)


@dataclass(frozen=True)
class _Threshold:
    """Where a channel's value changes its sign.

    Attributes:
        first: the least sum on the upper side, of K's parity; -K if all are, K + 2 if none is.
        falling: whether the lower side fires.
        taps: K.
        tie, near: as in :class:`Past`, 0 or 1.
    """

    first: int
    falling: bool
    taps: int
    tie: bool
    near: bool

    @property
    def bias(self) -> int:
        """The folded bias: s + bias > 0 from ``first`` on, < 0 below it; never 0 at a sum that occurs."""
        return 1 - self.first


def _threshold(node: Node, rule: Rule, line: Line, taps: int, rounding: int, channel: int) -> _Threshold:
    direction = line.slope.sign()
    if not direction:  # the same at every sum
        first = -taps if rule.fires(line.offset) else taps + 2
        _refuse_zero(node, rule, [line.offset], f"channel {channel}")
        return _Threshold(first, False, taps, not line.offset.sign(), False)
    falling = direction < 0
    below, above = (
        -1,
        taps + 1,
    )  # of the sums -K + 2 i: the last on the lower side, the first on the upper one
    while above - below > 1:
        middle = (below + above) // 2
        if rule.fires(line.at(2 * middle - taps)) != falling:
            above = middle
        else:
            below = middle
    beside = [line.at(2 * index - taps) for index in (below, above) if 0 <= index <= taps]
    _refuse_zero(node, rule, beside, f"the sum of channel {channel}")
    size = abs(float(line.slope)) * taps + line.size
    allowed = (_OPERATIONS + rounding) * _UNIT * size
    return _Threshold(
        2 * above - taps,
        falling,
        taps,
        any(not value.sign() for value in beside),
        any(abs(float(value)) <= allowed for value in beside),
    )


def _refuse_zero(node: Node, rule: Rule, values: Iterable[Exact], what: str) -> None:
    """Refuse a value of 0 where 0 has no sign."""
    if rule.at_zero is None and any(not value.sign() for value in values):
        raise node.refuse(
            f"{what} can be exactly 0, of which Sign makes 0, and not -1 or +1: use BipolarQuant or "
            "GreaterOrEqual, or add 0.5 before it"
        )


def _as_convolution(node: Node, signal: Sums) -> ConvolutionGeometry:
    if np.any(np.abs(signal.weights) != 1):
        raise node.refuse(
            "weights of a layer that is followed by signs must be -a or +a, with one a per channel"
        )
    if signal.geometry is not None:
        return signal.geometry
    outputs, _, rows, columns = signal.weights.shape
    if rows != columns:
        raise node.refuse(
            f"a fully connected layer before the last one is a kernel over its whole input here, which has "
            f"{rows} x {columns} pixels and must be square"
        )
    try:
        return ConvolutionGeometry(outputs, rows, before=0, after=0)
    except ModelError as error:
        raise node.refuse(
            f"a fully connected layer before the last one is a kernel over its whole input here: {error}; "
            "pool before it"
        ) from error


def bipolar(node: Node, signal: Signal, others: Constants) -> Signs:
    """QONNX's BipolarQuant: -scale or +scale."""
    scale = scalar(node, others[0] if others else None, "scale")
    if scale <= 0:
        raise node.refuse(f"its scale is {scale}; it must be greater than 0")
    return activate(node, signal, Rule(True), Exact.of(scale))


def quant(node: Node, signal: Signal, others: Constants) -> Signs:
    """QONNX's Quant, with one signed bit."""
    if len(others) < 3:
        raise node.refuse("it needs a scale, a zero point and a number of bits")
    zero, bits = scalar(node, others[1], "zero point"), scalar(node, others[2], "number of bits")
    if bits != 1 or zero or not whole(node, "signed", 1):
        raise node.refuse(
            f"activations have one bit here, -1 or +1; these have {bits:g} bits"
            + ("" if bits != 1 else " with a zero point or without a sign")
            + ": use a binary quantizer (in Brevitas SignedBinaryActPerTensorConst)"
        )
    return bipolar(node, signal, others)


def sign(node: Node, signal: Signal, others: Constants) -> Signs:
    """ONNX's Sign, where no value can be 0."""
    return activate(node, signal, Rule(None))


_HALF = Exact.of(0.5)

COMPARISONS = {
    "Greater": (1, False),
    "GreaterOrEqual": (1, True),
    "Less": (-1, False),
    "LessOrEqual": (-1, True),
}
"""Sign of what is compared with 0, first minus second, and whether 0 fires."""


def compare(node: Node, signal: Signal, constant: Constant, signal_first: bool) -> Signs:
    """A comparison with a constant: 1 where it holds, 0 elsewhere.

    Raises:
        ModelError: this cannot be expressed.
    """
    direction, at_zero = COMPARISONS[node.operator]
    if not signal_first:
        direction = -direction
    channels = signal.form.shape[0]
    terms = [-each for each in signal.form.by_channel(node, constant)]
    difference = signal.shifted(node, terms)
    if direction < 0:
        difference = difference.scaled(node, [-ONE] * channels)
    signs = activate(node, difference, Rule(at_zero), _HALF)
    return signs.shifted(node, [_HALF] * channels)
