"""Words that the chip's designer writes himself, and means that must not drift."""

import numpy as np
import pytest

from pixeltree_emu.array.nonidealities import PRESETS, Chip
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.controller.device_array import create_engine
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.objects.block import Block
from pixeltree_protocol.text.assembly import assemble, disassemble

R1, R2, R10 = Digital.R1, Digital.R2, Digital.R10
STEP = """
icw(1, {SEL4, seln, sels, plrb, bitmode, plwb, nbit, LR3, RR10})
icw(2, {plrb, bit, s_in, rid, nb, LR11, RR10})
icw(1, {LR1, LR10, plrb, bit, bitmode, RR11, SEL4, seln, sels})
"""
"""One step of his stacking: a 1 copies what is below it, a 0 what is above it; the edge floats."""


def run(engine, text):
    engine.run(engine.load(assemble(text).words))


@pytest.fixture(params=["reference", "fast"])
def engine(request):
    return create_engine(request.param, ArrayParameters())


def test_the_designers_stacking_lets_every_column_fall_to_the_bottom(engine):
    """NEWS is 120 in the bottom row, else below 0, so that the floating edge reads 1 below and 0 above."""
    bits = np.random.default_rng(1).random((256, 256)) < 0.3
    engine.set_digital(R10, bits)
    news = np.full((256, 256), -15, np.int16)
    news[255] = 120
    engine.set_analog(Analog.NEWS, news)
    run(engine, "CLR(R2, R4); MOV(R1, R10)".replace("; ", "\n"))
    kernel = engine.load(assemble(STEP * 16).words)
    for _ in range(16):
        engine.run(kernel)
    assert np.array_equal(engine.digital(R10), np.sort(bits, axis=0))
    assert np.array_equal(engine.analog(Analog.NEWS), news)


def test_words_of_the_designer_are_shown_as_he_writes_them():
    block = assemble(STEP)
    listing = disassemble(Block(block.words))
    assert listing.count("icw(") == 3
    assert assemble(listing).words == block.words


def photo():
    """A smooth picture with noise, mostly dark: int16 (256, 256), -100 to 120."""
    random = np.random.default_rng(2)
    rows, columns = np.mgrid[0:256, 0:256]
    smooth = (
        40 * np.sin(rows / 31) * np.cos(columns / 17) + 30 * (np.hypot(rows - 90, columns - 140) < 60) + 25
    )
    return np.clip(smooth + random.normal(0, 8, (256, 256)), -100, 120).astype(np.int16)


def blurred(plane, words):
    """The same diffusion without rounding."""
    value = plane.astype(float)
    for _ in range(words):
        padded = np.pad(value, 1)
        linked = np.pad(np.ones_like(value), 1)
        five = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
        value, count = (sum(p[r : r + 256, c : c + 256] for r, c in five) for p in (padded, linked))
        value = value / count
    return value


@pytest.mark.parametrize("iterations", [1, 3, 10, 30])
@pytest.mark.parametrize("sign", [1, -1])
def test_gauss_does_not_drift(engine, iterations, sign):
    plane = sign * photo()
    for register in (R1, R2):
        engine.set_digital(register, np.ones((256, 256), bool))
    engine.set_analog(Analog.B, plane)
    run(engine, f"gauss(A, B, {iterations})")
    off = engine.analog(Analog.A) - blurred(plane, 2 * iterations)
    assert abs(off.mean()) < 0.05
    assert np.abs(off).max() < 10


def test_gauss_changes_nothing_where_no_link_is_enabled(engine):
    """R1 and R2 are what a kernel must set first: with both at 0 every PE is alone."""
    plane = photo()
    for register in (R1, R2):
        engine.set_digital(register, np.zeros((256, 256), bool))
    engine.set_analog(Analog.B, plane)
    run(engine, "gauss(A, B, 3)")
    assert np.array_equal(engine.analog(Analog.A), plane)


@pytest.mark.parametrize("name", ["reference", "fast"])
@pytest.mark.parametrize("preset", ["typical", "harsh"])
def test_one_iteration_of_a_flood_fills_a_block_of_64_from_four_seeds(name, preset):
    """What the chip authors' program does on a chip: 32 PEs in one propagation (fact sheet 6.2)."""
    engine = create_engine(name, ArrayParameters(), Chip(PRESETS[preset], 1, 0))
    seeds, mask = np.zeros((256, 256), bool), np.ones((256, 256), bool)
    seeds[4::32, 4::32] = True
    mask[::64], mask[:, ::64] = False, False
    engine.set_digital(Digital.R5, seeds)
    engine.set_digital(Digital.R6, mask)
    run(engine, "\n".join(
        ["SET(R1, R2, R3, R4)", "SET(R0)", "MOV(R12, R5)", "MOV(R0, R6)", "PROP0()", "MOV(R7, R12)"]
    ))  # fmt: skip
    assert np.array_equal(engine.digital(Digital.R7), mask)
