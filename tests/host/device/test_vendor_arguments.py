"""Arguments as the chip authors' programs give them: uint8 that wrap, no iterations, registers of all kinds.

Planes here are in array coordinates: row 0 is the top, column 0 the RIGHT edge.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.chip import COLUMNS, ROWS, Chip, moved

from pixeltree.kernels import Kernel
from pixeltree.kernels.names import FLAG, NEWS, R0, R1, R2, R3, R4, R5, R6, R7, R12, RECT, A
from pixeltree_protocol.chip.registers import DREGS

ANY = st.integers(-600, 600)
CHIP = Chip()  # made once: every example works on what the last one left


@pytest.fixture
def chip():
    return Chip()


@given(ANY, ANY, ANY, ANY)
@settings(max_examples=30, deadline=None)
def test_rows_columns_and_masks_wrap_as_uint8(r, c, rx, cx):
    CHIP.device.chip.load_pattern(R5, r, c, rx, cx)
    wanted = ((ROWS ^ r) & ~rx & 255 == 0) & ((COLUMNS ^ c) & ~cx & 255 == 0)
    assert np.array_equal(CHIP.engine.digital(R5), wanted)


@pytest.mark.parametrize(
    ("value", "place"), [(-1, 255), (256, 0), (261, 5), (np.uint8(7), 7), (np.int64(300), 44)]
)
def test_every_method_that_takes_a_row_or_column_wraps_it(chip, value, place):
    device, plane = chip.device, chip.before[A]
    assert device.chip.read_areg(A, value, value) == plane[place, place] + 128
    device.chip.load_point(R5, value, value)
    assert np.array_equal(chip.engine.digital(R5), (place == ROWS) & (place == COLUMNS))
    assert device.chip.global_or(R5, value, value, 0, 0)
    assert len(device.chip.scan_dreg(R5, value, value)) == 32
    assert list(device.chip.scan_areg(A, value, value, value, value)) == [plane[place, place] + 128]
    assert device.chip.output_areg(A, 1, value, value).shape == (256 - place, 256 - place)
    small = device.chip.global_sum_region(A, value, value, value, value)
    assert small == device.chip.global_sum_region(A, place, place, place, place)
    assert device.chip.global_sum_sparse(A, value, 3, 0, 0) == device.chip.global_sum_sparse(
        A, place, 3, 0, 0
    )
    kernel = Kernel()
    kernel.MOV(R6, RECT)
    device.chip.select_rect(value, 0, value, 255)
    device.chip.run_kernel(kernel)
    assert np.array_equal(chip.engine.digital(R6), place == ROWS)
    device.chip.select_col(value)
    device.chip.run_kernel(kernel)  # a pattern is in RECT too
    assert np.array_equal(chip.engine.digital(R6), place == COLUMNS)


@pytest.mark.parametrize(
    ("corners", "rows", "columns"),
    [
        ((10, 20, 9, 30), (10, 255), (20, 30)),
        ((10, 20, 30, 19), (10, 30), (20, 255)),
        ((10, 20, -1, 256), (10, 255), (20, 255)),  # 256 is column 0
        ((250, 0, 261, 9), (250, 255), (0, 9)),  # 261 is row 5
    ],
)
def test_a_rectangle_whose_end_lies_before_its_start_goes_on_to_the_edge(chip, corners, rows, columns):
    wanted = (rows[0] <= ROWS) & (rows[1] >= ROWS) & (columns[0] <= COLUMNS) & (columns[1] >= COLUMNS)
    chip.device.chip.load_rect(R5, *corners)
    assert np.array_equal(chip.engine.digital(R5), wanted)
    chip.device.chip.load_region(R6, *corners)  # its old name
    assert np.array_equal(chip.engine.digital(R6), wanted)
    chip.put(R7, np.zeros((256, 256)))
    with chip.device.chip.draw(R7):
        chip.device.chip.draw_rect(*corners)
    assert np.array_equal(chip.engine.digital(R7), wanted)
    chip.engine.set_analog(A, np.where(wanted, 50, 0).astype(np.int16))
    whole = chip.device.chip.global_sum_region(A, rows[0], columns[0], rows[1], columns[1])
    assert chip.device.chip.global_sum_region(A, *corners) == whole


def test_no_iterations_change_nothing_and_no_events_are_read(chip):
    chip.device.chip.flood(R5, R6, iterations=0)
    assert np.array_equal(chip.engine.digital(R5), chip.before[R5])
    chip.device.chip.diffuse(A, 0)
    assert np.array_equal(chip.engine.analog(A), chip.before[A])
    assert chip.device.chip.scan_events(R5, 0).shape == (0, 2)
    assert chip.device.chip.scan_events_rc(R5, 0).shape == (0, 2)


# -- registers that a step works with itself -----------------------------------------------------------


def flooded(seed, mask):
    """What a flood in all directions makes of a seed; masks here are small enough for one iteration."""
    grown = seed & mask
    while True:
        around = np.pad(grown, 1)
        next_ = mask & (grown | around[2:, 1:-1] | around[:-2, 1:-1] | around[1:-1, 2:] | around[1:-1, :-2])
        if np.array_equal(next_, grown):
            return seed | grown
        grown = next_


def flood_scene(chip, target, mask):
    blocks = ((ROWS // 8) % 2 == 0) & ((COLUMNS // 8) % 2 == 0)
    seeds = (ROWS % 32 == 3) & (COLUMNS % 16 == 4) | (ROWS == 12) & (COLUMNS == 12)
    chip.put(target, seeds)
    chip.put(mask, blocks)
    return flooded(seeds, blocks)


@pytest.mark.parametrize("mask", [register for register in DREGS if register is not R5])
def test_a_flood_may_have_its_mask_in_any_register(chip, mask):
    wanted = flood_scene(chip, R5, mask)
    chip.device.chip.flood(R5, mask)
    after = chip.unchanged_but(R5, R0, R1, R2, R3, R4, R12, FLAG)
    assert np.array_equal(after[R5], wanted)
    assert np.all(after[R0])
    if mask in (R0, R12):
        assert np.all(after[FLAG])


@pytest.mark.parametrize("target", [register for register in DREGS if register not in (R0, R6)])
def test_a_flood_may_start_from_any_register_but_r0(chip, target):
    wanted = flood_scene(chip, target, R6)
    chip.device.chip.flood(target, R6)
    assert np.array_equal(chip.engine.digital(target), wanted)
    chip.unchanged_but(target, R0, R1, R2, R3, R4, R12)


@pytest.mark.parametrize(("target", "mask"), [(R12, R0), (R1, R12), (R3, R4)])
def test_a_flood_may_have_both_in_registers_that_it_works_with(chip, target, mask):
    wanted = flood_scene(chip, target, mask)
    chip.device.chip.flood(target, mask)
    assert np.array_equal(chip.engine.digital(target), wanted)


@given(st.integers(-5, 5), st.integers(-5, 5), st.booleans(), st.integers(0, 2))
@settings(max_examples=10, deadline=None)
def test_r0_may_be_shifted(h, v, boundary, refresh):
    chip = Chip()
    chip.device.chip.shift(R0, h, v, boundary, refresh)
    after = chip.unchanged_but(R0, R1, R2, R3, R4, FLAG)
    assert np.array_equal(after[R0], moved(moved(chip.before[R0], h, 0, boundary), 0, v, boundary))


def test_r12_is_shifted_where_r0_is_1(chip):
    chip.put(R0, COLUMNS < 128)
    chip.device.chip.shift(R12, 1, 0)
    after = chip.unchanged_but(R12, R1, R2, R3, R4, FLAG)
    wanted = np.where(COLUMNS < 128, moved(chip.before[R12], 1, 0), chip.before[R12])
    assert np.array_equal(after[R12], wanted)


@pytest.mark.parametrize("canvas", [R0, R1, R4])
def test_any_register_but_r2_and_r3_may_be_drawn_into(chip, canvas):
    with chip.device.chip.draw(canvas):
        chip.device.chip.draw_rect(10, 10, 20, 20)
        chip.device.chip.draw_negate()
    rectangle = (ROWS >= 10) & (ROWS <= 20) & (COLUMNS >= 10) & (COLUMNS <= 20)
    assert np.array_equal(chip.unchanged_but(canvas, R2, R3)[canvas], ~(chip.before[canvas] | rectangle))


def test_drawing_into_r12_takes_effect_where_r0_is_1(chip):
    with chip.device.chip.draw(R12):
        chip.device.chip.draw_rect(0, 0, 255, 255)
    after = chip.unchanged_but(R12, R2, R3)
    assert np.array_equal(after[R12], chip.before[R12] | chip.before[R0])


def test_a_point_far_outside_is_clipped(chip):
    chip.put(R5, np.zeros((256, 256)))
    with chip.device.chip.draw(R5):
        assert not chip.device.chip.draw_point(9_999, 5)
        assert not chip.device.chip.draw_point(5, -9_999)
        chip.device.chip.draw_pixel(1_000, -1_000)  # wraps
    assert np.array_equal(chip.engine.digital(R5), (ROWS == 1_000 % 256) & (COLUMNS == -1_000 % 256))


def test_an_areg_shift_refuses_news_with_the_reason(chip):
    with pytest.raises(Exception, match="areg must be 0 to 5, not 6: the step uses NEWS itself"):
        chip.device.chip.shift(NEWS, 1, 0)
