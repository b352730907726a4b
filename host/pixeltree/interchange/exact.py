"""Exact numbers p + q sqrt(v), with rational p, q and v: what a batch normalization makes of whole numbers.

Floats are rational, and the deviation of a batch normalization is the root of one. So comparisons with 0 have
a right answer, and are made without rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from pixeltree.errors import NotExactError

_ZERO = Fraction(0)

MOST_BITS = 4096
"""Of a numerator or denominator. A float has at most 1,074, a product of several more."""


@dataclass(frozen=True)
class Exact:
    """p + q sqrt(v).

    Attributes:
        rational: p.
        factor: q.
        root: v, at least 0; 0 where q is 0.
    """

    rational: Fraction
    factor: Fraction = _ZERO
    root: Fraction = _ZERO

    @classmethod
    def of(cls, value: float | Fraction) -> Exact:
        """A float or a rational number as it is."""
        return cls(Fraction(value))

    @classmethod
    def sqrt(cls, value: Fraction) -> Exact:
        """The root of a rational number of at least 0."""
        above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if above**2 == value.numerator and below**2 == value.denominator:
            return cls(Fraction(above, below))
        return cls(_ZERO, Fraction(1), value)

    def _common(self, other: Exact) -> Fraction:
        if self.factor and other.factor and self.root != other.root:
            raise NotExactError(
                "two batch normalizations follow each other here, whose roots cannot be compared exactly: "
                "leave out one of them"
            )
        return self.root if self.factor else other.root

    def __add__(self, other: Exact) -> Exact:
        return _short(self.rational + other.rational, self.factor + other.factor, self._common(other))

    def __neg__(self) -> Exact:
        return Exact(-self.rational, -self.factor, self.root)

    def __sub__(self, other: Exact) -> Exact:
        return self + -other

    def __mul__(self, other: Exact) -> Exact:
        root = self._common(other)
        return _short(
            self.rational * other.rational + self.factor * other.factor * root,
            self.rational * other.factor + self.factor * other.rational,
            root,
        )

    def inverse(self) -> Exact:
        """1 / (p + q sqrt(v)); v is no square, so only 0 has none.

        Raises:
            ZeroDivisionError: it is 0.
        """
        norm = self.rational**2 - self.factor**2 * self.root
        return _short(self.rational / norm, -self.factor / norm, self.root)

    def sign(self) -> int:
        """-1, 0 or 1."""
        p, q = _sign(self.rational), _sign(self.factor)
        if p == q or not q:
            return p
        if not p:
            return q
        return p if self.rational**2 > self.factor**2 * self.root else q

    def __float__(self) -> float:
        try:
            return float(self.rational) + float(self.factor) * math.sqrt(self.root)
        except OverflowError:
            return math.copysign(math.inf, self.sign())

    def floor(self) -> int:
        """The greatest whole number that is not greater."""
        scale = self.factor**2 * self.root  # (q sqrt(v))^2
        near = math.floor(self.rational) + _sign(self.factor) * math.isqrt(math.floor(scale))
        while (self - Exact.of(Fraction(near))).sign() < 0:
            near -= 1
        while (self - Exact.of(Fraction(near + 1))).sign() >= 0:
            near += 1
        return near


ONE = Exact(Fraction(1))
ZERO = Exact(_ZERO)


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def _short(rational: Fraction, factor: Fraction, root: Fraction) -> Exact:
    """A result, unless its numbers grow beyond all bounds."""
    if any(
        max(each.numerator.bit_length(), each.denominator.bit_length()) > MOST_BITS
        for each in (rational, factor)
    ):
        raise NotExactError("its numbers are too large or too small together with those before")
    return Exact(rational, factor, root if factor else _ZERO)
