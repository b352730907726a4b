"""Kernel text: what may stand in a file beside calls, and parameters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_protocol.errors import AssemblyError
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.program import Program
from pixeltree_protocol.text.assembly import assemble
from pixeltree_protocol.text.kernel_text import read_kernel_text

PLAIN = """\
all
sub(F, F, IN)
where(F)
MOV(R5, FLAG)
all
bus({A, B}, {C, D})
DNEWS(R6, R5, north|west, 1)
"""

AS_THE_AUTHORS_WRITE = """\
#include <scamp5.hpp>
using namespace SCAMP5_PE;
/* Threshold, then
   a neighbour; */
scamp5_kernel_begin();
    ALL(); sub(F, F, IN);  // the threshold is in IN
    where(F); MOV(R5, FLAG);; ALL();
    bus({A, B},
        {C, D});
    DNEWS(R6, R5, /* two */ north |
          west, 1)
scamp5_kernel_end();
use namespace scamp5_kernel_api
"""


def test_text_as_the_vendors_programs_have_it_makes_the_same_block():
    assert assemble(AS_THE_AUTHORS_WRITE) == assemble(PLAIN)


calls = st.sampled_from(["all", "NOT(R5)", "mov(A, B)", "bus({A, B}, {C})", "DNEWS(R5, R6, east|west)"])
between = st.sampled_from(
    ["\n", ";", ";\n", " ; ", " // x; y\n", " /* ; */ ;", "# ;\n", "\n\n", "\n;\n", "/*\n*/\n"]
)


@given(st.lists(st.tuples(calls, between), min_size=1, max_size=8))
@settings(max_examples=effort(200, 50), deadline=None)
def test_however_calls_are_separated_they_make_the_same_words_and_keep_their_lines(pairs):
    text = "".join(call + gap for call, gap in pairs)
    kernel = read_kernel_text(text)
    assert kernel.block() == assemble("\n".join(call for call, _ in pairs))
    line = 1
    for statement, (_, gap) in zip(kernel.statements, pairs, strict=True):
        assert statement.line == line
        line += gap.count("\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all\n/* never\nends", r"k:2: a comment begins with /\* and never ends"),
        ("all;\nall; frob(A); all", "k:2: unknown instruction or macro 'frob'"),
        ("/* a\nb */ frob", "k:2: unknown"),
        ("bus({A,\n B}, {Q})", "k:1: bus: operand 2: 'Q'"),
        ("add(A, B\nall", r"k:1: 'add\(A, B' is not of the form"),
        ("scamp5_kernel_begin();\nscamp5_kernel_end();", "there is no instruction in it"),
        ("param x", "k:1: 'param x' is not of the form param name = 40 in -128..127"),
        ("param A = 3", "k:1: a parameter cannot be named A"),
        ("param mov = 3", "k:1: a parameter cannot be named mov"),
        ("param n = 3\nparam n = 4", "k:2: parameter n is declared in line 1 already"),
        ("param n = 300 in 0..255", "k:1: parameter n must be 0 to 255, not 300"),
        ("gauss(A, B, n)\nparam n = 3", "k:1: gauss: operand 3: 'n'"),
        ("param n = 3\ngauss(A, n, 2)", r"k:2: gauss\(A, 3, 2\): operand 2 \(x\) must be an analog register"),
        ("load_in(40)\nall", r"k:1: load_in\(40\) drives IN, which a block cannot"),
        ("load_in(128)\nall", "k:1: load_in: operand 1 must be -128 to 127, not 128"),
        ("load_in(A)\nall", "k:1: load_in: operand 1: 'A' is neither a number"),
        ("all\nrepeat(3)\nall\nuntil(global_or(R5) == 0)", r"k:2: repeat\(3\) is the controller's"),
        ("repeat(0)\nall\nuntil(global_or(R5) == 0)", "k:1: repeat: operand 1 must be 1 to 65535, not 0"),
        ("repeat(x)\nall", "k:1: repeat: operand 1 must be 1 to 65535, not x"),
        ("repeat(9)\nall", "k:1: repeat has no until behind it"),
        ("all\nuntil(global_or(R5) == 0)", "k:2: until has no repeat before it"),
        ("repeat(9)\nuntil(R5)", r"k:2: 'until\(R5\)' is not of the form until\(global_or"),
        ("repeat(9)\nuntil(global_or(R13) == 0)", "k:2: until: no register 'R13'; .* known: R0, R1"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(text, message):
    with pytest.raises(AssemblyError, match=message):
        assemble(text, "k")


PARAMETERS = """\
param threshold = 40 in -128..127   // of the image
param times = 2
scamp5_load_in(threshold);
gauss(A, B, times)
load_in(-7)
DNEWS(R5, R6, east, edge)
"""


def test_parameters_are_used_by_name_and_can_be_overridden():
    text = "param edge = 0 in 0..1\n" + PARAMETERS
    first, blur, second, neighbour = read_kernel_text(text).parts()
    assert (first, second) == (40, -7)
    assert blur == assemble("gauss(A, B, 2)")
    assert neighbour == assemble("DNEWS(R5, R6, east)")
    given_values = {"threshold": -128, "times": 0, "edge": 1}
    first, blur, _, neighbour = read_kernel_text(text, values=given_values).parts()
    assert first == -128
    assert blur == assemble("gauss(A, B, 0)")
    assert neighbour == assemble("DNEWS(R5, R6, east, 1)")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 128}, "k:1: parameter threshold must be -128 to 127, not 128"),
        ({"treshold": 1}, r"k: it has no parameter 'treshold'; did you mean 'threshold'\? known: "),
    ],
)
def test_a_value_that_does_not_fit_is_refused(values, message):
    with pytest.raises(AssemblyError, match=message):
        read_kernel_text("\n".join(PARAMETERS.splitlines()[:-1]), "k", values)


def test_a_kernel_with_load_in_is_several_blocks_with_in_driven_between():
    kernel = read_kernel_text("all\nload_in(1)\nload_in(2)\nnop\nnop")
    parts = list(kernel.parts())
    assert [part if isinstance(part, int) else len(part.words) for part in parts] == [1, 1, 2, 2]
    assert isinstance(parts[0], Block)
    with pytest.raises(AssemblyError, match="no instruction"):
        list(read_kernel_text("load_in(1)").parts())


def test_what_stands_between_repeat_and_until_becomes_a_loop_of_the_controller():
    kernel = read_kernel_text(
        "param least = 40\nall\nrepeat(9); NOT(R5, R6)\nuntil(scamp5_global_count(R5, D) >= least); nop"
    )
    before, repeat, count, body, look, take, leave, end, after = kernel.parts()
    assert [before, body, after] == [assemble(text) for text in ("all", "NOT(R5, R6)", "nop")]
    program = Program((repeat, count, look, take, leave, end))
    assert [line[3:].strip() for line in program.listing().splitlines()] == [
        "Repeat(times=9)",
        "Set(v1 += 1)",
        "GlobalCount(dreg=5, temp=3, options=0)",
        "Take(v0 := UINT16 at 0)",
        "LeaveIf(v0 >= 40)",
        "End()",
    ]
