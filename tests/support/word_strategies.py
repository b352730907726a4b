"""Random instruction words of every kind that has a meaning, and random planes to run them on."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pixeltree_emu.array.semantics import interpret
from pixeltree_emu.errors import MeaninglessWord
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import (
    ANALOG_SELECT,
    ANALOG_WRITE,
    AREGS,
    DIGITAL_LOAD,
    DIGITAL_READ,
    DIRECTION_REGISTER,
    DREGS,
    OPPOSITE,
    PORT,
    PORTS,
    Analog,
    Digital,
    Direction,
    bits,
)

N = Analog.NEWS
STORED = tuple(reg for reg in AREGS if reg is not N)
READ_ONLY = (Digital.FLAG, Digital.SELECT, Digital.RECT)


def _select(registers):
    value = 0
    for register in registers:
        value |= ANALOG_SELECT[register]
    return value


def _some(population, least, most):
    return st.lists(st.sampled_from(population), min_size=least, max_size=most, unique=True)


def bus(destinations, sources=()):
    """An analog transfer, whatever its operands."""
    value = _select(sources)
    for register in destinations:
        value |= ANALOG_SELECT[register] | ANALOG_WRITE[register]
    return ICW(value)


def read(registers):
    value = 0
    for register in registers:
        value |= DIGITAL_READ[register]
    return value


def load(registers):
    value = 0
    for register in registers:
        value |= DIGITAL_LOAD[register]
    return value


@st.composite
def analog_operands(draw, most_destinations=3, most_sources=4):
    stored = draw(_some(STORED, 0, most_destinations))
    news = draw(st.sampled_from([None, N, *PORTS]))
    destinations = list(stored)
    sources = draw(
        _some([reg for reg in (*STORED, Analog.PIX, Analog.IN) if reg not in stored], 0, most_sources)
    )
    if news is not None and (not stored or draw(st.booleans())):
        destinations.append(news)
    elif stored:
        sources += draw(_some([N, *PORTS], 0, most_sources))
    if not destinations:
        destinations = [N]
    return destinations, sources


@st.composite
def transfers(draw):
    return bus(*draw(analog_operands()))


@st.composite
def wide_transfers(draw):
    return bus(*draw(analog_operands(7, 13)))


@st.composite
def comparisons(draw):
    sources = draw(_some((*AREGS, *PORTS, Analog.PIX, Analog.IN), 1, 5))
    return ICW(_select(sources) | bits("wrf"))


@st.composite
def blurs(draw):
    destination = draw(st.sampled_from((*AREGS, *PORTS)))
    news = {N, *PORTS}
    others = (*AREGS, *PORTS, Analog.PIX, Analog.IN)
    allowed = [r for r in others if r is not destination and not (destination in news and r in news)]
    source = draw(st.sampled_from(allowed))
    axes = draw(st.sampled_from([("seldiffe",), ("seldiffs",), ("seldiffe", "seldiffs")]))
    return ICW(bus([destination], [source]).bits | bits(*axes))


@st.composite
def squares(draw):
    sources = draw(_some((*STORED, Analog.PIX, Analog.IN), 1, 2))
    return ICW(bus([N], sources).bits | bits("selsq"))


@st.composite
def digital_operands(draw, least_sources=0, least_loads=0):
    loads = draw(_some(DREGS, least_loads, 4))
    free = [reg for reg in (*DREGS, *READ_ONLY) if reg not in loads]
    sources = draw(_some(free, least_sources, 6))
    if Digital.RECT in sources and Digital.SELECT in sources:
        sources.remove(Digital.SELECT)
    return sources, loads


@st.composite
def logic(draw):
    control, may_read, may_load = draw(
        st.sampled_from(
            [
                (("plwb",), False, True),
                (("plrb", "bit", "bitmode"), True, True),
                (("plwb", "plrb", "nbit", "bitmode"), True, True),
                (("bit", "bitmode"), False, True),
                (("plrb", "nbit"), True, False),
                (("nbit",), False, True),
            ]
        )
    )
    sources, loads = draw(digital_operands(int(may_read and not may_load), int(may_load and not may_read)))
    if may_read and may_load and not sources and not loads:
        loads = [draw(st.sampled_from(DREGS))]
    value = bits(*control) | (read(sources) if may_read else 0) | (load(loads) if may_load else 0)
    if not value & (read(DREGS) | load(DREGS) | read(READ_ONLY)):
        value |= load([Digital.R5])
    return ICW(value | (bits("s_in") if draw(st.booleans()) else 0))


@st.composite
def neighbours(draw):
    sources, loads = draw(digital_operands(1, 1))
    edge = bits("pupd") if draw(st.booleans()) else 0
    return ICW(bits("s_in", "rid", "nb", "plrb", "bit", "fbus") | edge | read(sources) | load(loads))


@st.composite
def floating_neighbours(draw):
    """DNEWS without fbus: the edge floats."""
    sources, loads = draw(digital_operands(1, 1))
    return ICW(bits("s_in", "rid", "nb", "plrb", "bit") | read(sources) | load(loads))


@st.composite
def words_on_both_buses(draw):
    """An analog and a digital word in one, or a digital word that connects sources nobody takes."""
    digital = draw(st.one_of(logic(), neighbours(), floods(), floating_neighbours()))
    sources = ICW(_select(draw(_some((*AREGS, *PORTS, Analog.PIX, Analog.IN), 0, 4))))
    analog = draw(st.one_of(st.just(sources), transfers(), blurs(), squares(), comparisons()))
    word = ICW(digital.bits | analog.bits)
    try:
        interpret(word)
    except MeaninglessWord:
        return digital
    return word


@st.composite
def floods(draw):
    edge = bits("pupd") if draw(st.booleans()) else 0
    return ICW(bits("s_in", "rid", "nb", "fbus", "RR12", "LR12") | edge)


@st.composite
def flags(draw):
    sources, _ = draw(digital_operands(1))
    return ICW(bits("wrf", "plrb", "rid") | read(sources))


ALL = ICW(bits("setf", "plrb", "rid"))
COPY = bits("s_in", "plrb", "bit", "bitmode")
INVERT = bits("s_in", "plwb", "plrb", "nbit", "bitmode")


def where(*sources):
    return ICW(_select(sources) | bits("wrf"))


def mov(d, *sources):
    return ICW(COPY | load([d]) | read(sources))


def nor(d, *sources):
    return ICW(INVERT | load([d]) | read(sources))


def fill(value, *registers):
    return ICW((bits("s_in", "plwb") if value else COPY) | load(registers))


def dnews(d, s, edge=False):
    control = bits("s_in", "rid", "nb", "plrb", "bit", "fbus") | (bits("pupd") if edge else 0)
    return ICW(control | load([d]) | read([s]))


def set_direction(*directions):
    enables = [DIRECTION_REGISTER[direction] for direction in directions]
    return [fill(0, *DREGS[1:5]), *([fill(1, *enables)] if enables else [])]


singles = st.one_of(
    transfers(),
    transfers(),
    wide_transfers(),
    comparisons(),
    blurs(),
    squares(),
    logic(),
    logic(),
    neighbours(),
    floating_neighbours(),
    words_on_both_buses(),
    floods(),
    flags(),
    st.just(ALL),
    st.just(ICW(bits("rstpix", "selpix"))),
    st.just(ICW(0)),
    st.just(ICW(bits("RR1", "RR2"))),
)


@st.composite
def analog_macros(draw):
    """The vendor's two-word forms and abs, in place or not, under whatever FLAG holds."""
    y, x0, x1 = (draw(st.sampled_from(STORED)) for _ in range(3))
    first, second = (draw(st.sampled_from(list(Direction))) for _ in range(2))
    push, pull = PORT[OPPOSITE[first]], PORT[second]
    x1 = x1 if x1 is not y else Analog.IN
    forms = [
        [bus([N]), bus([y], [N])],
        [bus([N], [x0]), bus([y], [N])],
        [bus([N], {x0, x1}), bus([y], [N])],
        [bus([N], [x0]), bus([y], [N, x1])],
        [bus([N]), bus([y], [N, x1])],
        [bus([push], [x0]), bus([y], [N])],
        [bus([push], {x0, x1}), bus([y], [N])],
        [bus([push], [x0]), bus([y], [N, x1])],
        [bus([push], [x0]), bus([y], [pull])],
        [bus([push], [x0]), bus([y], [pull, x1])],
        [bus([N], [x0]), bus([y], [pull, x1])],
        [bus([N], [x0]), bus([y], PORTS)],
    ]
    form = draw(st.sampled_from(forms))
    if x0 is not y and draw(st.booleans()):
        form = [bus([N]), bus([y], [N, x0]), bus([N], [x0]), where(x0), bus([y], [N]), ALL]
    return form * draw(st.sampled_from([1, 1, 2, 5]))


@st.composite
def digital_macros(draw):
    """Set-ups of directions, runs of shifts, AND, MUX, in-place pairs."""
    d, s, t = draw(st.permutations(DREGS[5:12]))[:3]
    edge, run = draw(st.booleans()), draw(st.sampled_from([1, 2, 3, 7, 65]))
    directions = draw(_some(list(Direction), 0, 2))
    r0, r12 = Digital.R0, Digital.R12
    forms = [
        [*set_direction(*directions), dnews(d, s, edge)],
        [*set_direction(*directions), *([dnews(t, s, edge), mov(s, t)] * run)],
        [dnews(t, s, edge), mov(s, t)] * run,
        [*set_direction(*directions[:1]), *([dnews(t, s, edge), dnews(s, t, edge)] * run)],
        [fill(1, r0), nor(r12, s), nor(r0, t), nor(d, r0, r12)],
        [fill(1, r0), mov(r12, s), mov(r0, d), mov(r12, t), mov(s, r12)],
        [ICW(bits("plrb", "nbit") | read([s])), ICW(bits("nbit") | load([s]))],
        [ICW(bits("plrb", "bit", "bitmode") | read([s, d])), ICW(bits("bit", "bitmode") | load([s]))],
        [fill(1, r0, *DREGS[1:5]), mov(r12, s), mov(r0, d), *floods_of(edge), mov(t, r12)],
    ]
    return draw(st.sampled_from(forms))


def floods_of(edge):
    return [ICW(bits("s_in", "rid", "nb", "fbus", "RR12", "LR12") | (bits("pupd") if edge else 0))]


@st.composite
def programs(draw, most=10):
    """A block: words and macros of every kind, mixed."""
    alone = singles.map(lambda word: [word])
    pieces = draw(st.lists(st.one_of(alone, analog_macros(), digital_macros()), min_size=1, max_size=most))
    return [word for piece in pieces for word in piece]


@st.composite
def chains(draw):
    """Analog words that read what the word before wrote, gated or not, with comparisons in between."""
    words, last = [], draw(st.sampled_from(AREGS))
    for _ in range(draw(st.integers(2, 12))):
        if not draw(st.integers(0, 3)):
            words.append(draw(st.sampled_from([ALL, where(*draw(_some(AREGS, 1, 2)))])))
        target = draw(st.sampled_from([reg for reg in AREGS if reg is not last]))
        sources = [reg for reg in draw(_some(AREGS, 0, 1)) if reg not in (last, target)]
        sources += [last] if draw(st.integers(0, 7)) else []
        if target is N and draw(st.booleans()):
            words.append(bus([draw(st.sampled_from(PORTS))], sources))
        else:
            words.append(bus([target], sources))
        last = target
    return words


def random_planes(seed):
    """Planes of many characters: noise, extremes, constants; digital ones sparse, dense, empty or full."""
    random = np.random.default_rng(seed)
    analog = {}
    for register in (*AREGS, Analog.PIX):
        kind = random.integers(4)
        plane = random.integers(-128, 128, (256, 256))
        if kind == 1:
            plane = random.choice([-128, -127, -1, 0, 1, 126, 127], (256, 256))
        elif kind == 2:
            plane = plane // 32
        elif kind == 3 and random.integers(3) == 0:
            plane[:] = random.integers(-128, 128)
        analog[register] = plane.astype(np.int16)
    digital = {}
    for register in (*DREGS, *READ_ONLY):
        density = random.choice([0.0, 1.0, 0.02, 0.5, 0.98])
        digital[register] = random.random((256, 256)) < density
    return analog, digital
