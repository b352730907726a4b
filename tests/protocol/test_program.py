"""Controller programs: ranges of operands and order of steps."""

from dataclasses import fields

import pytest

from pixeltree_protocol.errors import ObjectError, ProgramError
from pixeltree_protocol.objects.controller_steps import (
    DrawLine,
    DrawRect,
    Flood,
    GlobalSumRegion,
    LoadRect,
    ScanAreg,
    ShiftAreg,
    ShiftDreg,
)
from pixeltree_protocol.objects.program import (
    STEPS,
    AddLogits,
    Argmax,
    Launch,
    Proceed,
    Program,
    ScanDreg,
    SelectRect,
    SetIn,
    Step,
    operand_values,
)
from pixeltree_protocol.objects.step import last_of

OPERANDS = [
    pytest.param(form, index, id=f"{form.step.__name__}.{fields(form.step)[index].name}")
    for form in STEPS
    for index in range(len(form.operands))
]

NUMBER = (-(2**31), 2**31 - 1)

# Ranges written down a second time, from the documentation of the steps.
RANGES = {
    "Launch": [(0, 254), (1, 1024)],
    "SetIn": [(-128, 127)],
    "SelectPattern": [(0, 255)] * 4,
    "SelectRect": [(0, 255)] * 4,
    "LoadCover": [(0, 254), (0, 254), (0, 254), (0, 0xFFFF), (0, 8), *[(0, 11)] * 4],
    "ScanLogits": [(0, 254), (0, 0xFFFF), (1, 127), (0, 6), *[(0, 255)] * 4, (1, 255), (1, 255)],
    "SumLogit": [(0, 254), (0, 0xFFFF), (1, 0xFFFF), (0, 6), *[(0, 255)] * 4, (0, 8), (0, 8)],
    "ScanDreg": [(0, 12), (0, 255), (1, 255), (1, 256)],
    "ApplyFullyConnected": [(0, 254)],
    "Argmax": [],
    "AddLogits": [],
    "Proceed": [],
    "WriteDreg": [(0, 254), (0, 12)],
    "RaiseIn": [(0, 6), *[(0, 255)] * 4, *[(-128, 127)] * 2],
    "SetDac": [(0, 4095)],
    "LoadIn": [(0, 6), (-128, 127), (0, 6)],
    "In": [(0, 6), (-128, 127), (0, 6)],
    "LoadDac": [(0, 6), (0, 4095), (0, 6)],
    "GetImage": [(0, 5), (0, 5), (1, 5)],
    "ShiftAreg": [(0, 5), (-255, 255), (-255, 255)],
    "Diffuse": [(0, 6), (0, 255), (0, 1), (0, 1), (0, 6)],
    "ReadAreg": [(0, 6), (0, 255), (0, 255)],
    "GlobalSum16": [(0, 6)],
    "GlobalSum64": [(0, 6)],
    "GlobalSumFast": [(0, 6)],
    "GlobalSumSparse": [(0, 6), *[(0, 255)] * 4],
    "GlobalSumRegion": [(0, 6), *[(0, 255)] * 4],
    "ShiftDreg": [(0, 12), (-255, 255), (-255, 255), (0, 1), (0, 255)],
    "GlobalOr": [(0, 12), *[(0, 255)] * 4],
    "GetParameter": [(4, 11)],
    "GlobalCount": [(0, 12), (0, 6), (0, 1)],
    "Flood": [(1, 12), (0, 12), (0, 1), (0, 255), (0, 1)],
    "LoadPattern": [(0, 12), *[(0, 255)] * 4],
    "LoadRect": [(0, 12), *[(0, 255)] * 4],
    "DrawPixel": [(0, 12), (-256, 511), (-256, 511)],
    "DrawPoint": [(0, 12), (-256, 511), (-256, 511)],
    "DrawRect": [(0, 12), *[(0, 255)] * 4],
    "DrawLine": [(0, 12), *[(-256, 511)] * 4, (0, 1)],
    "DrawCircle": [(0, 12), (-256, 511), (-256, 511), (0, 255), (0, 1)],
    "DrawNegate": [(0, 12)],
    "ScanAreg": [(0, 6), *[(0, 255)] * 4, (1, 255), (1, 255)],
    "ScanAregMean8x8": [(0, 6)],
    "ScanEvents": [(0, 12), (0, 4000), (0, 1), (0, 1), (0, 1)],
    "ScanBoundingBox": [(0, 12)],
    "Expose": [(0, 10_000_000)],
    "Wait": [(0, 10_000_000)],
    "Set": [(0, 7), (0, 4), (0, 1), NUMBER],
    "Take": [(0, 7), (0, 4), (0, 63)],
    "Use": [(0, 9), (0, 7)],
    "Repeat": [(0, 65_535)],
    "LeaveIf": [(0, 7), (0, 5), (0, 1), NUMBER],
    "If": [(0, 7), (0, 5), (0, 1), NUMBER],
    "Else": [],
    "End": [],
    "Answer": [(0, 7)],
}


def valid_operands(form):
    """The least operands that go together: corners in order, registers distinct."""
    names = [field.name for field in fields(form.step)]
    values = [
        most if name in ("r1", "c1") else least
        for name, (_, least, most) in zip(names, form.operands, strict=True)
    ]
    for offset, name in enumerate(form.distinct.split()):
        values[names.index(name)] += 2 * offset  # their least values may be 0 and 1
    return values


def step_with(form, index, value):
    values = valid_operands(form)
    distinct = [
        position for position, field in enumerate(fields(form.step)) if field.name in form.distinct.split()
    ]
    for other in distinct:
        if index in distinct and other != index and values[other] == value:
            values[other] = form.operands[other][1] + (value == form.operands[other][1])
            assert values[other] != value
    values[index] = value
    return form.step(*values)


def test_the_step_table_declares_every_step_once_with_the_documented_ranges():
    assert {form.step.__name__: [(a, b) for _, a, b in form.operands] for form in STEPS} == RANGES
    declared = {step for step in Step.__subclasses__() if step.__module__.startswith("pixeltree_protocol.")}
    assert {form.step for form in STEPS} == declared
    assert len({form.opcode for form in STEPS}) == len(STEPS)
    assert all(len(fields(form.step)) == len(form.operands) for form in STEPS)


@pytest.mark.parametrize(("form", "index"), OPERANDS)
def test_an_operand_at_either_end_of_its_range_is_accepted_and_survives_encoding(form, index):
    _, least, most = form.operands[index]
    for value in (least, most):
        program = Program((step_with(form, index, value),))
        assert Program.decode(program.encode()) == program
        assert operand_values(program.steps[0])[index] == value


@pytest.mark.parametrize(("form", "index"), OPERANDS)
def test_an_operand_just_outside_its_range_is_refused_naming_step_and_operand(form, index):
    _, least, most = form.operands[index]
    name = fields(form.step)[index].name
    for value in (least - 1, most + 1):
        with pytest.raises(ProgramError) as caught:
            Program((SetIn(0), step_with(form, index, value)))
        assert f"step 1 ({form.step.__name__}(" in str(caught.value)
        assert f"{name} must be {least} to {most}, not {value}" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("01 00 0000", r"step 0 \(Launch.*times must be 1 to 1024, not 0"),
        ("01 ff 0100", r"step 0 \(Launch.*block must be 0 to 254, not 255"),
        ("01 00 0104", r"step 0 \(Launch.*times must be 1 to 1024, not 1025"),
        ("10 ff 00", r"step 0 \(WriteDreg.*segment must be 0 to 254, not 255"),
        ("10 00 0d", r"step 0 \(WriteDreg.*dreg must be 0 to 12, not 13"),
        ("06 00 00 00 0100", r"step 0 \(ScanDreg.*row_step must be 1 to 255, not 0"),
        ("06 00 00 01 0000", r"step 0 \(ScanDreg.*rows must be 1 to 256, not 0"),
        ("06 00 01 01 0001", r"step 0 \(ScanDreg.*last row"),
        ("07 ff", r"step 0 \(ApplyFullyConnected.*segment must be 0 to 254, not 255"),
    ],
)
def test_ranges_hold_for_programs_that_come_as_bytes(data, message):
    with pytest.raises(ProgramError, match=message):
        Program.decode(bytes.fromhex("0301 0100" + data))


def test_a_program_error_is_an_object_error():
    assert issubclass(ProgramError, ObjectError)


def test_a_program_needs_a_step():
    with pytest.raises(ProgramError, match="at least one step"):
        Program(())


@pytest.mark.parametrize(
    "steps", [(Argmax(), Launch(0)), (Argmax(), Argmax()), (Launch(0), Argmax(), Launch(0))]
)
def test_argmax_must_be_the_last_step(steps):
    with pytest.raises(ProgramError, match=f"step {steps.index(Argmax())}: Argmax .* last"):
        Program(steps)


def test_argmax_must_be_the_last_step_of_programs_that_come_as_bytes():
    with pytest.raises(ProgramError, match="Argmax"):
        Program.decode(bytes.fromhex("0301 0200 08 02 00"))


def test_proceed_must_be_the_last_step():
    assert Program((AddLogits(), Proceed())).decides
    assert not Program((AddLogits(),)).decides
    with pytest.raises(ProgramError, match=r"step 0: Proceed .* last"):
        Program((Proceed(), Argmax()))


def test_a_program_decides_if_it_ends_in_argmax():
    assert Program((Launch(0), Argmax())).decides
    assert not Program((Launch(0),)).decides


@pytest.mark.parametrize(
    "scan", [ScanDreg(0, 0, 1, 256), ScanDreg(0, 255, 255, 1), ScanDreg(0, 3, 4, 64), ScanDreg(0, 0, 255, 2)]
)
def test_a_scan_may_end_on_the_last_row(scan):
    assert Program((scan,)).steps == (scan,)


@pytest.mark.parametrize(
    "scan", [ScanDreg(0, 1, 1, 256), ScanDreg(0, 255, 1, 2), ScanDreg(0, 4, 4, 64), ScanDreg(0, 1, 255, 2)]
)
def test_a_scan_past_the_last_row_is_refused(scan):
    with pytest.raises(ProgramError, match=r"step 0 \(ScanDreg.*outside the array"):
        Program((scan,))


@pytest.mark.parametrize("grid", [ScanAreg(0, 5, 0, 4, 9, 1, 1), ScanAreg(0, 0, 5, 9, 4, 1, 1)])
def test_a_grid_with_crossed_corners_is_refused(grid):
    with pytest.raises(ProgramError, match=r"step 0 \(ScanAreg.*corners"):
        Program((grid,))


@pytest.mark.parametrize(
    "step",
    [
        SelectRect(5, 0, 4, 9),
        LoadRect(5, 0, 5, 9, 4),
        DrawRect(5, 9, 9, 0, 0),
        GlobalSumRegion(0, 9, 9, 0, 0),
    ],
)
def test_a_rectangle_whose_end_lies_before_its_start_is_accepted(step):
    assert Program.decode(Program((step,)).encode()).steps == (step,)


def test_the_end_of_a_rectangle_before_its_start_stands_for_the_edge():
    assert [last_of(5, 9), last_of(5, 5), last_of(5, 4), last_of(255, 0)] == [9, 5, 255, 255]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (ShiftDreg(2, 1, 0, 0, 0), r"dreg cannot be R2: the step uses R1, R2, R3, R4 itself"),
        (DrawRect(3, 0, 0, 9, 9), r"dreg cannot be R3: the step uses R2, R3 itself"),
        (DrawLine(2, 0, 0, 9, 9, 0), r"dreg cannot be R2: the step uses R2, R3 itself"),
        (Flood(0, 5, 0, 1, 0), r"target must be 1 to 12, not 0: R0 is 1 after the step"),
        (ShiftAreg(6, 1, 0), r"areg must be 0 to 5, not 6: the step uses NEWS itself"),
    ],
)
def test_a_register_that_a_step_needs_itself_is_refused_with_the_reason(step, message):
    with pytest.raises(ProgramError, match=message):
        Program((step,))


def test_a_rectangle_of_one_pixel_is_accepted():
    assert Program((SelectRect(7, 7, 7, 7),)).steps


def test_a_listing_has_one_numbered_line_per_step():
    lines = Program((Launch(2, 3), Argmax())).listing().splitlines()
    assert lines == ["  0  Launch(block=2, times=3)", "  1  Argmax()"]
