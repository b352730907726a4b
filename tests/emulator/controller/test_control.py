"""Variables, loops and branches: what is accepted ends within its bound, and does what Python would do."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.control_programs import bent_program
from tests.support.effort import effort

from pixeltree_conformance.control_model import Run, random_program, steps_of
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.control import Course
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects.control_steps import Else, End, If, LeaveIf, Repeat, Set
from pixeltree_protocol.objects.controller_steps import Wait
from pixeltree_protocol.objects.program import Program, SetIn, form_of, operand_values
from pixeltree_protocol.objects.verify import MAX_READ_OUTS, MAX_WAITING_US, verify_program

QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))
MOST_STEPS_WALKED = 20_000


@given(st.randoms(use_true_random=False))
@settings(QUICK, max_examples=effort(5_000, 150))
def test_a_program_that_is_accepted_ends_within_its_bound(dice):
    program = Program(tuple(bent_program(dice)))
    try:
        verified = verify_program(program, [], [])
    except ProgramError:
        return
    assume(verified.most_words < MOST_STEPS_WALKED)
    course, read_out = Course(program.steps), b""
    words = waited = answers = 0
    while course.at < len(program.steps):
        index, step = course.at, course.next()
        form = form_of(step)
        ranges = zip(operand_values(step), form.operands, strict=True)
        assert all(least <= value <= most for value, (_, least, most) in ranges)
        words += 0 if isinstance(step, Wait) else form.words(step)
        waited += step.microseconds if isinstance(step, Wait) else 0
        answers += form.reads_out and not course.keeps(index)
        if course.takes(step):
            course.follow(step, read_out)
        elif form.reads_out:
            read_out = bytes(dice.choice((0, 1, 255)) for _ in range(form.read_out(step)))
        assert all(-(2**31) <= value < 2**31 for value in course.variables)
    assert words <= verified.most_words
    assert waited <= MAX_WAITING_US
    assert answers <= MAX_READ_OUTS


def executed(engine, steps):
    """What a program answers, with its device time and words."""
    array = PixelArray(engine=engine)
    clock, decision, answers = DeviceClock(CostModel()), Decision(), []
    sequencer = Sequencer(array, clock)
    for step in sequencer.execute(verify_program(Program(steps), [], []), (), decision):
        if step is not None and decision.read_out is not None:
            answers.append(decision.read_out)
    return answers, clock.now_ns, clock.words


@given(st.randoms(use_true_random=False))
@settings(QUICK, max_examples=effort(300, 8))
def test_a_program_does_what_python_would_do_on_both_engines(dice):
    nodes = random_program(dice)
    steps = tuple(steps_of(nodes))
    wanted = Run()
    wanted.all(nodes)
    fast = executed("fast", steps)
    assert fast[0] == wanted.answers
    assert executed("reference", steps) == fast


def test_steps_that_are_passed_over_take_no_time_and_others_ten_operations():
    def took(*steps):
        return executed("fast", steps)[1]

    one = took(Set(0, 0, 0, 1))
    assert one == 50
    assert took(If(0, 1, 0, 0), Wait(9), Wait(9), End()) == one
    assert took(If(0, 1, 0, 0), Wait(9), Else(), End()) == 2 * one
    assert took(If(0, 0, 0, 0), Set(0, 0, 0, 1), Else(), Wait(9), End()) == 3 * one
    assert took(Repeat(3), Set(0, 0, 0, 1), End()) == 7 * one
    assert took(Repeat(3), LeaveIf(0, 0, 0, 0), Wait(9), End(), Wait(1)) == 2 * one + 1_000


def test_a_listing_shows_what_stands_in_a_block():
    program = Program((Repeat(2), If(0, 0, 0, 0), SetIn(1), Else(), End(), End()))
    columns = [len(line) - len(line[3:].lstrip()) - 3 for line in program.listing().splitlines()]
    assert columns == [2, 4, 6, 4, 4, 2]
