"""What a message tells a person to write instead is right: for digital in-place calls it is run here."""

import re

import numpy as np
import pytest

from pixeltree.kernels import Kernel
from pixeltree.kernels.names import R5, R6, A, B, alldir, east, north, south, west
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_protocol.chip.isa import FORMS, IN_PLACE, encode
from pixeltree_protocol.chip.kernel_api import expand, parse_line
from pixeltree_protocol.chip.macros import OLD_NAMES
from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.errors import InstructionError

CASES = [
    ("OR(R6, R6, R7)", "in place it is OR(R6, R7)", lambda r6, r7, r8: r6 | r7),
    ("OR(R6, R7, R6)", "in place it is OR(R6, R7)", lambda r6, r7, r8: r6 | r7),
    ("OR(R6, R6, R7, R8)", "in place it is OR(R6, R7), then OR(R6, R8)", lambda r6, r7, r8: r6 | r7 | r8),
    ("NOR(R6, R6, R7)", "in place it is NOR(R6, R7)", lambda r6, r7, r8: ~(r6 | r7)),
    ("NOR(R6, R6, R7, R8)", "in place it is OR(R6, R7), then NOR(R6, R8)", lambda *r: ~(r[0] | r[1] | r[2])),
    ("NOT(R6, R6)", "in place it is NOT(R6)", lambda r6, r7, r8: ~r6),
    ("MOV(R6, R6)", "or write REFRESH(R6)", lambda r6, r7, r8: r6),
]


def refusal(text):
    with pytest.raises(InstructionError) as caught:
        parse_line(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "remedy", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_the_call_named_for_a_digital_register_in_place_gives_what_was_wanted(text, remedy, wanted):
    message = refusal(text)
    assert "R6 is both destination and source; " in message
    assert remedy in message
    assert "NEWS" not in message
    random = np.random.default_rng(1)
    engine = ReferenceEngine(ArrayParameters())
    before = [random.random((256, 256)) < 0.5 for _ in range(3)]
    for register, plane in zip(("R6", "R7", "R8"), before, strict=True):
        engine.set_digital(Digital(register), plane)
    calls = re.findall(r"[A-Z]+\([^)]*\)", remedy)
    engine.run(engine.load([encode(word) for call in calls for word in parse_line(call)]))
    assert np.array_equal(engine.digital(R6), wanted(*before))


def test_a_neighbour_operation_in_place_goes_by_flag():
    message = refusal("DNEWS0(R5, R5)")
    for call in ("WHERE(R5)", "DNEWS0(R5, FLAG)", "all"):
        assert call in message
        parse_line(call)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("bus(A, A)", "go by NEWS: bus(NEWS, ...), then bus(A, NEWS)"),
        ("bus(NEWS, NEWS, A)", "go by F: bus(F, ...), then bus(NEWS, F)"),
        ("bus2(A, B, A)", "copy it to another register first, with mov"),
        ("blur(A, A)", "go by NEWS: blur(NEWS, A), then blur(A, NEWS)"),
        ("bus(A, B, B)", "a bus connects a register once"),
        ("OR(R5, R6, R6)", "R6 is named twice; name it once"),
        ("add(A, B, B)", "x0 and x1 must differ: copy B to another register first"),
        ("sub(A, B, A)", "y and x1 must differ: copy A to another register first"),
        ("add(A, NEWS, B)", "add uses NEWS itself: give another register for x0"),
        ("mov(NEWS, A)", "mov uses NEWS itself: give another register for y"),
        ("AND(R5, R0, R6)", "copy R0 to another register first, and give the copy for Rx"),
        ("XORX(R5, R5, R6)", "Rl and Rx must differ"),
        ("CLR_IF(R5, R5)", "Rl and Rx must differ"),
        ("NIMP(R0, R5, R6)", "NIMP uses R0 itself: give another register for Rl"),
        ("DNEWS(R5, R5, east)", "Ra and Rx must differ: copy R5"),
        ("Not(R5)", "unknown instruction or macro 'Not'; did you mean NOT?"),
        ("ad(A, B, C)", "did you mean add?"),
        ("scamp5_shift(R5, 1, 0)", "they are methods of pixeltree.Device"),
    ],
)
def test_a_refusal_names_the_remedy_of_its_own_call(text, remedy):
    assert remedy in refusal(text)


def test_every_form_with_destinations_and_sources_has_a_remedy():
    assert set(IN_PLACE) == {form.mnemonic for form in FORMS if form.destination and form.source}


def test_old_names_record_the_words_of_the_new_ones():
    for old, new in OLD_NAMES.items():
        operands = (A, B, 2) if new == "gauss" else ()
        first, second = Kernel(), Kernel()
        getattr(first, old)(*operands)
        getattr(second, new)(*operands)
        assert first.instructions == second.instructions == list(expand(old, operands))


def test_directions_join_as_the_documents_show_it():
    assert north | west == west | north == frozenset({north, west})
    assert north | west | south | east == alldir == alldir | north == north | alldir
    written, recorded = Kernel(), Kernel()
    written.line("DNEWS(R5, R6, north|west)")
    recorded.DNEWS(R5, R6, north | west)
    assert written.instructions == recorded.instructions
    with pytest.raises(TypeError):
        north | 4


@pytest.mark.parametrize("name", ["newsblur", "newsblurh", "newsblurv"])
def test_no_iterations_of_a_sum_over_neighbours_are_no_words(name):
    assert expand(name, (A, B, 0)) == ()
