"""What is timed: each instruction class as a chain in which every result is used, and three programs."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.selection import PatternSelect
from pixeltree_emu.bench import macros as m
from pixeltree_emu.bench.macros import Words, word
from pixeltree_emu.runtime.expansion import expand
from pixeltree_protocol.objects import BlockPlanes
from pixeltree_protocol.registers import Analog, Digital, Direction

A, B, C, D, E, F = (Analog(name) for name in "ABCDEF")
IN, PIX = Analog.IN, Analog.PIX
R = tuple(Digital(f"R{number}") for number in range(13))
NORTH, EAST, SOUTH, WEST = Direction.NORTH, Direction.EAST, Direction.SOUTH, Direction.WEST
TURN = (EAST, NORTH, WEST, SOUTH)
"""Directions in turn: two moves in a row never join into one."""


def chains() -> dict[str, list[Words]]:
    """Per mnemonic, calls to be repeated in turn. Each call reads what the one before wrote."""
    return {
        "bus": [[m.bus(A, B)], [m.bus(B, A)]],
        "bus (2 sources)": [[m.bus(A, B, C)], [m.bus(B, A, C)]],
        "bus (4 sources)": [[m.bus(A, B, C, D, IN)], [m.bus(B, A, C, D, IN)]],
        "bus2": [[word("bus2", (A, B), C)], [word("bus2", (C, D), A, B)]],
        "where": [[word("where", (), A, B), m.bus(A, B)], [word("where", (), A), m.bus(B, A)]],
        "where+all": [
            [word("where", (), A), m.digital("OR", R[5], R[6], Digital.FLAG), word("all")],
            [word("where", (), B), m.digital("OR", R[6], R[5], Digital.FLAG), word("all")],
        ],
        "mov": [m.mov(A, B), m.mov(B, A)],
        "add": [m.add(A, A, B), m.add(B, B, A)],
        "sub": [m.sub(A, A, B), m.sub(B, B, A)],
        "neg": [m.neg(A, B), m.neg(B, A)],
        "abs": [m.magnitude(A, B), m.magnitude(B, A)],
        "divq": [m.divq(A, B), m.divq(B, A)],
        "diva": [m.diva(A, E, F), m.diva(A, E, F)],
        "movx": [m.movx(A, A, direction) for direction in TURN],
        "newsblur": [m.newsblur(A, A)],
        "gauss": [m.gauss(A, A)],
        "sq": [[word("sq", (), A), m.bus(A, Analog.NEWS)]],
        "get_image": [[*m.get_image(A), m.bus(B, A, C)], [*m.get_image(A), m.bus(C, A, B)]],
        "WHERE": [[word("WHERE", (), R[5], R[6]), m.bus(A, B)], [word("WHERE", (), R[6]), m.bus(B, A)]],
        "MOV": [
            [m.digital("MOV", R[5], R[6])],
            [m.digital("MOV", R[6], R[7])],
            [m.digital("MOV", R[7], R[5])],
        ],
        "OR": [[m.digital("OR", R[5], R[6], R[7])], [m.digital("OR", R[6], R[5], R[7])]],
        "NOT": [[m.digital("NOT", R[5], R[6])], [m.digital("NOT", R[6], R[5])]],
        "NOR": [[m.digital("NOR", R[5], R[6], R[7])], [m.digital("NOR", R[6], R[5], R[7])]],
        "AND": [m.and_(R[5], R[5], R[6]), m.and_(R[6], R[5], R[7])],
        "XORX": [m.xorx(R[5], R[6], R[7]), m.xorx(R[7], R[6], R[5])],
        "MUX": [m.mux(R[5], R[6], R[7], R[8]), m.mux(R[8], R[6], R[5], R[7])],
        "DNEWS": [m.dnews(R[5 + i % 2], R[6 - i % 2], direction) for i, direction in enumerate(TURN)],
        "DNEWS (all directions)": [m.dnews(R[5], R[6], *TURN), m.dnews(R[6], R[5], *TURN)],
        "PROP0": [m.flood(R[5], R[6], R[7])],
    }


def edges(out: Analog, along: tuple[Direction, Direction], across: tuple[Direction, Direction]) -> Words:
    """One 3 x 3 Sobel of A: smooth along one axis (1 2 1), subtract across the other, magnitude."""
    smooth = [*m.movx(B, A, along[0]), *m.movx(C, A, along[1]), *m.add(B, B, C)]
    smooth += [*m.add(B, B, A), *m.add(B, B, A)]
    difference = [*m.movx(C, B, across[0]), *m.movx(D, B, across[1]), *m.sub(C, C, D)]
    return [*smooth, *difference, *m.magnitude(out, C)]


def sobel() -> Words:
    """E := |vertical Sobel of A| + |horizontal Sobel of A|: 46 words."""
    vertical = edges(E, (NORTH, SOUTH), (WEST, EAST))
    horizontal = edges(F, (WEST, EAST), (NORTH, SOUTH))
    return [*vertical, *horizontal, *m.add(E, E, F)]


def digital() -> Words:
    """A digital-only program of the macros of fact sheet 3.5: dilate, compare, choose, shift, mask.

    No plane is constant, every iteration works on the results of the one before.
    """
    words: Words = []
    for iteration in range(8):
        x, y, z = (R[5 + (iteration + offset) % 3] for offset in range(3))
        words += [*m.dnews(R[8], x, *TURN), *m.or_in_place(R[8], x)]
        words += [*m.and_(R[9], R[8], y), *m.nimp(R[10], R[9], z), *m.xorx(R[11], R[10], y)]
        words += [*m.mux(x, R[11], R[8], R[10]), *m.look(TURN[iteration % 4])]
        for _ in range(4):
            words += [m.digital("DNEWS0", R[9], R[11]), m.digital("MOV", R[11], R[9])]
        words += [*m.not_in_place(z), m.digital("NOR", y, R[11], z)]
    return words


_INPUT, _SHIFTED, _WEIGHT, _T0, _T1, _T2 = (Digital(f"R{number}") for number in (5, 6, 7, 8, 9, 10))
_SUM, _BIAS = A, B


def tap(then_look: Direction | None) -> Words:
    """One tap of a compiled convolution: SUM -= IN where input and weight differ; move the input on."""
    words = [m.digital("NOR", _T0, _SHIFTED, _WEIGHT), m.digital("NOR", _T1, _SHIFTED, _T0)]
    words += [m.digital("NOR", _T2, _WEIGHT, _T0), word("WHERE", (), _T1, _T2), *m.sub(_SUM, _SUM, IN)]
    if then_look is not None:
        words += [*m.look(then_look), m.digital("DNEWS0", _T1, _SHIFTED), m.digital("MOV", _SHIFTED, _T1)]
    return words


def binarize() -> Words:
    """SHIFTED := SUM + BIAS > 0."""
    words = [word("all"), *m.add(_SUM, _SUM, _BIAS), word("where", (), _SUM)]
    return [*words, m.digital("MOV", _SHIFTED, Digital.FLAG), word("all")]


def weight_plane(segment: BlockPlanes, index: int) -> list[Item]:
    """The words and selections that load a plane of weights, as the sequencer runs them."""
    expansion = expand(segment, index)
    items: list[Item] = []
    for number, cube in enumerate(expansion.selections):
        items.append(PatternSelect(cube.r, cube.c, cube.rx, cube.cx))
        if number:
            items += m.or_in_place(_WEIGHT, Digital.SELECT)
        else:
            items.append(m.digital("MOV", _WEIGHT, Digital.SELECT))
    if not expansion.selections:
        items.append(word("CLR", (_WEIGHT,)))
    return [*items, *(m.not_in_place(_WEIGHT) if expansion.inverted else [])]


def convolution() -> list[list[Item]]:
    """The blocks of a compiled layer of 16 binary 4 x 4 kernels, in order, for random weights."""
    weights = np.random.default_rng(1).integers(0, 1 << 16, 16)
    segment = BlockPlanes(4, 4, tuple(int(bits) for bits in weights))
    begin: list[Item] = [word("all"), *m.res(_SUM), m.digital("MOV", _SHIFTED, _INPUT)]
    blocks = [begin]
    for index in range(16):
        row, column = divmod(index, 4)
        sideways = EAST if row % 2 == 0 else WEST
        direction = None if index == 15 else SOUTH if column == 3 else sideways
        blocks += [weight_plane(segment, index), list(tap(direction))]
    return [*blocks, list(binarize())]
