"""Programs that the controller runs by itself, compared with the same calls one by one."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.chip import Chip

import pixeltree as pt
from pixeltree.errors import DataError
from pixeltree_protocol.errors import ProgramError


@pytest.fixture(scope="module")
def chip():
    return Chip()


def grow():
    """R6 := R6 and its neighbours, within R5; R7 := what is new."""
    kernel = pt.Kernel()
    kernel.MOV(pt.R8, pt.R6)
    kernel.SET(pt.R1, pt.R2, pt.R3, pt.R4)
    kernel.DNEWS(pt.R7, pt.R6, pt.alldir)
    kernel.OR(pt.R9, pt.R7, pt.R6)
    kernel.AND(pt.R6, pt.R9, pt.R5)
    kernel.NOT(pt.R9, pt.R8)
    kernel.AND(pt.R7, pt.R6, pt.R9)
    return kernel


def filling(most):
    """A program that grows R6 until nothing changes; and what it answers: its rounds."""
    program = pt.ControllerProgram()
    rounds, more = program.variable(), program.variable()
    with program.repeat(most):
        program.run_kernel(kernel := grow())
        more.set(program.global_or(pt.R7))
        program.leave_if(more == 0)
        rounds += 1
    return program, program.answer(rounds), kernel


@functools.cache
def two_chips():
    return Chip(), Chip()


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 12))
@settings(max_examples=8, deadline=None)
def test_a_loop_does_what_the_same_calls_do_one_by_one(rows, columns, most):
    one, other = two_chips()
    program, rounds, kernel = filling(most)
    for each in (one, other):
        each.device.chip.load_rect(pt.R5, 20, 20, 20 + rows, 20 + columns)
        each.device.chip.load_point(pt.R6, 20, 20)
    result = one.device.chip.run(program)
    chip, done = other.device.chip, 0
    for _ in range(most):
        chip.run_kernel(kernel)
        if not chip.global_or(pt.R7):
            break
        done += 1
    assert result[rounds] == [done] == [min(most, rows + columns)]
    for register in (pt.R5, pt.R6, pt.R7, pt.R8, pt.R9):
        assert np.array_equal(one.engine.digital(register), other.engine.digital(register))


def test_answers_come_by_the_calls_that_read_them_out(chip):
    program = pt.ControllerProgram()
    places = []
    column = program.variable(10)
    with program.repeat(3):
        program.load_rect(pt.R5, 7, column, 9, column)
        places.append(program.scan_boundingbox(pt.R5))
        column += 20
    taken = program.scan_events(pt.R5, 10)
    count = program.variable()
    count.set(taken)
    left = program.answer(count)
    never = program.variable()
    with program.if_(never != 0):
        nothing = program.answer(never)
    with program.else_():
        picture = program.output_image(pt.R5)
    result = chip.device.chip.run(program)
    assert result[places[0]] == [(7, 10, 9, 10), (7, 30, 9, 30), (7, 50, 9, 50)]
    assert result.last(places[0]) == (7, 50, 9, 50)
    assert result[left] == [3]
    assert result[nothing] == result[taken] == []
    with pytest.raises(DataError, match="this call has no answer"):
        result.last(taken)
    assert np.argwhere(result.last(picture)).tolist() == [[row, 255 - 50] for row in (7, 8, 9)]


def test_every_call_reads_out_what_it_reads_out_alone(chip):
    program = pt.ControllerProgram()
    calls = {
        "read_areg": (pt.A, 3, 4),
        "global_sum_16": (pt.A,),
        "global_sum_64": (pt.A,),
        "global_sum_16_total": (pt.A,),
        "global_sum_64_total": (pt.A,),
        "global_sum_fast": (pt.A,),
        "global_sum_sparse": (pt.A,),
        "global_sum_region": (pt.A, 1, 2, 30, 40),
        "get_parameter": (6,),
        "global_or": (pt.R5,),
        "scan_areg": (pt.A, 0, 0, 255, 255, 50, 60),
        "scan_areg_8x8": (pt.A,),
        "scan_areg_mean_8x8": (pt.A,),
        "scan_dreg": (pt.R5, 3, 9),
        "scan_events": (pt.R5, 20),
        "scan_events_rc": (pt.R5, 20, 1),
        "scan_boundingbox": (pt.R5,),
        "output_areg": (pt.A, 16),
        "global_count": (pt.R5, pt.B),
    }
    answers = {name: getattr(program, name)(*operands) for name, operands in calls.items()}
    result = chip.device.chip.run(program)
    for name, operands in calls.items():
        alone = getattr(chip.device.chip, name)(*operands)
        assert np.array_equal(result.last(answers[name]), alone), name


@pytest.mark.parametrize("asked", [-40, 0, 7, 900])
def test_variables_are_operands_within_their_bounds(chip, asked):
    program = pt.ControllerProgram()
    level, times = program.variable(asked), program.variable()
    kernel = pt.Kernel()
    kernel.bus(pt.NEWS, pt.IN)
    program.load_in(level.at_most(50))
    with program.repeat(level.at_most(5)):
        times += 1
    program.run_kernel(kernel, level.at_most(3))
    program.wait(level.at_most(100))
    rounds = program.answer(times)
    result = chip.device.chip.run(program)
    assert result[rounds] == [max(0, min(5, asked))]
    assert np.all(chip.engine.analog(pt.NEWS) == -max(-128, min(50, asked)))
    launches = max(1, min(3, asked))
    assert result.execution.words == launches
    waited = result.device_us - max(0, min(100, asked))
    assert waited < 60


def test_parts_of_a_read_out_are_taken_one_after_the_other(chip):
    program = pt.ControllerProgram()
    program.load_rect(pt.R5, 11, 22, 33, 44)
    box = program.scan_boundingbox(pt.R5)
    sides = [program.variable() for _ in range(5)]
    for at in range(4):
        sides[at].set(box.byte(at))
    sides[4].set(box.total())
    program.load_rect(pt.R6, *sides[:4])
    answers = [program.answer(side) for side in sides]
    result = chip.device.chip.run(program)
    assert [result.last(answer) for answer in answers] == [11, 22, 33, 44, 110]
    assert np.array_equal(chip.engine.digital(pt.R6), chip.engine.digital(pt.R5))


def mistakes():
    """What each is, and what a user is told."""

    def late(program, count):
        seen = program.global_or(pt.R5)
        program.load_in(3)
        count.set(seen)

    def many(program, count):
        count.set(program.scan_boundingbox(pt.R5))

    def in_python(program, count):
        if count < 3:
            program.load_in(3)

    def else_first(program, count):
        with program.if_(count < 3):
            program.load_in(3)
        program.load_in(4)
        with program.else_():
            pass

    def still_open(program, count):
        with program.repeat(3):
            program.steps  # noqa: B018

    return {
        "right behind the call": late,
        r"several numbers; take one: byte\(0\)": many,
        "give it to program.if_ or leave_if": in_python,
        "right behind an if_": else_first,
        "still open": still_open,
        "8 variables at most": lambda program, _: [program.variable() for _ in range(8)],
        "a whole number or a variable, not 'x'": lambda _, count: count.set("x"),
        r"count < 10, not False": lambda program, _: program.leave_if(False),
        "get_parameter takes 4 to 11": lambda program, _: program.get_parameter(3),
        "has no steps": lambda *_: pt.ControllerProgram().steps,
    }


@pytest.mark.parametrize("told", mistakes())
def test_a_mistake_is_told_where_it_is_made(told):
    program = pt.ControllerProgram()
    count = program.variable()
    with pytest.raises(DataError, match=told):
        mistakes()[told](program, count)


def test_what_has_no_bound_is_refused_before_it_is_sent(chip):
    before = chip.device.chip.last
    forever = pt.ControllerProgram()
    exposure = forever.variable(500)
    with forever.repeat(64):
        forever.expose(exposure)
    with pytest.raises(ProgramError, match="waits for 640000000 us; the limit is 60000000"):
        chip.device.chip.run(forever)
    nested = pt.ControllerProgram()
    with nested.repeat(65_535), nested.repeat(1_000):
        nested.load_in(3)
    with pytest.raises(ProgramError, match="executes"):
        chip.device.chip.run(nested)
    with pytest.raises(ProgramError, match="level must be -128 to 127, not 200"):
        nested.load_in(200)
    with pytest.raises(ProgramError, match="value must be -2147483648"):
        exposure += 2**31
    assert chip.device.chip.last is before


def test_a_program_is_listed_with_its_blocks_and_variables():
    program, _, _ = filling(9)
    assert program.listing().splitlines() == [
        "  0  Repeat(times=9)",
        "  1    Launch(block=0, times=1)",
        "  2    GlobalOr(dreg=7, r=0, c=0, rx=255, cx=255)",
        "  3    Take(v1 := BYTE at 0)",
        "  4    LeaveIf(v1 == 0)",
        "  5    Set(v0 += 1)",
        "  6  End()",
        "  7  Answer(v0)",
    ]
