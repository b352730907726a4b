"""Programs with variables, loops and branches, of which many cannot run."""

from pixeltree_conformance.control_model import random_program, steps_of
from pixeltree_protocol.objects.control_steps import Answer, Else, End, If, LeaveIf, Repeat, Set, Take, Use
from pixeltree_protocol.objects.controller_steps import GlobalOr, ScanEvents, Wait
from pixeltree_protocol.objects.program import ScanDreg, SetIn


def any_step(dice):
    """A step of these, or one that they can go with."""

    def source():
        return dice.randint(0, 1), dice.randint(-3, 8)

    def small():
        return dice.randrange(8)

    kinds = (
        lambda: Repeat(dice.choice((0, 1, 2, 3, 5, 65_535))),
        lambda: If(small(), dice.randrange(6), *source()),
        Else,
        End,
        End,
        lambda: LeaveIf(small(), dice.randrange(6), *source()),
        lambda: Set(small(), dice.randrange(5), *source()),
        lambda: Use(dice.randrange(3), small()),
        lambda: Take(small(), dice.randrange(5), dice.randrange(3)),
        lambda: Answer(small()),
        lambda: GlobalOr(5, 0, 0, 255, 255),
        lambda: ScanEvents(5, dice.choice((0, 2, 90)), 0, 0, 0),
        lambda: ScanDreg(5, 7, 1, dice.choice((1, 2, 3))),
        lambda: Wait(dice.choice((0, 7, 1_000_000))),
        lambda: SetIn(9),
    )
    return dice.choice(kinds)()


def bent_program(dice):
    """Steps of any kind, or a program as it should be with some put in, taken out or in others' places."""
    if dice.random() < 0.3:
        return [any_step(dice) for _ in range(dice.randint(1, 14))]
    steps = list(steps_of(random_program(dice)))
    for _ in range(dice.randint(0, 3)):
        at = dice.randrange(len(steps))
        steps[at : at + dice.randint(0, 2)] = [any_step(dice) for _ in range(dice.randint(0, 2))]
        steps = steps or [SetIn(9)]
    return steps
