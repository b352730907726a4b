"""Controller steps inside a node's program: its planes only, bounded time, bounded read-out."""

import pytest

from pixeltree_protocol.chip.registers import DREGS, Analog, Digital
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects import FullyConnected, Label, Node
from pixeltree_protocol.objects.controller_steps import (
    DrawCircle,
    Expose,
    Flood,
    GlobalCount,
    GlobalOr,
    LoadPattern,
    ScanAreg,
    ShiftAreg,
    ShiftDreg,
    Wait,
)
from pixeltree_protocol.objects.program import ApplyFullyConnected, Argmax, Program, ScanDreg
from pixeltree_protocol.objects.verify import verify_node

LAYER = FullyConnected(256, (0,), bytes(32))
DECIDE = (ScanDreg(6, 0, 1, 1), ApplyFullyConnected(0), Argmax())
A, NEWS = Analog.A, Analog.NEWS
LOCAL = frozenset(DREGS[:5])


def verify(*steps, dregs=frozenset(), aregs=frozenset()):
    node = Node(bytes(16), (), (bytes(16),), frozenset({Digital.R6}) | dregs, frozenset(aregs), (Label(1),))
    verify_node(node, Program((*steps, *DECIDE)), [], [LAYER], Digital.R5)


@pytest.mark.parametrize(
    ("step", "dregs", "aregs"),
    [
        (LoadPattern(6, 1, 2, 3, 4), set(), set()),
        (GlobalOr(5, 0, 0, 255, 255), set(), set()),  # the input plane may be read
        (ShiftDreg(6, 1, 1, 0, 2), LOCAL, set()),
        (Flood(6, 5, 0, 5, 0), LOCAL | {Digital.R12}, set()),
        (ShiftAreg(0, 3, 3), set(), {A, NEWS}),
        (GlobalCount(5, 0, 1), set(), {A}),
        (ScanAreg(0, 0, 0, 9, 9, 1, 1), set(), {A}),
    ],
)
def test_a_step_within_the_nodes_planes_is_accepted_and_one_outside_is_refused(step, dregs, aregs):
    verify(step, dregs=frozenset(dregs), aregs=aregs)
    for missing in (*dregs, *aregs):
        with pytest.raises(ProgramError, match=rf"step 0 \({type(step).__name__}.*{missing} is not a plane"):
            verify(step, dregs=frozenset(dregs) - {missing}, aregs=aregs - {missing})


def test_the_input_plane_and_strangers_may_not_be_written():
    for register in (5, 7):
        with pytest.raises(ProgramError, match=rf"LoadPattern.*R{register} is not a plane of this node"):
            verify(LoadPattern(register, 0, 0, 0, 0))


@pytest.mark.parametrize("step", [Wait(100_001), Expose(100_001)])
def test_a_node_may_not_wait_longer_than_it_may_run(step):
    verify(type(step)(99_000))
    with pytest.raises(ProgramError, match=r"executes 10000\d\d words; the limit is 1000000"):
        verify(step)


def test_running_time_and_read_outs_add_up():
    draw = DrawCircle(6, 9, 9, 255, 0)
    with pytest.raises(ProgramError, match=r"executes \d+ words"):
        verify(*[draw] * 30, dregs=LOCAL)
    with pytest.raises(ProgramError, match=r"reads out 1179\d+ bytes; the limit is 1048576"):
        verify(*[ScanAreg(0, 0, 0, 255, 255, 1, 1)] * 18, aregs={A})
