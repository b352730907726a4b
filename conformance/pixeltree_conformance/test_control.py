"""Variables, loops and branches of programs: what they give, how they end, and what is refused."""

from __future__ import annotations

import random

import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.control_model import R5, Run, random_program, steps_of
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.programs import dreg, kernel_of, run
from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.link.messages import ErrorCode, Execute, Stored
from pixeltree_protocol.objects import Block, digest_of
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.control_steps import (
    Answer,
    Else,
    End,
    If,
    LeaveIf,
    Operation,
    Part,
    Relation,
    Repeat,
    Set,
    Source,
    Take,
    Use,
)
from pixeltree_protocol.objects.program import Argmax, Launch, Program, ScanDreg, SetIn
from pixeltree_protocol.objects.step import Step

_CONSTANT, _VARIABLE = Source.CONSTANT, Source.VARIABLE


def numbers(driver: Conversation, *steps: Step) -> list[int]:
    """What steps answer, as signed numbers."""
    read_outs, _ = run(driver, *steps)
    return [int.from_bytes(data, "little", signed=True) for data in read_outs]


@pytest.mark.parametrize("seed", range(12))
def test_programs_of_loops_and_branches_do_what_they_say(driver: Conversation, seed: int) -> None:
    """Repeat, If, Else, LeaveIf, End, Set, Take, Use, Answer: twelve random programs, as Python runs them."""
    program = random_program(random.Random(seed))
    wanted = Run()
    wanted.all(program)
    read_outs, _ = run(driver, *steps_of(program))
    assert read_outs == wanted.answers


def test_a_loop_ends_when_what_it_reads_says_so(driver: Conversation) -> None:
    """LeaveIf: a flood step by step until the OR of what is not yet filled is 0; words as long as it ran."""
    kernel = kernel_of("NOT(R8, R6); AND(R7, R5, R8)")
    steps = (
        s.LoadRect(R5, 10, 10, 10, 40),
        s.LoadPattern(dreg(Digital.R6), 10, 10, 0, 0),
        Repeat(1000),
        Set(0, Operation.ADD, _CONSTANT, 1),
        s.ShiftDreg(dreg(Digital.R6), -1, 0, 0, 0),
        s.DrawRect(dreg(Digital.R6), 10, 10, 10, 10),
        Launch(0),
        s.GlobalOr(dreg(Digital.R7), 0, 0, 255, 255),
        Take(1, Part.BYTE, 0),
        LeaveIf(1, Relation.EQUAL, _CONSTANT, 0),
        End(),
        Answer(0),
    )
    read_outs, executed = run(driver, *steps, kernels=[kernel])
    assert read_outs == [(30).to_bytes(4, "little")]
    assert 30 * 2 < executed.words < 1_000


@pytest.mark.parametrize(
    ("operation", "first", "second", "wanted"),
    [
        (Operation.SET, 5, -7, -7),
        (Operation.ADD, 2**31 - 1, 1, -(2**31)),
        (Operation.SUBTRACT, -(2**31), 1, 2**31 - 1),
        (Operation.MULTIPLY, 65_537, 65_537, 131_073),
        (Operation.HALVE, -7, 1, -4),
        (Operation.HALVE, -1, 31, -1),
    ],
)
def test_variables_are_signed_numbers_of_32_bits(
    driver: Conversation, operation: Operation, first: int, second: int, wanted: int
) -> None:
    """Set: every operation, by a constant and by a variable; results wrap, and halves round down."""
    given = (Set(0, Operation.SET, _CONSTANT, first), Set(1, Operation.SET, _CONSTANT, first))
    other = Set(2, Operation.SET, _CONSTANT, second)
    changes = (Set(0, operation, _CONSTANT, second), Set(1, operation, _VARIABLE, 2))
    assert numbers(driver, *given, other, *changes, Answer(0), Answer(1)) == [wanted, wanted]


@pytest.mark.parametrize("relation", Relation)
def test_a_branch_runs_one_of_its_parts(driver: Conversation, relation: Relation) -> None:
    """If and Else: compared with what is less, equal, greater; a LeaveIf within them leaves the loop."""
    answers = []
    for value in (-1, 0, 1):
        steps = (
            Set(1, Operation.SET, _CONSTANT, value),
            Repeat(2),
            If(1, relation, _VARIABLE, 0),
            Set(2, Operation.ADD, _CONSTANT, 1),
            Else(),
            Set(2, Operation.ADD, _CONSTANT, 100),
            LeaveIf(1, Relation.EQUAL, _CONSTANT, 1),
            Set(2, Operation.ADD, _CONSTANT, 10_000),
            End(),
            End(),
            Answer(2),
        )
        answers += numbers(driver, *steps)
    holds = {
        Relation.EQUAL: (0,),
        Relation.UNEQUAL: (-1, 1),
        Relation.LESS: (-1,),
        Relation.AT_MOST: (-1, 0),
        Relation.GREATER: (1,),
        Relation.AT_LEAST: (0, 1),
    }[relation]
    assert answers == [2 if value in holds else 100 if value == 1 else 20_200 for value in (-1, 0, 1)]


def test_variables_are_0_when_a_program_begins(driver: Conversation) -> None:
    """Answer: what a program before left in a variable is gone."""
    every = tuple(Answer(number) for number in range(8))
    assert numbers(driver, *(Set(n, Operation.SET, _CONSTANT, 9) for n in range(8)), *every) == [9] * 8
    assert numbers(driver, *every) == [0] * 8


def test_an_operand_follows_a_variable_within_its_bounds(driver: Conversation) -> None:
    """Use: least value, the variable, or what stands in the step; a Repeat of 0 does nothing."""

    def times(asked: int) -> list[int]:
        count = (Use(0, 0), Repeat(5), Set(1, Operation.ADD, _CONSTANT, 1), End(), Answer(1))
        return numbers(driver, Set(0, Operation.SET, _CONSTANT, asked), *count)

    assert [times(asked) for asked in (-3, 0, 4, 5, 70_000)] == [[0], [0], [4], [5], [5]]


def test_launches_and_waits_follow_variables(driver: Conversation) -> None:
    """Use: the words and the device time of EXECUTED are those of what ran."""
    two = Set(0, Operation.SET, _CONSTANT, 2)
    _, launched = run(driver, two, Use(1, 0), Launch(0, 100), kernels=[kernel_of("MOV(R5, R6)")])
    assert launched.words == 2
    _, waited = run(driver, two, Set(0, Operation.MULTIPLY, _CONSTANT, 500), Use(0, 0), s.Wait(9_000))
    assert 1_000_000 <= waited.device_ns < 9_000_000


def test_a_read_out_in_a_loop_is_answered_each_time(driver: Conversation) -> None:
    """READ_OUT: the same step again and again, in the order in which it ran."""
    count = (Repeat(3), Set(0, Operation.ADD, _CONSTANT, 5), Answer(0), End())
    assert numbers(driver, *count) == [5, 10, 15]


BAD = {
    "a Repeat without an End": (Repeat(2), SetIn(0)),
    "an If without an End": (If(0, 0, 0, 0), SetIn(0), Else()),
    "an End of nothing": (SetIn(0), End()),
    "an Else of a Repeat": (Repeat(2), Else(), End()),
    "an Else after an Else": (If(0, 0, 0, 0), Else(), Else(), End()),
    "a LeaveIf outside": (If(0, 0, 0, 0), LeaveIf(0, 0, 0, 0), End()),
    "a LeaveIf behind a loop": (Repeat(2), End(), LeaveIf(0, 0, 0, 0)),
    "nine blocks in each other": (*(Repeat(1),) * 9, *(End(),) * 9),
    "a variable that there is not": (Set(0, Operation.ADD, _VARIABLE, 8),),
    "a negative variable": (LeaveIf(0, 0, _VARIABLE, -1),),
    "a Take of nothing": (SetIn(0), Take(0, 0, 0)),
    "a Take behind a block": (s.GlobalOr(5, 0, 0, 0, 0), Repeat(1), Take(0, 0, 0), End()),
    "a Take of a byte too many": (s.ScanBoundingBox(5), Take(0, Part.UINT16, 3)),
    "a Take of a long read-out": (ScanDreg(5, 0, 1, 3), Take(0, Part.BYTE, 0)),
    "events of a box": (s.ScanBoundingBox(5), Take(0, Part.EVENTS, 0)),
    "a Use of a register": (Use(0, 0), s.LoadPattern(5, 0, 0, 0, 0)),
    "a Use of a slot": (Use(0, 0), Launch(0)),
    "a Use at the end": (SetIn(0), Use(0, 0)),
    "a Use of an End": (Repeat(1), Use(0, 0), End()),
    "a decision in a block": (Repeat(1), Argmax()),
    "too many read-outs": (Repeat(4_097), Answer(0), End()),
    "too long a wait": (Repeat(61), s.Wait(1_000_000), End()),
    "too many rounds": (Repeat(65_535), Repeat(65_535), End(), End()),
    "too many words in a loop": (Repeat(1_000), *(s.Flood(6, 5, 0, 255, 0),) * 20, End()),
}


@pytest.mark.parametrize("what", BAD)
def test_what_has_no_known_end_is_refused(driver: Conversation, what: str) -> None:
    """BAD_OBJECT: blocks that are not closed, parts that belong to nothing, and loops that take too long."""
    block = Block.decode(samples.block_of(2)).encode()
    driver.ask(samples.whole(block), Stored)
    driver.refused(Execute((digest_of(block),), (), Program(BAD[what]).encode()), ErrorCode.BAD_OBJECT)
    driver.settle()
