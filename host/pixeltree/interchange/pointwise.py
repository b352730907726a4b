"""What is done to every value alike, or to every value of a channel: batch normalization and arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from pixeltree.interchange.attributes import real, scalar, whole
from pixeltree.interchange.exact import ONE, Exact
from pixeltree.interchange.file import Constant, Constants, Node
from pixeltree.interchange.signals import Signal, Signs, Sums


def normalize(node: Node, signal: Signal, constants: Constants) -> Signal:
    """Batch normalization: gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Raises:
        ModelError: this cannot be expressed.
    """
    if whole(node, "training_mode", 0):
        raise node.refuse("it is in training mode: call eval() before the export")
    if len(constants) != 4:
        raise node.refuse("it needs gamma, beta, mean and variance")
    channels = signal.form.shape[0]
    gamma, beta, mean, variance = (_per_channel(node, each, channels) for each in constants)
    epsilon = Fraction(real(node, "epsilon", 1e-5))
    spreads = [each.rational + epsilon for each in variance]
    if min(spreads) <= 0:
        raise node.refuse("its variance is not greater than 0")
    factors = [scale * Exact.sqrt(spread).inverse() for scale, spread in zip(gamma, spreads, strict=True)]
    centred = signal.shifted(node, [-each for each in mean])
    return centred.scaled(node, factors).shifted(node, beta)


def _per_channel(node: Node, constant: Constant | None, channels: int) -> list[Exact]:
    if constant is None or constant.shape != (channels,) or constant.dtype.kind != "f":
        raise node.refuse(f"gamma, beta, mean and variance must each be {channels} numbers that the file has")
    if not np.all(np.isfinite(constant)):
        raise node.refuse("gamma, beta, mean and variance must be finite numbers")
    return [Exact.of(each) for each in constant.tolist()]


def add(node: Node, signal: Signal, constant: Constant, signal_first: bool) -> Signal:
    """A sum with a constant."""
    return signal.shifted(node, signal.form.by_channel(node, constant))


def subtract(node: Node, signal: Signal, constant: Constant, signal_first: bool) -> Signal:
    """A difference with a constant."""
    terms = signal.form.by_channel(node, constant)
    if signal_first:
        return signal.shifted(node, [-each for each in terms])
    return negate(node, signal).shifted(node, terms)


def multiply(node: Node, signal: Signal, constant: Constant, signal_first: bool) -> Signal:
    """A product with a constant."""
    return signal.scaled(node, signal.form.by_channel(node, constant))


def divide(node: Node, signal: Signal, constant: Constant, signal_first: bool) -> Signal:
    """A quotient with a constant below."""
    if not signal_first:
        raise node.refuse("it divides by what depends on the image")
    divisors = signal.form.by_channel(node, constant)
    if not all(each.sign() for each in divisors):
        raise node.refuse("it divides by 0")
    return signal.scaled(node, [each.inverse() for each in divisors])


Arithmetic = Callable[[Node, Signal, Constant, bool], Signal]

ARITHMETIC: dict[str, Arithmetic] = {"Add": add, "Sub": subtract, "Mul": multiply, "Div": divide}
"""Operators on a signal and a constant, and whether the signal stands first."""


def negate(node: Node, signal: Signal) -> Signal:
    """The negative."""
    return signal.scaled(node, [-ONE] * signal.form.shape[0])


def bend(node: Node, signal: Signal) -> Signal:
    """A function that grows, and is 0 at 0 alone, such as tanh: it keeps the signs.

    Raises:
        ModelError: it is not followed by an activation, as far as one can see.
    """
    if not isinstance(signal, Sums):
        raise node.refuse("it bends values that are no sums: leave it out")
    return replace(signal, only_signs=True)


def clip(node: Node, signal: Signal, bounds: Constants) -> Signal:
    """A hard tanh, which keeps the signs where it begins below 0 and ends above it."""
    low, high = (_bound(node, name, bounds[index : index + 1]) for index, name in enumerate(("min", "max")))
    if low is None or high is None or not low < 0 < high:
        raise node.refuse(
            f"it clips to {low} and {high}; only bounds below and above 0 keep the signs: leave it out, or "
            "use a binary activation in its place"
        )
    if isinstance(signal, Signs):
        inside = all(low <= float(value) <= high for value in (*signal.low, *signal.high))
        if inside:
            return signal
    return bend(node, signal)


def _bound(node: Node, name: str, given: Constants) -> float | None:
    """A bound, from an input or, as older versions of ONNX have it, from an attribute."""
    if given and given[0] is not None:
        return scalar(node, given[0], f"{name} bound")
    return real(node, name, 0.0) if name in node.attributes else None


def where(node: Node, condition: Signal, yes: Constant, no: Constant) -> Signs:
    """One of two constants, as a comparison says."""
    if not isinstance(condition, Signs):
        raise node.refuse("it chooses by what is no comparison")
    form = condition.form
    return condition.with_values(node, tuple(form.by_channel(node, no)), tuple(form.by_channel(node, yes)))
