"""Any controller step with any valid operands runs, within what its row declares."""

from dataclasses import fields

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.chip import WORD, Chip, answer_ns
from tests.support.effort import effort

from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.objects.controller_table import CONTROLLER_STEPS
from pixeltree_protocol.objects.program import form_of
from pixeltree_protocol.objects.step import step_problem

CHIP = Chip()  # made once: every example works on what the last one left


@st.composite
def any_step(draw):
    form = draw(st.sampled_from(CONTROLLER_STEPS))
    values = []
    for field, (_, least, most) in zip(fields(form.step), form.operands, strict=True):
        bound = min(most, 6) if field.name == "iterations" else most  # diffusion is slow to emulate
        values.append(draw(st.integers(least, bound)))
    step = form.step(*values)
    names = [field.name for field in fields(form.step)]
    if step_problem(form, step) and "r0" in names:
        start = names.index("r0")
        (r0, r1), (c0, c1) = sorted(values[start : start + 4 : 2]), sorted(values[start + 1 : start + 4 : 2])
        values[start : start + 4] = [r0, c0, r1, c1]
        step = form.step(*values)
    return step


@given(any_step().filter(lambda step: not step_problem(form_of(step), step)))
@settings(max_examples=effort(120, 30), deadline=None)
def test_a_step_runs_within_the_effects_the_time_and_the_read_out_of_its_row(step):
    form = form_of(step)
    CHIP.before = CHIP.state()
    done = CHIP.device.chip.execute(step)
    CHIP.unchanged_but(*form.registers(step, form.writes), *form.clobbers, Digital.FLAG)
    size = sum(len(data) for data in done.read_outs)
    assert size == form.read_out(step)
    assert done.device_ns - answer_ns(size) <= form.words(step) * WORD
