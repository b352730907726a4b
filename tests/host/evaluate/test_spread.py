"""Statistics of chips, against values worked out by hand or by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree.evaluate.spread import chip_yield, spread

scores = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_wilsons_interval_is_that_of_the_textbook():
    """9 of 10: 0.596 to 0.982; none of 10: 0 to 0.278 (Brown, Cai, DasGupta 2001, formula 4)."""
    found = chip_yield([0.96] * 9 + [0.9], 0.95)
    assert (found.good, found.share) == (9, 0.9)
    assert (found.low, found.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    none = chip_yield([0.9] * 10, 0.95)
    assert (none.low, none.high) == pytest.approx((0, 0.2775), abs=1e-4)


def test_a_chip_that_just_reaches_the_score_is_good():
    assert chip_yield([0.95], 0.95).good == 1


@given(scores)
def test_the_interval_holds_the_mean_and_lies_within_what_was_seen(values):
    found = spread(values)
    assert found.worst - 1e-12 <= found.mean_low <= found.mean_high <= found.best + 1e-12
    assert found.mean == pytest.approx(np.mean(values))
    assert list(found.quantiles) == sorted(found.quantiles)


def test_equal_chips_have_no_spread():
    found = spread([0.5] * 8)
    assert found.mean_low == found.mean_high == found.worst == found.best == 0.5


def test_more_chips_narrow_the_interval():
    random = np.random.default_rng(1)
    few, many = spread(random.random(10)), spread(random.random(1000))
    assert many.mean_high - many.mean_low < (few.mean_high - few.mean_low) / 3
