"""The controller API of fact sheet section 4 through Device methods, against NumPy.

Planes here are in array coordinates: row 0 is the top, column 0 the RIGHT edge.
It is one module because it follows the section, function by function, and a test counts that none is missing.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.chip import ANSWER, BYTE, COLUMNS, LAUNCH, ROWS, WORD, Chip, answer_ns, moved

from pixeltree.errors import DataError, DeviceError
from pixeltree.kernels import Kernel
from pixeltree.kernels.names import (
    FLAG,
    IN,
    NEWS,
    PIX,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R12,
    RECT,
    SELECT,
    A,
    B,
    C,
    D,
    F,
)  # fmt: skip
from pixeltree_protocol.errors import ProtocolError
from pixeltree_protocol.objects import controller_steps as steps
from pixeltree_protocol.objects.controller_table import CONTROLLER_STEPS
from pixeltree_protocol.objects.program import Launch, Program, form_of


@pytest.fixture
def chip():
    return Chip()


# -- constants and images -----------------------------------------------------------------------------


@pytest.mark.parametrize("level", [-127, -1, 0, 5, 127])
@pytest.mark.parametrize("method", ["load_in", "in_"])
def test_a_constant_is_loaded_through_in(chip, method, level):
    getattr(chip.device.chip, method)(A, level)
    assert np.all(chip.unchanged_but(A, NEWS)[A] == level)


def test_a_constant_may_use_another_register_as_temporary(chip):
    chip.device.chip.load_in(A, 7, temp=B)
    assert np.all(chip.unchanged_but(A, B)[A] == 7)
    assert chip.device.chip.last.device_ns == 2_000 + LAUNCH + 2 * WORD
    with pytest.raises(ProtocolError, match="areg and temp must be different"):
        chip.device.chip.load_in(A, 7, temp=A)


def test_load_in_and_load_dac_without_a_register_drive_in_for_later_kernels(chip):
    kernel = Kernel()
    kernel.bus(NEWS, IN)
    for drive, operand in ((chip.device.chip.load_in, 33), (chip.device.chip.load_dac, (33 + 128) * 16)):
        chip.device.chip.load_in(0)
        drive(operand)
        chip.device.chip.run_kernel(kernel)
        assert np.all(chip.engine.analog(NEWS) == -33)
    chip.device.chip.load_dac(C, 16 * (128 - 9) + 15)
    assert np.all(chip.engine.analog(C) == -9)


def test_get_image_gives_the_full_and_the_half_range_and_resets_pix(chip):
    picture = np.random.default_rng(3).integers(0, 256, (256, 256)).astype(np.uint8)
    chip.device.show(picture)
    for gain in (1, 2, 3):
        chip.device.chip.expose()
        chip.device.chip.get_image(A, B, gain)
        half = np.minimum((picture[:, ::-1] // 2).astype(int) << (gain - 1), 127)
        full = np.clip(2 * half - 127, -128, 127)
        assert np.max(np.abs(chip.engine.analog(B) - half)) <= 1
        assert np.max(np.abs(chip.engine.analog(A) - full)) <= 2
        assert np.all(chip.engine.analog(PIX) == -127)


# -- shifts, diffusion, flood --------------------------------------------------------------------------


@given(st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=12, deadline=None)
def test_an_areg_shift_moves_content_east_and_north(h, v):
    chip = Chip()
    chip.device.chip.shift(A, h, v)
    assert np.array_equal(chip.unchanged_but(A, NEWS)[A], moved(chip.before[A], h, v))


def test_an_areg_shift_takes_two_words_for_two_pixels(chip):
    chip.device.chip.shift(A, 20, -5)
    assert chip.device.chip.last.words == 20 + 4 + 2
    assert chip.device.chip.last.device_ns == LAUNCH + 26 * WORD


@given(st.integers(-9, 9), st.integers(-9, 9), st.booleans(), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_a_dreg_shift_moves_content_and_takes_the_boundary_from_outside(h, v, boundary, refresh):
    chip = Chip()
    chip.device.chip.shift(R5, h, v, boundary, refresh)
    after = chip.unchanged_but(R5, R0, R1, R2, R3, R4)
    assert np.array_equal(after[R5], moved(moved(chip.before[R5], h, 0, boundary), 0, v, boundary))


def test_diffusion_smooths_along_the_axes_asked_for(chip):
    chip.device.chip.diffuse(A, 4, vertical=True, horizontal=False, temp=B)
    after = chip.unchanged_but(A, B, R1, R2)
    assert np.abs(np.diff(after[A], axis=0)).mean() < np.abs(np.diff(chip.before[A], axis=0)).mean() / 2
    assert np.abs(np.diff(after[A], axis=1)).mean() > np.abs(np.diff(after[A], axis=0)).mean() * 2
    assert np.all(after[R1])
    assert not after[R2].any()


def test_flood_fills_the_mask_from_the_seed_and_leaves_r0_at_1(chip):
    mask = np.zeros((256, 256), bool)
    mask[10:60, 10:60] = mask[100:120, 100:120] = mask[200:256, 200:210] = True
    chip.put(R5, (ROWS == 30) & (COLUMNS == 30))
    chip.put(R6, mask)
    chip.device.chip.flood(R5, R6)
    after = chip.unchanged_but(R5, R0, R1, R2, R3, R4, R12)
    wanted = np.zeros_like(mask)
    wanted[10:60, 10:60] = True
    assert np.array_equal(after[R5], wanted)
    assert all(np.all(after[register]) for register in (R0, R1, R2, R3, R4))
    chip.device.chip.flood(R5, R6, boundary=1)
    wanted[200:256, 200:210] = True  # it touches the edge
    assert np.array_equal(chip.engine.digital(R5), wanted)


def test_flood_may_keep_local_directions(chip):
    for register in (R1, R2, R3, R4):
        chip.put(register, np.full((256, 256), register is R2))
    chip.put(R5, (ROWS == 50) & (COLUMNS == 50))
    chip.put(R6, np.ones((256, 256)))
    chip.device.chip.flood(R5, R6, use_local=True)
    after = chip.unchanged_but(R5, R0, R12)
    assert np.array_equal(after[R5], (ROWS == 50) & (COLUMNS <= 50))  # R2 moves content east


# -- load, select, draw --------------------------------------------------------------------------------

PATTERN = ((ROWS ^ 3) & ~192 & 255 == 0) & ((COLUMNS ^ 5) & ~15 & 255 == 0)
RECTANGLE = (ROWS >= 10) & (ROWS <= 20) & (COLUMNS >= 30)
POINT = (ROWS == 7) & (COLUMNS == 9)


@pytest.mark.parametrize(
    ("method", "operands", "wanted", "cost"),
    [
        ("load_point", (7, 9), POINT, 500),
        ("load_pattern", (3, 5, 192, 15), PATTERN, 500),
        ("load_rect", (10, 30, 20, 255), RECTANGLE, 1_000),
    ],
)
def test_loads_follow_the_address_logic(chip, method, operands, wanted, cost):
    getattr(chip.device.chip, method)(R7, *operands)
    assert np.array_equal(chip.unchanged_but(R7)[R7], wanted)
    assert chip.device.chip.last.device_ns == cost


def test_mask_192_with_value_3_matches_the_rows_of_the_fact_sheet():
    assert list(np.flatnonzero(PATTERN.any(axis=1))) == [3, 67, 131, 195]


@pytest.mark.parametrize(
    ("method", "operands", "wanted", "source"),
    [
        ("select_point", (7, 9), POINT, SELECT),
        ("select_pattern", (3, 5, 192, 15), PATTERN, SELECT),
        ("select_rect", (10, 30, 20, 255), RECTANGLE, RECT),
        ("select_row", (12,), ROWS == 12, SELECT),
        ("select_col", (12,), COLUMNS == 12, SELECT),
        ("select_col", (12, 3), COLUMNS // 4 == 3, SELECT),
        ("select_row", (12, 3), ROWS // 4 == 3, SELECT),
    ],
)
def test_a_selection_stays_for_a_kernel_to_read(chip, method, operands, wanted, source):
    getattr(chip.device.chip, method)(*operands)
    kernel = Kernel()
    kernel.MOV(R8, source)
    chip.device.chip.run_kernel(kernel)
    assert np.array_equal(chip.unchanged_but(R8)[R8], wanted)


def test_drawing_points_rectangles_lines_circles_and_negation(chip):
    canvas = np.zeros((256, 256), bool)
    chip.put(R5, canvas)
    device = chip.device
    with device.chip.draw(R5):
        device.chip.draw_pixel(257, -1)  # wraps
        assert device.chip.draw_point(4, 5)
        assert not device.chip.draw_point(256, 5)
        device.chip.draw_rect(20, 30, 25, 40)
        device.chip.draw_line(100, 10, 110, 20)
        device.chip.draw_line(-3, 50, 3, 50)  # clipped
        device.chip.draw_line(250, 60, 260, 60, repeat=True)
        device.chip.draw_circle(150, 150, 10)
    canvas[1, 255] = canvas[4, 5] = True
    canvas[20:26, 30:41] = True
    canvas[np.arange(100, 111), np.arange(10, 21)] = True
    canvas[0:4, 50] = canvas[250:256, 60] = canvas[0:5, 60] = True
    drawn = chip.unchanged_but(R5, R2, R3)[R5]
    ring = drawn & (np.abs(ROWS - 150) <= 11) & (np.abs(COLUMNS - 150) <= 11)
    assert np.array_equal(drawn & ~ring, canvas)
    radius = np.hypot(ROWS[ring] - 150, COLUMNS[ring] - 150)
    assert np.all(np.abs(radius - 10) < 0.8)
    window = ring[139:162, 139:162]
    assert window.sum() >= 56
    assert np.array_equal(window, window.T)
    assert np.array_equal(window, window[::-1])
    with device.chip.draw(R5):
        device.chip.draw_negate()
    assert np.array_equal(chip.engine.digital(R5), ~drawn)


def test_drawing_needs_a_canvas(chip):
    with pytest.raises(DataError, match="draw_begin"):
        chip.device.chip.draw_point(1, 1)
    with pytest.raises(DataError, match="draw_begin"):
        chip.device.chip.draw_end()


# -- analog read-out -----------------------------------------------------------------------------------


def test_the_adc_reads_level_plus_128_at_row_and_column(chip):
    assert chip.device.chip.read_areg(A, 3, 250) == chip.before[A][3, 250] + 128
    assert chip.device.chip.last.device_ns == 900 + ANSWER + BYTE


def test_areg_scans_are_column_major_from_the_top_right(chip):
    codes = chip.before[A] + 128
    assert np.array_equal(chip.device.chip.scan_areg(A), codes.T.ravel())
    assert chip.device.chip.last.device_ns == 65536 * 900 + ANSWER + 65536 * BYTE
    grid = codes[10:21:5, 100:200:33]
    assert np.array_equal(chip.device.chip.scan_areg(A, 10, 100, 20, 199, 5, 33), grid.T.ravel())
    assert np.array_equal(chip.device.chip.scan_areg_8x8(A), codes[::32, ::32].T.ravel())
    means = codes.reshape(8, 32, 8, 32).mean(axis=(1, 3))
    assert np.max(np.abs(chip.device.chip.scan_areg_mean_8x8(A) - means.T.ravel())) <= 0.5


def test_images_come_out_the_right_way_round_and_sub_sampled(chip):
    codes = chip.before[A] + 128
    assert np.array_equal(chip.device.chip.output_image(A), codes[:, ::-1])
    assert np.array_equal(chip.device.chip.output_areg(A, 2), codes[::2, ::2][:, ::-1])
    assert np.array_equal(chip.device.chip.output_areg(A, 7, 3, 4), codes[3::7, 4::7][:, ::-1])
    assert np.array_equal(chip.device.chip.output_image(R5), chip.before[R5][:, ::-1])
    stack = 4 * chip.before[R5] + 2 * chip.before[R6] + chip.before[R7]
    assert np.array_equal(chip.device.chip.output_bitstack(R5, R6, R7), stack[:, ::-1])


def test_global_sums_are_scaled_as_documented_and_saturate(chip):
    device, plane = chip.device, chip.before[A].astype(float)

    def close(value, sums, scale):
        assert np.max(np.abs(value - np.clip(128 + sums / scale, 0, 255))) <= 0.5

    close(device.chip.global_sum_16(A), plane.reshape(4, 64, 4, 64).sum(axis=(1, 3)), 4096)
    assert device.chip.last.device_ns == 16 * 900 + ANSWER + 16 * BYTE
    close(device.chip.global_sum_64(A), plane.reshape(8, 32, 8, 32).sum(axis=(1, 3)), 1024)
    close(device.chip.global_sum_fast(A), plane.sum(), 65536)
    close(device.chip.global_sum_sparse(A), plane[::2, ::2].sum(), 1024)
    lattice = (ROWS & 131 == 1) & (COLUMNS & 131 == 2)  # mask 124 keeps bits 0, 1 and 7
    assert lattice.sum() == 1024
    close(device.chip.global_sum_sparse(A, 1, 2, 124, 124), plane[lattice].sum(), 1024)
    close(device.chip.global_sum_region(A, 10, 20, 73, 83), plane[10:74, 20:84].sum(), 4096)
    chip.unchanged_but()
    chip.engine.set_analog(A, np.full((256, 256), 100, np.int16))
    assert device.chip.global_sum_region(A, 0, 0, 255, 255) == 255


@pytest.mark.parametrize("level", [-100, -1, 3, 127])
def test_a_sparse_sum_over_1024_pixels_tells_every_level(chip, level):
    """Mask 124, as in the chip authors' network: one unit a pixel moves the byte by one (fact sheet 6.2)."""
    chip.engine.set_analog(A, np.full((256, 256), level, np.int16))
    assert chip.device.chip.global_sum_sparse(A, 1, 2, 124, 124) == 128 + level


def test_totals_of_block_sums_and_their_parameters(chip):
    """Levels areg_min and areg_max give the totals floor and floor + span."""
    device = chip.device
    assert device.chip.global_sum_16_total(A) == int(device.chip.global_sum_16(A).astype(int).sum())
    assert device.chip.global_sum_64_total(A) == int(device.chip.global_sum_64(A).astype(int).sum())
    for first, total in ((4, device.chip.global_sum_16_total), (8, device.chip.global_sum_64_total)):
        low, high, floor, span = (device.chip.get_parameter(first + number) for number in range(4))
        for level, expected in ((low, floor), (high, floor + span)):
            chip.engine.set_analog(A, np.full((256, 256), level, np.int16))
            assert total(A) == expected
    with pytest.raises(DataError, match="4 to 11"):
        device.chip.get_parameter(3)


# -- digital read-out ----------------------------------------------------------------------------------


def test_dreg_scans_are_row_major_with_the_lowest_column_in_bit_0(chip):
    data = chip.device.chip.scan_dreg(R5, 3, 9)
    assert len(data) == 7 * 32
    assert chip.device.chip.last.device_ns == 150 * len(data) + ANSWER + BYTE * len(data)
    for row, column in ((3, 0), (3, 1), (9, 255), (5, 77)):
        assert data[(row - 3) * 32 + column // 8] >> column % 8 & 1 == chip.before[R5][row, column]


@pytest.mark.parametrize("h_dir", [0, 1])
@pytest.mark.parametrize("v_dir", [0, 1])
def test_events_come_column_by_column_in_the_directions_asked_for(chip, h_dir, v_dir):
    points = [(5, 9), (7, 9), (200, 9), (1, 100), (255, 255), (0, 30)]
    plane = np.zeros((256, 256), bool)
    plane[tuple(np.array(points).T)] = True
    chip.put(R5, plane)
    order = sorted(points, key=lambda p: ((-1) ** h_dir * p[1], (-1) ** v_dir * p[0]))
    found = chip.device.chip.scan_events(R5, 100, h_dir, v_dir)
    assert [tuple(pair) for pair in found] == [(column, row) for row, column in order]
    assert chip.device.chip.last.device_ns == 100 * 900 + ANSWER + 200 * BYTE
    assert [tuple(pair) for pair in chip.device.chip.scan_events_rc(R5, 100, h_dir, v_dir)] == order
    assert [tuple(pair) for pair in chip.device.chip.scan_events_rc(R5, 4, h_dir, v_dir)] == order[:4]


def test_the_bounding_box_is_top_right_bottom_left(chip):
    plane = np.zeros((256, 256), bool)
    plane[20, 100] = plane[50, 30] = plane[33, 222] = True
    chip.put(R5, plane)
    assert chip.device.chip.scan_boundingbox(R5) == (20, 30, 50, 222)
    assert chip.device.chip.last.device_ns == 4_000 + ANSWER + 4 * BYTE
    chip.put(R5, np.zeros((256, 256)))
    assert chip.device.chip.scan_boundingbox(R5) == (0, 0, 0, 0)


def test_global_or_looks_at_a_pattern(chip):
    chip.put(R5, (ROWS == 7) & (COLUMNS == 8))
    assert chip.device.chip.global_or(R5)
    assert chip.device.chip.last.device_ns == 500 + ANSWER + BYTE
    assert chip.device.chip.global_or(R5, 7, 8, 0, 0)
    assert not chip.device.chip.global_or(R5, 7, 9, 0, 254)
    chip.put(R5, np.zeros((256, 256)))
    assert not chip.device.chip.global_or(R5)


@pytest.mark.parametrize("options", [0, 1])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
def test_global_count_estimates_the_share_of_ones(chip, share, options):
    plane = np.random.default_rng(8).random((256, 256)) < share
    chip.put(R5, plane)
    assert abs(chip.device.chip.global_count(R5, F, options) - 4095 * plane.mean()) < 15
    chip.unchanged_but(F)


# -- effects, time and refusals ------------------------------------------------------------------------

EXAMPLES = [
    steps.LoadIn(0, 5, 6), steps.In(0, 5, 6), steps.LoadDac(0, 99, 6), steps.GetImage(0, 1, 2),
    steps.ShiftAreg(0, 3, -4), steps.Diffuse(0, 2, 1, 1, 6), steps.ReadAreg(0, 1, 2), steps.GlobalSum16(0),
    steps.GlobalSum64(0), steps.GlobalSumFast(0), steps.GlobalSumSparse(0, 2, 2, 254, 254),
    steps.GlobalSumRegion(0, 0, 0, 9, 9), steps.ShiftDreg(5, 3, -4, 1, 1), steps.GlobalOr(5, 0, 0, 255, 255),
    steps.GlobalCount(5, 0, 0), steps.GetParameter(5), steps.Flood(5, 6, 0, 5, 0),
    steps.LoadPattern(5, 1, 2, 3, 4),
    steps.LoadRect(5, 0, 0, 9, 9), steps.DrawPixel(5, 1, 2), steps.DrawPoint(5, 1, 2),
    steps.DrawRect(5, 0, 0, 9, 9), steps.DrawLine(5, 0, 0, 9, 30, 0), steps.DrawCircle(5, 90, 90, 9, 0),
    steps.DrawNegate(5), steps.ScanAreg(0, 0, 0, 31, 31, 1, 1), steps.ScanAregMean8x8(0),
    steps.ScanEvents(5, 9, 0, 0, 0), steps.ScanBoundingBox(5), steps.SetDac(5), steps.Expose(100),
    steps.Wait(9),
]  # fmt: skip


def test_every_step_has_an_example_here():
    assert {type(step) for step in EXAMPLES} == {form.step for form in CONTROLLER_STEPS}


@pytest.mark.parametrize("step", EXAMPLES, ids=lambda step: type(step).__name__)
def test_a_step_stays_within_the_effects_and_the_time_that_its_row_declares(step):
    chip = Chip()
    form = form_of(step)
    done = chip.device.chip.execute(step)
    chip.unchanged_but(*form.registers(step, form.writes), *form.clobbers, FLAG)
    assert sum(len(data) for data in done.read_outs) == form.read_out(step)
    assert done.device_ns - answer_ns(form.read_out(step)) <= form.words(step) * WORD


def long_kernel():
    kernel = Kernel()
    for _ in range(1025):
        kernel.nop()
    return kernel


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.chip.read_areg(A, 0.5, 0), "must be whole numbers"),
        (lambda d: d.chip.scan_areg(A, 9, 0, 3, 9), "top-right first"),
        (lambda d: d.chip.scan_events(R5, 4001), "max_num must be 0 to 4000"),
        (lambda d: d.chip.flood(R5, R5), "target and mask must be different"),
        (lambda d: d.chip.flood(R0, R5), "target must be 1 to 12, not 0: R0 is 1 after the step"),
        (lambda d: d.chip.shift(R4, 1, 0), "dreg cannot be R4: the step uses R1, R2, R3, R4 itself"),
        (lambda d: d.chip.draw_begin(R2), "dreg cannot be R2: the step uses R2, R3 itself"),
        (lambda d: d.chip.draw_begin(FLAG), "FLAG is no DREG"),
        (lambda d: d.chip.shift(NEWS, 1, 0), "areg must be 0 to 5, not 6"),
        (lambda d: d.chip.shift(R5, 256, 0), "h must be -255 to 255"),
        (lambda d: d.chip.get_image(A, B, 6), "gain must be 1 to 5, not 6"),
        (lambda d: d.chip.load_in(A, 128), "level must be -128 to 127"),
        (lambda d: d.chip.scan_dreg(FLAG), "FLAG is no DREG"),
        (lambda d: d.chip.read_areg(PIX, 0, 0), "PIX is no AREG"),
        (lambda d: d.chip.load_in(A), "level is missing"),
        (lambda d: d.chip.output_bitstack(), "1 to 8 planes, not 0"),
        (lambda d: d.chip.run_kernel(long_kernel()), "1 to 1024 words, not 1025"),
        (lambda d: d.show(np.zeros((256, 257), np.uint8)), "256"),
        (lambda d: d.show(np.zeros((8, 8))), "uint8"),
        (lambda d: d.show(np.zeros((8, 8, 3), np.uint8)), "uint8"),
    ],
)
def test_an_operand_out_of_range_is_refused_by_name_and_changes_nothing(chip, call, message):
    with pytest.raises((ProtocolError, DataError, DeviceError), match=message):
        call(chip.device)
    chip.unchanged_but()


def test_a_word_without_meaning_is_refused_with_block_word_and_bits_and_state_is_unchanged(chip):
    kernel = Kernel()
    kernel.all()
    kernel.CLR(R5)
    kernel.icw("ANALOG", "W1")
    with pytest.raises(DeviceError, match=r"block [0-9a-f]{8}, word 2: .*\(bits at fault: W1\)"):
        chip.device.chip.run_kernel(kernel)
    chip.unchanged_but()


def test_several_steps_and_kernels_make_one_program(chip):
    first, second = Kernel(), Kernel()
    first.sub(C, A, B)
    second.mov(D, C)
    scan, read = steps.ScanAreg(0, 0, 0, 3, 0, 1, 1), steps.ReadAreg(3, 4, 4)
    done = chip.device.chip.execute(scan, Launch(0), Launch(1), read, kernels=[first, second])
    assert done.read_outs[0] == bytes((chip.before[A][:4, 0] + 128).astype(np.uint8))
    difference = np.clip(int(chip.before[A][4, 4]) - chip.before[B][4, 4], -128, 127)
    assert abs(done.read_outs[1][0] - 128 - difference) <= 1
    assert done.words == 4
    assert done.device_ns == 5 * 900 + 2 * LAUNCH + 4 * WORD + ANSWER + 5 * BYTE


def test_a_program_that_reads_out_too_much_or_runs_too_long_is_refused(chip):
    scan = steps.ScanAreg(0, 0, 0, 255, 255, 1, 1)
    with pytest.raises(DeviceError, match="reads out 1114112 bytes; the limit is 1048576"):
        chip.device.chip.execute(*[scan] * 17)
    with pytest.raises(DeviceError, match=r"executes \d+ words; the limit is 10000000"):
        chip.device.chip.execute(*[steps.DrawCircle(5, 9, 9, 255, 0)] * 300)
    chip.unchanged_but()


def test_a_block_that_is_not_resident_is_refused(chip):
    with pytest.raises(DeviceError, match="object 00000000 is not a resident block"):
        chip.device.chip.execute_resident(Program((Launch(0),)), [bytes(16)])
    with pytest.raises(DeviceError, match="0 blocks"):
        chip.device.chip.execute_resident(Program((Launch(0),)), [])
