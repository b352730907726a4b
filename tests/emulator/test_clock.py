"""Every entry of the cost model can be set, and nonsense is refused."""

import pytest

from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.runtime.clock import CostModel, DeviceClock


def test_a_block_costs_its_launches_and_words():
    clock = DeviceClock(CostModel(word_ns=100, launch_ns=1000))
    clock.charge_block(words=7, times=3)
    assert clock.now_ns == 3 * (1000 + 700)
    assert clock.words == 21


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
