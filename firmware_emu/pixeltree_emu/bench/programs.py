"""What is timed: each instruction class as a chain in which every result is used, and three programs.

Everything is kernel text, as the assembler takes it.
"""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.engine import Item
from pixeltree_emu.array.selection import PatternSelect
from pixeltree_protocol.chip.isa import ICW, encode
from pixeltree_protocol.chip.kernel_api import parse_line
from pixeltree_protocol.chip.registers import DIRECTION_REGISTER, Direction
from pixeltree_protocol.objects.cover import ChannelGrid, expand

Words = list[ICW]


def words(text: str) -> Words:
    """The words of calls that are separated by semicolons."""
    return [encode(instruction) for call in text.split(";") for instruction in parse_line(call.strip())]


_FLOOD = "SET(R0, R1, R2, R3); SET(R4); MOV(R12, R6); MOV(R0, R7); PROP0(); MOV(R5, R12)"  # fact sheet 3.7

_CHAINS: dict[str, tuple[str, ...]] = {
    "bus": ("bus(A, B)", "bus(B, A)"),
    "bus (2 sources)": ("bus(A, B, C)", "bus(B, A, C)"),
    "bus (4 sources)": ("bus(A, B, C, D, IN)", "bus(B, A, C, D, IN)"),
    "bus2": ("bus2(A, B, C)", "bus2(C, D, A, B)"),
    "where": ("where(A, B); bus(A, B)", "where(A); bus(B, A)"),
    "where+all": ("where(A); OR(R5, R6, FLAG); all", "where(B); OR(R6, R5, FLAG); all"),
    "mov": ("mov(A, B)", "mov(B, A)"),
    "add": ("add(A, A, B)", "add(B, B, A)"),
    "sub": ("sub(A, A, B)", "sub(B, B, A)"),
    "neg": ("neg(A, B)", "neg(B, A)"),
    "abs": ("abs(A, B)", "abs(B, A)"),
    "divq": ("divq(A, B)", "divq(B, A)"),
    "diva": ("diva(A, E, F)",),
    # directions in turn: two moves in a row never join into one
    "movx": ("movx(A, A, east)", "movx(A, A, north)", "movx(A, A, west)", "movx(A, A, south)"),
    "newsblur": ("newsblur(A, A)",),
    "gauss": ("gauss(A, A, 1)",),
    "sq": ("sq(A); bus(A, NEWS)",),
    "get_image": ("get_image(A); bus(B, A, C)", "get_image(A); bus(C, A, B)"),
    "WHERE": ("WHERE(R5, R6); bus(A, B)", "WHERE(R6); bus(B, A)"),
    "MOV": ("MOV(R5, R6)", "MOV(R6, R7)", "MOV(R7, R5)"),
    "OR": ("OR(R5, R6, R7)", "OR(R6, R5, R7)"),
    "NOT": ("NOT(R5, R6)", "NOT(R6, R5)"),
    "NOR": ("NOR(R5, R6, R7)", "NOR(R6, R5, R7)"),
    "AND": ("AND(R5, R5, R6)", "AND(R6, R5, R7)"),
    "XORX": ("XORX(R5, R6, R7)", "XORX(R7, R6, R5)"),
    "MUX": ("MUX(R5, R6, R7, R8)", "MUX(R8, R6, R5, R7)"),
    "DNEWS": ("DNEWS(R5, R6, east)", "DNEWS(R6, R5, north)", "DNEWS(R5, R6, west)", "DNEWS(R6, R5, south)"),
    "DNEWS (all directions)": ("DNEWS(R5, R6, alldir)", "DNEWS(R6, R5, alldir)"),
    "PROP0": (_FLOOD,),
}


def chains() -> dict[str, list[Words]]:
    """Per mnemonic, calls to be repeated in turn. Each call reads what the one before wrote."""
    return {name: [words(call) for call in calls] for name, calls in _CHAINS.items()}


def edges(out: str, along: tuple[str, str], across: tuple[str, str]) -> str:
    """One 3 x 3 Sobel of A: smooth along one axis (1 2 1), subtract across the other, magnitude."""
    smooth = f"movx(B, A, {along[0]}); movx(C, A, {along[1]}); add(B, B, C); add(B, B, A); add(B, B, A)"
    return f"{smooth}; movx(C, B, {across[0]}); movx(D, B, {across[1]}); sub(C, C, D); abs({out}, C)"


def sobel() -> Words:
    """E := |vertical Sobel of A| + |horizontal Sobel of A|: 46 words."""
    vertical = edges("E", ("north", "south"), ("west", "east"))
    horizontal = edges("F", ("west", "east"), ("north", "south"))
    return words(f"{vertical}; {horizontal}; add(E, E, F)")


def set_direction(direction: Direction) -> str:
    """Let DNEWS read a neighbour: the first two words of the DNEWS macro."""
    return f"CLR(R1, R2, R3, R4); SET({DIRECTION_REGISTER[direction]})"


def digital() -> Words:
    """A digital-only program of the macros of fact sheet 3.5: dilate, compare, choose, shift, mask.

    No plane is constant, every iteration works on the results of the one before.
    """
    turn = (Direction.EAST, Direction.NORTH, Direction.WEST, Direction.SOUTH)
    calls: list[str] = []
    for iteration in range(8):
        x, y, z = (f"R{5 + (iteration + offset) % 3}" for offset in range(3))
        calls += [f"DNEWS(R8, {x}, alldir)", f"OR(R8, {x})", f"AND(R9, R8, {y})", f"NIMP(R10, R9, {z})"]
        calls += [f"XORX(R11, R10, {y})", f"MUX({x}, R11, R8, R10)", set_direction(turn[iteration % 4])]
        calls += ["DNEWS0(R9, R11)", "MOV(R11, R9)"] * 4
        calls += [f"NOT({z})", f"NOR({y}, R11, {z})"]
    return words("; ".join(calls))


def tap(then: Direction | None) -> Words:
    """One tap of a compiled convolution: A -= IN where input R6 and weight R7 differ; move the input on."""
    mismatch = "NOR(R8, R6, R7); NOR(R9, R6, R8); NOR(R10, R7, R8); WHERE(R9, R10); sub(A, A, IN)"
    if then is None:
        return words(mismatch)
    return words(f"{mismatch}; {set_direction(then)}; DNEWS0(R9, R6); MOV(R6, R9)")


def weight_plane(bits: int) -> list[Item]:
    """The words and selections that load a plane of weights, a bit for each of 4 x 4 blocks, into R7."""
    items: list[Item] = []
    for number, cube in enumerate(expand(ChannelGrid(4, 6), bits, 0xFFFF)):
        items.append(PatternSelect(*cube))
        items += words("OR(R7, SELECT)" if number else "MOV(R7, SELECT)")
    return items or [*words("CLR(R7)")]


def convolution() -> list[list[Item]]:
    """The blocks of a compiled layer of 16 binary 4 x 4 kernels, in order, for random weights."""
    weights = np.random.default_rng(1).integers(0, 1 << 16, 16)
    blocks: list[list[Item]] = [list(words("all; res(A); MOV(R6, R5)"))]
    for index in range(16):
        row, column = divmod(index, 4)
        sideways = Direction.EAST if row % 2 == 0 else Direction.WEST
        direction = None if index == 15 else Direction.SOUTH if column == 3 else sideways
        blocks += [weight_plane(int(weights[index])), list(tap(direction))]
    return [*blocks, list(words("all; add(A, A, B); where(A); MOV(R6, FLAG); all"))]
