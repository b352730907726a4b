"""Warnings about legal kernel text that may not do what was meant."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree.kernels.lint import lint
from pixeltree_protocol.chip.macros import MACROS
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.text.kernel_text import read_kernel_text

EXAMPLES = Path(__file__).parents[3] / "examples"


def warnings(text, *wanted):
    return [(w.line, w.text) for w in lint(read_kernel_text(text.replace("; ", "\n")), wanted)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "SET(R6); XORX(R5, R6, R7); MOV(R8, R6)",
            2,
            "XORX(R5, R6, R7) overwrites R6, which line 1 set and which line 3 reads",
        ),
        (
            "XORX(R5, R6, R7); MOV(R8, R6)",
            1,
            "XORX(R5, R6, R7) overwrites R6, which held something before and which line 2 reads",
        ),
        (
            "SET(R0); AND(R5, R6, R7); MOV(R8, R0)",
            2,
            "AND(R5, R6, R7) overwrites R0, which line 1 set and which line 3 reads",
        ),
        (
            "SET(R0); AND(R5, R6, R7); MOV(R12, R8)",
            2,
            "overwrites R0, which line 1 set and which line 3 reads",
        ),
        (
            "MOV(R3, R8); DNEWS(R5, R6, east); MOV(R9, R3)",
            2,
            "overwrites R3, which line 1 set and which line 3 reads",
        ),
        (
            "bus(NEWS, A); mov(B, C); bus(D, NEWS)",
            2,
            "mov(B, C) overwrites NEWS, which line 1 set and which line 3 reads",
        ),
        ("ANDX(R5, R6, R7); NOT(R8, R6)", 1, "ANDX(R5, R6, R7) overwrites R6, which held something before"),
        (
            "diva(A, E, F); mov(E, B); diva(A, E, F); mov(C, E)",
            3,
            "diva(A, E, F) overwrites E, which line 2 set",
        ),
        (
            "where(A); abs(B, C); mov(D, E); all",
            2,
            "abs(B, C) overwrites FLAG, which line 1 set and which line 3 reads",
        ),
        ("where(A); mov(B, C)", 1, "where(A) leaves FLAG as it is"),
        ("WHERE(R5); mov(B, C)", 1, "end with all"),
        ("gauss(A, B)", 1, "gauss(A, B) goes by R1, R2, which nothing in this kernel sets"),
        ("DNEWS(R5, R6, east); gauss(A, B)", 2, "goes by R1 as DNEWS(R5, R6, east) in line 1 left it"),
        ("SET(R0); PROP0()", 2, "PROP0() goes by R1, R2, R3, R4, which nothing in this kernel sets"),
        ("DNEWS0(R5, R6)", 1, "DNEWS0(R5, R6) goes by R1, R2, R3, R4"),
        ("MOV(R12, R5)", 1, "MOV(R12, R5) goes by R0, which nothing in this kernel sets"),
    ],
)
def test_a_mistake_is_found_with_its_line(text, line, message):
    found = warnings(text)
    assert any(at == line and message in said for at, said in found), found


@pytest.mark.parametrize(
    "text",
    [
        "SET(R6); XORX(R5, R6, R7); SET(R6); MOV(R8, R6)",  # set anew before it is read
        "SET(R6); XORX(R5, R6, R7)",  # nobody reads it
        "AND(R5, R6, R7); AND(R8, R5, R6)",  # the macro sets its R0 itself
        "all; abs(A, B); mov(C, A)",  # FLAG is 1 before and after
        "where(A); mov(B, C); all; mov(D, B)",
        "where(A); abs(B, C); all; mov(D, B)",
        "SET(R1, R2); gauss(A, B); gauss(C, A)",
        "SET(R0); MOV(R12, R5); SET(R1, R2, R3, R4); PROP0(); PROP0(); MOV(R6, R12)",
        "SET(R0); MOV(R12, R5)",
        "bus(NEWS, A); bus(B, NEWS); mov(C, D)",
        "DNEWS(R5, R6, east); DNEWS(R7, R5, west)",
        "add(A, B, C); sub(A, A, B); neg(D, A); NOT(R5); OR(R5, R6); NOR(R5, R7)",
        "MUX(R5, R6, R7, R8); MOV(R9, R5)",
    ],
)
def test_what_is_right_gives_no_warning(text):
    assert warnings(text) == []


def test_a_register_that_is_wanted_at_the_end_counts_as_read():
    text = "SET(R6); XORX(R5, R6, R7)"
    assert warnings(text, Digital.R5) == []
    ((line, said),) = warnings(text, Digital.R6)
    assert (line, said) == (
        2,
        "XORX(R5, R6, R7) overwrites R6, which line 1 set and which is wanted at the end",
    )


def test_each_mistake_is_said_once():
    assert len(warnings("gauss(A, B); gauss(A, B); gauss(A, B)")) == 1
    assert len(warnings("SET(R6); XORX(R5, R6, R7); MOV(R8, R6); MOV(R9, R6)")) == 1


@pytest.mark.parametrize("name", ["threshold", "sobel", "outline"])
def test_the_examples_are_without_warnings(name):
    kernel = read_kernel_text((EXAMPLES / f"{name}.kernel").read_text())
    assert lint(kernel, (Analog.F, Digital.R5, Digital.R6)) == ()


OPERANDS = {
    "y": "A", "x": "D", "y0": "A", "y1": "B", "y2": "C", "x0": "D", "x1": "E", "x2": "F", "a": "A", "b": "B",
    "h": "B", "r": "C", "Ra": "R5", "Rb": "R6", "Rl": "R5", "Rx": "R7", "Ry": "R8", "Rz": "R9",
    "dir": "east", "d1": "east", "d2": "west", "dirs": "east", "boundary": "0", "it": "1",
}  # fmt: skip


@pytest.mark.parametrize("macro", MACROS, ids=lambda macro: macro.signature)
def test_what_the_table_says_is_clobbered_is_found_for_every_macro(macro):
    """Each register of the column: set before, read after."""
    given_operands = [OPERANDS[parameter.name] for parameter in macro.parameters]
    call = f"{macro.name}({', '.join(given_operands)})"
    names = {p.name: operand for p, operand in zip(macro.parameters, given_operands, strict=True)}
    results = macro.result.partition(":=")[0] + macro.result.partition(", ")[2]
    for name in macro.overwritten:
        register = names.get(name, name)
        if register == "FLAG" or not macro.parameters or name in results:
            continue
        setting = f"SET({register})" if register.startswith("R") else f"bus({register}, IN)"
        reading = f"MOV(R10, {register})" if register.startswith("R") else f"bus(F, {register})"
        found = warnings(f"SET(R0, R1, R2, R3); SET(R4); {setting}; {call}; {reading}")
        assert any(f"overwrites {register}, which line" in said for _, said in found), (register, found)


@given(
    st.lists(st.sampled_from(["AND(R5, R6, R7)", "mov(A, B)", "where(A)", "all", "gauss(A, B)", "PROP1()"]))
)
def test_it_never_fails_and_names_lines_of_the_text(calls):
    text = "\n".join(["nop", *calls])
    assert all(1 <= warning.line <= len(calls) + 1 for warning in lint(read_kernel_text(text), (Digital.R0,)))
