"""Every method of ``device.chip`` is documented with its device time, which is what the device charges."""

import inspect
import re

import pytest
from tests.support.in_memory import in_memory_device

from pixeltree.device.chip import Chip
from pixeltree.kernels import Kernel
from pixeltree.kernels.names import R5, R6, A, B

METHODS = {name: each for name, each in inspect.getmembers(Chip, inspect.isfunction) if name[0] != "_"}
TIME = re.compile(r"Device time: ([\d.,]+) us(?:[^.]*?, and (?:for an AREG )?([\d.]+) us)?", re.DOTALL)

KERNEL = Kernel()
KERNEL.NOT(R5, R6)
KERNEL.NOT(R6, R5)
KERNEL.MOV(R5, R6)

CALLS = {
    "run_kernel": ((KERNEL,), 3),
    "get_image": ((A, B, 3), 2),
    "load_in": ((A, 5), 0),
    "in_": ((A, 5), 0),
    "load_dac": ((A, 5), 0),
    "shift": ((A, 4, 0), 2),
    "diffuse": ((A, 10), 10),
    "flood": ((R5, R6), 5),
    "load_point": ((R5, 1, 2), 0),
    "load_rect": ((R5, 1, 2, 3, 4), 0),
    "load_region": ((R5, 1, 2, 3, 4), 0),
    "load_pattern": ((R5, 1, 2, 3, 4), 0),
    "select_point": ((1, 2), 0),
    "select_rect": ((1, 2, 3, 4), 0),
    "select_pattern": ((1, 2, 3, 4), 0),
    "select_row": ((1,), 0),
    "select_col": ((1,), 0),
    "draw_pixel": ((1, 2), 0),
    "draw_rect": ((1, 2, 3, 4), 0),
    "draw_line": ((1, 1, 1, 1), 0),
    "draw_negate": ((), 0),
    "read_areg": ((A, 1, 2), 0),
    "global_sum_16": ((A,), 0),
    "global_sum_64": ((A,), 0),
    "global_sum_16_total": ((A,), 0),
    "global_sum_64_total": ((A,), 0),
    "global_sum_fast": ((A,), 0),
    "global_sum_sparse": ((A,), 0),
    "global_sum_region": ((A, 1, 2, 3, 4), 0),
    "get_parameter": ((4,), 0),
    "global_or": ((R5,), 0),
    "global_count": ((R5, B), 0),
    "scan_areg": ((A, 0, 0, 1, 4), 10),
    "scan_areg_8x8": ((A,), 0),
    "scan_areg_mean_8x8": ((A,), 0),
    "scan_dreg": ((R5, 3, 4), 2),
    "scan_events": ((R5, 100), 100),
    "scan_events_cr": ((R5, 100), 100),
    "scan_events_rc": ((R5, 100), 100),
    "scan_boundingbox": ((R5,), 0),
    "output_areg": ((A, 32), 64),
    "output_image": ((A,), 0),
    "output_bitstack": ((R5,), 0),
}
"""Arguments of a call, and how often the docstring's second time comes on top of the first."""

IN_WORDS = {
    *("execute", "execute_resident", "expose", "wait", "run"),
    *("draw", "draw_begin", "draw_end", "draw_point", "draw_circle"),
}
"""Methods whose time depends on what they are given."""


def test_every_method_says_its_device_time():
    assert set(METHODS) == set(CALLS) | IN_WORDS
    for name, method in METHODS.items():
        assert "Device time: " in inspect.getdoc(method), name


@pytest.mark.parametrize("name", CALLS)
def test_the_time_of_the_docstring_is_what_the_device_charges(name):
    arguments, times = CALLS[name]
    first, second = TIME.search(inspect.getdoc(METHODS[name])).groups()
    expected = float(first.replace(",", "")) + times * float(second or 0)
    chip = in_memory_device().chip
    if name.startswith("draw_"):
        chip.draw_begin(R5)
    getattr(chip, name)(*arguments)
    if name.startswith("draw_"):
        chip.draw_end()
    assert chip.last.device_ns / 1000 == pytest.approx(expected)
