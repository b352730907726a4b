"""Whole planes in and out: write_plane, and read_plane of everything that an emulated device has."""

import numpy as np
import pytest
from tests.support.chip import Chip

from pixeltree.errors import DataError, DeviceError
from pixeltree.kernels import Kernel
from pixeltree.kernels.names import FLAG, IN, NEWS, PIX, R0, R5, R6, R12, A, B
from pixeltree_protocol.errors import ProtocolError
from pixeltree_protocol.objects import PackedBits
from pixeltree_protocol.objects.program import WriteDreg

LINE = 8_192 * 8 * 1_000_000_000 // 12_000_000
"""Nanoseconds of a plane's bytes on the line of the cost model."""
COPY = 8_192 * 10
LAUNCH, WORD, POINT = 1_000, 100, 500 + 1_000 + 2 * 100


@pytest.fixture
def chip():
    return Chip()


def picture(share, seed=4):
    return np.random.default_rng(seed).random((256, 256)) < share


@pytest.mark.parametrize("share", [0, 0.1, 0.9, 1])
@pytest.mark.parametrize("register", [R0, R5])
def test_a_dreg_holds_the_plane_that_was_written_the_right_way_round(chip, register, share):
    plane = picture(share)
    done = chip.device.write_plane(register, plane)
    assert np.array_equal(chip.unchanged_but(register)[register], plane[:, ::-1])
    assert np.array_equal(chip.device.read_plane(register), plane)
    assert done == chip.device.chip.last


def test_a_write_of_a_dreg_takes_the_time_of_its_bytes_and_of_every_drawn_pixel(chip):
    base = LINE + COPY + LAUNCH + WORD
    answer = chip.device.write_plane(R5, np.zeros((256, 256), bool)).device_ns - base
    plane = picture(0.2)
    done = chip.device.write_plane(R5, plane)
    assert done.device_ns - answer == base + plane.sum() * POINT
    assert done.words == 1 + 2 * plane.sum()
    inverted = chip.device.write_plane(R5, ~plane)
    assert inverted.device_ns == done.device_ns + 2 * WORD
    assert inverted.words == done.words + 2


def test_r12_takes_a_plane_where_r0_is_1(chip):
    chip.device.write_plane(R12, picture(0.5))
    after = chip.unchanged_but(R12)
    assert np.array_equal(after[R12], np.where(chip.before[R0], picture(0.5)[:, ::-1], chip.before[R12]))


def test_an_areg_holds_every_level_that_was_written(chip):
    levels = np.arange(65_536).reshape(256, 256) % 256 - 128
    done = chip.device.write_plane(A, levels)
    after = chip.unchanged_but(A, NEWS, R0, FLAG)
    assert np.array_equal(after[A], levels[:, ::-1])
    assert after[R0].all()
    assert after[FLAG].all()
    assert np.array_equal(chip.device.read_plane("A"), levels)
    # eight planes, half of whose pixels are 1
    assert 8 * (LINE + 32_768 * POINT) < done.device_ns < 8 * (LINE + 32_768 * POINT) * 1.01
    assert done.words > 8 * 2 * 32_768


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, bool, list])
def test_planes_of_any_whole_numbers_are_taken(chip, kind):
    plane = picture(0.5)
    given = plane.tolist() if kind is list else np.asfortranarray(plane.astype(kind))
    chip.device.write_plane(R5, given)
    assert np.array_equal(chip.device.read_plane("R5"), plane)


@pytest.mark.parametrize(
    ("register", "plane", "message"),
    [
        (R5, np.zeros((256, 255), bool), r"\(256, 256\)"),
        (R5, np.zeros((256, 256)), "whole numbers or bool .*float64"),
        (R5, np.full((256, 256), 2), "0 to 1, not 2 to 2"),
        (A, np.full((256, 256), 128), "-128 to 127, not 128 to 128"),
        (NEWS, np.zeros((256, 256), int), "NEWS cannot be written"),
        (FLAG, np.zeros((256, 256), int), "FLAG is no DREG"),
        (PIX, np.zeros((256, 256), int), "PIX is no AREG"),
        (IN, np.zeros((256, 256), int), "IN is no AREG"),
    ],
)
def test_what_cannot_be_written_is_refused_and_changes_nothing(chip, register, plane, message):
    with pytest.raises(DataError, match=message):
        chip.device.write_plane(register, plane)
    chip.unchanged_but()


def test_a_segment_that_is_no_plane_is_refused(chip):
    with pytest.raises((DeviceError, ProtocolError), match="no 65536 bits from bit 0 on"):
        chip.device.chip.execute(WriteDreg(0, 5), segments=[PackedBits(bytes(100))])
    chip.unchanged_but()


def test_levels_of_an_areg_can_be_added_to_without_overflow(chip):
    levels = chip.device.read_plane("A")
    assert levels.dtype == np.int16
    codes = levels + 128
    assert np.array_equal(codes, chip.device.chip.output_image(A))
    assert codes.min() >= 0


def test_pix_is_read_in_levels_from_its_reset_level_on(chip):
    scene = np.zeros((256, 256), np.uint8)
    scene[:, :100] = 255
    chip.device.show(scene)
    chip.device.chip.expose()
    pix = chip.device.read_plane("PIX")
    assert pix.dtype == np.int16
    assert (pix[:, 100:] == -127).all()
    assert np.abs(pix[:, :100]).max() <= 1, "white over a full exposure is 127 above the reset level"
    kernel = Kernel()
    kernel.all()
    kernel.getpix(A, B)
    chip.engine.set_analog(B, np.zeros((256, 256), np.int16))
    chip.device.chip.run_kernel(kernel)
    assert np.abs(chip.device.read_plane("A") - pix).max() <= 1, "reading it changes nothing"


def test_flag_is_read_as_a_kernel_left_it(chip):
    kernel = Kernel()
    kernel.WHERE(R6)
    chip.device.chip.run_kernel(kernel)
    flag = chip.device.read_plane("FLAG")
    assert flag.dtype == np.bool_
    assert np.array_equal(flag, chip.before[R6][:, ::-1])


@pytest.mark.parametrize("name", ["SELECT", "IN", "R13", "XN"])
def test_no_other_plane_is_read(chip, name):
    with pytest.raises(DeviceError, match="OUT_OF_RANGE"):
        chip.device.read_plane(name)
