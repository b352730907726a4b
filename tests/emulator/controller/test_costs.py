"""Every entry of the cost model is configurable, and a change changes the device time of its step only."""

import pytest
from tests.support.in_memory import InMemoryLink, device_on

from pixeltree.kernels import Kernel
from pixeltree.kernels.names import R5, R6
from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_protocol.objects import controller_steps as steps
from pixeltree_protocol.objects.program import ScanDreg

DEFAULTS = {
    "word_ns": 100, "launch_ns": 1_000, "select_ns": 500, "select_rect_ns": 1_000, "set_in_ns": 2_000,
    "adc_sample_ns": 900, "global_or_ns": 500, "scan_byte_ns": 150, "event_ns": 900,
    "bounding_box_ns": 4_000, "operation_ns": 5, "copy_byte_ns": 10, "result_ns": 20_000,
}  # fmt: skip

# name -> a step that it prices, and how many times
PRICED = {
    "word_ns": (steps.LoadIn(0, 1, 6), 2),
    "launch_ns": (steps.DrawPoint(5, 1, 1), 1),
    "select_ns": (steps.LoadPattern(5, 0, 0, 0, 0), 1),
    "select_rect_ns": (steps.LoadRect(5, 0, 0, 1, 1), 1),
    "set_in_ns": (steps.SetDac(5), 1),
    "adc_sample_ns": (steps.GlobalSum16(0), 16),
    "global_or_ns": (steps.GlobalOr(5, 0, 0, 255, 255), 1),
    "scan_byte_ns": (ScanDreg(5, 0, 1, 2), 64),
    "event_ns": (steps.ScanEvents(5, 300, 0, 0, 0), 300),
    "bounding_box_ns": (steps.ScanBoundingBox(5), 1),
    "operation_ns": (steps.GlobalCount(5, 0, 0), 16),
    "copy_byte_ns": (steps.ScanEvents(5, 300, 0, 0, 0), 600),
    "result_ns": (steps.GlobalOr(5, 0, 0, 255, 255), 1),
}


def time_of(step, **costs):
    link = InMemoryLink(EmulatedDevice(costs=CostModel(**costs)))
    return device_on(link).chip.execute(step).device_ns


def test_the_defaults_are_those_of_the_cost_model():
    model = CostModel()
    assert {name: getattr(model, name) for name in DEFAULTS} == DEFAULTS
    assert set(PRICED) == set(DEFAULTS)


@pytest.mark.parametrize("name", PRICED)
def test_each_entry_prices_its_step(name):
    step, times = PRICED[name]
    assert time_of(step, **{name: DEFAULTS[name] + 7}) - time_of(step) == 7 * times


def test_sixteen_samples_take_the_published_14_microseconds():
    assert abs(time_of(steps.GlobalSum16(0)) - 20_000 - 160 - 14_000) < 500


def test_kernels_that_return_nothing_cost_their_launch_and_their_words():
    """100 x (1.0 us launch + 2 words of 0.1 us), by the cost model; no result message is prepared."""
    device = device_on(InMemoryLink(EmulatedDevice()))
    kernel = Kernel()
    kernel.NOT(R5, R6)
    kernel.NOT(R6, R5)
    words = len(kernel.block().words)
    assert words == 2
    assert sum(device.chip.run_kernel(kernel).device_ns for _ in range(100)) == 120_000
    assert device.chip.run_kernel(kernel, times=100).device_ns == 120_000


def test_what_is_read_out_costs_one_result_message_for_the_whole_program():
    link = InMemoryLink(EmulatedDevice())
    reads = steps.GlobalOr(5, 0, 0, 255, 255)
    device = device_on(link)
    one, three = device.chip.execute(reads).device_ns, device.chip.execute(reads, reads, reads).device_ns
    assert one == 500 + 20_000 + 10
    assert three == 3 * (500 + 10) + 20_000
