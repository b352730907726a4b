"""Every entry of the cost model can be set, and nonsense is refused."""

import pytest

from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.chip.isa import ClockClass


def test_words_cost_by_their_number():
    clock = DeviceClock(CostModel(word_ns=100, launch_ns=1000))
    clock.charge_words({ClockClass.ANALOG: 3, ClockClass.DNEWS: 4}, times=3)
    assert clock.now_ns == 3 * 700
    assert clock.words == 21


def test_every_clock_class_may_have_a_cost_of_its_own():
    costs = CostModel().with_settings(["dnews_word_ns=250", "prop_word_ns=0"])
    assert (
        costs.words_ns({ClockClass.ANALOG: 2, ClockClass.DNEWS: 2, ClockClass.PROP: 5}) == 2 * 100 + 2 * 250
    )


def test_settings_by_name():
    assert CostModel().with_settings(["word_ns=111", "launch_ns=0"]) == CostModel(word_ns=111, launch_ns=0)


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("words=1", "known: word_ns"),
        ("word_ns=fast", "whole number"),
        ("line_bits_per_second=0", "whole number"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_hint(setting, hint):
    with pytest.raises(EmulatorError, match=hint):
        CostModel().with_settings([setting])


def test_line_time_is_eight_bits_a_byte():
    assert CostModel(line_bits_per_second=8_000_000).line_ns(1000) == 1_000_000
