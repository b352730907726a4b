"""Steps of the vendor's controller API against NumPy: selections, drawing, shifts, read-outs."""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import Bits, bits_at, pattern, positions_at, rectangle
from pixeltree_conformance.programs import areg, bits_of, dreg, kernel_of, read_bits, read_levels, run, scan
from pixeltree_protocol.chip.registers import Analog, Digital, Direction
from pixeltree_protocol.objects import BlockPlanes, PackedBits
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import (
    Launch,
    LoadCover,
    RaiseIn,
    SelectPattern,
    SelectRect,
    SetIn,
    WriteDreg,
)
from pixeltree_protocol.objects.step import Step

_R5 = 5


def one_plane(driver: Conversation, *steps: Step) -> Bits:
    """R5 after some steps."""
    read_outs, _ = run(driver, *steps, *scan(Digital.R5))
    return bits_of(read_outs[-1])


def random_plane(driver: Conversation) -> Bits:
    """Random bits in R5, and what they are."""
    plane = samples.plane()
    run(driver, WriteDreg(0, _R5), segments=[samples.packed(plane)])
    return plane


@pytest.mark.parametrize("apart", [0, 1, 8])
@pytest.mark.parametrize("side", [1, 2, 4, 8, 16])
def test_covers_expand_over_any_grid(driver: Conversation, side: int, apart: int) -> None:
    """LoadCover: a bit for each position of the mask; row 0 is the top, column 0 the RIGHT one."""
    shift, positions = min(apart, 9 - side.bit_length()), side * side
    care = secrets.randbits(positions) | 1
    mask, bits = BlockPlanes(side, side, (0, care)), PackedBits(secrets.token_bytes(34))
    registers = tuple(Digital(f"R{number}") for number in (6, 7, 8, 9))
    cover = LoadCover(0, 1, 1, 5, shift, *(dreg(register) for register in registers))
    clear = kernel_of(f"CLR({', '.join(registers)})")
    read_outs, _ = run(driver, Launch(0), cover, *scan(*registers), kernels=[clear], segments=[mask, bits])
    found = np.any([bits_of(data) for data in read_outs], axis=0)
    taken = [position for position in range(positions) if care >> position & 1]
    wanted = np.zeros(positions, np.bool_)
    wanted[taken] = [bits.field(5 + index, 1) for index in range(len(taken))]
    at = positions_at(side, shift)
    matters = np.isin(at, taken)
    assert np.array_equal(found[matters], wanted[at][matters])


@pytest.mark.parametrize("operands", [(0, 0, 0, 0), (255, 255, 0, 0), (17, 200, 0, 0), (5, 9, 0xF0, 0xAA)])
def test_a_pattern_selects_by_address_bits(driver: Conversation, operands: tuple[int, int, int, int]) -> None:
    """LoadPattern: pixels whose row and column match but for the mask's bits."""
    assert np.array_equal(one_plane(driver, s.LoadPattern(_R5, *operands)), pattern(*operands))


@pytest.mark.parametrize("corners", [(0, 0, 255, 255), (10, 20, 30, 40), (0, 0, 0, 0), (255, 3, 255, 255)])
def test_a_rectangle_has_its_corners(driver: Conversation, corners: tuple[int, int, int, int]) -> None:
    """LoadRect: (r0, c0) top right, (r1, c1) bottom left, inclusive."""
    assert np.array_equal(one_plane(driver, s.LoadRect(_R5, *corners)), rectangle(*corners))


def test_selections_reach_select_and_rect(driver: Conversation) -> None:
    """SelectPattern and SelectRect leave their pixels in SELECT and RECT, for MOV to take."""
    read_outs, _ = run(
        driver,
        SelectPattern(3, 5, 0xF0, 0x0F),
        Launch(0),
        SelectRect(9, 8, 77, 66),
        Launch(1),
        *scan(Digital.R5, Digital.R6),
        kernels=[kernel_of("MOV(R5, SELECT)"), kernel_of("MOV(R6, RECT)")],
    )
    assert np.array_equal(bits_of(read_outs[0]), pattern(3, 5, 0xF0, 0x0F))
    assert np.array_equal(bits_of(read_outs[1]), rectangle(9, 8, 77, 66))


@pytest.mark.parametrize(
    ("h", "v", "boundary"), [(1, 0, 0), (-3, 0, 0), (0, 2, 0), (0, -1, 1), (5, -4, 0), (0, 0, 1)]
)
def test_a_dreg_shifts(driver: Conversation, h: int, v: int, boundary: int) -> None:
    """ShiftDreg: content moves h pixels east and v north; beyond the edge is the boundary."""
    plane = random_plane(driver)
    for _ in range(abs(h)):
        plane = bits_at(plane, Direction.WEST if h > 0 else Direction.EAST, bool(boundary))
    for _ in range(abs(v)):
        plane = bits_at(plane, Direction.SOUTH if v > 0 else Direction.NORTH, bool(boundary))
    assert np.array_equal(one_plane(driver, s.ShiftDreg(_R5, h, v, boundary, 2)), plane)


def test_drawing_sets_pixels(driver: Conversation) -> None:
    """DrawPixel wraps, DrawPoint clips and says so, DrawRect fills, DrawNegate inverts."""
    read_outs, _ = run(
        driver,
        s.LoadRect(_R5, 0, 0, 0, 0),
        s.DrawPixel(_R5, 256, 3),
        s.DrawPoint(_R5, 40, 41),
        s.DrawPoint(_R5, -1, 41),
        s.DrawRect(_R5, 50, 60, 70, 80),
        s.DrawNegate(_R5),
        *scan(Digital.R5),
    )
    wanted = (
        rectangle(0, 0, 0, 0) | rectangle(0, 3, 0, 3) | rectangle(40, 41, 40, 41) | rectangle(50, 60, 70, 80)
    )
    assert read_outs[:2] == [b"\1", b"\0"]
    assert np.array_equal(bits_of(read_outs[2]), ~wanted)


def test_a_line_has_its_ends_and_no_gaps(driver: Conversation) -> None:
    """DrawLine: horizontal, vertical and diagonal lines are what they must be."""
    plane = one_plane(
        driver,
        s.LoadRect(_R5, 0, 0, 0, 0),
        s.DrawLine(_R5, 10, 5, 10, 30, 0),
        s.DrawLine(_R5, 60, 100, 40, 100, 0),
        s.DrawLine(_R5, 100, 100, 120, 120, 0),
    )
    wanted = rectangle(0, 0, 0, 0) | rectangle(10, 5, 10, 30) | rectangle(40, 100, 60, 100)
    wanted[np.arange(100, 121), np.arange(100, 121)] = True
    assert np.array_equal(plane, wanted)


def test_events_and_boxes_say_where_pixels_are(driver: Conversation) -> None:
    """ScanEvents: (column, row), column by column, zeros at the end; ScanBoundingBox: its sides."""
    read_outs, _ = run(
        driver,
        s.LoadRect(_R5, 20, 30, 21, 31),
        s.DrawPixel(_R5, 7, 200),
        s.ScanEvents(_R5, 8, 0, 0, 0),
        s.ScanEvents(_R5, 3, 1, 0, 0),
        s.ScanBoundingBox(_R5),
    )
    seen = [(30, 20), (30, 21), (31, 20), (31, 21), (200, 7)]
    assert read_outs[0] == bytes(n for pair in seen for n in pair) + bytes(6)
    assert read_outs[1] == bytes(n for column, row in seen[:3] for n in (row, column))
    assert read_outs[2] == bytes((7, 30, 21, 200))


def test_a_global_or_looks_at_its_pattern(driver: Conversation) -> None:
    """GlobalOr: whether any pixel of the pattern is 1."""
    read_outs, _ = run(
        driver,
        s.LoadRect(_R5, 20, 30, 21, 31),
        s.GlobalOr(_R5, 0, 0, 255, 255),
        s.GlobalOr(_R5, 20, 31, 0, 0),
        s.GlobalOr(_R5, 22, 31, 0, 0),
    )
    assert read_outs == [b"\1", b"\1", b"\0"]


def test_a_flood_fills_what_its_target_touches(driver: Conversation) -> None:
    """Flood: the target's 1s spread through the mask."""
    plane = one_plane(
        driver,
        s.LoadRect(_R5, 12, 12, 12, 12),
        s.LoadRect(6, 10, 10, 18, 18),
        s.DrawRect(6, 40, 40, 44, 44),
        s.Flood(_R5, 6, 0, 5, 0),
    )
    assert np.array_equal(plane, rectangle(10, 10, 18, 18))


def test_samples_are_what_the_plane_says(bench: Bench, driver: Conversation) -> None:
    """ScanAreg: level + 128, column-major from the top right; ReadAreg the same for one pixel."""
    run(driver, s.In(0, 33, areg(Analog.NEWS)))
    levels = read_levels(driver, Analog.A)
    read_outs, _ = run(driver, s.ScanAreg(0, 3, 5, 250, 255, 30, 50), s.ReadAreg(0, 100, 7))
    wanted = (levels[3:251:30, 5:256:50] + 128).T.reshape(-1)
    found = np.frombuffer(read_outs[0], np.uint8).astype(np.int16)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 2 * bench.analog_tolerance
    assert abs(read_outs[1][0] - 128 - int(levels[100, 7])) <= 2 * bench.analog_tolerance


def test_sums_of_a_uniform_plane(bench: Bench, driver: Conversation) -> None:
    """GlobalSum16 and 64 have their sizes; sums of a higher level are higher."""
    run(driver, s.In(0, 0, areg(Analog.NEWS)), s.In(1, 60, areg(Analog.NEWS)))
    read_outs, _ = run(
        driver, s.GlobalSum16(0), s.GlobalSum16(1), s.GlobalSum64(1), s.ScanAregMean8x8(0), s.GlobalSumFast(0)
    )
    assert [len(data) for data in read_outs] == [16, 16, 64, 64, 1]
    assert all(high > low for low, high in zip(read_outs[0], read_outs[1], strict=True))


def fill(driver: Conversation, corners: tuple[int, int, int, int], level: int) -> None:
    """A := level within a rectangle, 0 elsewhere."""
    run(
        driver,
        s.In(0, 0, areg(Analog.NEWS)),
        s.LoadRect(_R5, *corners),
        Launch(0),
        s.In(0, level, areg(Analog.NEWS)),
        Launch(1),
        kernels=[kernel_of("WHERE(R5)"), kernel_of("all")],
    )


@pytest.mark.parametrize(
    ("corners", "gain", "offset", "level"),
    [
        ((10, 20, 19, 29), 1, 0, 90),
        ((10, 20, 19, 39), 2, -7, 83),
        ((9, 20, 19, 29), -1, 100, 37),
        ((10, 20, 19, 29), 127, -128, 127),
        ((10, 20, 19, 29), -128, 0, -128),
        ((200, 200, 255, 255), 50, 3, 13),
    ],
)
def test_a_level_follows_a_plane(
    bench: Bench,
    driver: Conversation,
    corners: tuple[int, int, int, int],
    gain: int,
    offset: int,
    level: int,
) -> None:
    """RaiseIn: from 10 by gain x mean + offset; the plane is 80 in 100 pixels and 0 elsewhere."""
    raised = RaiseIn(0, *corners, gain, offset)
    fill(driver, (10, 20, 19, 29), 80)
    run(driver, SetIn(10), raised, Launch(0), kernels=[kernel_of("bus(B, IN)")])
    off = np.abs(-read_levels(driver, Analog.B) - level).max()
    assert off <= 1 + (2 + 2 * abs(gain)) * bench.analog_tolerance


def test_an_areg_shifts(bench: Bench, driver: Conversation) -> None:
    """ShiftAreg: content moves h pixels east and v north, and 0 comes in."""
    fill(driver, (50, 50, 60, 70), 50)
    run(driver, s.ShiftAreg(0, 3, 2))
    wanted = np.where(rectangle(48, 47, 58, 67), 50, 0)
    off = np.abs(read_levels(driver, Analog.A) - wanted)
    assert float(np.mean(off <= 3 * bench.analog_tolerance)) >= (0.99 if bench.analog_tolerance else 1.0)


def test_waiting_takes_device_time_and_keeps_planes(driver: Conversation) -> None:
    """Wait: at least so many microseconds of device time; a DREG refreshed before keeps its content."""
    plane = random_plane(driver)
    _, executed = run(driver, s.Wait(2_000))
    assert executed.device_ns >= 2_000_000
    assert np.array_equal(read_bits(driver, Digital.R5), plane)
