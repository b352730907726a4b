"""The emulator reads bits, not mnemonics: what has a meaning runs, what has none is refused by name."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree_emu.array.semantics import (
    AnalogTransfer,
    Blur,
    Both,
    CompareAnalog,
    DigitalTransfer,
    Drive,
    FlagFromDigital,
    Idle,
    NeighbourTransfer,
    Propagate,
    ResetPixel,
    interpret,
)
from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import FORMS, ICW, ClockClass, Instruction, InstructionError, encode
from pixeltree_protocol.chip.registers import ANALOG_SELECT, ANALOG_WRITE, Analog, Digital, bits

A, B, NEWS, IN = Analog.A, Analog.B, Analog.NEWS, Analog.IN
R0, R1, R2, R3, R4, R5, R6, R10, R11, R12 = (Digital(f"R{i}") for i in (0, 1, 2, 3, 4, 5, 6, 10, 11, 12))


def meaning(mnemonic, destinations=(), sources=()):
    return interpret(encode(Instruction(mnemonic, destinations, sources)))


def test_every_mnemonic_has_a_meaning():
    for form in FORMS:
        destinations = list(form.destination.table) if form.destination else []
        sources = list(form.source.table) if form.source else []
        candidates = itertools.product(
            itertools.combinations(destinations, form.destinations[0]),
            itertools.combinations(sources, max(form.sources[0], 0)),
        )
        for chosen in itertools.islice(candidates, 200):
            try:
                word = encode(Instruction(form.mnemonic, *chosen))
            except InstructionError:
                continue
            interpret(word)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (("nop",), Idle()),
        (("rpix",), ResetPixel()),
        (("bus", (A,), (B, IN)), AnalogTransfer((A,), (B, IN))),
        (("bus", (Analog.XE,), (A,)), AnalogTransfer((Analog.XE,), (A,))),
        (("bus2", (A, B), (NEWS,)), AnalogTransfer((A, B), (NEWS,))),
        (("where", (), (A, B)), CompareAnalog((A, B))),
        (("WHERE", (), (R5, Digital.FLAG)), FlagFromDigital((R5, Digital.FLAG))),
        (("all",), FlagFromDigital(())),
        (("SET", (R5, R6)), DigitalTransfer((), False, Drive.ONE, (R5, R6))),
        (("CLR", (R5,)), DigitalTransfer((), True, Drive.READ_BUS, (R5,))),
        (("MOV", (R5,), (Digital.RECT,)), DigitalTransfer((Digital.RECT,), True, Drive.READ_BUS, (R5,))),
        (("NOR", (R5,), (R6, R12)), DigitalTransfer((R6, R12), True, Drive.INVERTED_READ_BUS, (R5,))),
        (("REFRESH_L", (R5,)), DigitalTransfer((), False, Drive.READ_BUS, (R5,))),
        (("DNEWS1", (R5,), (R6,)), NeighbourTransfer((R6,), (R5,), True)),
        (("PROP_0",), Propagate(False)),
        (("PROP_R",), DigitalTransfer((R12,), True, Drive.READ_BUS, ())),
    ],
)
def test_meaning_of(instruction, expected):
    assert meaning(*instruction) == expected


def test_a_combination_without_a_mnemonic_runs_when_its_bits_have_a_meaning():
    three_loads = bits("s_in", "plrb", "bit", "bitmode", "RR5", "LR1", "LR6", "LR7")
    assert interpret(ICW(three_loads, ClockClass.DIGITAL)) == DigitalTransfer(
        (R5,), True, Drive.READ_BUS, (R1, R6, Digital.R7)
    )


@pytest.mark.parametrize(
    ("clock", "names", "expected"),
    [
        (1, "SEL4 seln sels plrb bitmode plwb nbit LR3 RR10", DigitalTransfer(
            (R10,), True, Drive.INVERTED_READ_BUS, (R3,))),
        (2, "plrb bit s_in rid nb LR11 RR10", NeighbourTransfer((R10,), (R11,), None)),
        (1, "LR1 LR10 plrb bit bitmode RR11 SEL4 seln sels", DigitalTransfer(
            (R11,), True, Drive.READ_BUS, (R1, R10))),
        (1, "plrb bit bitmode wr LR4", DigitalTransfer((Digital.SELECT,), True, Drive.READ_BUS, (R4,))),
    ],
)  # fmt: skip
def test_words_of_the_chips_designer_run(clock, names, expected):
    """INFERRED: analog sources that nothing takes change nothing; without fbus the edge floats."""
    assert interpret(ICW(bits(*names.split()), ClockClass(clock))) == expected


def test_a_word_may_use_both_buses():
    word = ICW(bits("SEL1", "W1", "SEL2", "plrb", "bit", "bitmode", "RR5", "LR6"))
    assert interpret(word) == Both(
        AnalogTransfer((A,), (B,)), DigitalTransfer((R5,), True, Drive.READ_BUS, (R6,))
    )
    blurred = ICW(bits("SEL1", "W1", "SEL2", "seldiffe", "plwb", "LR6"))
    assert interpret(blurred) == Both(Blur(A, B, True, False), DigitalTransfer((), False, Drive.ONE, (R6,)))
    compared = ICW(bits("SEL1", "wrf", "plwb", "LR6"))
    assert interpret(compared) == Both(CompareAnalog((A,)), DigitalTransfer((), False, Drive.ONE, (R6,)))


@pytest.mark.parametrize(
    "names",
    [
        "SEL1 wrf plrb rid RR5",  # FLAG from both buses
        "SEL1 wrf plrb bit bitmode rana LR6",  # FLAG read and written
        "SEL1 W1 setf plrb rid",  # FLAG gates a write and is written
        "SEL1 W1 SEL2 seldiffe plwb LR1",  # a blur's links loaded
        "SEL4 selx W4 SEL2 plrb bit rid nb RR5 LR6",  # a floating edge reads the NEWS that is written
    ],
)
def test_a_word_whose_halves_need_an_order_is_refused(names):
    with pytest.raises(MeaninglessWord):
        interpret(ICW(bits(*names.split())))


@pytest.mark.parametrize(
    ("names", "at_fault"),
    [
        (("W1",), "W1"),  # written without being selected
        (("SEL1",), "SEL1"),  # a source and nobody who takes it
        (("SEL4", "SEL1", "W1"), "SEL4"),  # NEWS half selected
        (("W4", "SEL4", "selx", "sele", "SEL1"), "sele"),  # one strobe, two ports
        (("wrf",), "wrf"),
        (("dig8",), "dig8"),
        (("plrb",), "plrb"),
        (("s_in", "plwb", "RR5", "LR6"), "RR5"),  # SET reads nothing
        (("plrb", "nbit", "RR5", "LR6"), "LR6"),  # the reading half of an in-place NOT
        (("wr", "s0_left", "s_in", "plrb", "bit", "bitmode", "LR5"), "s0_left"),  # half a RECT
        (("SEL1", "W1", "LR5"), "SEL1"),  # analog and digital in one word
    ],
)
def test_a_word_without_a_meaning_is_refused_with_the_bits_at_fault(names, at_fault):
    with pytest.raises(MeaninglessWord) as caught:
        interpret(ICW(bits(*names)))
    assert at_fault in caught.value.bit_names
    assert at_fault in str(caught.value)


def test_a_dreg_read_and_loaded_in_one_word_is_refused():
    with pytest.raises(MeaninglessWord, match="R5 is read and loaded"):
        interpret(ICW(bits("s_in", "plrb", "bit", "bitmode", "RR5", "LR5"), ClockClass.DIGITAL))


@given(st.integers(0, (1 << 80) - 1), st.sampled_from(ClockClass))
def test_any_80_bits_either_mean_something_or_are_refused(value, clock):
    try:
        interpret(ICW(value, clock))
    except MeaninglessWord as error:
        assert error.bit_names


@given(
    st.sets(st.sampled_from([A, B, Analog.C, Analog.D, Analog.E, Analog.F]), min_size=1),
    st.sets(st.sampled_from([A, B, NEWS, Analog.XN, Analog.PIX, IN])),
)
def test_any_bus_word_reads_back_as_its_registers(destinations, sources):
    sources -= destinations
    value = 0
    for register in destinations:
        value |= ANALOG_SELECT[register] | ANALOG_WRITE[register]
    for register in sources:
        value |= ANALOG_SELECT[register]
    operation = interpret(ICW(value))
    assert isinstance(operation, AnalogTransfer)
    assert (set(operation.destinations), set(operation.sources)) == (destinations, sources)
