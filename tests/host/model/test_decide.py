"""The controller takes the exit that the integer reference takes, of equal logits the first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree.model import decide
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_protocol.objects.program import Argmax, Program
from pixeltree_protocol.objects.verify import VerifiedProgram

LOGITS = st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3)


@pytest.fixture(scope="module")
def sequencer():
    return Sequencer(PixelArray(), DeviceClock(CostModel()))


@settings(max_examples=effort(300, 75))
@given(st.lists(LOGITS, min_size=1, max_size=6))
def test_the_controller_decides_as_the_reference(sequencer, logits):
    decision = Decision(logits=tuple(logits))
    list(sequencer.execute(VerifiedProgram(Program((Argmax(),)), (), ()), (), decision))
    assert decision.outcome == decide(logits) == decide(np.array(logits, np.int32))
    assert decision.outcome == logits.index(max(logits))
