"""Exact numbers against decimals of many digits, and whole biases against the real ones they stand for."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree.interchange.exact import Exact, NotExactError
from pixeltree.interchange.head import whole_biases

RATIONALS = st.fractions(-100, 100, max_denominator=50)


def decimal(value):
    """Its value with 60 digits, in a context that has so many."""
    p, q, v = (
        Decimal(x.numerator) / Decimal(x.denominator) for x in (value.rational, value.factor, value.root)
    )
    return p + q * v.sqrt()


@settings(max_examples=effort(500, 40))
@given(RATIONALS, RATIONALS, RATIONALS, RATIONALS, st.fractions(0, 50, max_denominator=20))
def test_sums_products_inverses_signs_and_floors_are_those_of_the_numbers(a, b, c, d, v):
    root = Exact.sqrt(v)
    first, second = Exact(a) + Exact(b) * root, Exact(c) + Exact(d) * root
    with localcontext(prec=60):
        for found, expected in (
            (first + second, decimal(first) + decimal(second)),
            (first - second, decimal(first) - decimal(second)),
            (first * second, decimal(first) * decimal(second)),
        ):
            assert abs(decimal(found) - expected) < Decimal("1e-40")
            assert found.sign() == (abs(expected) > Decimal("1e-40")) * (1 if expected > 0 else -1)
            assert found.floor() - Decimal("1e-40") <= expected < found.floor() + 1
        if first.sign():
            assert abs(decimal(first.inverse()) * decimal(first) - 1) < Decimal("1e-40")
            assert first * first.inverse() == Exact.of(1.0)


def test_numbers_that_cannot_be_compared_are_refused():
    with pytest.raises(NotExactError, match="batch normalizations"):
        _ = Exact.sqrt(Fraction(2)) + Exact.sqrt(Fraction(3))
    long = Exact(Fraction(1, 2**1000))
    with pytest.raises(NotExactError, match="too large"):
        for _ in range(5):
            long = long * Exact.of(2.0**-1000)


@settings(max_examples=effort(500, 30))
@example([Fraction(5), Fraction(1, 2), Fraction(-1)], 0, 0)
@given(
    st.lists(st.fractions(-6, 6, max_denominator=7), min_size=2, max_size=9),
    st.integers(0, 1),
    st.integers(0, 2**32),
)
def test_whole_biases_decide_as_the_real_ones_for_all_sums_of_one_parity(biases, parity, seed):
    factor, whole = whole_biases([Exact(each) for each in biases])
    for sums in np.random.default_rng(seed).integers(-4, 5, (20, len(biases))) * 2 + parity:
        real = [int(s) + b for s, b in zip(sums, biases, strict=True)]
        ours = [factor * s + b for s, b in zip(sums, whole, strict=True)]
        assert np.argmax(ours) == max(range(len(real)), key=lambda index: (real[index], -index))
    assert factor in (1, 3, 7)


def test_biases_that_are_whole_stay_as_they_are():
    assert whole_biases([Exact(Fraction(3)), Exact(Fraction(-2))]) == (1, [3, -2])
