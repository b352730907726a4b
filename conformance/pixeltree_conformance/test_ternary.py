"""Weights of -1, 0 and +1, five to a byte: in covers, and in the layer that the controller applies."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pixeltree_conformance import samples, trees
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import positions_at
from pixeltree_conformance.programs import bits_of, dreg, kernel_of, run, scan, store
from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.link.messages import ErrorCode, Execute
from pixeltree_protocol.objects import ALL_COLUMNS, BlockPlanes, TernaryWeights, digest_of
from pixeltree_protocol.objects.program import Launch, LoadCover, Program, SumLogit

_COUNT = 300
_CUBES = tuple(Digital(f"R{number}") for number in (6, 7, 8, 9))


def _segment(count: int = _COUNT) -> TernaryWeights:
    """Random weights."""
    data = bytearray(secrets.randbelow(243) for _ in range(-(-count // 5)))
    data[-1] %= 3 ** (count % 5 or 5)
    return TernaryWeights(count, bytes(data))


def _weight(segment: TernaryWeights, at: int) -> int:
    """A weight, as the bytes say."""
    digits: int = segment.data[at // 5] // 3 ** (at % 5)
    return digits % 3 - 1


@pytest.mark.parametrize("tells_zeros", [False, True], ids=["signs", "zeros"])
@pytest.mark.parametrize("side", [1, 2, 4, 8, 16])
def test_covers_expand_ternary_weights(driver: Conversation, side: int, tells_zeros: bool) -> None:
    """LoadCover: bit i is 1 where weight i is +1, if it is not 0; bit n + i is 1 where weight i is 0."""
    shift, positions = 9 - side.bit_length(), side * side
    care = secrets.randbits(positions) | 1
    mask, weights = BlockPlanes(side, side, (0, care)), _segment()
    first = secrets.randbelow(_COUNT - positions + 1)
    bit = first + (_COUNT if tells_zeros else 0)
    cover = LoadCover(0, 1, 1, bit, shift, *(dreg(register) for register in _CUBES))
    clear = kernel_of(f"CLR({', '.join(_CUBES)})")
    read_outs, _ = run(driver, Launch(0), cover, *scan(*_CUBES), kernels=[clear], segments=[mask, weights])
    found = np.any([bits_of(data) for data in read_outs], axis=0)
    taken = [position for position in range(positions) if care >> position & 1]
    these = dict(zip(taken, (_weight(weights, first + index) for index in range(len(taken))), strict=True))
    matters = [position for position in taken if tells_zeros or these[position]]
    ones = [position for position in matters if these[position] == (0 if tells_zeros else 1)]
    at = positions_at(side, shift)
    counts = np.isin(at, matters)
    assert np.array_equal(found[counts], np.isin(at, ones)[counts])


@pytest.mark.parametrize("bit", [_COUNT - 3, 2 * _COUNT - 3, 2 * _COUNT])
def test_a_cover_takes_no_weights_that_are_not_there(driver: Conversation, bit: int) -> None:
    """BAD_OBJECT of the program: four weights from three before the end of either half, or behind both."""
    segments = [BlockPlanes(2, 2, (0b1111,)).encode(), _segment().encode()]
    for data in segments:
        store(driver, data)
    cover = LoadCover(0, 0, 1, bit, 7, *(dreg(register) for register in _CUBES))
    digests = tuple(map(digest_of, segments))
    driver.refused(Execute((), digests, Program((cover,)).encode()), ErrorCode.BAD_OBJECT)
    run(driver, replace(cover, bit=_COUNT - 4), segments=[BlockPlanes(2, 2, (0b1111,)), _segment()])


def test_an_offset_does_not_come_from_ternary_weights(driver: Conversation) -> None:
    """BAD_OBJECT: SumLogit wants a packed segment."""
    data = _segment().encode()
    store(driver, data)
    program = Program((SumLogit(0, 0, 100, 0, 0, 0, 255, 255, 0, 0),)).encode()
    driver.refused(Execute((), (digest_of(data),), program), ErrorCode.BAD_OBJECT)


@pytest.mark.parametrize("taken", [(256,), (37, 8, 254)], ids=str)
def test_ternary_weights_of_a_layer_are_summed(driver: Conversation, taken: tuple[int, ...]) -> None:
    """ApplyFullyConnected: planes 0; a weight of 0 counts for nothing, whichever columns are taken."""
    tree = trees.tree_with_columns(*taken, planes=0)
    trees.open_tree(driver, tree)
    result, _ = trees.serve(driver, tree, trees.start(driver, 1))
    trees.check_result(result, tree, 1)


def _layer(weights: bytes, bias: int = 0) -> bytes:
    """A layer of seven ternary weights and one output."""
    columns = ALL_COLUMNS.to_bytes(32, "little")
    return b"\x02\x01\x04\x07\0\1\0" + columns + bias.to_bytes(4, "little", signed=True) + weights


def _five() -> bytes:
    return bytes([secrets.randbelow(243)])


INVALID: dict[str, Callable[[], bytes]] = {
    "243 for five weights": lambda: b"\x02\x01\x05\x0a\0\xf3" + _five(),
    "255 for five weights": lambda: b"\x02\x01\x05\x0a\0" + _five() + b"\xff",
    "9 for two weights": lambda: b"\x02\x01\x05\x07\0" + _five() + b"\x09",
    "a byte too few": lambda: b"\x02\x01\x05\x0b\0" + 2 * _five(),
    "a byte too many": lambda: b"\x02\x01\x05\x0a\0" + 3 * _five(),
    "no weights": lambda: b"\x02\x01\x05\0\0",
    "no weights, and a byte": lambda: b"\x02\x01\x05\0\0\0",
    "32,769 weights": lambda: b"\x02\x01\x05\x01\x80" + _five() * 6553 + b"\0",
    "243 for five weights of a layer": lambda: _layer(b"\xf3\0"),
    "9 for two weights of a layer": lambda: _layer(_five() + b"\x09"),
    "a byte of a layer too few": lambda: _layer(_five()),
    "a bias with which a logit would not fit": lambda: _layer(_five() + b"\0", 2**31 - 7),
}


@pytest.mark.parametrize("what", INVALID)
def test_bytes_that_are_no_ternary_weights_are_refused(driver: Conversation, what: str) -> None:
    """BAD_OBJECT: each byte has one meaning, and each row of weights one form."""
    driver.error(samples.send_object(driver, INVALID[what]()), ErrorCode.BAD_OBJECT)
