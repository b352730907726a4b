"""A stretch of a program at once equals its steps one by one: planes, draws, time, results."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.inside import everything_of
from tests.support.word_strategies import programs, random_planes

from pixeltree_emu.array.nonidealities import PRESETS, TICK_NS, Chip
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_emu.controller.stretches import Stretch
from pixeltree_protocol.chip.isa import Instruction, encode
from pixeltree_protocol.chip.registers import DREGS, Digital
from pixeltree_protocol.objects import Block, BlockPlanes, PackedBits, TernaryWeights
from pixeltree_protocol.objects.controller_steps import GlobalSum16, Wait
from pixeltree_protocol.objects.program import (
    Launch,
    LoadCover,
    Program,
    RaiseIn,
    ScanDreg,
    SelectPattern,
    SelectRect,
    SetIn,
)
from pixeltree_protocol.objects.ternary import pack_ternary
from pixeltree_protocol.objects.verify import VerifiedProgram
from pixeltree_protocol.text.assembly import assemble

CHIPS = {name: None if model is None else Chip(model, 7, 3) for name, model in PRESETS.items()}

agreement = settings(max_examples=effort(25, 8), deadline=None, suppress_health_check=list(HealthCheck))

SEGMENTS = (
    BlockPlanes(4, 4, (0xFFFF, 0x0FF3)),
    PackedBits(np.random.default_rng(5).bytes(64)),
    TernaryWeights(216, pack_ternary(np.random.default_rng(6).integers(-1, 2, 216, np.int8))),
)
BYTES = st.integers(0, 255)
LOW, HIGH = st.integers(0, 127), st.integers(128, 255)


@st.composite
def steps(draw, blocks):
    """Steps of every kind that joins a stretch, with some between them that do not."""
    joined = st.one_of(
        st.builds(Launch, st.integers(0, blocks - 1), st.sampled_from([1, 1, 2, 5])),
        st.builds(Launch, st.integers(0, blocks - 1), st.sampled_from([1, 1, 2, 5])),
        st.builds(SetIn, st.integers(-128, 127)),
        st.builds(SetIn, st.integers(-128, 127)),
        st.builds(SelectPattern, BYTES, BYTES, BYTES, BYTES),
        st.builds(SelectRect, BYTES, BYTES, BYTES, BYTES),
        st.builds(
            lambda plane, where, shift, dregs: LoadCover(0, plane, *where, shift, *dregs),
            st.integers(0, 1),
            st.tuples(st.just(1), st.integers(0, 400))
            | st.tuples(st.just(2), st.integers(0, 200) | st.integers(216, 416)),
            st.integers(0, 6),
            st.permutations(range(5, 12)).map(lambda dregs: dregs[:4]),
        ),
    )
    alone = st.one_of(
        st.builds(ScanDreg, st.integers(0, 12), st.just(0), st.just(4), st.just(3)),
        st.builds(RaiseIn, st.integers(0, 5), LOW, LOW, HIGH, HIGH, st.just(2), st.just(-3)),
        st.builds(GlobalSum16, st.integers(0, 5)),
        st.just(Wait(9_000)),
    )
    return draw(st.lists(st.one_of(joined, joined, joined, joined, alone), min_size=1, max_size=14))


@st.composite
def checked_programs(draw):
    """Programs with their blocks and segments."""
    blocks = tuple(Block(tuple(words)) for words in draw(st.lists(programs(most=4), min_size=1, max_size=3)))
    chosen = tuple(draw(steps(len(blocks))))
    return VerifiedProgram(Program(chosen), blocks, SEGMENTS)


def sequencer(engine, preset, seed, start_ns, written_ns=None):
    """An array with random planes in the middle of a frame, at a time, and who runs programs on it.

    The planes were written at ``written_ns``; just now if that is None.
    """
    array, clock = PixelArray(engine=engine, chip=CHIPS[preset]), DeviceClock(CostModel())
    clock.now_ns = start_ns
    analog, digital = random_planes(seed)
    array.elapse(start_ns if written_ns is None else written_ns)
    for register, plane in (*analog.items(), *digital.items()):
        put = array.engine.set_analog if register in analog else array.engine.set_digital
        put(register, plane)
    array.elapse(start_ns)
    array.begin_frame(seed)
    array.expose(start_ns)
    return Sequencer(array, clock), array, clock


def everything(array, clock, decision):
    """All that there is to know after a program, as things to compare."""
    state = array.engine.state()
    planes = {str(name): plane.tobytes() for name, plane in (*state.analog.items(), *state.digital.items())}
    numbers = state.in_level, state.frame, state.words if state.decay else None, clock.now_ns, clock.words
    decay = state.decay and everything_of(state.decay)
    results = bytes(decision.scanned), decision.logits, decision.outcome
    return {**planes, "bus": state.read_bus.tobytes(), "numbers": numbers, "decay": decay, "results": results}


def one_by_one(verified, engine, preset, seed, start_ns, written_ns=None):
    """A program step by step; what is the case at the end, and the device times at which steps ended."""
    runs, array, clock = sequencer(engine, preset, seed, start_ns, written_ns)
    kernels, decision = [array.load(block.words) for block in verified.blocks], Decision()
    times = [clock.now_ns for _ in runs.execute(verified, kernels, decision)]
    return everything(array, clock, decision), times


def at_once(verified, preset, seed, start_ns, looks_at_ns=None, written_ns=None):
    """A program with its stretches at once."""
    runs, array, clock = sequencer("fast", preset, seed, start_ns, written_ns)
    kernels, decision = [array.load(block.words) for block in verified.blocks], Decision()
    runs.looks_at_ns = looks_at_ns
    times = [clock.now_ns for _ in runs.execute_parts(runs.cut(verified), verified, kernels, decision)]
    return everything(array, clock, decision), times


STARTS = st.sampled_from([0, TICK_NS - 20_000, 3 * TICK_NS - 5_000, 150 * TICK_NS - 12_000])


@agreement
@given(checked_programs(), st.integers(0, 2**16), STARTS)
@pytest.mark.parametrize("preset", CHIPS)
def test_stretches_at_once_equal_their_steps_one_by_one(preset, verified, seed, start_ns):
    found, times = at_once(verified, preset, seed, start_ns)
    expected, all_times = one_by_one(verified, "fast", preset, seed, start_ns)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert set(times) <= set(all_times)


@settings(agreement, max_examples=effort(8, 4))
@given(checked_programs(), st.integers(0, 2**16), STARTS)
@pytest.mark.parametrize("preset", CHIPS)
def test_stretches_at_once_equal_the_reference_engine(preset, verified, seed, start_ns):
    found, _ = at_once(verified, preset, seed, start_ns)
    expected, _ = one_by_one(verified, "reference", preset, seed, start_ns)
    assert [name for name in expected if found[name] != expected[name]] == []


@settings(agreement, max_examples=effort(12, 6))
@given(checked_programs(), st.integers(0, 2**16), st.floats(0, 1))
def test_who_looks_at_some_time_sees_what_is_the_case_then(verified, seed, part):
    expected, times = one_by_one(verified, "fast", "typical", seed, 0)
    looks_at = int(part * times[-1]) + 1
    found, seen = at_once(verified, "typical", seed, 0, looks_at)
    assert found == expected
    assert next((time for time in seen if time >= looks_at), None) == next(
        (time for time in times if time >= looks_at), None
    )


def mov(target, source):
    return encode(Instruction("MOV", (target,), (source,)))


WRITES = (
    Block((mov(Digital.R5, Digital.R6), *assemble("bus(A, B)", "a").words)),
    Block((mov(Digital.R6, Digital.R7), *assemble("bus(B, NEWS)\nWHERE(R8)", "b").words)),
    Block((mov(Digital.R9, Digital.R5), *assemble("bus(NEWS, A)\nbus(C, NEWS)", "c").words)),
    Block(assemble("bus(D, E)\nDNEWS0(R10, R8)\nPROP0()\nblur(F, D)", "d").words),
)


@pytest.mark.parametrize("idle", [0, 200], ids=["just_written", "long_idle"])
@pytest.mark.parametrize("preset", ["typical", "harsh"])
def test_a_stretch_in_which_a_tick_begins_equals_its_steps_one_by_one(preset, idle, monkeypatch):
    """Wherever in it that is: what has decayed, and from when on each register decays again."""
    across = []
    real = PixelArray.run_across
    monkeypatch.setattr(
        PixelArray, "run_across", lambda *given: across.append(real(*given)) or across[-1], raising=True
    )
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)):
        verified = VerifiedProgram(Program((SetIn(3), *(Launch(block) for block in order))), WRITES, SEGMENTS)
        for before_ns in (1, 2_500, 4_000, 5_500, 7_000):
            times = 300 * TICK_NS - before_ns, (300 - idle) * TICK_NS - before_ns
            found, _ = at_once(verified, preset, 1, times[0], written_ns=times[1])
            expected, _ = one_by_one(verified, "fast", preset, 1, *times)
            assert [name for name in expected if found[name] != expected[name]] == []
    assert any(across), "some are executed at once"
    assert all(across) is not bool(idle), "where what was read before is due, none is"


@pytest.mark.parametrize("are_empty", [True, False])
def test_only_registers_with_ones_to_lose_part_a_stretch_at_a_tick(are_empty, monkeypatch):
    across = []
    real = PixelArray.run_across
    monkeypatch.setattr(PixelArray, "run_across", lambda *given: across.append(real(*given)) or across[-1])
    planes = {register: np.full((256, 256), not are_empty) for register in DREGS}
    monkeypatch.setitem(globals(), "random_planes", lambda _: ({}, planes))
    block = Block((mov(Digital.R5, Digital.R6), *assemble("DNEWS0(R10, R8)\nPROP0()", "e").words))
    image = VerifiedProgram(Program((Launch(0), Launch(0, 2))), (block,), SEGMENTS)
    for before_ns in (100, 500, 900, 1_300):
        times = 300 * TICK_NS - before_ns, 100 * TICK_NS - before_ns
        found, _ = at_once(image, "typical", 1, times[0], written_ns=times[1])
        expected, _ = one_by_one(image, "reference", "typical", 1, *times)
        assert [name for name in expected if found[name] != expected[name]] == []
    assert across
    assert set(across) == {are_empty}


BLOCK = Block((encode(Instruction("MOV", (Digital.R5,), (Digital.R6,))),) * 10)


def stretches(*chosen):
    """Stretches of a program, as how many steps and words each has."""
    runs, _, _ = sequencer("fast", "ideal", 0, 0)
    verified = VerifiedProgram(Program(chosen), (BLOCK,), SEGMENTS)
    parts = runs.cut(verified)
    assert [step for part in parts for step in part.steps] == list(chosen)
    return [
        (len(part.steps), len(part.stretch.kernel.items) if isinstance(part.stretch, Stretch) else None)
        for part in parts
    ]


def test_a_stretch_goes_on_until_somebody_looks():
    look = ScanDreg(5, 0, 1, 1)
    cover = LoadCover(0, 0, 1, 0, 4, 5, 6, 7, 8)
    assert stretches(SetIn(3), Launch(0), SelectRect(0, 0, 9, 9), look, Launch(0, 2), SetIn(4)) == [
        (3, 12),
        (1, None),
        (2, 21),
    ]
    ((steps_of_it, items),) = stretches(Launch(0), cover)
    assert steps_of_it == 2
    assert items > 12


def test_a_stretch_is_never_longer_than_the_link_can_wait():
    most = PixelArray().most_waiting // 10
    assert stretches(Launch(0, most), Launch(0, most)) == [(1, most * 10), (1, most * 10)]
    assert stretches(Launch(0, 1024)) == [(1, None)], "it is done in pieces"
