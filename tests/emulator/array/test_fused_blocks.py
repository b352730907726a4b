"""Blocks with machine code of their own do what the reference engine does, and nobody waits for that code."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.engines import LEVELS, SEEDS, agreement, differences, prepare
from tests.support.word_strategies import chains, programs

from pixeltree_emu.array.fast import FastEngine
from pixeltree_emu.array.fast.fused import native, store
from pixeltree_emu.array.fast.fused.fuser import Fuser
from pixeltree_emu.array.fast.fused.plan import segments_of
from pixeltree_emu.array.fast.fused.schedule import scheduled
from pixeltree_emu.array.fast.hot import Background
from pixeltree_emu.array.fast.passes import ERROR, EXACT
from pixeltree_emu.array.nonidealities import PRESETS, Chip
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect
from pixeltree_emu.bench import programs as bench_programs
from pixeltree_protocol.chip.isa import ICW, ClockClass
from pixeltree_protocol.chip.registers import bits


class AtOnce:
    """Makes code for every block before it runs, and keeps it nowhere."""

    patience = 0

    def __init__(self):
        self._fuser = Fuser(None)

    def warm(self, block):
        block.left = 1 << 62
        self._fuser.make(block)


AT_ONCE = AtOnce()
CHIPS = {"ideal": None} | {name: Chip(PRESETS[name], chip=7, seed=3) for name in ("typical", "harsh")}
BYTES = st.integers(0, 255)
BETWEEN = st.one_of(
    st.builds(PatternSelect, BYTES, BYTES, BYTES, BYTES),
    st.builds(RectangleSelect, BYTES, BYTES, BYTES, BYTES),
    st.builds(DriveIn, LEVELS),
)
PARAMETERS = st.sampled_from(
    [
        ArrayParameters(),
        ArrayParameters(analog_boundary=5, square_divisor=3),
        ArrayParameters(analog_boundary=-128, push_gate="owner"),
    ]
)


@st.composite
def blocks(draw):
    """A block long enough to be cut: words, and what the controller does between them."""
    parts = draw(
        st.lists(st.one_of(programs(), chains(), st.lists(BETWEEN, max_size=3)), min_size=1, max_size=4)
    )
    return [item for part in parts for item in part]


def assert_agree(parameters, chip, seed, level, steps):
    """A fused engine, a plain one and the reference, after each block."""
    engines = [ReferenceEngine(parameters, chip), FastEngine(parameters, chip, AT_ONCE)]
    for engine in engines:
        prepare(engine, seed, level)
        engine.begin_frame(seed)
    for items in steps:
        for engine in engines:
            engine.run(engine.load(items))
        found = differences(*engines)
        assert not found, f"PEs that differ: {found}\n{items}"


@settings(agreement, max_examples=effort(300, 8))
@given(PARAMETERS, SEEDS, LEVELS, st.lists(blocks(), min_size=1, max_size=2))
@pytest.mark.parametrize("mode", CHIPS)
def test_any_blocks_agree_with_the_reference(mode, parameters, seed, level, steps):
    assert_agree(parameters, CHIPS[mode], seed, level, steps)


@pytest.mark.parametrize("mode", ["ideal", "typical"])
def test_whole_programs_agree_with_the_reference(mode):
    convolution = [item for block in bench_programs.convolution() for item in block]
    for items in (convolution, bench_programs.sobel(), bench_programs.digital()):
        assert_agree(ArrayParameters(), CHIPS[mode], 5, 3, [[DriveIn(7), *items], items])


def test_a_block_is_cut_only_where_rows_of_analog_values_just_written_are_read():
    engine = FastEngine(ArrayParameters())
    convolution = [item for block in bench_programs.convolution() for item in block]
    counts = {}
    for name, items in (("sobel", bench_programs.sobel()), ("convolution", convolution)):
        kernel = engine.load(items)
        (block,) = [kernel.only] if kernel.only else kernel.variants.values()
        counts[name] = len(segments_of(block.passes))
    assert counts == {"sobel": 2, "convolution": 1}


def test_a_gated_write_is_worked_out_once_and_mixed_with_what_was_there_only_where_somebody_sees_it():
    engine = FastEngine(ArrayParameters(), CHIPS["typical"])
    words = bench_programs.words("WHERE(R5); add(A, A, B); sub(A, A, C); all; add(D, B, C)")
    _, block = hot_block(engine, words)
    (segment,) = segments_of(block.passes)
    order = scheduled(segment.graph, segment.leaves).order
    written = [value for value in order if value.row[ERROR] not in (EXACT, -1) and not value.digital]
    assert len(written) == len(block.passes[block.passes[:, ERROR] > EXACT]) == 6
    assert [value.plane for value in order if value.whole] == [(False, 0), (False, 0)]


@pytest.mark.parametrize("mode", ["ideal", "typical"])
def test_a_gated_write_that_reads_a_row_just_written_begins_a_segment(mode):
    from_neighbours = [("seln", "W4"), ("sels", "W1")]  # NEWS = -(A + NEWS there), A = -(A + NEWS there)
    north, south = (ICW(bits(*names, "SEL1", "SEL4"), ClockClass.ANALOG) for names in from_neighbours)
    words = [*bench_programs.words("WHERE(R5)"), north, south]
    assert_agree(ArrayParameters(), CHIPS[mode], 0, 0, [words])
    _, block = hot_block(FastEngine(ArrayParameters(), CHIPS[mode]), words)
    assert segments_of(block.passes)[-1].first == len(block.passes) - 1


def hot_block(engine, items=None):
    """A kernel and its block."""
    kernel = engine.load(
        items or bench_programs.words("all; sub(A, A, B); WHERE(R5); add(A, A, C); all; abs(D, A)")
    )
    return kernel, kernel.only or next(iter(kernel.variants.values()))


def fused(kernel):
    """Whether a kernel has code of its own, for some state of FLAG."""
    return any(block.parts for block in kernel.variants.values())


def test_code_is_made_in_the_background_and_every_run_gives_the_same():
    plain, warmed = FastEngine(ArrayParameters()), FastEngine(ArrayParameters(), heater=Background())
    for engine in (plain, warmed):
        prepare(engine, 3, 1)
    kernels = [engine.load(bench_programs.sobel()) for engine in (plain, warmed)]
    end = time.monotonic() + 60
    while not fused(kernels[1]) and time.monotonic() < end:
        warmed.run(kernels[1])
        plain.run(kernels[0])
    assert fused(kernels[1])
    assert not differences(plain, warmed)
    for engine, kernel in zip((plain, warmed), kernels, strict=True):
        engine.run(kernel)
    assert not differences(plain, warmed)


@pytest.mark.parametrize("mode", ["ideal", "typical"])
def test_engines_that_are_alike_share_a_block_with_its_code(mode):
    """Devices of one process share blocks; each runs the code on its own planes."""
    first, second = (FastEngine(ArrayParameters(), CHIPS[mode], heater=AtOnce()) for _ in range(2))
    assert first.alike == second.alike
    reference = ReferenceEngine(ArrayParameters(), CHIPS[mode])
    prepare(first, 3, 1)
    for engine in (second, reference):
        prepare(engine, 9, 2)
    kernel = first.load(bench_programs.sobel())
    first.run(kernel)
    assert fused(kernel)
    second.run(kernel)
    reference.run(reference.load(bench_programs.sobel()))
    assert not differences(reference, second)


@pytest.fixture
def kept(tmp_path):
    """A folder with the code of one block, and another engine's block that could use it."""
    _, block = hot_block(FastEngine(ArrayParameters()))
    Fuser(tmp_path).make(block)
    (file,) = tmp_path.iterdir()
    engine = FastEngine(ArrayParameters())
    prepare(engine, 1, 1)
    return tmp_path, file, *hot_block(engine), engine


def test_kept_code_is_found_again_and_nothing_is_compiled(kept, monkeypatch):
    folder, _, kernel, block, engine = kept
    monkeypatch.setattr(native, "compiled", lambda text: pytest.fail("it was compiled"))
    assert Fuser(folder).find(block)
    assert block.parts is not None
    reference = ReferenceEngine(ArrayParameters())
    prepare(reference, 1, 1)
    reference.run(
        reference.load(bench_programs.words("all; sub(A, A, B); WHERE(R5); add(A, A, C); all; abs(D, A)"))
    )
    engine.run(kernel)
    assert not differences(reference, engine)


def damage(file):
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def let_others_write(file):
    file.chmod(0o620)


def replace_by_a_link(file):
    file.rename(file.parent / "elsewhere")
    file.symlink_to(file.parent / "elsewhere")


@pytest.mark.parametrize("spoil", [damage, let_others_write, replace_by_a_link])
def test_code_that_others_may_have_written_is_not_loaded(kept, spoil):
    folder, file, _, block, _ = kept
    spoil(file)
    assert not Fuser(folder).find(block)
    assert block.parts is None


def test_code_of_another_user_is_not_loaded(kept, monkeypatch):
    folder, _, _, block, _ = kept
    another = os.geteuid() + 1
    monkeypatch.setattr(store.os, "geteuid", lambda: another)
    assert not Fuser(folder).find(block)
    assert block.parts is None


def test_the_oldest_code_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_MOST_KEPT", 2)
    for number, name in enumerate(("first", "second", "third")):
        store.keep(tmp_path, name, [(0, 1, True)], b"code")
        if name != "third":
            os.utime(tmp_path / name, (number, number))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["second", "third"]
    assert store.kept(tmp_path, "third") == ([(0, 1, True)], b"code")


def test_another_level_of_in_is_another_block():
    """What code knows about constants must not leak into blocks that differ in them."""
    engine = FastEngine(ArrayParameters(), heater=AT_ONCE)
    reference = ReferenceEngine(ArrayParameters())
    for each in (engine, reference):
        prepare(each, 2, 0)
        for level in (5, -7):
            each.run(each.load([DriveIn(level), *bench_programs.words("all; sub(A, A, IN); add(B, B, IN)")]))
    assert not differences(engine, reference)
